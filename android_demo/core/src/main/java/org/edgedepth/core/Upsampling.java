package org.edgedepth.core;

/**
 * Brings a settled depth map to a picture's size along the picture's edges by joint bilateral
 * upsampling, as {@code capture/refine.py}.
 */
public final class Upsampling {
    private static final float BRIGHTNESS_SIGMA = 0.06f;
    private static final float UNLIKE_WEIGHT = 1e-3f;

    private Upsampling() {}

    /** Depth and confidence along a picture's edges, at its size. */
    public static ModelAnswer along(Rgb picture, ModelAnswer small) {
        Plane confidence = Filters.boxMean(small.confidence, 3);
        return new ModelAnswer(
                Resize.linear(small.position, picture.height, picture.width),
                grown(small.dioptres, picture.gray()),
                Resize.linear(confidence, picture.height, picture.width));
    }

    /** A mean of the four pixels around, which count as much as they are near and as bright. */
    private static Plane grown(Plane plane, Plane large) {
        Plane small = Resize.area(large, plane.height, plane.width);
        double down = (double) plane.height / large.height;
        double across = (double) plane.width / large.width;
        Plane grown = new Plane(large.height, large.width);
        for (int row = 0; row < large.height; row++) {
            double y = (row + 0.5) * down - 0.5;
            for (int column = 0; column < large.width; column++) {
                double x = (column + 0.5) * across - 0.5;
                int pixel = row * large.width + column;
                grown.data[pixel] = mean(plane, small, large.data[pixel], y, x);
            }
        }
        return grown;
    }

    private static float mean(Plane plane, Plane small, float bright, double y, double x) {
        int above = (int) Math.floor(y);
        int left = (int) Math.floor(x);
        float down = (float) (y - above);
        float across = (float) (x - left);
        float total = 0;
        float weights = 0;
        for (int below = 0; below < 2; below++) {
            int line = Resize.clip(above + below, plane.height) * plane.width;
            for (int right = 0; right < 2; right++) {
                int from = line + Resize.clip(left + right, plane.width);
                float near = (below == 1 ? down : 1 - down) * (right == 1 ? across : 1 - across);
                float unlike = bright - small.data[from];
                unlike *= unlike;
                float like =
                        (float) Math.exp(unlike * (-0.5f / (BRIGHTNESS_SIGMA * BRIGHTNESS_SIGMA)));
                float weight = near * (like + UNLIKE_WEIGHT);
                total += weight * plane.data[from];
                weights += weight;
            }
        }
        return total / weights;
    }
}
