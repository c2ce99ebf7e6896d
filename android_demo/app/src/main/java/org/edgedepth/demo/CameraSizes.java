package org.edgedepth.demo;

import android.util.Size;
import android.util.SizeF;

/** Which of a camera's picture sizes to take. */
final class CameraSizes {
    /** Twice the 1280 pixels at which focus is measured for a model 320 wide. */
    static final int WANTED_LONG_SIDE = 2560;

    private static final int PREVIEW_LONG_SIDE = 1920;
    private static final double SAME_SHAPE = 0.02;

    private CameraSizes() {}

    /**
     * The smallest picture that shows focus at the detail we measure it, of the sensor's shape.
     *
     * @param sizes what the camera offers; null or empty gives null
     * @param shape width over height of the sensor
     */
    static Size picture(Size[] sizes, double shape) {
        Size best = null;
        for (Size size : shaped(sizes, shape)) {
            boolean enough = size.getWidth() >= WANTED_LONG_SIDE;
            boolean hadEnough = best != null && best.getWidth() >= WANTED_LONG_SIDE;
            boolean larger = best == null || size.getWidth() > best.getWidth();
            if (enough ? !hadEnough || !larger : !hadEnough && larger) {
                best = size;
            }
        }
        return best;
    }

    /** The largest preview up to 1920 wide of the sensor's shape. */
    static Size preview(Size[] sizes, double shape) {
        Size best = null;
        for (Size size : shaped(sizes, shape)) {
            boolean fits = size.getWidth() <= PREVIEW_LONG_SIDE;
            if (fits && (best == null || size.getWidth() > best.getWidth())) {
                best = size;
            }
        }
        return best;
    }

    /** Those of the wanted shape, or all if none is. */
    private static Size[] shaped(Size[] sizes, double shape) {
        if (sizes == null) {
            return new Size[0];
        }
        int count = 0;
        Size[] found = new Size[sizes.length];
        for (Size size : sizes) {
            double ratio = size.getWidth() / (double) size.getHeight();
            if (Math.abs(ratio / shape - 1) <= SAME_SHAPE) {
                found[count++] = size;
            }
        }
        return count == 0 ? sizes : java.util.Arrays.copyOf(found, count);
    }

    /** Area of a sensor that a picture covers: the widest or tallest centred crop of its shape. */
    static SizeF covered(SizeF sensorMm, Size picture) {
        float shape = picture.getWidth() / (float) picture.getHeight();
        float width = Math.min(sensorMm.getWidth(), sensorMm.getHeight() * shape);
        return new SizeF(width, width / shape);
    }
}
