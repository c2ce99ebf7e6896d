package org.edgedepth.demo;

import android.content.Context;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.TreeSet;
import org.edgedepth.core.Engine;
import org.edgedepth.core.ModelSpec;
import org.edgedepth.core.UnusableException;
import org.edgedepth.engine.TfliteEngine;
import org.tensorflow.lite.gpu.GpuDelegate;

/** Models that came with the app or were pushed to it, and engines that run them. */
final class Models {
    static final String INT8 = "edgedepth-mobile-int8.tflite";
    static final String FP16 = "edgedepth-mobile-fp16.tflite";

    private static final String ASSETS = "models";
    private static final String ENDING = ".tflite";

    /** Which of the two this processor runs faster; null until it was tried. */
    private static String fasterOnCpu;

    private Models() {}

    /** A model that runs. */
    static final class Loaded implements AutoCloseable {
        final String name;
        final ModelSpec spec;
        final Engine engine;
        final boolean gpu;
        /** Why it is not on the GPU although that was asked for; empty otherwise. */
        final String note;
        private final AutoCloseable delegate;

        Loaded(String name, ModelSpec spec, Engine engine, AutoCloseable delegate, String note) {
            this.name = name;
            this.spec = spec;
            this.engine = engine;
            this.delegate = delegate;
            this.note = note;
            gpu = delegate != null;
        }

        @Override
        public void close() {
            engine.close();
            closeQuietly(delegate);
        }
    }

    /** Names of all models, pushed and shipped. */
    static List<String> names(Context context) {
        TreeSet<String> found = new TreeSet<>();
        String[] pushed = folder(context).list((where, name) -> name.endsWith(ENDING));
        found.addAll(Arrays.asList(pushed == null ? new String[0] : pushed));
        try {
            String[] shipped = context.getAssets().list(ASSETS);
            found.addAll(Arrays.asList(shipped == null ? new String[0] : shipped));
        } catch (IOException none) {
            return new ArrayList<>(found);
        }
        return new ArrayList<>(found);
    }

    /** Where pushed models lie. */
    static File folder(Context context) {
        return new File(Storage.root(context), ASSETS);
    }

    /**
     * A model file as the interpreter takes it.
     *
     * @throws UnusableException there is none of that name
     */
    static ByteBuffer read(Context context, String name) throws UnusableException {
        File pushed = new File(folder(context), name);
        try (InputStream source =
                pushed.isFile()
                        ? new FileInputStream(pushed)
                        : context.getAssets().open(ASSETS + "/" + name)) {
            byte[] bytes = readAll(source);
            ByteBuffer direct =
                    ByteBuffer.allocateDirect(bytes.length).order(ByteOrder.nativeOrder());
            direct.put(bytes);
            direct.position(0);
            return direct;
        } catch (IOException missing) {
            throw new UnusableException("There is no model " + name);
        }
    }

    /**
     * The model to show depth with: on the GPU if wanted and if it computes right there, else on
     * the CPU.
     *
     * @throws UnusableException not even the CPU takes it
     */
    static Loaded preferred(Context context, Settings settings) throws UnusableException {
        String note = "";
        if (settings.gpu) {
            try {
                return onGpu(context, FP16, settings.threads, true);
            } catch (UnusableException refused) {
                note = context.getString(R.string.gpu_refused, refused.getMessage());
            }
        }
        return onCpu(context, fasterOnCpu(context, settings.threads), settings.threads, note);
    }

    /**
     * The faster of the shipped models: TFLite hands fp16 to XNNPACK and keeps int8 on kernels of
     * its own, and which wins depends on the processor.
     */
    private static synchronized String fasterOnCpu(Context context, int threads)
            throws UnusableException {
        if (fasterOnCpu == null) {
            try (Loaded int8 = onCpu(context, INT8, threads, "");
                    Loaded fp16 = onCpu(context, FP16, threads, "")) {
                double first = Trial.seconds(int8.engine, int8.spec);
                double second = Trial.seconds(fp16.engine, fp16.spec);
                fasterOnCpu = first < second ? INT8 : FP16;
            }
        }
        return fasterOnCpu;
    }

    /**
     * A model on the CPU.
     *
     * @throws UnusableException there is none of that name, or it cannot be run
     */
    static Loaded onCpu(Context context, String name, int threads, String note)
            throws UnusableException {
        ByteBuffer file = read(context, name);
        ModelSpec spec = ModelSpec.read(file);
        return new Loaded(name, spec, new TfliteEngine(file, threads, null), null, note);
    }

    /**
     * A model on the GPU.
     *
     * @param compare compare its answer with the CPU's before it is trusted
     * @throws UnusableException the delegate refuses it, or computes something else
     */
    static Loaded onGpu(Context context, String name, int threads, boolean compare)
            throws UnusableException {
        ByteBuffer file = read(context, name);
        ModelSpec spec = ModelSpec.read(file);
        GpuDelegate delegate = null;
        Engine engine = null;
        try {
            delegate = new GpuDelegate();
            engine = new TfliteEngine(file, threads, delegate);
            if (compare) {
                try (Engine cpu = new TfliteEngine(file, threads, null)) {
                    Trial.require(engine, cpu, spec);
                }
            }
            return new Loaded(name, spec, engine, delegate, "");
        } catch (UnusableException | RuntimeException | LinkageError refused) {
            if (engine != null) {
                engine.close();
            }
            closeQuietly(delegate);
            throw new UnusableException(String.valueOf(refused.getMessage()).split("\n", 2)[0]);
        }
    }

    static byte[] readAll(InputStream source) throws IOException {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        byte[] block = new byte[1 << 16];
        for (int count = source.read(block); count >= 0; count = source.read(block)) {
            all.write(block, 0, count);
        }
        return all.toByteArray();
    }

    private static void closeQuietly(AutoCloseable resource) {
        if (resource instanceof GpuDelegate) {
            ((GpuDelegate) resource).close();
        }
    }
}
