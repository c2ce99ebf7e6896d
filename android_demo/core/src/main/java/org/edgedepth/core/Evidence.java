package org.edgedepth.core;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/**
 * How much sharper a frame is, pixel by pixel, than all frames before it: the running comparison of
 * {@code edgedepth.cues.Evidence}, which explains it.
 */
final class Evidence {
    private static final float LIMIT = 6f;
    private static final float ENERGY_FLOOR = 0.001f;
    private static final float GUIDE_EPSILON = 1e-3f;
    private static final Cue[] CUES = {
        new Cue(false, 7, 8, 12f),
        new Cue(false, 7, 8, 4f),
        new Cue(false, 15, 16, 60f),
        new Cue(false, 3, 4, 20f),
        new Cue(true, 3, 8, 20f),
    };

    /** Whose log energies the parabola planes are taken from. */
    private static final Cue[] VERTICES = {CUES[0], CUES[2]};

    /** Whose smoothed log energy is the last plane. */
    private static final Cue LEVEL = CUES[0];

    static final int PLANES = CUES.length + VERTICES.length + 1;

    private final Map<Integer, GuidedFilter> filters = new HashMap<>();
    private final Plane[] before = new Plane[CUES.length];
    private final RunningVertex[] vertices = new RunningVertex[VERTICES.length];
    private FocusEnergy first;

    /** @param guide the first frame's brightness in [0, 1] on the model's grid */
    Evidence(Plane guide) {
        for (Cue cue : CUES) {
            filters.computeIfAbsent(
                    cue.radius, radius -> new GuidedFilter(guide, radius, GUIDE_EPSILON));
        }
        for (int i = 0; i < vertices.length; i++) {
            vertices[i] = new RunningVertex();
        }
    }

    /**
     * Planes of the next frame as bytes: evidence from -6 (0) to 6 (255), the vertices so far from
     * position 0 (0) to 1 (255), the level of log energy from the floor (0) to 1 (255).
     *
     * @param position of the frame's focus in the sweep's range
     * @param valid where the frame has a picture; null if everywhere
     */
    byte[][] add(FocusEnergy measured, float position, Mask valid) {
        FocusEnergy energy = valid == null || first == null ? measured : measured.filled(valid, first);
        Map<String, Plane> logs = new HashMap<>();
        byte[][] planes = new byte[PLANES][];
        for (int i = 0; i < CUES.length; i++) {
            Cue cue = CUES[i];
            Plane smooth = logs.computeIfAbsent(cue.key(), key -> smoothLog(energy, cue));
            planes[i] = first == null ? begin(i, smooth) : compare(i, smooth, valid);
        }
        if (first == null) {
            first = energy;
        }
        for (int i = 0; i < VERTICES.length; i++) {
            float[] smooth = logs.get(VERTICES[i].key()).data;
            planes[CUES.length + i] = bytes(vertices[i].add(smooth, position, valid));
        }
        planes[PLANES - 1] = level(logs.get(LEVEL.key()).data);
        return planes;
    }

    private Plane smoothLog(FocusEnergy energy, Cue cue) {
        Plane logs = Filters.boxMean(cue.coarse ? energy.coarse : energy.nativeSize, cue.window);
        for (int i = 0; i < logs.data.length; i++) {
            logs.data[i] = (float) Math.log(logs.data[i] + ENERGY_FLOOR);
        }
        return filters.get(cue.radius).smooth(logs);
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
            float tail = (float) Math.log(1 + Math.exp(-Math.abs(evidence)));
            running[i] += Math.max(evidence, 0f) + tail;
        }
        return plane;
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

        String key() {
            return coarse + "/" + window + "/" + radius;
        }
    }
}
