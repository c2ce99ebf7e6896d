package org.edgedepth.core;

/**
 * Resizing as OpenCV does it: INTER_AREA when a picture shrinks, INTER_LINEAR when it grows,
 * INTER_NEAREST for masks. Bytes come out equal to OpenCV's; floats within rounding.
 */
public final class Resize {
    private static final int LINEAR_BITS = 11;

    private Resize() {}

    /** Area averaging when the width shrinks, linear interpolation otherwise. */
    public static Rgb fitting(Rgb source, int height, int width) {
        if (source.height == height && source.width == width) {
            return source;
        }
        return source.width >= width ? area(source, height, width) : linear(source, height, width);
    }

    /** Area averaging when the width shrinks, linear interpolation otherwise. */
    public static Plane fitting(Plane source, int height, int width) {
        if (source.height == height && source.width == width) {
            return source;
        }
        return source.width > width ? area(source, height, width) : linear(source, height, width);
    }

    /** INTER_AREA; what does not shrink in both directions is interpolated. */
    public static Rgb area(Rgb source, int height, int width) {
        Cells rows = Cells.of(source.height, height);
        Cells columns = Cells.of(source.width, width);
        if (rows.scale < 1 || columns.scale < 1) {
            return linear(
                    source,
                    Taps.area(source.height, height),
                    Taps.area(source.width, width).clamped(source.width));
        }
        Rgb target = new Rgb(height, width);
        if (rows.whole && columns.whole) {
            averageWhole(source, target, (int) rows.scale, (int) columns.scale);
            return target;
        }
        int across = Rgb.CHANNELS * width;
        float[] sum = new float[across];
        float[] line = new float[across];
        for (int row = 0; row < height; row++) {
            for (int k = rows.start[row]; k < rows.start[row + 1]; k++) {
                averageLine(source, rows.index[k], columns, line);
                boolean first = k == rows.start[row];
                accumulate(sum, line, rows.weight[k], first);
            }
            for (int i = 0; i < across; i++) {
                target.data[row * across + i] = toByte(sum[i]);
            }
        }
        return target;
    }

    /** INTER_AREA; what does not shrink in both directions is interpolated. */
    public static Plane area(Plane source, int height, int width) {
        Cells rows = Cells.of(source.height, height);
        Cells columns = Cells.of(source.width, width);
        if (rows.scale < 1 || columns.scale < 1) {
            return linear(
                    source,
                    Taps.area(source.height, height),
                    Taps.area(source.width, width).clamped(source.width));
        }
        Plane target = new Plane(height, width);
        if (rows.whole && columns.whole) {
            averageWhole(source, target, (int) rows.scale, (int) columns.scale);
            return target;
        }
        float[] sum = new float[width];
        float[] line = new float[width];
        for (int row = 0; row < height; row++) {
            for (int k = rows.start[row]; k < rows.start[row + 1]; k++) {
                averageLine(source, rows.index[k], columns, line);
                accumulate(sum, line, rows.weight[k], k == rows.start[row]);
            }
            System.arraycopy(sum, 0, target.data, row * width, width);
        }
        return target;
    }

    private static void accumulate(float[] sum, float[] line, float weight, boolean first) {
        for (int i = 0; i < sum.length; i++) {
            sum[i] = first ? weight * line[i] : sum[i] + weight * line[i];
        }
    }

    private static void averageLine(Rgb source, int row, Cells columns, float[] line) {
        int base = row * source.width;
        for (int column = 0; column < columns.start.length - 1; column++) {
            float red = 0;
            float green = 0;
            float blue = 0;
            for (int k = columns.start[column]; k < columns.start[column + 1]; k++) {
                int from = Rgb.CHANNELS * (base + columns.index[k]);
                float weight = columns.weight[k];
                red += (source.data[from] & 0xFF) * weight;
                green += (source.data[from + 1] & 0xFF) * weight;
                blue += (source.data[from + 2] & 0xFF) * weight;
            }
            line[Rgb.CHANNELS * column] = red;
            line[Rgb.CHANNELS * column + 1] = green;
            line[Rgb.CHANNELS * column + 2] = blue;
        }
    }

    private static void averageLine(Plane source, int row, Cells columns, float[] line) {
        int base = row * source.width;
        for (int column = 0; column < line.length; column++) {
            float sum = 0;
            for (int k = columns.start[column]; k < columns.start[column + 1]; k++) {
                sum += source.data[base + columns.index[k]] * columns.weight[k];
            }
            line[column] = sum;
        }
    }

