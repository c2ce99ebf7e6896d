package org.edgedepth.core;

/**
 * How sharp one frame is, area-averaged to the model's grid: {@code edgedepth.cues.focus_energy}.
 */
final class FocusEnergy {
    private static final double SMOOTHING_PX = 0.8;
    private static final float HALF_SIZE_WEIGHT = 0.5f;

    /** At the cue image's size and half of it together, in units of full-scale grey. */
    final Plane nativeSize;
    /** At a quarter of the cue image's size. */
    final Plane coarse;

    private FocusEnergy(Plane nativeSize, Plane coarse) {
        this.nativeSize = nativeSize;
        this.coarse = coarse;
    }

    /** @param cueRgb cue image, 4, 2 or 1 times the grid */
    static FocusEnergy of(Rgb cueRgb, int height, int width) {
        Plane gray = cueRgb.gray();
        Plane half = halved(gray);
        Plane energy = modifiedLaplacian(gray);
        Plane fromHalf = Resize.fitting(modifiedLaplacian(half), gray.height, gray.width);
        for (int i = 0; i < energy.data.length; i++) {
            energy.data[i] += HALF_SIZE_WEIGHT * fromHalf.data[i];
        }
        return new FocusEnergy(
                Resize.fitting(energy, height, width),
                Resize.fitting(modifiedLaplacian(halved(half)), height, width));
    }

    private static Plane modifiedLaplacian(Plane gray) {
        return Filters.modifiedLaplacian(Filters.gaussian(gray, SMOOTHING_PX));
    }

    private static Plane halved(Plane plane) {
        return Resize.fitting(plane, Math.max(1, plane.height / 2), Math.max(1, plane.width / 2));
    }

    /** The same where a pixel is valid, another frame's elsewhere. */
    FocusEnergy filled(Mask valid, FocusEnergy other) {
        return new FocusEnergy(
                filled(nativeSize, valid, other.nativeSize), filled(coarse, valid, other.coarse));
    }

    private static Plane filled(Plane plane, Mask valid, Plane other) {
        Plane filled = new Plane(plane.height, plane.width);
        for (int i = 0; i < filled.data.length; i++) {
            filled.data[i] = valid.data[i] ? plane.data[i] : other.data[i];
        }
        return filled;
    }
}
