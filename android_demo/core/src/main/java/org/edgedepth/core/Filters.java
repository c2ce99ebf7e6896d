package org.edgedepth.core;

/** Small filters as OpenCV computes them; pictures are mirrored at their borders (reflect 101). */
public final class Filters {
    private Filters() {}

    /** Mean over a window of odd height and width {@code window} (cv2.boxFilter). */
    public static Plane boxMean(Plane source, int window) {
        int radius = window / 2;
        int height = source.height;
        int width = source.width;
        double[] across = new double[height * width];
        double[] padded = new double[width + 2 * radius];
        for (int row = 0; row < height; row++) {
            for (int i = 0; i < padded.length; i++) {
                padded[i] = source.data[row * width + mirror(i - radius, width)];
            }
            double sum = 0;
            for (int i = 0; i < window - 1; i++) {
                sum += padded[i];
            }
            for (int column = 0; column < width; column++) {
                sum += padded[column + window - 1];
                across[row * width + column] = sum;
                sum -= padded[column];
            }
        }
        double[] sums = new double[width];
        for (int row = -radius; row < radius; row++) {
            addRow(sums, across, mirror(row, height));
        }
        Plane mean = new Plane(height, width);
        double share = 1.0 / (window * window);
        for (int row = 0; row < height; row++) {
            int entering = mirror(row + radius, height) * width;
            int leaving = mirror(row - radius, height) * width;
            for (int column = 0; column < width; column++) {
                double sum = sums[column] + across[entering + column];
                mean.data[row * width + column] = (float) (sum * share);
                sums[column] = sum - across[leaving + column];
            }
        }
        return mean;
    }

    private static void addRow(double[] sums, double[] rows, int row) {
        for (int column = 0; column < sums.length; column++) {
            sums[column] += rows[row * sums.length + column];
        }
    }

    /** Correlation with {@code across} along the rows, then {@code down} along the columns. */
    public static Plane separable(Plane source, float[] across, float[] down) {
        Plane between = new Plane(source.height, source.width);
        int radius = across.length / 2;
        for (int row = 0; row < source.height; row++) {
            for (int column = 0; column < source.width; column++) {
                float sum = 0;
                for (int k = 0; k < across.length; k++) {
                    int x = mirror(column + k - radius, source.width);
                    sum += across[k] * source.data[row * source.width + x];
                }
                between.data[row * source.width + column] = sum;
            }
        }
        Plane target = new Plane(source.height, source.width);
        int reach = down.length / 2;
        for (int row = 0; row < source.height; row++) {
            for (int k = 0; k < down.length; k++) {
                int from = mirror(row + k - reach, source.height) * source.width;
                int to = row * source.width;
                for (int column = 0; column < source.width; column++) {
                    target.data[to + column] += down[k] * between.data[from + column];
                }
            }
        }
        return target;
    }

    /** Gaussian blur of float planes; the window reaches 4 sigma, as in cv2.GaussianBlur. */
    public static Plane gaussian(Plane source, double sigma) {
        int size = (int) Math.rint(sigma * 8 + 1) | 1;
        double[] weights = new double[size];
        double total = 0;
        for (int i = 0; i < size; i++) {
            double offset = i - (size - 1) * 0.5;
            weights[i] = Math.exp(-offset * offset / (2 * sigma * sigma));
            total += weights[i];
        }
        float[] kernel = new float[size];
        for (int i = 0; i < size; i++) {
            kernel[i] = (float) (weights[i] / total);
        }
        return separable(source, kernel, kernel);
    }

    /** Derivative along the rows, in units per pixel (Sobel, 3x3, over 8). */
    static Plane slopeAcross(Plane source) {
        return separable(source, new float[] {-1, 0, 1}, new float[] {1 / 8f, 2 / 8f, 1 / 8f});
    }

    /** Derivative along the columns, in units per pixel (Sobel, 3x3, over 8). */
    static Plane slopeDown(Plane source) {
        return separable(source, new float[] {1 / 8f, 2 / 8f, 1 / 8f}, new float[] {-1, 0, 1});
    }

    /** Sum-modified Laplacian of Nayar and Nakagawa (1994): |2a - l - r| + |2a - u - d|. */
    public static Plane modifiedLaplacian(Plane source) {
        int height = source.height;
        int width = source.width;
        Plane energy = new Plane(height, width);
        for (int row = 0; row < height; row++) {
            int up = mirror(row - 1, height) * width;
            int down = mirror(row + 1, height) * width;
            for (int column = 0; column < width; column++) {
                float middle = 2 * source.data[row * width + column];
                float left = source.data[row * width + mirror(column - 1, width)];
                float right = source.data[row * width + mirror(column + 1, width)];
                float above = source.data[up + column];
                float below = source.data[down + column];
                energy.data[row * width + column] =
                        Math.abs(-left + middle - right) + Math.abs(-above + middle - below);
            }
        }
        return energy;
    }

    /** Laplacian of the four neighbours, |u + d + l + r - 4a|. */
    static Plane laplacianMagnitude(Plane source) {
        int height = source.height;
        int width = source.width;
        Plane energy = new Plane(height, width);
        for (int row = 0; row < height; row++) {
            int up = mirror(row - 1, height) * width;
            int down = mirror(row + 1, height) * width;
            int here = row * width;
            for (int column = 0; column < width; column++) {
                float around =
                        source.data[up + column]
                                + source.data[down + column]
                                + source.data[here + mirror(column - 1, width)]
                                + source.data[here + mirror(column + 1, width)];
                energy.data[here + column] = Math.abs(around - 4 * source.data[here + column]);
            }
        }
        return energy;
    }

    /** Index of a pixel beyond the border, mirrored without repeating the border pixel. */
    static int mirror(int index, int size) {
        if (size == 1) {
            return 0;
        }
        int place = index;
        while (place < 0 || place >= size) {
            place = place < 0 ? -place : 2 * size - 2 - place;
        }
        return place;
    }
}
