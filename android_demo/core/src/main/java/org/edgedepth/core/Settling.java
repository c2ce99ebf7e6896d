package org.edgedepth.core;

import java.util.List;

/** Depth settles along a picture at the model's size: {@code settle} of {@code capture/refine.py}. */
public final class Settling {
    private static final float LEAST_WEIGHT = 0.02f;

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
        return new ModelAnswer(answer.position, dioptres, answer.confidence);
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
