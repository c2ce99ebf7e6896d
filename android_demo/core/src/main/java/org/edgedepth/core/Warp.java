package org.edgedepth.core;

/** Laying a frame over the reference. */
final class Warp {
    private static final double SHARPNESS = -0.75;

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
        int column = clip((int) Math.rint(x), frame.width);
        return frame.data[clip((int) Math.rint(y), frame.height) * frame.width + column];
    }

    /** A picture warped by bicubic interpolation (a = -0.75), its border repeated outwards. */
    static Rgb cubic(Rgb frame, Similarity motion) {
        int height = frame.height;
        int width = frame.width;
        Rgb warped = new Rgb(height, width);
        float[] across = new float[4];
        float[] down = new float[4];
        int[] columns = new int[4];
        for (int row = 0; row < height; row++) {
            for (int column = 0; column < width; column++) {
                double x = steps(motion.frameX(column, row, height, width));
                double y = steps(motion.frameY(column, row, height, width));
                int left = (int) Math.floor(x) - 1;
                int top = (int) Math.floor(y) - 1;
                weights(x - left - 1, across);
                weights(y - top - 1, down);
                for (int k = 0; k < 4; k++) {
                    columns[k] = Rgb.CHANNELS * clip(left + k, width);
                }
                int target = Rgb.CHANNELS * (row * width + column);
                for (int channel = 0; channel < Rgb.CHANNELS; channel++) {
                    float sum = 0;
                    for (int k = 0; k < 4; k++) {
                        int base = Rgb.CHANNELS * width * clip(top + k, height) + channel;
                        float line = 0;
                        for (int i = 0; i < 4; i++) {
                            line += across[i] * (frame.data[base + columns[i]] & 0xFF);
                        }
                        sum += down[k] * line;
                    }
                    warped.data[target + channel] = Resize.toByte(sum);
                }
            }
        }
        return warped;
    }

    /** OpenCV interpolates at 32 places between two pixels. */
    private static double steps(double place) {
        return Math.rint(place * 32) / 32;
    }

    private static void weights(double share, float[] weights) {
        double s = share + 1;
        weights[0] = (float) (((SHARPNESS * s - 5 * SHARPNESS) * s + 8 * SHARPNESS) * s - 4 * SHARPNESS);
        s = share;
        weights[1] = (float) (((SHARPNESS + 2) * s - (SHARPNESS + 3)) * s * s + 1);
        s = 1 - share;
        weights[2] = (float) (((SHARPNESS + 2) * s - (SHARPNESS + 3)) * s * s + 1);
        weights[3] = 1f - weights[0] - weights[1] - weights[2];
    }

    /** Which pixels of the reference the frame covers; null if all. */
    static Mask covered(int height, int width, Similarity motion) {
        Mask mask = new Mask(height, width);
        for (int row = 0; row < height; row++) {
            for (int column = 0; column < width; column++) {
                long x = Math.round(motion.frameX(column, row, height, width));
                long y = Math.round(motion.frameY(column, row, height, width));
                mask.data[row * width + column] = x >= 0 && y >= 0 && x < width && y < height;
            }
        }
        return mask.all() ? null : mask;
    }

    private static int clip(int index, int size) {
        return Math.min(size - 1, Math.max(0, index));
    }
}
