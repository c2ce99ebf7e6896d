package org.edgedepth.core;

/** Aligns frames to the first one as they arrive, and matches their brightness. */
public final class Registration {
    private final double focalLengthMm;
    private final double largestBlurPx;
    private Rgb reference;
    private double referenceDioptres;
    private Aligner aligner;

    /**
     * @param focalLengthMm true focal length
     * @param cocPxPerDioptre K at {@link Aligner#WORK_SIDE} pixels along the long side
     * @param spanDioptres width of the sweep's range
     */
    public Registration(double focalLengthMm, double cocPxPerDioptre, double spanDioptres) {
        this.focalLengthMm = focalLengthMm;
        largestBlurPx = Aligner.largestBlur(cocPxPerDioptre, spanDioptres);
    }

    /**
     * Align a frame; the first becomes the reference.
     *
     * @throws IllegalArgumentException a frame of another size than the first
     */
    public AlignedFrame add(Rgb picture, double focusDioptres) {
        float[] same = {1, 1, 1};
        if (reference == null) {
            reference = picture;
            referenceDioptres = focusDioptres;
            aligner = new Aligner(Aligner.toWork(picture), largestBlurPx);
            return new AlignedFrame(picture, null, focusDioptres, Motion.REFERENCE, same);
        }
        if (picture.height != reference.height || picture.width != reference.width) {
            throw new IllegalArgumentException("frames of a sweep must be of one size");
        }
        Motion motion = aligner.align(Aligner.toWork(picture), breathing(focusDioptres));
        return place(picture, focusDioptres, motion);
    }

    private AlignedFrame place(Rgb picture, double focusDioptres, Motion motion) {
        Rgb rgb = picture;
        Mask valid = null;
        if (motion.verdict == Motion.Verdict.ALIGNED) {
            double grow = Math.max(rgb.height, rgb.width) / (double) Aligner.WORK_SIDE;
            Similarity here = motion.similarity.grown(grow);
            valid = Warp.covered(rgb.height, rgb.width, here);
            rgb = Warp.cubic(rgb, here);
        }
        float[] gain = {1, 1, 1};
        if (motion.used()) {
            gain = Brightness.gain(rgb, reference);
            rgb = Brightness.applied(rgb, gain);
        }
        return new AlignedFrame(rgb, valid, focusDioptres, motion, gain);
    }

    /** Thin-lens magnification against the reference; 1 where the model does not hold. */
    private double breathing(double focusDioptres) {
        try {
            double scale = Optics.relativeBreathing(focusDioptres, referenceDioptres, focalLengthMm);
            return scale > 0.8 && scale < 1.25 ? scale : 1;
        } catch (IllegalArgumentException macro) {
            return 1;
        }
    }
}
