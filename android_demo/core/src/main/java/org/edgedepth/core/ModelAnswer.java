package org.edgedepth.core;

/** What a model says about a sweep, at the model's size. */
public final class ModelAnswer {
    /** Position in the sweep's dioptre range, as the model gave it. */
    public final Plane position;
    /** Depth in dioptres, never negative; 0 is infinitely far. */
    public final Plane dioptres;
    /** 0 to 1. */
    public final Plane confidence;

    public ModelAnswer(Plane position, Plane dioptres, Plane confidence) {
        this.position = position;
        this.dioptres = dioptres;
        this.confidence = confidence;
    }

    /** The picture's part of the answer, the way the picture was held. */
    public ModelAnswer within(Fit fit) {
        return new ModelAnswer(
                fit.fromModel(position), fit.fromModel(dioptres), fit.fromModel(confidence));
    }
}
