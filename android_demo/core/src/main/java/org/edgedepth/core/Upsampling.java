package org.edgedepth.core;

/**
 * Brings a small depth map to a picture's size along the picture's edges: the weighted guided
 * filter in its fast form (He and Sun 2015), as {@code capture/refine.py}.
 */
public final class Upsampling {
    private static final int WINDOW = 7;
    private static final float EPSILON = 4e-4f;
    private static final float LEAST_WEIGHT = 0.02f;

    private Upsampling() {}

    /** Depth and confidence along a picture's edges, at its size. */
    public static ModelAnswer along(Rgb picture, ModelAnswer small) {
        Plane dioptres = small.dioptres;
        Plane large = picture.gray();
        Plane guide = Resize.area(large, dioptres.height, dioptres.width);
        WeightedFilter.Line line = line(guide, small);
        Plane slope = Resize.linear(line.slope, large.height, large.width);
        Plane start = Resize.linear(line.start, large.height, large.width);
        float low = dioptres.min();
        float high = dioptres.max();
        Plane refined = new Plane(large.height, large.width);
        for (int i = 0; i < refined.data.length; i++) {
            float value = slope.data[i] * large.data[i] + start.data[i];
            refined.data[i] = Math.min(high, Math.max(low, value));
        }
        Plane confidence = Filters.boxMean(small.confidence, 3);
        return new ModelAnswer(
                Resize.linear(small.position, large.height, large.width),
                refined,
                Resize.linear(confidence, large.height, large.width));
    }

    private static WeightedFilter.Line line(Plane guide, ModelAnswer small) {
        Plane weight = new Plane(guide.height, guide.width);
        for (int i = 0; i < weight.data.length; i++) {
            weight.data[i] = small.confidence.data[i] + LEAST_WEIGHT;
        }
        WeightedFilter filter = new WeightedFilter(guide, small.dioptres, weight);
        return filter.line(Filters.boxMean(weight, WINDOW), WINDOW, EPSILON);
    }
}
