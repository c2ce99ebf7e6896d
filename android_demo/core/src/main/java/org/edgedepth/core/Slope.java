package org.edgedepth.core;

/**
 * By how much a plane changes from a pixel to the next, where it is nearly flat in a window: {@code
 * slope} of {@code capture/median.py}.
 */
final class Slope {
    private static final double LEAST_EXPLAINED = 0.8;
    private static final double TINY = 1e-9;

    final float[] down;
    final float[] right;

    private Slope(int pixels) {
        down = new float[pixels];
        right = new float[pixels];
    }

    /** Of the plane fitted by weight in a window of side {@code 2 radius + 1}, cut at borders. */
    static Slope of(Plane plane, Plane weight, int radius) {
        Means means = new Means(plane, weight, radius);
        double[] y = means.of(Slope::row);
        double[] x = means.of(Slope::column);
        double[] depth = means.of((row, column, value) -> value);
        double[] yy = means.of((row, column, value) -> (double) row * row);
        double[] xx = means.of((row, column, value) -> (double) column * column);
        double[] yx = means.of((row, column, value) -> (double) row * column);
        double[] yd = means.of((row, column, value) -> row * value);
        double[] xd = means.of((row, column, value) -> column * value);
        double[] dd = means.of((row, column, value) -> value * value);
        Slope slope = new Slope(depth.length);
        for (int i = 0; i < depth.length; i++) {
            double varY = yy[i] - y[i] * y[i];
            double varX = xx[i] - x[i] * x[i];
            double both = yx[i] - y[i] * x[i];
            double withY = yd[i] - y[i] * depth[i];
            double withX = xd[i] - x[i] * depth[i];
            double scale = varY * varX - both * both + TINY;
            double down = (withY * varX - withX * both) / scale;
            double right = (withX * varY - withY * both) / scale;
            double variance = dd[i] - depth[i] * depth[i];
            double explained = (down * withY + right * withX) / (variance + TINY);
            double share = (explained - LEAST_EXPLAINED) / (1 - LEAST_EXPLAINED);
            share = Math.min(1, Math.max(0, share));
            slope.down[i] = (float) (down * share);
            slope.right[i] = (float) (right * share);
        }
        return slope;
    }

    private static double row(int row, int column, double value) {
        return row;
    }

    private static double column(int row, int column, double value) {
        return column;
    }

    private interface Quantity {
        double at(int row, int column, double value);
    }

    /** Weighted means over the window of what pixels are. */
    private static final class Means {
        private final Plane plane;
        private final Plane weight;
        private final int radius;
        private final double[] total;

        Means(Plane plane, Plane weight, int radius) {
            this.plane = plane;
            this.weight = weight;
            this.radius = radius;
            total = sums((row, column, value) -> 1);
        }

        double[] of(Quantity quantity) {
            double[] means = sums(quantity);
            for (int i = 0; i < means.length; i++) {
                means[i] /= total[i];
            }
            return means;
        }

        private double[] sums(Quantity quantity) {
            int height = plane.height;
            int width = plane.width;
            double[] across = new double[height * width];
            double[] line = new double[Math.max(height, width)];
            for (int row = 0; row < height; row++) {
                for (int column = 0; column < width; column++) {
                    int i = row * width + column;
                    line[column] = weight.data[i] * quantity.at(row, column, plane.data[i]);
                }
                slide(line, across, row * width, 1, width);
            }
            double[] sums = new double[height * width];
            for (int column = 0; column < width; column++) {
                for (int row = 0; row < height; row++) {
                    line[row] = across[row * width + column];
                }
                slide(line, sums, column, width, height);
            }
            return sums;
        }

        private void slide(double[] line, double[] target, int start, int step, int length) {
            double sum = 0;
            for (int i = 0; i < Math.min(radius, length); i++) {
                sum += line[i];
            }
            for (int i = 0; i < length; i++) {
                sum += i + radius < length ? line[i + radius] : 0;
                target[start + i * step] = sum;
                sum -= i >= radius ? line[i - radius] : 0;
            }
        }
    }
}
