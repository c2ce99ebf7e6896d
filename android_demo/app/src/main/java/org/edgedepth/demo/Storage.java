package org.edgedepth.demo;

import android.content.Context;
import android.content.res.AssetManager;
import java.io.File;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.text.SimpleDateFormat;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Date;
import java.util.List;
import java.util.Locale;
import org.edgedepth.core.Sidecar;

/** The app's files, where adb reaches them too: sweeps, models, benchmark answers. */
final class Storage {
    static final String SAMPLE = "desk";
    static final String PARTIAL = ".part";

    /** Room that a sweep may need: a few megabytes a frame, and something to spare. */
    static final long BYTES_PER_FRAME = 8L << 20;

    private static final String SWEEPS = "sweeps";
    private static final String BENCH = "bench";

    private Storage() {}

    /** The app's own folder on shared storage, else its private one. */
    static File root(Context context) {
        File shared = context.getExternalFilesDir(null);
        return shared == null ? context.getFilesDir() : shared;
    }

    static File sweeps(Context context) {
        return folder(context, SWEEPS);
    }

    static File bench(Context context) {
        return folder(context, BENCH);
    }

    /** Make all folders, so that they are the app's and not adb's. */
    static void prepare(Context context) {
        sweeps(context);
        bench(context);
        folder(context, Models.folder(context).getName());
    }

    /**
     * Make the folder of a sweep that adb is about to push.
     *
     * @throws IOException it cannot be made
     */
    static void makeSweep(Context context, String name) throws IOException {
        File folder = new File(sweeps(context), name);
        if (!folder.isDirectory() && !folder.mkdir()) {
            throw new IOException(folder + " cannot be made");
        }
    }

    private static File folder(Context context, String name) {
        File folder = new File(root(context), name);
        folder.mkdirs();
        return folder;
    }

    /** Names of whole sweeps, the latest first. */
    static List<String> names(Context context) {
        List<String> found = new ArrayList<>();
        File[] folders = sweeps(context).listFiles(File::isDirectory);
        for (File folder : folders == null ? new File[0] : folders) {
            if (!folder.getName().endsWith(PARTIAL) && pictures(folder).length > 0) {
                found.add(folder.getName());
            }
        }
        Collections.sort(found, Collections.reverseOrder());
        return found;
    }

    /** JPEG files of a sweep, by name. */
    static File[] pictures(File folder) {
        File[] found =
                folder.listFiles(
                        (where, name) -> {
                            String lower = name.toLowerCase(Locale.ROOT);
                            return lower.endsWith(".jpg") || lower.endsWith(".jpeg");
                        });
        File[] pictures = found == null ? new File[0] : found;
        Arrays.sort(pictures);
        return pictures;
    }

    /** A name for a sweep that begins now. */
    static String newName(Date now) {
        return "sweep_" + new SimpleDateFormat("yyyyMMdd_HHmmss", Locale.ROOT).format(now);
    }

    /** Whether a sweep of so many frames finds room. */
    static boolean hasRoom(Context context, int frames) {
        return sweeps(context).getUsableSpace() > (frames + 2) * BYTES_PER_FRAME;
    }

    /**
     * The folder of a sweep; the sample is unpacked when it is first asked for.
     *
     * @throws IOException it cannot be unpacked
     */
    static File sweep(Context context, String name) throws IOException {
        File folder = new File(sweeps(context), name);
        if (name.equals(SAMPLE) && pictures(folder).length == 0) {
            unpack(context, folder);
        }
        return folder;
    }

    private static void unpack(Context context, File goal) throws IOException {
        File partial = new File(goal.getPath() + PARTIAL);
        delete(partial);
        if (!partial.mkdirs()) {
            throw new IOException(partial + " cannot be made");
        }
        AssetManager assets = context.getAssets();
        String source = SWEEPS + "/" + SAMPLE;
        String[] files = assets.list(source);
        for (String file : files == null ? new String[0] : files) {
            try (InputStream in = assets.open(source + "/" + file);
                    OutputStream out = new FileOutputStream(new File(partial, file))) {
                out.write(Models.readAll(in));
            }
        }
        if (!partial.renameTo(goal)) {
            throw new IOException(goal + " cannot be made");
        }
    }

    /** What an interrupted app left behind: whole frames are kept as a sweep, the rest goes. */
    static void tidy(Context context) {
        File[] left = sweeps(context).listFiles((where, name) -> name.endsWith(PARTIAL));
        for (File partial : left == null ? new File[0] : left) {
            String path = partial.getPath();
            File whole = new File(path.substring(0, path.length() - PARTIAL.length()));
            boolean usable = new File(partial, Sidecar.NAME).isFile() && !whole.exists();
            if (!usable || !partial.renameTo(whole)) {
                delete(partial);
            }
        }
    }

    static void delete(File file) {
        File[] inside = file.listFiles();
        for (File part : inside == null ? new File[0] : inside) {
            delete(part);
        }
        file.delete();
    }
}
