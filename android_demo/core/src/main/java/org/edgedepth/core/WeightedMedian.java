package org.edgedepth.core;

/**
 * A weighted median along a picture's edges and on slanted surfaces, nine pixels at a time, in
 * passes whose distance halves: {@code capture/median.py}.
 */
final class WeightedMedian {
    private static final int REACH = 20;
    private static final int LEAST_FIT = 3;
    private static final float COLOUR_SIGMA = 0.08f;
    private static final float OWN_WEIGHT = 1.75f;
    private static final int SAMPLES = 9;
    private static final double MOST_UNLIKE = 30;

    /** What a neighbour counts by the squared difference in colour, in whole steps. */
    private static final float[] LIKENESS = likeness();

    private final Rgb guide;
    private final Plane weight;
    private final float[] values = new float[SAMPLES];
    private final float[] weights = new float[SAMPLES];

    /**
     * @param guide colour with the edges that are to be kept
     * @param weight positive: how much a pixel is to count
     */
    WeightedMedian(Rgb guide, Plane weight) {
        this.guide = guide;
        this.weight = weight;
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
        for (int row = 0; row < plane.height; row++) {
            for (int column = 0; column < plane.width; column++) {
                gather(plane, slope, row, column, distance);
                settled.data[row * plane.width + column] = median();
            }
        }
        return settled;
    }

    /** The pixel, and what its neighbours say of it, in the order of their values. */
    private void gather(Plane plane, Slope slope, int row, int column, int distance) {
        int pixel = row * plane.width + column;
        int count = 0;
        for (int down = -distance; down <= distance; down += distance) {
            int y = Resize.clip(row + down, plane.height);
            for (int right = -distance; right <= distance; right += distance) {
                int x = Resize.clip(column + right, plane.width);
                int from = y * plane.width + x;
                float rise = slope.down[pixel] * (y - row) + slope.right[pixel] * (x - column);
                float like = down == 0 && right == 0 ? OWN_WEIGHT : alike(pixel, from);
                insert(count++, plane.data[from] - rise, weight.data[from] * like);
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

    private void insert(int count, float value, float here) {
        int place = count;
        for (; place > 0 && values[place - 1] > value; place--) {
            values[place] = values[place - 1];
            weights[place] = weights[place - 1];
        }
        values[place] = value;
        weights[place] = here;
    }

    private float median() {
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
