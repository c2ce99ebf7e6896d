package org.edgedepth.core;

/** Smooths planes along the edges of one guide: {@code edgedepth.guided.GuidedFilter}. */
final class GuidedFilter {
    /** Variance of the guide below which planes are averaged. */
    static final float EPSILON = 1e-3f;

    private final Plane guide;
    private final int window;
    private final Plane mean;
    private final float[] precision;

    /** @param radius of the square window in pixels */
    GuidedFilter(Plane guide, int radius) {
        this.guide = guide;
        window = 2 * radius + 1;
        mean = Filters.boxMean(guide, window);
        Plane square = Filters.boxMean(product(guide, guide), window);
        precision = new float[mean.data.length];
        for (int i = 0; i < precision.length; i++) {
            float variance = Math.max(square.data[i] - mean.data[i] * mean.data[i], 0f);
            precision[i] = 1f / (variance + EPSILON);
        }
    }

    Plane smooth(Plane plane) {
        Plane average = Filters.boxMean(plane, window);
        Plane together = Filters.boxMean(product(guide, plane), window);
        Plane slope = new Plane(plane.height, plane.width);
        Plane start = new Plane(plane.height, plane.width);
        for (int i = 0; i < precision.length; i++) {
            float covariance = together.data[i] - mean.data[i] * average.data[i];
            slope.data[i] = covariance * precision[i];
            start.data[i] = average.data[i] - slope.data[i] * mean.data[i];
        }
        slope = Filters.boxMean(slope, window);
        start = Filters.boxMean(start, window);
        for (int i = 0; i < precision.length; i++) {
            start.data[i] += slope.data[i] * guide.data[i];
        }
        return start;
    }

    static Plane product(Plane a, Plane b) {
        Plane c = new Plane(a.height, a.width);
        for (int i = 0; i < c.data.length; i++) {
            c.data[i] = a.data[i] * b.data[i];
        }
        return c;
    }
}
