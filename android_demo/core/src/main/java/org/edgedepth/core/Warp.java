package org.edgedepth.core;

/** Laying a frame over the reference. */
final class Warp {
    private static final float SHARPNESS = -0.75f;
    private static final int PLACE_BITS = 10;
    private static final int TABLE_BITS = 5;
    private static final int TABLE_MASK = (1 << TABLE_BITS) - 1;
    private static final int WEIGHT_BITS = 15;
    private static final float[][] LINES = lines();
    private static final int[][] WEIGHTS = weightTable();

    private Warp() {}

    /**
     * A plane warped by bilinear interpolation.
     *
     * @param outside what stands where the frame has no four pixels around a place
     */
    static Plane linear(Plane frame, Similarity motion, float outside) {
        int height = frame.height;
        int width = frame.width;
        Plane warped = new Plane(height, width);
        double startX = motion.frameX(0, 0, height, width);
        double startY = motion.frameY(0, 0, height, width);
        for (int row = 0; row < height; row++) {
            double x = startX - motion.b * row;
            double y = startY + motion.a * row;
            for (int column = 0; column < width; column++, x += motion.a, y += motion.b) {
                int left = (int) Math.floor(x);
                int top = (int) Math.floor(y);
                if (left < 0 || top < 0 || left + 1 >= width || top + 1 >= height) {
                    boolean near = x > -0.02 && y > -0.02 && x < width - 0.98 && y < height - 0.98;
                    warped.data[row * width + column] = near ? nearest(frame, x, y) : outside;
                    continue;
                }
                int corner = top * width + left;
                float across = (float) (x - left);
                float down = (float) (y - top);
                float upper = frame.data[corner] + across * (frame.data[corner + 1] - frame.data[corner]);
                corner += width;
                float lower = frame.data[corner] + across * (frame.data[corner + 1] - frame.data[corner]);
                warped.data[row * width + column] = upper + down * (lower - upper);
            }
        }
        return warped;
    }

    private static float nearest(Plane frame, double x, double y) {
        int column = Resize.clip((int) Math.rint(x), frame.width);
        return frame.data[Resize.clip((int) Math.rint(y), frame.height) * frame.width + column];
    }

    /**
     * A picture warped by bicubic interpolation (a = -0.75), its border repeated outwards.
     *
     * <p>In OpenCV's fixed point: 32 places between two pixels, weights of 15 bits that add up.
     */
    static Rgb cubic(Rgb frame, Similarity motion) {
        int height = frame.height;
        int width = frame.width;
        Rgb warped = new Rgb(height, width);
        Places places = new Places(motion, height, width, PLACE_BITS - TABLE_BITS);
        int[] offsets = new int[16];
        for (int row = 0; row < height; row++) {
            for (int column = 0; column < width; column++) {
                int x = places.x(row, column);
                int y = places.y(row, column);
                int[] weights = WEIGHTS[(y & TABLE_MASK) << TABLE_BITS | (x & TABLE_MASK)];
                int left = (x >> TABLE_BITS) - 1;
                int top = (y >> TABLE_BITS) - 1;
                int target = Rgb.CHANNELS * (row * width + column);
                if (left >= 0 && top >= 0 && left + 3 < width && top + 3 < height) {
                    mix(frame, Rgb.CHANNELS * (top * width + left), weights, warped, target);
                    continue;
                }
                for (int k = 0; k < 16; k++) {
                    int from = Resize.clip(top + (k >> 2), height) * width + Resize.clip(left + (k & 3), width);
                    offsets[k] = Rgb.CHANNELS * from;
                }
                for (int channel = 0; channel < Rgb.CHANNELS; channel++) {
                    int sum = 0;
                    for (int k = 0; k < 16; k++) {
                        sum += weights[k] * (frame.data[offsets[k] + channel] & 0xFF);
                    }
                    warped.data[target + channel] = rounded(sum);
                }
            }
        }
        return warped;
    }

    /**
     * A plane by bicubic interpolation (a = -0.75), each pixel from so far right and down, its
     * border mirrored; in 32 places between two pixels, as OpenCV's remap.
     */
    static Plane shifted(Plane frame, Plane right, Plane down) {
        int height = frame.height;
        int width = frame.width;
        Plane shifted = new Plane(height, width);
        for (int row = 0; row < height; row++) {
            for (int column = 0; column < width; column++) {
                int pixel = row * width + column;
                int x = (int) Math.rint((column + right.data[pixel]) * (TABLE_MASK + 1));
                int y = (int) Math.rint((row + down.data[pixel]) * (TABLE_MASK + 1));
                shifted.data[pixel] = between(frame, x, y);
            }
        }
        return shifted;
    }

    private static float between(Plane frame, int x, int y) {
        float[] across = LINES[x & TABLE_MASK];
        float[] along = LINES[y & TABLE_MASK];
        int left = (x >> TABLE_BITS) - 1;
        int top = (y >> TABLE_BITS) - 1;
        float sum = 0;
        for (int k = 0; k < 4; k++) {
            int line = Filters.mirror(top + k, frame.height) * frame.width;
            for (int i = 0; i < 4; i++) {
                float value = frame.data[line + Filters.mirror(left + i, frame.width)];
                sum += value * (along[k] * across[i]);
            }
        }
        return sum;
    }

