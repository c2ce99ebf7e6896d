package org.edgedepth.core;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;

/**
 * What a model is, as the JSON inside its file says (docs/schemas/model.schema.json).
 *
 * <p>The same record as {@code edgedepth.spec.ModelSpec} in Python.
 */
public final class ModelSpec {
    public static final String SCHEMA = "edgedepth-model/2";

    /** Name of the metadata entry that holds the JSON. */
    public static final String METADATA_NAME = "edgedepth";

    /** Most frames of an unrolled model; a streaming one takes any number. */
    static final int MAX_FRAMES = 16;

    private static final String FILE_MARK = "TFL3";
    private static final int BUFFERS = 4;
    private static final int METADATA = 6;

    public final String preset;
    public final String precision;
    public final int height;
    public final int width;
    public final int cuePlanes;
    /** "sweep": place in the sweep's own dioptre range; "metres". */
    public final String focusEncoding;
    /** "sweep" with confidence, or "metres". */
    public final String output;
    public final boolean allInFocusFirst;
    /** N of the unrolled signature, 0 if there is none. */
    public final int frames;
    public final boolean streaming;
    /** Scene dioptres seen in training, low and high. */
    public final double[] trainedDioptres;
    /** K in pixels per dioptre at the model's width seen in training, low and high. */
    public final double[] trainedCoc;
    /** The JSON as it stands in the file. */
    public final String json;

    private ModelSpec(JSONObject record, String json) throws JSONException {
        preset = record.getString("preset");
        precision = oneOf(record, "precision", "fp32", "fp16", "int8", "dynamic");
        height = whole(record, "height", 16, 4096);
        width = whole(record, "width", 16, 4096);
        cuePlanes = whole(record, "cue_planes", 0, 64);
        focusEncoding = oneOf(record, "focus_encoding", "sweep", "metres");
        output = oneOf(record, "output", "sweep", "metres");
        allInFocusFirst = record.optBoolean("all_in_focus_first", false);
        frames = whole(record, "frames", 0, MAX_FRAMES);
        streaming = record.optBoolean("streaming", false);
        trainedDioptres = range(record, "trained_dioptres");
        trainedCoc = range(record, "trained_coc");
        this.json = json;
    }

    /** Planes of one input frame: RGB, then the focus cues. */
    public int channels() {
        return Rgb.CHANNELS + cuePlanes;
    }

    /**
     * Read the spec out of a model file.
     *
     * @param file the whole {@code .tflite}, from position 0 to the limit
     * @throws UnusableException no TFLite file, a damaged one, or one that is not edgedepth's
     */
    public static ModelSpec read(ByteBuffer file) throws UnusableException {
        Flatbuffer reader = new Flatbuffer(file);
        if (!reader.marked(FILE_MARK)) {
            throw new UnusableException("This is not a TFLite model");
        }
        String json;
        try {
            json = embedded(reader);
        } catch (IndexOutOfBoundsException | IllegalArgumentException damaged) {
            throw new UnusableException(
                    "The model file is damaged (" + damaged.getMessage() + "): copy it again");
        }
        if (json == null) {
            throw new UnusableException(
                    "The model file says nothing about itself: convert it with edgedepth convert");
        }
        return parse(json);
    }

    private static String embedded(Flatbuffer reader) {
        Flatbuffer.Table model = reader.root();
        for (int i = 0; i < model.count(METADATA); i++) {
            Flatbuffer.Table entry = model.table(METADATA, i);
            if (METADATA_NAME.equals(entry.string(0))) {
                Flatbuffer.Table buffer = model.table(BUFFERS, entry.number(1));
                byte[] inside = buffer.vector(0);
                byte[] data =
                        inside != null
                                ? inside
                                : reader.bytes(buffer.longNumber(1), buffer.longNumber(2));
                return new String(data, StandardCharsets.UTF_8);
            }
        }
        return null;
    }

    /**
     * Parse the JSON of a spec.
     *
     * @throws UnusableException another schema version, or a field that is missing or wrong
     */
    public static ModelSpec parse(String json) throws UnusableException {
        String advice = ": convert it with a version of edgedepth that fits this app";
        try {
            JSONObject record = new JSONObject(json);
            if (!SCHEMA.equals(record.optString("schema"))) {
                throw new UnusableException("The model's metadata is not of " + SCHEMA + advice);
            }
            return new ModelSpec(record, json);
        } catch (JSONException wrong) {
            throw new UnusableException(
                    "The model's metadata is wrong (" + wrong.getMessage() + ")" + advice);
        }
    }

    private static String oneOf(JSONObject record, String key, String... allowed)
            throws JSONException {
        String value = record.getString(key);
        for (String candidate : allowed) {
            if (candidate.equals(value)) {
                return value;
            }
        }
        throw new JSONException(key + " is " + value);
    }

    private static int whole(JSONObject record, String key, int least, int most)
            throws JSONException {
        int value = record.getInt(key);
        if (value < least || value > most) {
            throw new JSONException(key + " is " + value);
        }
        return value;
    }

    private static double[] range(JSONObject record, String key) throws JSONException {
        JSONArray pair = record.getJSONArray(key);
        if (pair.length() != 2) {
            throw new JSONException(key + " is no range");
        }
        return new double[] {pair.getDouble(0), pair.getDouble(1)};
    }
}
