package org.edgedepth.core;

/**
 * Smooths one plane along the edges of a guide, each pixel counting as much as its weight: {@code
 * edgedepth.guided.guided_coefficients}.
 */
final class WeightedFilter {
    private final Plane weight;
    private final Plane weightedGuide;
    private final Plane weightedPlane;
    private final Plane both;
    private final Plane square;

    /** @param weight positive */
    WeightedFilter(Plane guide, Plane plane, Plane weight) {
        this.weight = weight;
        weightedGuide = GuidedFilter.product(weight, guide);
        weightedPlane = GuidedFilter.product(weight, plane);
        both = GuidedFilter.product(weightedGuide, plane);
        square = GuidedFilter.product(weightedGuide, guide);
    }

    /** The plane around each pixel as {@code slope guide + start}. */
    static final class Line {
        final Plane slope;
        final Plane start;

        private Line(Plane slope, Plane start) {
            this.slope = slope;
            this.start = start;
        }

        /** Its value on a guide of the same size. */
        Plane on(Plane guide) {
            Plane value = new Plane(guide.height, guide.width);
            for (int i = 0; i < value.data.length; i++) {
                value.data[i] = slope.data[i] * guide.data[i] + start.data[i];
            }
            return value;
        }
    }

    /**
     * The plane as a function of the guide.
     *
     * @param total mean weight in the window
     * @param window its side, odd
     * @param epsilon variance of the guide below which the plane is averaged
     */
    Line line(Plane total, int window, float epsilon) {
        Plane slope = Filters.boxMean(both, window);
        Plane start = Filters.boxMean(weightedPlane, window);
        float[] guide = Filters.boxMean(weightedGuide, window).data;
        float[] squares = Filters.boxMean(square, window).data;
        for (int i = 0; i < squares.length; i++) {
            float here = total.data[i];
            float meanGuide = guide[i] / here;
            float meanPlane = start.data[i] / here;
            float variance = Math.max(0, squares[i] / here - meanGuide * meanGuide);
            float a = (slope.data[i] / here - meanGuide * meanPlane) / (variance + epsilon);
            slope.data[i] = a * weight.data[i];
            start.data[i] = (meanPlane - a * meanGuide) * weight.data[i];
        }
        slope = Filters.boxMean(slope, window);
        start = Filters.boxMean(start, window);
        for (int i = 0; i < squares.length; i++) {
            slope.data[i] /= total.data[i];
            start.data[i] /= total.data[i];
        }
        return new Line(slope, start);
    }
}
