package org.edgedepth.core;

import java.util.Arrays;

/**
 * At which distances to focus: uniform in dioptres, far to near.
 *
 * <p>Blur grows linearly in dioptres, so equal steps in dioptres look equally far apart to the
 * network, whatever the distance. Far to near is the order in which the Python side hands frames
 * to a model, and the first frame is the reference.
 */
public final class SweepPlan {
    public static final int MIN_FRAMES = 2;
    public static final int MAX_FRAMES = 16;

    /** A reported focus this near to the planned one, as a share of the step, is good enough. */
    public static final double SETTLED_SHARE = 0.25;

    private final double[] focusDioptres;

    private SweepPlan(double[] focusDioptres) {
        this.focusDioptres = focusDioptres;
    }

    /**
     * Equal steps from the farthest to the nearest plane.
     *
     * @param farDioptres farthest plane, 0 for infinity
     * @param nearDioptres nearest plane, at most what the lens can do
     * @param frames how many
     * @throws IllegalArgumentException a count outside 2 to 16, or a range that is none
     */
    public static SweepPlan uniform(double farDioptres, double nearDioptres, int frames) {
        if (frames < MIN_FRAMES || frames > MAX_FRAMES) {
            throw new IllegalArgumentException(
                    "a sweep has " + MIN_FRAMES + " to " + MAX_FRAMES + " frames, not " + frames);
        }
        if (!(farDioptres >= 0) || !(nearDioptres - farDioptres >= SweepRange.MIN_SPAN_DIOPTRES)
                || Double.isInfinite(nearDioptres)) {
            throw new IllegalArgumentException(
                    "a sweep from " + farDioptres + " to " + nearDioptres + " dioptres has no room");
        }
        double[] focus = new double[frames];
        for (int i = 0; i < frames; i++) {
            focus[i] = farDioptres + (nearDioptres - farDioptres) * i / (frames - 1);
        }
        return new SweepPlan(focus);
    }

    /**
     * What a lens can do of a wanted range.
     *
     * @param minimumFocusDioptres Android's LENS_INFO_MINIMUM_FOCUS_DISTANCE; 0 for a fixed lens
     * @throws IllegalArgumentException the lens cannot be focused, or not within the range
     */
    public static SweepPlan forLens(
            double farDioptres, double nearDioptres, int frames, double minimumFocusDioptres) {
        if (!(minimumFocusDioptres > 0)) {
            throw new IllegalArgumentException("this camera's lens has a fixed focus");
        }
        return uniform(farDioptres, Math.min(nearDioptres, minimumFocusDioptres), frames);
    }

    public int frames() {
        return focusDioptres.length;
    }

    public double focusDioptres(int frame) {
        return focusDioptres[frame];
    }

    /** Focus of every frame, far to near. */
    public double[] focusDioptres() {
        return focusDioptres.clone();
    }

    public double stepDioptres() {
        return focusDioptres[1] - focusDioptres[0];
    }

    /** The range that the planned planes cover. */
    public SweepRange range() {
        return SweepRange.of(focusDioptres);
    }

    /** Whether a lens that reports a focus has arrived at a frame's plane. */
    public boolean settled(int frame, double reportedDioptres) {
        double error = Math.abs(reportedDioptres - focusDioptres[frame]);
        return error <= SETTLED_SHARE * stepDioptres();
    }

    @Override
    public String toString() {
        return "SweepPlan" + Arrays.toString(focusDioptres);
    }
}
