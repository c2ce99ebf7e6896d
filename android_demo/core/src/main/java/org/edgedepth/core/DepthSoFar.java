package org.edgedepth.core;

import java.util.Arrays;

/**
 * The classical answer of the frames so far: a parabola's vertex, smoothed by its worth. As {@code
 * edgedepth.cues.DepthSoFar}.
 */
final class DepthSoFar {
    /** Of a pixel: the square of how far its best log energy stands above the mean one. */
    static final float LEAST_WEIGHT = 1e-4f;
    static final float MOST_WEIGHT = 10f;

    /** Answered while there is one frame only. */
    static final float PRIOR = 0.25f;

    /** Sides of the boxes that average energy, and that smooth finely and coarsely. */
    private static final int WINDOW = 11;

    private static final int FINE = 7;
    private static final int COARSE = 39;

    /** Mean weight at which the fine and the coarse smoothing count alike. */
    private static final float COARSE_SUPPORT = 0.1f;

    private final Plane guide;
    private final RunningVertex vertex = new RunningVertex();
    private final float[] best;
    private final float[] total;
    private final int[] seen;
    private boolean begun;

    /** @param guide the first frame's brightness in [0, 1] */
    DepthSoFar(Plane guide) {
        this.guide = guide;
        best = new float[guide.data.length];
        Arrays.fill(best, Float.NEGATIVE_INFINITY);
        total = new float[best.length];
        seen = new int[best.length];
    }

    /** What the frames so far say: a position, and the mean weight around a pixel. */
    static final class Answer {
        final Plane position;
        final Plane support;

        private Answer(Plane position, Plane support) {
            this.position = position;
            this.support = support;
        }
    }

    /**
     * The answer after one more frame.
     *
     * @param energy focus energy
     * @param position of the frame's focus in the sweep's range
     * @param valid where the frame has a picture; null if everywhere
     */
    Answer add(Plane energy, float position, Mask valid) {
        Plane logs = Evidence.logEnergy(energy, WINDOW);
        remember(logs.data, valid);
        float[] peak = vertex.add(logs.data, position, valid);
        if (!begun) {
            begun = true;
            return new Answer(
                    Plane.filled(logs.height, logs.width, PRIOR),
                    Plane.filled(logs.height, logs.width, LEAST_WEIGHT));
        }
        return smoothed(new Plane(logs.height, logs.width, peak));
    }

    private void remember(float[] logs, Mask valid) {
        for (int i = 0; i < logs.length; i++) {
            boolean known = valid == null || valid.data[i];
            if (known) {
                total[i] += logs[i];
                seen[i]++;
            }
            if (known || !begun) {
                best[i] = Math.max(best[i], logs[i]);
            }
        }
    }

    private Plane weight() {
        Plane weight = new Plane(guide.height, guide.width);
        for (int i = 0; i < best.length; i++) {
            float above = Math.max(best[i] - total[i] / Math.max(seen[i], 1), 0f);
            weight.data[i] = above * above + LEAST_WEIGHT;
        }
        return weight;
    }

    private Answer smoothed(Plane peak) {
        Plane weight = weight();
        WeightedFilter filter = new WeightedFilter(guide, peak, weight);
        Plane support = Filters.boxMean(weight, FINE);
        Plane near = filter.line(support, FINE, GuidedFilter.EPSILON).on(guide);
        Plane wide = Filters.boxMean(weight, COARSE);
        Plane far = filter.line(wide, COARSE, GuidedFilter.EPSILON).on(guide);
        for (int i = 0; i < best.length; i++) {
            float found = support.data[i];
            float both = found * near.data[i] + COARSE_SUPPORT * far.data[i];
            near.data[i] = both / (found + COARSE_SUPPORT);
        }
        return new Answer(near, support);
    }
}
