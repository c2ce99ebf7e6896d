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
        Plane[] line = coefficients(guide, dioptres, small.confidence);
        Plane slope = Resize.linear(line[0], large.height, large.width);
        Plane start = Resize.linear(line[1], large.height, large.width);
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

    /** a and b of {@code target ~ a guide + b} around each pixel. */
    private static Plane[] coefficients(Plane guide, Plane target, Plane confidence) {
        int count = guide.data.length;
        Plane weight = new Plane(guide.height, guide.width);
        for (int i = 0; i < count; i++) {
            weight.data[i] = confidence.data[i] + LEAST_WEIGHT;
        }
        Plane total = Filters.boxMean(weight, WINDOW);
        Plane weightedGuide = GuidedFilter.product(weight, guide);
        Plane meanGuide = quotient(Filters.boxMean(weightedGuide, WINDOW), total);
        Plane meanTarget = quotient(Filters.boxMean(GuidedFilter.product(weight, target), WINDOW), total);
        Plane both = quotient(Filters.boxMean(GuidedFilter.product(weightedGuide, target), WINDOW), total);
        Plane square = quotient(Filters.boxMean(GuidedFilter.product(weightedGuide, guide), WINDOW), total);
        Plane slope = new Plane(guide.height, guide.width);
        Plane start = new Plane(guide.height, guide.width);
        for (int i = 0; i < count; i++) {
            float covariance = both.data[i] - meanGuide.data[i] * meanTarget.data[i];
            float variance = Math.max(0, square.data[i] - meanGuide.data[i] * meanGuide.data[i]);
            slope.data[i] = covariance / (variance + EPSILON);
            start.data[i] = meanTarget.data[i] - slope.data[i] * meanGuide.data[i];
        }
        return new Plane[] {
            quotient(Filters.boxMean(GuidedFilter.product(slope, weight), WINDOW), total),
            quotient(Filters.boxMean(GuidedFilter.product(start, weight), WINDOW), total),
        };
    }

    private static Plane quotient(Plane a, Plane b) {
        Plane c = new Plane(a.height, a.width);
        for (int i = 0; i < c.data.length; i++) {
            c.data[i] = a.data[i] / b.data[i];
        }
        return c;
    }
}