    /** Sixteen pixels within the picture, the first of them at {@code corner}. */
    private static void mix(Rgb frame, int corner, int[] weights, Rgb warped, int target) {
        byte[] data = frame.data;
        int red = 0;
        int green = 0;
        int blue = 0;
        int at = corner;
        for (int k = 0; k < 16; k += 4) {
            for (int i = 0; i < 4; i++) {
                int weight = weights[k + i];
                int pixel = at + Rgb.CHANNELS * i;
                red += weight * (data[pixel] & 0xFF);
                green += weight * (data[pixel + 1] & 0xFF);
                blue += weight * (data[pixel + 2] & 0xFF);
            }
            at += Rgb.CHANNELS * frame.width;
        }
        warped.data[target] = rounded(red);
        warped.data[target + 1] = rounded(green);
        warped.data[target + 2] = rounded(blue);
    }

    private static byte rounded(int sum) {
        int value = sum + (1 << (WEIGHT_BITS - 1)) >> WEIGHT_BITS;
        return (byte) Math.min(255, Math.max(0, value));
    }

    /** The sixteen weights for each of 32 x 32 places between pixels; each set adds up to one. */
    private static int[][] weightTable() {
        int side = 1 << TABLE_BITS;
        int[][] table = new int[side * side][];
        for (int down = 0; down < side; down++) {
            for (int across = 0; across < side; across++) {
                table[down * side + across] = weights(line(down), line(across));
            }
        }
        return table;
    }

    private static int[] weights(float[] down, float[] across) {
        int[] weights = new int[16];
        int left = 1 << WEIGHT_BITS;
        for (int k = 0; k < 16; k++) {
            weights[k] = (int) Math.rint(down[k >> 2] * across[k & 3] * (float) (1 << WEIGHT_BITS));
            left -= weights[k];
        }
        // what rounding left over goes to the largest of the middle four, or comes off the least
        int chosen = 10;
        for (int k : new int[] {10, 11, 14, 15}) {
            boolean better = left > 0 ? weights[k] > weights[chosen] : weights[k] < weights[chosen];
            chosen = better ? k : chosen;
        }
        weights[chosen] += left;
        return weights;
    }

    private static float[][] lines() {
        float[][] lines = new float[1 << TABLE_BITS][];
        for (int place = 0; place < lines.length; place++) {
            lines[place] = line(place);
        }
        return lines;
    }

    private static float[] line(int place) {
        float x = place / (float) (1 << TABLE_BITS);
        float[] weights = new float[4];
        float far = x + 1;
        weights[0] = ((SHARPNESS * far - 5 * SHARPNESS) * far + 8 * SHARPNESS) * far - 4 * SHARPNESS;
        weights[1] = ((SHARPNESS + 2) * x - (SHARPNESS + 3)) * x * x + 1;
        float rest = 1 - x;
        weights[2] = ((SHARPNESS + 2) * rest - (SHARPNESS + 3)) * rest * rest + 1;
        weights[3] = 1f - weights[0] - weights[1] - weights[2];
        return weights;
    }

    /** Which pixels of the reference the frame covers; null if all. */
    static Mask covered(int height, int width, Similarity motion) {
        Mask mask = new Mask(height, width);
        Places places = new Places(motion, height, width, PLACE_BITS);
        for (int row = 0; row < height; row++) {
            for (int column = 0; column < width; column++) {
                int x = places.x(row, column);
                int y = places.y(row, column);
                mask.data[row * width + column] = x >= 0 && y >= 0 && x < width && y < height;
            }
        }
        return mask.all() ? null : mask;
    }

    /** Where the reference's pixels lie in the frame, in OpenCV's fixed point. */
    private static final class Places {
        private final int[] xOfColumn;
        private final int[] yOfColumn;
        private final int[] xOfRow;
        private final int[] yOfRow;
        private final int shift;

        Places(Similarity motion, int height, int width, int shift) {
            this.shift = shift;
            double offsetX = motion.frameX(0, 0, height, width);
            double offsetY = motion.frameY(0, 0, height, width);
            xOfColumn = line(width, motion.a, 0, 0);
            yOfColumn = line(width, motion.b, 0, 0);
            xOfRow = line(height, -motion.b, offsetX, 1 << shift >> 1);
            yOfRow = line(height, motion.a, offsetY, 1 << shift >> 1);
        }

        private static int[] line(int count, double slope, double start, int half) {
            int[] places = new int[count];
            for (int i = 0; i < count; i++) {
                places[i] = (int) Math.rint((slope * i + start) * (1 << PLACE_BITS)) + half;
            }
            return places;
        }

        int x(int row, int column) {
            return xOfRow[row] + xOfColumn[column] >> shift;
        }

        int y(int row, int column) {
            return yOfRow[row] + yOfColumn[column] >> shift;
        }
    }
}
