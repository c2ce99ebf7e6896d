package org.edgedepth.demo;

import java.util.Locale;
import org.edgedepth.core.Engine;
import org.edgedepth.core.ModelAnswer;
import org.edgedepth.core.ModelSpec;
import org.edgedepth.core.StreamingDriver;
import org.edgedepth.core.SweepRange;
import org.edgedepth.core.UnusableException;

/** A model's first runs, on a made-up sweep: is it right, and how fast is it? */
final class Trial {
    /** Mean difference that half precision explains, as a share of the sweep's range. */
    static final double MOST_MEAN_DIFFERENCE = 0.02;

    private static final int FRAMES = 3;

    private Trial() {}

    /**
     * The GPU computes what the CPU computes: delegates are known to accept a model and to return
     * something else.
     *
     * @throws UnusableException the answers differ
     */
    static void require(Engine gpu, Engine cpu, ModelSpec spec) throws UnusableException {
        double difference = meanDifference(answer(gpu, spec), answer(cpu, spec));
        if (!(difference <= MOST_MEAN_DIFFERENCE)) {
            throw new UnusableException(
                    String.format(
                            Locale.ROOT,
                            "the GPU's answer differs from the CPU's by %.3f of the range",
                            difference));
        }
    }

    /**
     * Seconds of a run, the first one not counted.
     *
     * @throws UnusableException the model does not run
     */
    static double seconds(Engine engine, ModelSpec spec) throws UnusableException {
        answer(engine, spec);
        long start = System.nanoTime();
        answer(engine, spec);
        return (System.nanoTime() - start) * 1e-9;
    }

    static double meanDifference(ModelAnswer a, ModelAnswer b) {
        double sum = 0;
        for (int i = 0; i < a.position.data.length; i++) {
            sum += Math.abs(a.position.data[i] - b.position.data[i]);
        }
        return sum / a.position.data.length;
    }

    /** Of stripes that are sharp in another third of the picture in each frame. */
    private static ModelAnswer answer(Engine engine, ModelSpec spec) throws UnusableException {
        StreamingDriver driver = new StreamingDriver(engine, spec);
        SweepRange range = new SweepRange(0.25, 2);
        driver.start(range, 4);
        for (int frame = 0; frame < FRAMES; frame++) {
            driver.add(stripes(spec, frame), range.low + range.span * frame / (FRAMES - 1));
        }
        return driver.decode();
    }

    private static byte[] stripes(ModelSpec spec, int frame) {
        byte[] packed = new byte[spec.height * spec.width * spec.channels()];
        for (int i = 0; i < packed.length; i++) {
            int pixel = i / spec.channels();
            int row = pixel / spec.width;
            int channel = i % spec.channels();
            boolean sharp = row * FRAMES / spec.height == frame;
            int stripe = (pixel % spec.width / 4 + row / 4) % 2;
            int rgb = sharp ? 60 + 130 * stripe : 110 + 30 * stripe;
            packed[i] = (byte) (channel < 3 ? rgb : sharp ? 200 : 90);
        }
        return packed;
    }
}
