package org.edgedepth.core;

/** An 8-bit RGB picture: rows from the top, three bytes a pixel, gamma-encoded sRGB. */
public final class Rgb {
    public static final int CHANNELS = 3;

    public final int height;
    public final int width;
    /** R, G, B of each pixel in turn; bytes are unsigned. */
    public final byte[] data;

    /**
     * @throws IllegalArgumentException the data is not of that size
     */
    public Rgb(int height, int width, byte[] data) {
        if (height < 1 || width < 1 || data.length != CHANNELS * height * width) {
            throw new IllegalArgumentException(
                    data.length + " bytes are no RGB picture of " + width + "x" + height);
        }
        this.height = height;
        this.width = width;
        this.data = data;
    }

    /** A black picture. */
    public Rgb(int height, int width) {
        this(height, width, new byte[CHANNELS * height * width]);
    }

    /** From pixels as Android's Bitmap gives them, 0xAARRGGBB; alpha is ignored. */
    public static Rgb fromArgb(int[] pixels, int height, int width) {
        Rgb rgb = new Rgb(height, width);
        for (int i = 0; i < height * width; i++) {
            rgb.data[3 * i] = (byte) (pixels[i] >> 16);
            rgb.data[3 * i + 1] = (byte) (pixels[i] >> 8);
            rgb.data[3 * i + 2] = (byte) pixels[i];
        }
        return rgb;
    }

    /** Pixels as Android's Bitmap takes them, opaque. */
    public int[] toArgb() {
        int[] pixels = new int[height * width];
        for (int i = 0; i < pixels.length; i++) {
            pixels[i] =
                    0xFF000000
                            | (data[3 * i] & 0xFF) << 16
                            | (data[3 * i + 1] & 0xFF) << 8
                            | (data[3 * i + 2] & 0xFF);
        }
        return pixels;
    }

    /** Luma of ITU-R BT.601 in whole steps 0 to 255, rounded as OpenCV does (15 bits). */
    public Plane luma() {
        Plane gray = new Plane(height, width);
        for (int i = 0; i < gray.data.length; i++) {
            int sum =
                    9798 * (data[3 * i] & 0xFF)
                            + 19235 * (data[3 * i + 1] & 0xFF)
                            + 3735 * (data[3 * i + 2] & 0xFF);
            gray.data[i] = (sum + (1 << 14)) >> 15;
        }
        return gray;
    }

    /** {@link #luma} in [0, 1]. */
    public Plane gray() {
        Plane gray = luma();
        for (int i = 0; i < gray.data.length; i++) {
            gray.data[i] /= 255f;
        }
        return gray;
    }

    /** Turned a quarter clockwise. */
    public Rgb turnedClockwise() {
        Rgb turned = new Rgb(width, height);
        for (int row = 0; row < width; row++) {
            for (int column = 0; column < height; column++) {
                int from = CHANNELS * ((height - 1 - column) * width + row);
                System.arraycopy(data, from, turned.data, CHANNELS * (row * height + column), CHANNELS);
            }
        }
        return turned;
    }

    /** Laid into a larger picture with the border pixels repeated outwards. */
    public Rgb padded(int newHeight, int newWidth, int top, int left) {
        Rgb padded = new Rgb(newHeight, newWidth);
        for (int row = 0; row < newHeight; row++) {
            int y = Math.min(height - 1, Math.max(0, row - top));
            for (int column = 0; column < newWidth; column++) {
                int x = Math.min(width - 1, Math.max(0, column - left));
                System.arraycopy(
                        data,
                        CHANNELS * (y * width + x),
                        padded.data,
                        CHANNELS * (row * newWidth + column),
                        CHANNELS);
            }
        }
        return padded;
    }
}
