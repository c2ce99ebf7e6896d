package org.edgedepth.core;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/**
 * How much sharper a frame is, pixel by pixel, than all frames before it, and depth so far: the
 * running comparison of {@code edgedepth.cues.Evidence}, which explains it.
 */
final class Evidence {
    private static final float LIMIT = 6f;
    private static final float ENERGY_FLOOR = 0.001f;
    private static final Cue[] CUES = {
        new Cue(false, 7, 8, 12f),
        new Cue(false, 15, 16, 60f),
        new Cue(false, 3, 4, 20f),
        new Cue(true, 3, 8, 20f),
    };

    /** Whose smoothed log energies the parabola's vertex and the last plane are taken from. */
    private static final int LEVEL = 0;

    /** The vertex, depth so far and its support. */
    private static final int ANSWERS = 3;

    static final int PLANES = CUES.length + ANSWERS + 1;

    private final Map<Integer, GuidedFilter> filters = new HashMap<>();
    private final Plane[] before = new Plane[CUES.length];
    private final RunningVertex vertex = new RunningVertex();
    private final DepthSoFar depth;
    private FocusEnergy first;

    /** @param guide the first frame's brightness in [0, 1] on the model's grid */
    Evidence(Plane guide) {
        for (Cue cue : CUES) {
            filters.computeIfAbsent(cue.radius, radius -> new GuidedFilter(guide, radius));
        }
        depth = new DepthSoFar(guide);
    }

    /**
     * Planes of the next frame as bytes: evidence from -6 (0) to 6 (255), the vertex and the depth
     * so far from position 0 (0) to 1 (255), the logarithm of the latter's support, the level of
     * log energy from the floor (0) to 1 (255).
     *
     * @param position of the frame's focus in the sweep's range
     * @param valid where the frame has a picture; null if everywhere
     */
    byte[][] add(FocusEnergy measured, float position, Mask valid) {
        FocusEnergy energy = valid == null || first == null ? measured : measured.filled(valid, first);
        Plane[] smooth = new Plane[CUES.length];
        byte[][] planes = new byte[PLANES][];
        for (int i = 0; i < CUES.length; i++) {
            smooth[i] = smoothLog(energy, CUES[i]);
            planes[i] = first == null ? begin(i, smooth[i]) : compare(i, smooth[i], valid);
        }
        if (first == null) {
            first = energy;
        }
        float[] peak = vertex.add(smooth[LEVEL].data, position, valid);
        DepthSoFar.Answer answer = depth.add(energy.nativeSize, position, valid);
        planes[CUES.length] = bytes(peak);
        planes[CUES.length + 1] = bytes(answer.position.data);
        planes[CUES.length + 2] = support(answer.support.data);
        planes[PLANES - 1] = level(smooth[LEVEL].data);
        return planes;
    }

    private Plane smoothLog(FocusEnergy energy, Cue cue) {
        Plane logs = logEnergy(cue.coarse ? energy.coarse : energy.nativeSize, cue.window);
        return filters.get(cue.radius).smooth(logs);
    }

    /** Logarithm of focus energy averaged over a box of side {@code window}. */
    static Plane logEnergy(Plane energy, int window) {
        Plane logs = Filters.boxMean(energy, window);
        for (int i = 0; i < logs.data.length; i++) {
            logs.data[i] = FastMath.log(logs.data[i] + ENERGY_FLOOR);
        }
        return logs;
    }

    private byte[] begin(int index, Plane smooth) {
        Plane score = new Plane(smooth.height, smooth.width);
        for (int i = 0; i < score.data.length; i++) {
            score.data[i] = CUES[index].gain * smooth.data[i];
        }
        before[index] = score;
        byte[] plane = new byte[score.data.length];
        Arrays.fill(plane, (byte) 255);
        return plane;
    }

    private byte[] compare(int index, Plane smooth, Mask valid) {
        float[] running = before[index].data;
        byte[] plane = new byte[running.length];
        for (int i = 0; i < plane.length; i++) {
            if (valid != null && !valid.data[i]) {
                continue;
            }
            float evidence = CUES[index].gain * smooth.data[i] - running[i];
            plane[i] = toByte(evidence / (2 * LIMIT) + 0.5f);
            running[i] += Math.max(evidence, 0f) + FastMath.softplusOfMinus(Math.abs(evidence));
        }
        return plane;
    }

    private static byte[] support(float[] weights) {
        float decades = (float) Math.log(DepthSoFar.MOST_WEIGHT / DepthSoFar.LEAST_WEIGHT);
        float[] share = new float[weights.length];
        for (int i = 0; i < share.length; i++) {
            share[i] = FastMath.log(weights[i] / DepthSoFar.LEAST_WEIGHT) / decades;
        }
        return bytes(share);
    }

    private static byte[] level(float[] smooth) {
        float floor = (float) Math.log(ENERGY_FLOOR);
        float[] share = new float[smooth.length];
        for (int i = 0; i < share.length; i++) {
            share[i] = 1 - smooth[i] / floor;
        }
        return bytes(share);
    }

    private static byte[] bytes(float[] shares) {
        byte[] plane = new byte[shares.length];
        for (int i = 0; i < plane.length; i++) {
            plane[i] = toByte(shares[i]);
        }
        return plane;
    }

    private static byte toByte(float share) {
        return (byte) (int) Math.rint(Math.min(1f, Math.max(0f, share)) * 255f);
    }

    /** One plane of evidence: which energy, averaged and smoothed how far, at what gain. */
    private static final class Cue {
        final boolean coarse;
        final int window;
        final int radius;
        final float gain;

        Cue(boolean coarse, int window, int radius, float gain) {
            this.coarse = coarse;
            this.window = window;
            this.radius = radius;
            this.gain = gain;
        }
    }
}
