package org.edgedepth.core;

import java.util.List;

/** Depth settles along a picture at the model's size: {@code settle} of {@code capture/refine.py}. */
public final class Settling {
    private static final float LEAST_WEIGHT = 0.02f;
    private static final float LEAST_DIOPTRES = 0.02f;
    private static final int EDGE_RADIUS = 2;

    private Settling() {}

    /**
     * An answer that is not weighed against anything, settled.
     *
     * @param sharp the frames' all-in-focus composite
     */
    public static ModelAnswer alone(ModelAnswer answer, Rgb sharp) {
        return with(answer, along(sharp, answer.dioptres, answer.confidence, null));
    }

    /**
     * An answer, weighed against the frames' relative blur and settled along their composite.
     *
     * @param frames aligned, the first of them the reference, their focus in true dioptres
     * @param sharp their all-in-focus composite
     * @param coc K in pixels of the frames per dioptre
     */
    public static ModelAnswer byRelativeBlur(
            ModelAnswer answer, List<AlignedFrame> frames, Rgb sharp, double coc) {
        Plane weighed = RelativeBlur.of(answer.dioptres, answer.confidence, frames, sharp, coc);
        return weighed == null ? alone(answer, sharp) : with(answer, weighed);
    }

    private static ModelAnswer with(ModelAnswer answer, Plane dioptres) {
        Plane sure = sureOf(answer.confidence, answer.dioptres, dioptres);
        return new ModelAnswer(answer.position, dioptres, sure);
    }

    /** Confidence in settled depth: less where it has moved, and at depth edges. */
    static Plane sureOf(Plane confidence, Plane answer, Plane settled) {
        Plane sure = new Plane(settled.height, settled.width);
        for (int row = 0; row < sure.height; row++) {
            for (int column = 0; column < sure.width; column++) {
                int pixel = row * sure.width + column;
                float before = Math.max(answer.data[pixel], LEAST_DIOPTRES);
                float after = Math.max(settled.data[pixel], LEAST_DIOPTRES);
                float agreed = Math.min(before, after) / Math.max(before, after);
                sure.data[pixel] = confidence.data[pixel] * evenness(settled, row, column) * agreed;
            }
        }
        return sure;
    }

    /** Least over most dioptres around a pixel. */
    private static float evenness(Plane settled, int row, int column) {
        float least = Float.MAX_VALUE;
        float most = LEAST_DIOPTRES;
        int lastRow = Math.min(row + EDGE_RADIUS, settled.height - 1);
        int lastColumn = Math.min(column + EDGE_RADIUS, settled.width - 1);
        for (int y = Math.max(0, row - EDGE_RADIUS); y <= lastRow; y++) {
            for (int x = Math.max(0, column - EDGE_RADIUS); x <= lastColumn; x++) {
                float dioptres = Math.max(settled.data[y * settled.width + x], LEAST_DIOPTRES);
                least = Math.min(least, dioptres);
                most = Math.max(most, dioptres);
            }
        }
        return least / most;
    }

    /** @param spread standard deviation of the dioptres; null where that is not known */
    static Plane along(Rgb picture, Plane dioptres, Plane confidence, Plane spread) {
        Rgb colour = Resize.area(picture, dioptres.height, dioptres.width);
        Plane weight = new Plane(dioptres.height, dioptres.width);
        for (int i = 0; i < weight.data.length; i++) {
            weight.data[i] = confidence.data[i] + LEAST_WEIGHT;
        }
        return new WeightedMedian(colour, weight, spread).of(dioptres);
    }
}
