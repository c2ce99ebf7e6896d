package org.edgedepth.core;

/** Thin-lens optics in dioptres (1 / metres); infinity is 0 D. */
public final class Optics {
    private Optics() {}

    /**
     * Dioptres of a distance in metres.
     *
     * @throws IllegalArgumentException the distance is not positive
     */
    public static double metresToDioptres(double metres) {
        if (!(metres > 0)) {
            throw new IllegalArgumentException("distances must be positive metres");
        }
        return 1.0 / metres;
    }

    /**
     * Metres of a focus or depth in dioptres; 0 D is infinitely far.
     *
     * @throws IllegalArgumentException the value is negative
     */
    public static double dioptresToMetres(double dioptres) {
        if (!(dioptres >= 0)) {
            throw new IllegalArgumentException("dioptres must not be negative");
        }
        return 1.0 / dioptres;
    }

    /**
     * K: growth of the blur circle's diameter in pixels per dioptre of defocus, f^2 / (N p).
     *
     * @throws IllegalArgumentException an argument is not positive
     */
    public static double cocPxPerDioptre(
            double focalLengthMm, double fNumber, double sensorWidthMm, double imageWidthPx) {
        if (!(focalLengthMm > 0 && fNumber > 0 && sensorWidthMm > 0 && imageWidthPx > 0)) {
            throw new IllegalArgumentException(
                    "focal length, f-number, sensor width and image width must be positive");
        }
        double pitchMm = sensorWidthMm / imageWidthPx;
        return focalLengthMm * focalLengthMm / (fNumber * pitchMm) * 1e-3;
    }

    /**
     * Magnification against focus at infinity, s / (s - f): focal breathing.
     *
     * @throws IllegalArgumentException the focus lies within the focal length
     */
    public static double breathingScale(double focusDioptres, double focalLengthMm) {
        double bracket = 1.0 - focalLengthMm * 1e-3 * focusDioptres;
        if (bracket <= 0) {
            throw new IllegalArgumentException("focus distance is within the focal length");
        }
        return 1.0 / bracket;
    }

    /** Magnification of a frame against another one. */
    public static double relativeBreathing(
            double focusDioptres, double referenceDioptres, double focalLengthMm) {
        return breathingScale(focusDioptres, focalLengthMm)
                / breathingScale(referenceDioptres, focalLengthMm);
    }

    /** Error in metres that an error in dioptres means at a distance: d^2 dD. */
    public static double depthUncertaintyM(double depthM, double dioptres) {
        return depthM * depthM * dioptres;
    }
}
