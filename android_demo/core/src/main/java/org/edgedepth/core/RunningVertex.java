package org.edgedepth.core;

import java.util.Arrays;

/**
 * Depth from focus so far: where log energy peaks, by the parabola through three frames.
 *
 * <p>Frames come in the order of their focus, from either end. Until the frame after it is there,
 * the sharpest frame's own position stands. As {@code edgedepth.cues.RunningVertex}.
 */
final class RunningVertex {
    private static final double MIN_STEP = 1e-3;
    private static final float MIN_CURVATURE = 1e-6f;

    private float[] best;
    private boolean[] newestIsBest;
    private float[] vertex;
    private float[] beforeLast;
    private double beforeLastX;
    private float[] last;
    private double lastX;

    /**
     * Position of the peak after one more frame; not to be written to.
     *
     * @param logs smoothed log energy; must not change afterwards
     * @param x the frame's focus in the sweep's range
     * @param valid where the frame has a picture; null if everywhere
     */
    float[] add(float[] logs, float x, Mask valid) {
        if (best == null) {
            best = logs.clone();
            vertex = new float[logs.length];
            newestIsBest = new boolean[logs.length];
            Arrays.fill(vertex, x);
            Arrays.fill(newestIsBest, true);
        } else {
            if (beforeLast != null) {
                refine(logs, x, valid);
            }
            for (int i = 0; i < logs.length; i++) {
                boolean known = valid == null || valid.data[i];
                newestIsBest[i] = known && logs[i] > best[i];
                if (newestIsBest[i]) {
                    best[i] = logs[i];
                    vertex[i] = x;
                }
            }
        }
        beforeLast = last;
        beforeLastX = lastX;
        last = logs;
        lastX = x;
        return vertex;
    }

    /**
     * Put the parabola's vertex where the frame before this one is the sharpest of three, between
     * its neighbours, though one that is masked may be higher.
     */
    private void refine(float[] logs, double x, Mask valid) {
        double before = lastX - beforeLastX;
        double after = x - lastX;
        if (Math.min(Math.abs(before), Math.abs(after)) < MIN_STEP) {
            return;
        }
        float low = (float) Math.min(beforeLastX, x);
        float high = (float) Math.max(beforeLastX, x);
        float middle = (float) ((beforeLastX + lastX) / 2);
        for (int i = 0; i < logs.length; i++) {
            float slope = (last[i] - beforeLast[i]) / (float) before;
            float next = (logs[i] - last[i]) / (float) after;
            float curvature = (next - slope) / (float) (x - beforeLastX);
            boolean known = valid == null || valid.data[i];
            if (known && newestIsBest[i] && last[i] >= logs[i] && curvature < -MIN_CURVATURE) {
                float peak = middle - slope / (2 * curvature);
                vertex[i] = Math.min(high, Math.max(low, peak));
            }
        }
    }
}
