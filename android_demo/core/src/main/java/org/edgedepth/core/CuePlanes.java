package org.edgedepth.core;

/**
 * Log focus energy of one frame at the model's grid, as {@code edgedepth.preprocess.cue_planes}.
 */
public final class CuePlanes {
    public static final int COUNT = 4;

    /** Focus energy, in units of full-scale grey, below which there is only noise. */
    static final double FLOOR = 0.0015;

    private static final double LOG_FLOOR = Math.log(FLOOR);

    private CuePlanes() {}

    /**
     * @param cueRgb cue image, 1, 2 or 4 times the grid
     * @return four planes of bytes, one after the other: 0 for no energy, 255 for 1
     */
    public static byte[][] of(Rgb cueRgb, int height, int width) {
        Plane gray = cueRgb.gray();
        Plane half = halved(gray);
        Plane fine = atGrid(Filters.modifiedLaplacian(gray), height, width);
        Plane middle = atGrid(Filters.modifiedLaplacian(half), height, width);
        Plane coarse = atGrid(Filters.modifiedLaplacian(halved(half)), height, width);
        return new byte[][] {
            levels(Filters.boxMean(fine, 3)),
            levels(Filters.boxMean(fine, 11)),
            levels(Filters.boxMean(middle, 5)),
            levels(Filters.boxMean(coarse, 3)),
        };
    }

    private static Plane halved(Plane plane) {
        return Resize.area(plane, Math.max(1, plane.height / 2), Math.max(1, plane.width / 2));
    }

    private static Plane atGrid(Plane energy, int height, int width) {
        return Resize.fitting(energy, height, width);
    }

    private static byte[] levels(Plane energy) {
        byte[] levels = new byte[energy.data.length];
        for (int i = 0; i < levels.length; i++) {
            double level = (Math.log(energy.data[i] + (float) FLOOR) - LOG_FLOOR) / -LOG_FLOOR;
            levels[i] = (byte) (int) Math.rint(Math.min(1, Math.max(0, level)) * 255);
        }
        return levels;
    }
}
