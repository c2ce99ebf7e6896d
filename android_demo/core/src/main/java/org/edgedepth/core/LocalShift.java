package org.edgedepth.core;

/** Small local shifts between two aligned frames, and their removal: {@code capture/flow.py}. */
final class LocalShift {
    private static final int ITERATIONS = 2;
    private static final int WINDOW = 21;
    private static final float LEAST_DETAIL = 1e-5f;
    private static final float LEAST_SHIFT_PX = 0.15f;
    private static final float[] SLOPE = {-0.5f, 0, 0.5f};
    private static final float[] SAME = {1};

    /** The moved frame where the still one has its things. */
    final Plane laid;
    /** How far the two are still apart, on the small grid, in pixels of the frames. */
    final Plane apart;

    private LocalShift(Plane laid, Plane apart) {
        this.laid = laid;
        this.apart = apart;
    }

    /** A frame laid over another one; shifts are measured on a grid of {@code height} by width. */
    static LocalShift between(Plane still, Plane moved, int height, int width) {
        float[] across = new float[height * width];
        float[] down = new float[height * width];
        Plane laid = moved;
        for (int turn = 0; turn < ITERATIONS; turn++) {
            Plane[] more = measured(still, laid, height, width);
            Plane x = new Plane(height, width);
            Plane y = new Plane(height, width);
            for (int i = 0; i < across.length; i++) {
                across[i] += more[0].data[i];
                down[i] += more[1].data[i];
                boolean far = (float) Math.hypot(across[i], down[i]) > LEAST_SHIFT_PX;
                x.data[i] = far ? across[i] : 0;
                y.data[i] = far ? down[i] : 0;
            }
            laid =
                    Warp.shifted(
                            moved,
                            Resize.linear(x, still.height, still.width),
                            Resize.linear(y, still.height, still.width));
        }
        Plane[] left = measured(still, laid, height, width);
        Plane apart = new Plane(height, width);
        for (int i = 0; i < apart.data.length; i++) {
            apart.data[i] = (float) Math.hypot(left[0].data[i], left[1].data[i]);
        }
        return new LocalShift(laid, apart);
    }

    /** Right and down: where the things of the still frame are in the other one (Lucas, Kanade). */
    private static Plane[] measured(Plane still, Plane moved, int height, int width) {
        Plane gx = Filters.separable(moved, SLOPE, SAME);
        Plane gy = Filters.separable(moved, SAME, SLOPE);
        Plane unlike = new Plane(still.height, still.width);
        for (int i = 0; i < unlike.data.length; i++) {
            unlike.data[i] = still.data[i] - moved.data[i];
        }
        Plane xx = mean(gx, gx, height, width);
        Plane xy = mean(gx, gy, height, width);
        Plane yy = mean(gy, gy, height, width);
        Plane xd = mean(gx, unlike, height, width);
        Plane yd = mean(gy, unlike, height, width);
        Plane right = new Plane(height, width);
        Plane down = new Plane(height, width);
        for (int i = 0; i < right.data.length; i++) {
            float a = xx.data[i] + LEAST_DETAIL;
            float b = xy.data[i];
            float c = yy.data[i] + LEAST_DETAIL;
            float determinant = a * c - b * b;
            right.data[i] = (c * xd.data[i] - b * yd.data[i]) / determinant;
            down.data[i] = (a * yd.data[i] - b * xd.data[i]) / determinant;
        }
        return new Plane[] {right, down};
    }

    private static Plane mean(Plane a, Plane b, int height, int width) {
        return Filters.boxMean(Resize.area(GuidedFilter.product(a, b), height, width), WINDOW);
    }
}
