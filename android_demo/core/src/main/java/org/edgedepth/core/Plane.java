package org.edgedepth.core;

import java.util.Arrays;

/** One float per pixel: grey, energy, depth, confidence. Rows from the top. */
public final class Plane {
    public final int height;
    public final int width;
    public final float[] data;

    /**
     * @throws IllegalArgumentException the data is not of that size
     */
    public Plane(int height, int width, float[] data) {
        if (height < 1 || width < 1 || data.length != height * width) {
            throw new IllegalArgumentException(
                    data.length + " values are no plane of " + width + "x" + height);
        }
        this.height = height;
        this.width = width;
        this.data = data;
    }

    /** A plane of zeros. */
    public Plane(int height, int width) {
        this(height, width, new float[height * width]);
    }

    /** A plane of one value. */
    public static Plane filled(int height, int width, float value) {
        Plane plane = new Plane(height, width);
        Arrays.fill(plane.data, value);
        return plane;
    }

    public float at(int row, int column) {
        return data[row * width + column];
    }

    /** Part of the plane. */
    public Plane cut(int top, int left, int partHeight, int partWidth) {
        Plane part = new Plane(partHeight, partWidth);
        for (int row = 0; row < partHeight; row++) {
            System.arraycopy(
                    data, (top + row) * width + left, part.data, row * partWidth, partWidth);
        }
        return part;
    }

    /** Turned a quarter against the clock. */
    public Plane turnedBack() {
        Plane turned = new Plane(width, height);
        for (int row = 0; row < width; row++) {
            for (int column = 0; column < height; column++) {
                turned.data[row * height + column] = at(column, width - 1 - row);
            }
        }
        return turned;
    }
}
