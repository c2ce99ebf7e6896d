package org.edgedepth.core;

/**
 * A weighted median along a picture's edges and on slanted surfaces, nine pixels at a time, in
 * passes whose distance halves: {@code capture/median.py}.
 */
final class WeightedMedian {
    private static final int REACH = 20;
    private static final int LEAST_FIT = 3;
    private static final float COLOUR_SIGMA = 0.1f;
    private static final float OWN_WEIGHT = 1.75f;
    private static final float NEAR_SPREADS = 4f;
    private static final float LEAST_NEAR = 0.5f;
    private static final int SAMPLES = 9;
    private static final double MOST_UNLIKE = 30;

    /** What a neighbour counts by the squared difference in colour, in whole steps. */
    private static final float[] LIKENESS = likeness();

    private final Rgb guide;
    private final Plane weight;
    private final Plane spread;

    /**
     * @param guide colour with the edges that are to be kept
     * @param weight positive: how much a pixel is to count
     * @param spread of the planes that are to settle, infinite where it is not known; null where
     *     that is everywhere
     */
    WeightedMedian(Rgb guide, Plane weight, Plane spread) {
        this.guide = guide;
        this.weight = weight;
        this.spread = spread;
    }

    /** The plane, each pixel replaced by the weighted median of what is around it. */
    Plane of(Plane plane) {
        Plane settled = plane;
        int distance = Math.max(1, Math.max(plane.height, plane.width) / REACH);
        for (; distance > 0; distance /= 2) {
            settled = pass(settled, distance);
        }
        return settled;
    }

    private static float[] likeness() {
        double scale = 0.5 / (255.0 * 255.0 * COLOUR_SIGMA * COLOUR_SIGMA);
        float[] found = new float[(int) (MOST_UNLIKE / scale)];
        for (int i = 0; i < found.length; i++) {
            found[i] = (float) Math.exp(-i * scale);
        }
        return found;
    }

    private Plane pass(Plane plane, int distance) {
        Slope slope = Slope.of(plane, weight, Math.max(LEAST_FIT, 3 * distance / 2));
        Plane settled = new Plane(plane.height, plane.width);
        SideBySide.strips(
                plane.height,
                (from, to) -> {
                    Samples samples = new Samples();
                    for (int row = from; row < to; row++) {
                        for (int column = 0; column < plane.width; column++) {
                            gather(samples, plane, slope, row, column, distance);
                            settled.data[row * plane.width + column] = samples.median();
                        }
                    }
                });
        return settled;
    }

    /** The pixel, and what its neighbours say of it. */
    private void gather(
            Samples samples, Plane plane, Slope slope, int row, int column, int distance) {
        int pixel = row * plane.width + column;
        samples.count = 0;
        for (int down = -distance; down <= distance; down += distance) {
            int y = Resize.clip(row + down, plane.height);
            for (int right = -distance; right <= distance; right += distance) {
                int x = Resize.clip(column + right, plane.width);
                int from = y * plane.width + x;
                float rise = slope.down[pixel] * (y - row) + slope.right[pixel] * (x - column);
                float said = plane.data[from] - rise;
                float like = OWN_WEIGHT;
                if (down != 0 || right != 0) {
                    like = alike(pixel, from) * near(said - plane.data[pixel], pixel);
                }
                samples.insert(said, weight.data[from] * like);
            }
        }
    }

    private float alike(int pixel, int other) {
        int unlike = 0;
        for (int channel = 0; channel < Rgb.CHANNELS; channel++) {
            int here = guide.data[Rgb.CHANNELS * pixel + channel] & 0xFF;
            int there = guide.data[Rgb.CHANNELS * other + channel] & 0xFF;
            unlike += (there - here) * (there - here);
        }
        return unlike < LIKENESS.length ? LIKENESS[unlike] : 0;
    }

    /** What a neighbour counts whose depth is off by so much. */
    private float near(float off, int pixel) {
        if (spread == null) {
            return 1;
        }
        float spreads = off / (NEAR_SPREADS * spread.data[pixel]);
        return LEAST_NEAR + (1 - LEAST_NEAR) * (float) Math.exp(-0.5f * spreads * spreads);
    }

    /** What is said of one pixel, in the order of the values. */
    private static final class Samples {
        private final float[] values = new float[SAMPLES];
        private final float[] weights = new float[SAMPLES];
        private int count;

        void insert(float value, float here) {
            int place = count++;
            for (; place > 0 && values[place - 1] > value; place--) {
                values[place] = values[place - 1];
                weights[place] = weights[place - 1];
            }
            values[place] = value;
            weights[place] = here;
        }

        float median() {
            float total = 0;
            for (float here : weights) {
                total += here;
            }
            float below = 0;
            int place = -1;
            while (below < total / 2) {
                below += weights[++place];
            }
            return values[place];
        }
    }
}
