package org.edgedepth.demo;

import java.io.File;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.List;
import org.edgedepth.core.AlignedFrame;
import org.edgedepth.core.Composite;
import org.edgedepth.core.Fit;
import org.edgedepth.core.FramePacker;
import org.edgedepth.core.Mask;
import org.edgedepth.core.ModelAnswer;
import org.edgedepth.core.ModelSpec;
import org.edgedepth.core.Motion;
import org.edgedepth.core.Plane;
import org.edgedepth.core.Rgb;
import org.edgedepth.core.Settling;
import org.edgedepth.core.StreamingDriver;
import org.edgedepth.core.SweepRange;
import org.edgedepth.engine.TfliteEngine;
import org.json.JSONArray;
import org.json.JSONObject;

/**
 * The app's code path without a phone: its pipeline, its core and TFLite's Android library on the
 * desktop's Java.
 *
 * <p>{@code HostRun MODEL FOLDER}: the folder holds {@code job.json} and raw pictures; answers are
 * written beside them, depth and confidence as little-endian floats.
 */
public final class HostRun {
    private final Path folder;
    private final JSONObject job;
    private final ModelSpec spec;
    private final TfliteEngine engine;

    private HostRun(Path model, Path folder) throws Exception {
        this.folder = folder;
        String text = new String(Files.readAllBytes(folder.resolve("job.json")), StandardCharsets.UTF_8);
        job = new JSONObject(text);
        byte[] file = Files.readAllBytes(model);
        ByteBuffer direct = ByteBuffer.allocateDirect(file.length).order(ByteOrder.nativeOrder());
        direct.put(file);
        direct.rewind();
        spec = ModelSpec.read(direct);
        engine = new TfliteEngine(direct, job.getInt("threads"), null);
    }

    public static void main(String[] arguments) throws Exception {
        HostRun run = new HostRun(Paths.get(arguments[0]), Paths.get(arguments[1]));
        run.alignedFrames();
        run.wholeSweep();
        run.engine.close();
        System.out.println("runtime " + TfliteEngine.runtime());
    }

    /** Frames that Python aligned: what is compared to the last step of the output. */
    private void alignedFrames() throws Exception {
        JSONArray frames = job.getJSONArray("aligned");
        Fit fit = Fit.of(job.getInt("height"), job.getInt("width"), spec.height, spec.width);
        StreamingDriver driver = new StreamingDriver(engine, spec);
        double[] focus = new double[frames.length()];
        for (int i = 0; i < focus.length; i++) {
            focus[i] = frames.getJSONObject(i).getDouble("focus_dioptres");
        }
        SweepRange range = SweepRange.of(focus);
        driver.start(range, fit.cueCoc(job.getDouble("coc_px_per_dioptre")));
        FramePacker packer = new FramePacker(spec);
        List<Double> seconds = new ArrayList<>();
        List<AlignedFrame> aligned = new ArrayList<>();
        for (int i = 0; i < focus.length; i++) {
            JSONObject frame = frames.getJSONObject(i);
            Mask valid = frame.isNull("valid") ? null : mask(frame.getString("valid"));
            Rgb picture = picture(frame.getString("rgb"));
            aligned.add(
                    new AlignedFrame(
                            picture, valid, focus[i], Motion.REFERENCE, new float[] {1, 1, 1}));
            byte[] packed = packer.add(fit.toCueImage(picture, valid), range.position(focus[i]));
            Files.write(folder.resolve("packed_" + i + ".raw"), packed);
            long start = System.nanoTime();
            driver.add(packed, focus[i]);
            seconds.add((System.nanoTime() - start) * 1e-9);
        }
        ModelAnswer answer = driver.decode().within(fit);
        write("aligned", answer);
        double coc = job.getDouble("coc_px_per_dioptre");
        Rgb sharp = Composite.allInFocus(aligned);
        Files.write(folder.resolve("aligned_sharp.raw"), sharp.data);
        write("aligned_settled.f32", Settling.byRelativeBlur(answer, aligned, sharp, coc).dioptres);
        System.out.println("step_s " + seconds);
    }

    /** The app's own pipeline on the pictures as they were captured. */
    private void wholeSweep() throws Exception {
        JSONObject lens = job.getJSONObject("lens");
        JSONArray frames = job.getJSONArray("captured");
        double[] focus = new double[frames.length()];
        for (int i = 0; i < focus.length; i++) {
            focus[i] = frames.getJSONObject(i).getDouble("focus_dioptres");
        }
        DepthPipeline pipeline =
                new DepthPipeline(
                        engine,
                        spec,
                        new DepthPipeline.Lens(
                                lens.getDouble("focal_length_mm"),
                                lens.getDouble("f_number"),
                                lens.getDouble("sensor_width_mm")),
                        SweepRange.of(focus));
        JSONArray motions = new JSONArray();
        for (int i = 0; i < focus.length; i++) {
            Rgb picture = picture(frames.getJSONObject(i).getString("rgb"));
            AlignedFrame frame = pipeline.add(picture, focus[i]);
            JSONObject motion = new JSONObject();
            motion.put("verdict", frame.motion.verdict.name().toLowerCase(java.util.Locale.ROOT));
            motion.put("scale", frame.motion.similarity.scale());
            motion.put("right", frame.motion.similarity.shiftRight());
            motion.put("down", frame.motion.similarity.shiftDown());
            motions.put(motion);
        }
        DepthPipeline.Outcome outcome = pipeline.finish();
        write("sweep", outcome.answer);
        long start = System.nanoTime();
        Rgb sharp = Composite.allInFocus(outcome.frames);
        write("sweep_settled.f32", outcome.settled(sharp, true).dioptres);
        System.out.println("settled_s " + (System.nanoTime() - start) * 1e-9);
        Files.write(
                folder.resolve("motions.json"), motions.toString().getBytes(StandardCharsets.UTF_8));
    }

    private Rgb picture(String name) throws Exception {
        return new Rgb(
                job.getInt("height"), job.getInt("width"), Files.readAllBytes(folder.resolve(name)));
    }

    private Mask mask(String name) throws Exception {
        byte[] bytes = Files.readAllBytes(folder.resolve(name));
        boolean[] flags = new boolean[bytes.length];
        for (int i = 0; i < flags.length; i++) {
            flags[i] = bytes[i] != 0;
        }
        return new Mask(job.getInt("height"), job.getInt("width"), flags);
    }

    private void write(String name, ModelAnswer answer) throws IOException {
        write(name + "_position.f32", answer.position);
        write(name + "_dioptres.f32", answer.dioptres);
        write(name + "_confidence.f32", answer.confidence);
    }

    private void write(String name, Plane plane) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(4 * plane.data.length).order(ByteOrder.LITTLE_ENDIAN);
        bytes.asFloatBuffer().put(plane.data);
        File file = folder.resolve(name).toFile();
        Files.write(file.toPath(), bytes.array());
    }
}
