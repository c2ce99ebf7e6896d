package org.edgedepth.core;

/** One frame laid over the reference. */
public final class AlignedFrame {
    public final Rgb rgb;
    /** Where alignment brought in pixels; null if everywhere. */
    public final Mask valid;
    /** Where it was focused; 0 for infinity. */
    public final double focusDioptres;
    public final Motion motion;
    private final float[] gain;

    public AlignedFrame(Rgb rgb, Mask valid, double focusDioptres, Motion motion, float[] gain) {
        this.rgb = rgb;
        this.valid = valid;
        this.focusDioptres = focusDioptres;
        this.motion = motion;
        this.gain = gain.clone();
    }

    /** Factors for red, green and blue that brought it to the reference's brightness. */
    public float[] gain() {
        return gain.clone();
    }

    /** Share of the reference that it covers. */
    public double validShare() {
        return valid == null ? 1 : valid.share();
    }
}