    /** Cells of whole pixels; 2x2 rounds halves up, larger ones to even, as OpenCV. */
    private static void averageWhole(Rgb source, Rgb target, int rows, int columns) {
        boolean four = rows == 2 && columns == 2;
        float share = 1f / (rows * columns);
        for (int row = 0; row < target.height; row++) {
            for (int column = 0; column < target.width; column++) {
                for (int channel = 0; channel < Rgb.CHANNELS; channel++) {
                    int sum = 0;
                    for (int y = row * rows; y < (row + 1) * rows; y++) {
                        int from = Rgb.CHANNELS * (y * source.width + column * columns) + channel;
                        for (int x = 0; x < columns; x++) {
                            sum += source.data[from + Rgb.CHANNELS * x] & 0xFF;
                        }
                    }
                    target.data[Rgb.CHANNELS * (row * target.width + column) + channel] =
                            four ? (byte) ((sum + 2) >> 2) : toByte(sum * share);
                }
            }
        }
    }

    private static void averageWhole(Plane source, Plane target, int rows, int columns) {
        float share = 1f / (rows * columns);
        boolean four = rows == 2 && columns == 2;
        for (int row = 0; row < target.height; row++) {
            for (int column = 0; column < target.width; column++) {
                int corner = row * rows * source.width + column * columns;
                float sum;
                if (four) {
                    float above = source.data[corner] + source.data[corner + 1];
                    int below = corner + source.width;
                    sum = above + (source.data[below] + source.data[below + 1]);
                } else {
                    sum = sumByFours(source, corner, rows, columns);
                }
                target.data[row * target.width + column] = sum * share;
            }
        }
    }

    /** Sum of a cell, four pixels at a time: the order of additions decides the last bit. */
    private static float sumByFours(Plane source, int corner, int rows, int columns) {
        float sum = 0;
        float four = 0;
        int count = rows * columns;
        for (int k = 0; k < count; k++) {
            float value = source.data[corner + k / columns * source.width + k % columns];
            if (k >= count / 4 * 4) {
                sum += value;
                continue;
            }
            four = k % 4 == 0 ? value : four + value;
            if (k % 4 == 3) {
                sum += four;
            }
        }
        return sum;
    }

    /** INTER_LINEAR. */
    public static Rgb linear(Rgb source, int height, int width) {
        return linear(
                source,
                Taps.linear(source.height, height),
                Taps.linear(source.width, width).clamped(source.width));
    }

    /** INTER_LINEAR. */
    public static Plane linear(Plane source, int height, int width) {
        return linear(
                source,
                Taps.linear(source.height, height),
                Taps.linear(source.width, width).clamped(source.width));
    }

    private static Rgb linear(Rgb source, Taps rows, Taps columns) {
        Rgb target = new Rgb(rows.first.length, columns.first.length);
        int across = Rgb.CHANNELS * target.width;
        int[] above = new int[across];
        int[] below = new int[across];
        for (int row = 0; row < target.height; row++) {
            interpolateLine(source, clip(rows.first[row], source.height), columns, above);
            interpolateLine(source, clip(rows.first[row] + 1, source.height), columns, below);
            int upper = fixed(1f - rows.share[row]);
            int lower = fixed(rows.share[row]);
            for (int i = 0; i < across; i++) {
                int sum = ((upper * (above[i] >> 4)) >> 16) + ((lower * (below[i] >> 4)) >> 16);
                target.data[row * across + i] = (byte) Math.min(255, Math.max(0, (sum + 2) >> 2));
            }
        }
        return target;
    }

    private static void interpolateLine(Rgb source, int row, Taps columns, int[] line) {
        for (int column = 0; column < columns.first.length; column++) {
            int left = fixed(1f - columns.share[column]);
            int right = fixed(columns.share[column]);
            int from = Rgb.CHANNELS * (row * source.width + columns.first[column]);
            int step = columns.first[column] + 1 < source.width ? Rgb.CHANNELS : 0;
            for (int channel = 0; channel < Rgb.CHANNELS; channel++) {
                line[Rgb.CHANNELS * column + channel] =
                        (source.data[from + channel] & 0xFF) * left
                                + (source.data[from + step + channel] & 0xFF) * right;
            }
        }
    }

