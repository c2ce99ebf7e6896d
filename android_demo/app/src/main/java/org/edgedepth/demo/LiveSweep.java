package org.edgedepth.demo;

import android.content.Context;
import android.graphics.Bitmap;
import android.os.Handler;
import android.os.Looper;
import android.util.Log;
import android.util.Size;
import java.io.File;
import java.io.IOException;
import java.util.Date;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.edgedepth.core.ModelAnswer;
import org.edgedepth.core.Rgb;
import org.edgedepth.core.SidecarCamera;
import org.edgedepth.core.SweepPlan;
import org.edgedepth.core.UnusableException;

/**
 * What happens to the frames of a sweep while it is captured: written first, then through the
 * model. One thread of its own; the listener is called on the main one.
 */
final class LiveSweep {
    interface Listener {
        /** Depth from the frames so far. */
        void onDepth(int frames, Bitmap colours);

        /**
         * The sweep has ended.
         *
         * @param from which recorder says so; a screen that came back has a new one
         * @param name of the saved sweep, null when nothing was kept
         * @param problem what cut it short, 0 when nothing did
         */
        void onEnded(LiveSweep from, String name, int frames, int problem);
    }

    private static final String TAG = "EdgeDepth";

    private final Context context;
    private final Listener listener;
    private final Handler main = new Handler(Looper.getMainLooper());
    private final ExecutorService worker = Executors.newSingleThreadExecutor();
    private Models.Loaded model;
    private CameraFacts facts;
    private SweepPlan plan;
    private SweepRecorder recorder;
    private DepthPipeline pipeline;
    private boolean relative;
    private double decodeSeconds;
    private boolean ended;

    LiveSweep(Context context, Listener listener) {
        this.context = context.getApplicationContext();
        this.listener = listener;
    }

    /** Load the model, so that the first sweep need not wait for it. */
    void warmUp() {
        worker.execute(this::load);
    }

    private void load() {
        try {
            if (model == null) {
                model = Models.preferred(context, Settings.read(context));
            }
        } catch (UnusableException unusable) {
            Log.w(TAG, "no live depth: " + unusable.getMessage());
        }
    }

    /** Begin to record a sweep. */
    void begin(CameraFacts with, SweepPlan wanted) {
        worker.execute(
                () -> {
                    facts = with;
                    plan = wanted;
                    ended = false;
                    decodeSeconds = 0;
                    pipeline = null;
                    recorder = null;
                    load();
                });
    }

    /** Write a frame and show what depth it adds. */
    void add(CapturedFrame frame) {
        worker.execute(
                () -> {
                    if (ended) {
                        return;
                    }
                    byte[] jpeg;
                    try {
                        jpeg = write(frame);
                    } catch (IOException full) {
                        end(R.string.disk_full);
                        return;
                    } catch (UnusableException damaged) {
                        end(R.string.camera_broken);
                        return;
                    }
                    show(frame, jpeg);
                });
    }

    private byte[] write(CapturedFrame frame) throws IOException, UnusableException {
        Size stored = Pictures.storedSize(frame.jpeg);
        if (recorder == null) {
            SidecarCamera camera = facts.sidecar(stored);
            File goal = new File(Storage.sweeps(context), Storage.newName(new Date()));
            recorder = new SweepRecorder(goal, appName(context), camera);
            relative = camera.uncalibrated();
            beginDepth(camera, stored, Pictures.clockwise(frame.jpeg));
        }
        int orientation = Orientation.ofStored(frame.jpeg);
        return recorder.add(frame, stored.getWidth(), stored.getHeight(), orientation);
    }

    /** Without a model, or optics, the sweep is captured all the same. */
    private void beginDepth(SidecarCamera camera, Size stored, int clockwise) {
        try {
            DepthPipeline.Lens lens = DepthPipeline.Lens.of(
                    camera, stored.getWidth(), stored.getHeight(), clockwise % 180 != 0);
            if (model != null) {
                pipeline = new DepthPipeline(model.engine, model.spec, lens, plan.range());
            }
        } catch (UnusableException unusable) {
            Log.w(TAG, "no live depth: " + unusable.getMessage());
        }
    }

    private void show(CapturedFrame frame, byte[] jpeg) {
        if (pipeline == null) {
            return;
        }
        try {
            long start = System.nanoTime();
            Rgb picture = Pictures.forModel(jpeg, model.spec);
            decodeSeconds += (System.nanoTime() - start) * 1e-9;
            pipeline.add(picture, frame.focusDioptres());
            ModelAnswer answer = pipeline.soFar();
            double[] limits = Palette.limits(answer.dioptres, answer.confidence);
            int[] pixels = Palette.depth(answer.dioptres, answer.confidence, limits);
            Bitmap colours =
                    Bitmap.createBitmap(
                            pixels,
                            answer.dioptres.width,
                            answer.dioptres.height,
                            Bitmap.Config.ARGB_8888);
            int count = pipeline.frames();
            main.post(() -> listener.onDepth(count, colours));
        } catch (UnusableException | IllegalArgumentException | OutOfMemoryError failed) {
            Log.w(TAG, "no depth from frame " + frame.index + ": " + failed.getMessage());
            pipeline = null;
        }
    }

    /** End the sweep; {@code problem} is a message, 0 when all frames came. */
    void finish(int problem) {
        worker.execute(() -> end(problem));
    }

    private void end(int problem) {
        if (ended) {
            return;
        }
        ended = true;
        int frames = recorder == null ? 0 : recorder.frames();
        File folder = recorder == null ? null : recorder.finish();
        if (folder != null && pipeline != null && pipeline.frames() == frames) {
            try {
                Results.put(
                        SweepDepth.of(folder.getName(), pipeline, relative, model, decodeSeconds));
            } catch (UnusableException | OutOfMemoryError later) {
                Log.w(TAG, "depth is left for later: " + later.getMessage());
            }
        }
        pipeline = null;
        String name = folder == null ? null : folder.getName();
        main.post(() -> listener.onEnded(this, name, frames, problem));
    }

    /** Let everything finish, then give the model back. */
    void close() {
        worker.execute(
                () -> {
                    if (model != null) {
                        model.close();
                        model = null;
                    }
                });
        worker.shutdown();
    }

    static String appName(Context context) {
        return "edgedepth demo " + Device.appVersion(context);
    }
}
