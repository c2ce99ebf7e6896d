package org.edgedepth.core;

/** Small filters as OpenCV computes them; pictures are mirrored at their borders (reflect 101). */
public final class Filters {
    private Filters() {}

    /** Mean over a window of odd height and width {@code window} (cv2.boxFilter). */
    public static Plane boxMean(Plane source, int window) {
        int radius = window / 2;
        int height = source.height;
        int width = source.width;
        double[] columns = new double[width];
        for (int row = -radius; row < radius; row++) {
            addRow(columns, source.data, mirror(row, height) * width, 1);
        }
        int[] beyond = mirrored(radius, width);
        double[] padded = new double[width + 2 * radius];
        Plane mean = new Plane(height, width);
        for (int row = 0; row < height; row++) {
            addRow(columns, source.data, mirror(row + radius, height) * width, 1);
            System.arraycopy(columns, 0, padded, radius, width);
            for (int i = 0; i < radius; i++) {
                padded[i] = columns[beyond[i]];
                padded[radius + width + i] = columns[beyond[radius + i]];
            }
            slide(padded, window, mean.data, row * width, width);
            addRow(columns, source.data, mirror(row - radius, height) * width, -1);
        }
        return mean;
    }

    /** Where the pixels left of a row's first and right of its last are found. */
    private static int[] mirrored(int radius, int width) {
        int[] places = new int[2 * radius];
        for (int i = 0; i < radius; i++) {
            places[i] = mirror(i - radius, width);
            places[radius + i] = mirror(width + i, width);
        }
        return places;
    }

    private static void addRow(double[] columns, float[] plane, int start, double sign) {
        for (int column = 0; column < columns.length; column++) {
            columns[column] += sign * plane[start + column];
        }
    }

    /** Means of a row from the sums of its columns, {@code window / 2} more at both ends. */
    private static void slide(double[] sums, int window, float[] target, int start, int width) {
        double share = 1.0 / (window * window);
        double sum = 0;
        for (int i = 0; i < window - 1; i++) {
            sum += sums[i];
        }
        for (int column = 0; column < width; column++) {
            sum += sums[column + window - 1];
            target[start + column] = (float) (sum * share);
            sum -= sums[column];
        }
    }

    /** Correlation with {@code across} along the rows, then {@code down} along the columns. */
    public static Plane separable(Plane source, float[] across, float[] down) {
        Plane between = new Plane(source.height, source.width);
        int radius = across.length / 2;
        int[] beyond = mirrored(radius, source.width);
        float[] padded = new float[source.width + 2 * radius];
        for (int row = 0; row < source.height; row++) {
            int start = row * source.width;
            System.arraycopy(source.data, start, padded, radius, source.width);
            for (int i = 0; i < radius; i++) {
                padded[i] = source.data[start + beyond[i]];
                padded[radius + source.width + i] = source.data[start + beyond[radius + i]];
            }
            for (int column = 0; column < source.width; column++) {
                float sum = 0;
                for (int k = 0; k < across.length; k++) {
                    sum += across[k] * padded[column + k];
                }
                between.data[start + column] = sum;
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