    private static Plane linear(Plane source, Taps rows, Taps columns) {
        Plane target = new Plane(rows.first.length, columns.first.length);
        for (int row = 0; row < target.height; row++) {
            int above = clip(rows.first[row], source.height) * source.width;
            int below = clip(rows.first[row] + 1, source.height) * source.width;
            float lower = rows.share[row];
            for (int column = 0; column < target.width; column++) {
                int x = columns.first[column];
                int next = Math.min(source.width - 1, x + 1);
                float right = columns.share[column];
                float up = source.data[above + x] * (1f - right) + source.data[above + next] * right;
                float down = source.data[below + x] * (1f - right) + source.data[below + next] * right;
                target.data[row * target.width + column] = up * (1f - lower) + down * lower;
            }
        }
        return target;
    }

    /** INTER_NEAREST. */
    public static Mask nearest(Mask source, int height, int width) {
        double down = 1.0 / ((double) height / source.height);
        double across = 1.0 / ((double) width / source.width);
        Mask target = new Mask(height, width);
        for (int row = 0; row < height; row++) {
            int y = Math.min(source.height - 1, (int) Math.floor(row * down));
            for (int column = 0; column < width; column++) {
                int x = Math.min(source.width - 1, (int) Math.floor(column * across));
                target.data[row * width + column] = source.data[y * source.width + x];
            }
        }
        return target;
    }

    /** The index, or the nearest one of {@code size}. */
    static int clip(int index, int size) {
        return Math.min(size - 1, Math.max(0, index));
    }

    private static int fixed(float share) {
        return (int) Math.rint(share * (float) (1 << LINEAR_BITS));
    }

    static byte toByte(float value) {
        return (byte) Math.min(255, Math.max(0, (int) Math.rint(value)));
    }

    /** Which source pixels a target pixel averages, and with what weights. */
    private static final class Cells {
        final double scale;
        final boolean whole;
        final int[] start;
        final int[] index;
        final float[] weight;

        private Cells(double scale, boolean whole, int[] start, int[] index, float[] weight) {
            this.scale = scale;
            this.whole = whole;
            this.start = start;
            this.index = index;
            this.weight = weight;
        }

        static Cells of(int source, int target) {
            double scale = 1.0 / ((double) target / source);
            boolean whole = scale >= 1 && Math.abs(scale - Math.rint(scale)) < Math.ulp(1.0);
            int[] start = new int[target + 1];
            int[] index = new int[2 * target + source + 2];
            float[] weight = new float[index.length];
            int count = 0;
            for (int cell = 0; cell < target; cell++) {
                double from = cell * scale;
                double to = from + scale;
                double size = Math.min(scale, source - from);
                int last = Math.min((int) Math.floor(to), source - 1);
                int first = Math.min((int) Math.ceil(from), last);
                if (first - from > 1e-3) {
                    index[count] = first - 1;
                    weight[count++] = (float) ((first - from) / size);
                }
                for (int pixel = first; pixel < last; pixel++) {
                    index[count] = pixel;
                    weight[count++] = (float) (1.0 / size);
                }
                if (to - last > 1e-3) {
                    index[count] = last;
                    weight[count++] = (float) (Math.min(Math.min(to - last, 1.0), size) / size);
                }
                start[cell + 1] = count;
            }
            return new Cells(whole ? Math.rint(scale) : scale, whole, start, index, weight);
        }
    }

    /** Between which two source pixels a target pixel lies, and how near to the second. */
    private static final class Taps {
        final int[] first;
        final float[] share;

        private Taps(int[] first, float[] share) {
            this.first = first;
            this.share = share;
        }

        static Taps linear(int source, int target) {
            double scale = 1.0 / ((double) target / source);
            int[] first = new int[target];
            float[] share = new float[target];
            for (int i = 0; i < target; i++) {
                float place = (float) ((i + 0.5) * scale - 0.5);
                first[i] = (int) Math.floor(place);
                share[i] = place - first[i];
            }
            return new Taps(first, share);
        }

        /** How INTER_AREA interpolates a direction in which a picture does not shrink. */
        static Taps area(int source, int target) {
            double inverse = (double) target / source;
            double scale = 1.0 / inverse;
            int[] first = new int[target];
            float[] share = new float[target];
            for (int i = 0; i < target; i++) {
                first[i] = (int) Math.floor(i * scale);
                float place = (float) ((i + 1) - (first[i] + 1) * inverse);
                share[i] = place <= 0 ? 0f : place - (int) Math.floor(place);
            }
            return new Taps(first, share);
        }

        Taps clamped(int source) {
            for (int i = 0; i < first.length; i++) {
                if (first[i] < 0 || first[i] >= source - 1) {
                    first[i] = first[i] < 0 ? 0 : source - 1;
                    share[i] = 0f;
                }
            }
            return this;
        }
    }
}
