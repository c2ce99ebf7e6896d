package org.edgedepth.demo;

import android.content.Context;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.edgedepth.core.AlignedFrame;
import org.edgedepth.core.Fit;
import org.edgedepth.core.FramePacker;
import org.edgedepth.core.ModelSpec;
import org.edgedepth.core.StreamingDriver;
import org.edgedepth.core.SweepRange;
import org.edgedepth.core.UnusableException;
import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;

/** Measures a model on a sweep; the answer is of docs/schemas/device-bench.schema.json. */
final class BenchRun {
    /** Told about progress; throws when the user has left. */
    interface Progress {
        void at(int done, int of) throws UnusableException;
    }

    private final Context context;
    private final BenchRequest request;
    private final Progress progress;
    private final List<byte[]> packed = new ArrayList<>();
    private double[] focus;
    private SweepRange range;
    private double cueCoc;

    BenchRun(Context context, BenchRequest request, Progress progress) {
        this.context = context;
        this.request = request;
        this.progress = progress;
    }

    /**
     * Measure, and put what was found into a record.
     *
     * @throws UnusableException there are no figures, and why
     */
    void into(JSONObject record) throws UnusableException, JSONException, IOException {
        SavedSweep sweep = SavedSweep.read(Storage.sweep(context, request.sweep));
        ByteBuffer file = Models.read(context, request.model);
        ModelSpec spec = ModelSpec.read(file);
        record.put("model", describe(file, spec));
        record.put("input", request.sweep);
        record.put("options", request.options());
        record.put("runtime", org.edgedepth.engine.TfliteEngine.runtime());
        record.put("mode", "streaming");
        record.put("before", Device.readings(context));
        try (Models.Loaded model = load(true)) {
            record.put("stages_s", wholeJob(sweep, model));
        }
        record.put("frames", packed.size());
        JSONArray rounds = new JSONArray();
        for (int round = 0; round < request.rounds; round++) {
            rounds.put(round(round));
        }
        record.put("rounds", rounds);
        record.put("after", Device.readings(context));
        record.put("peak_memory_bytes", Device.peakMemoryBytes());
        record.put("warnings", warnings(record, sweep));
    }

    private Models.Loaded load(boolean compare) throws UnusableException {
        return request.gpu
                ? Models.onGpu(context, request.model, request.threads, compare)
                : Models.onCpu(context, request.model, request.threads, "");
    }

    /** The whole job once, as the app does it; keeps the frames as the model takes them. */
    private JSONObject wholeJob(SavedSweep sweep, Models.Loaded model)
            throws UnusableException, JSONException {
        SweepDepth depth = SweepDepth.of(sweep, model);
        range = depth.range;
        List<AlignedFrame> frames = new ArrayList<>(depth.frames);
        frames.sort(java.util.Comparator.comparingDouble(frame -> frame.focusDioptres));
        focus = new double[frames.size()];
        AlignedFrame first = frames.get(0);
        Fit fit = Fit.of(first.rgb.height, first.rgb.width, model.spec.height, model.spec.width);
        cueCoc = fit.cueCoc(sweep.lens.cocPxPerDioptre(first.rgb.width));
        FramePacker packer = new FramePacker(model.spec);
        for (int i = 0; i < focus.length; i++) {
            AlignedFrame frame = frames.get(i);
            focus[i] = frame.focusDioptres;
            float position = range.position(frame.focusDioptres);
            packed.add(packer.add(fit.toCueImage(frame.rgb, frame.valid), position));
        }
        JSONObject stages = new JSONObject();
        stages.put("decode", depth.seconds.decode);
        stages.put("align", depth.seconds.align);
        stages.put("prepare", depth.seconds.prepare);
        stages.put("model", depth.seconds.model);
        stages.put("refine", depth.seconds.refine);
        return stages;
    }

    private JSONObject round(int round) throws UnusableException, JSONException {
        long start = System.nanoTime();
        try (Models.Loaded model = load(false)) {
            StreamingDriver driver = new StreamingDriver(model.engine, model.spec);
            double loadSeconds = since(start);
            JSONArray warmup = new JSONArray();
            for (int i = 0; i < request.warmup; i++) {
                warmup.put(run(driver, new JSONArray(), new JSONArray()));
            }
            JSONArray samples = new JSONArray();
            JSONArray perFrame = new JSONArray();
            JSONArray afterLast = new JSONArray();
            for (int i = 0; i < request.runs; i++) {
                samples.put(run(driver, perFrame, afterLast));
                progress.at(round * request.runs + i + 1, request.rounds * request.runs);
            }
            JSONObject record = new JSONObject();
            record.put("load_s", loadSeconds);
            record.put("first_run_s", warmup.getDouble(0));
            record.put("warmup_s", warmup);
            record.put("samples_s", samples);
            record.put("per_frame_s", perFrame);
            record.put("after_last_frame_s", afterLast);
            record.put("thermal_status", Device.thermalStatus(context));
            return record;
        }
    }

    /** One stack: seconds of the whole; those of each step and of the end go into the lists. */
    private double run(StreamingDriver driver, JSONArray perFrame, JSONArray afterLast)
            throws JSONException {
        long begun = System.nanoTime();
        driver.start(range, cueCoc);
        long last = begun;
        for (int i = 0; i < focus.length; i++) {
            last = System.nanoTime();
            driver.add(packed.get(i), focus[i]);
            perFrame.put(since(last));
        }
        driver.decode();
        afterLast.put(since(last));
        return since(begun);
    }

    private JSONObject describe(ByteBuffer file, ModelSpec spec) throws JSONException {
        JSONObject record = new JSONObject();
        record.put("file", request.model);
        record.put("bytes", file.limit());
        record.put("sha256", sha256(file));
        record.put("preset", spec.preset);
        record.put("precision", spec.precision);
        record.put("height", spec.height);
        record.put("width", spec.width);
        record.put("frames", spec.frames);
        record.put("streaming", spec.streaming);
        return record;
    }

    private JSONArray warnings(JSONObject record, SavedSweep sweep) throws JSONException {
        JSONArray found = new JSONArray();
        if (focus.length < sweep.frames()) {
            found.put((sweep.frames() - focus.length) + " frames moved too far and were left out");
        }
        if (Boolean.TRUE.equals(record.getJSONObject("after").opt("power_save"))) {
            found.put("power saving is on");
        }
        int throttled = 0;
        JSONArray rounds = record.getJSONArray("rounds");
        for (int i = 0; i < rounds.length(); i++) {
            throttled += rounds.getJSONObject(i).getInt("thermal_status") >= 2 ? 1 : 0;
        }
        if (throttled > 0) {
            found.put("the phone was hot in " + throttled + " of " + rounds.length() + " rounds");
        }
        return found;
    }

    private static double since(long start) {
        return (System.nanoTime() - start) * 1e-9;
    }

    static String sha256(ByteBuffer file) {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            digest.update(file.duplicate());
            StringBuilder text = new StringBuilder();
            for (byte part : digest.digest()) {
                text.append(String.format(Locale.ROOT, "%02x", part));
            }
            return text.toString();
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException(impossible);
        }
    }
}
