package org.edgedepth.core;

/** Which pixels of a picture hold something; alignment leaves borders without pixels. */
public final class Mask {
    public final int height;
    public final int width;
    public final boolean[] data;

    /**
     * @throws IllegalArgumentException the data is not of that size
     */
    public Mask(int height, int width, boolean[] data) {
        if (height < 1 || width < 1 || data.length != height * width) {
            throw new IllegalArgumentException(
                    data.length + " flags are no mask of " + width + "x" + height);
        }
        this.height = height;
        this.width = width;
        this.data = data;
    }

    /** Nothing is valid. */
    public Mask(int height, int width) {
        this(height, width, new boolean[height * width]);
    }

    public boolean all() {
        for (boolean valid : data) {
            if (!valid) {
                return false;
            }
        }
        return true;
    }

    /** Share of the pixels that are valid. */
    public double share() {
        int count = 0;
        for (boolean valid : data) {
            count += valid ? 1 : 0;
        }
        return count / (double) data.length;
    }

    /** 1 where valid, 0 elsewhere. */
    public Plane toPlane() {
        Plane plane = new Plane(height, width);
        for (int i = 0; i < data.length; i++) {
            plane.data[i] = data[i] ? 1f : 0f;
        }
        return plane;
    }

    /** Turned a quarter clockwise. */
    public Mask turnedClockwise() {
        Mask turned = new Mask(width, height);
        for (int row = 0; row < width; row++) {
            for (int column = 0; column < height; column++) {
                turned.data[row * height + column] = data[(height - 1 - column) * width + row];
            }
        }
        return turned;
    }

    /** Laid into a larger mask; the border is not valid. A null mask stands for all valid. */
    static Mask padded(Mask mask, int[] size, int newHeight, int newWidth, int top, int left) {
        Mask padded = new Mask(newHeight, newWidth);
        for (int row = 0; row < size[0]; row++) {
            for (int column = 0; column < size[1]; column++) {
                padded.data[(top + row) * newWidth + left + column] =
                        mask == null || mask.data[row * size[1] + column];
            }
        }
        return padded;
    }
}
