package org.edgedepth.core;

import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;

/** {@code sweep.json}: what was noted beside the pictures of a sweep (docs/schemas). */
public final class Sidecar {
    public static final String NAME = "sweep.json";
    public static final String SCHEMA = "edgedepth-sweep/1";
    public static final int MAX_FRAMES = 64;

    private static final int MAX_BYTES = 1 << 22;

    /** Program and version that wrote it. */
    public final String app;
    public final SidecarCamera camera;
    /** In the order of capture; the first is the reference. */
    public final List<SidecarFrame> frames;

    public Sidecar(String app, SidecarCamera camera, List<SidecarFrame> frames) {
        this.app = app;
        this.camera = camera;
        this.frames = Collections.unmodifiableList(new ArrayList<>(frames));
    }

    public String toJson() {
        try {
            JSONArray list = new JSONArray();
            for (SidecarFrame frame : frames) {
                list.put(frame.toJson());
            }
            JSONObject record = new JSONObject();
            record.put("schema", SCHEMA);
            record.put("app", app);
            record.put("camera", camera.toJson());
            record.put("frames", list);
            return record.toString(1);
        } catch (JSONException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    /**
     * Write it into a folder, whole or not at all.
     *
     * @throws IOException the folder cannot be written or the disk is full
     */
    public void write(File folder) throws IOException {
        File partial = new File(folder, "." + NAME + ".part");
        try (FileOutputStream stream = new FileOutputStream(partial)) {
            stream.write(toJson().getBytes(StandardCharsets.UTF_8));
            stream.getFD().sync();
        } catch (IOException failed) {
            partial.delete();
            throw failed;
        }
        if (!partial.renameTo(new File(folder, NAME))) {
            partial.delete();
            throw new IOException(NAME + " cannot be written");
        }
    }

    /**
     * Read the sidecar of a folder.
     *
     * @throws UnusableException there is none, or it is not of the schema
     */
    public static Sidecar read(File folder) throws UnusableException {
        File file = new File(folder, NAME);
        if (file.length() > MAX_BYTES) {
            throw new UnusableException(NAME + " is larger than " + (MAX_BYTES >> 20) + " MB");
        }
        ByteArrayOutputStream content = new ByteArrayOutputStream();
        try (InputStream stream = new FileInputStream(file)) {
            byte[] part = new byte[8192];
            for (int count = stream.read(part); count > 0; count = stream.read(part)) {
                content.write(part, 0, count);
            }
            return parse(new String(content.toByteArray(), StandardCharsets.UTF_8));
        } catch (IOException missing) {
            throw new UnusableException("There is no readable " + NAME + " in " + folder.getName());
        }
    }

    /**
     * Parse a sidecar.
     *
     * @throws UnusableException it is not of the schema
     */
    public static Sidecar parse(String json) throws UnusableException {
        try {
            JSONObject record = new JSONObject(json);
            if (!SCHEMA.equals(record.optString("schema"))) {
                throw new UnusableException(NAME + " is not of " + SCHEMA);
            }
            JSONArray list = record.getJSONArray("frames");
            if (list.length() < 1 || list.length() > MAX_FRAMES) {
                throw new UnusableException(NAME + " lists " + list.length() + " frames");
            }
            List<SidecarFrame> frames = new ArrayList<>();
            Set<String> names = new HashSet<>();
            for (int i = 0; i < list.length(); i++) {
                SidecarFrame frame = SidecarFrame.fromJson(list.getJSONObject(i));
                if (!names.add(frame.file)) {
                    throw new UnusableException(NAME + " lists " + frame.file + " twice");
                }
                frames.add(frame);
            }
            JSONObject camera = record.optJSONObject("camera");
            return new Sidecar(
                    record.optString("app"),
                    SidecarCamera.fromJson(camera == null ? new JSONObject() : camera),
                    frames);
        } catch (JSONException wrong) {
            throw new UnusableException(NAME + " is damaged (" + wrong.getMessage() + ")");
        }
    }
}
