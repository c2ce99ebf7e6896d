package org.edgedepth.core;

/** The dioptre range [low, low + span] that a sweep covers; models see focus as a place in it. */
public final class SweepRange {
    /** A sweep narrower than this is taken for a single picture. */
    public static final double MIN_SPAN_DIOPTRES = 0.1;

    /** The range of a single picture. */
    public static final double SINGLE_RANGE_DIOPTRES = 4.0;

    public final double low;
    public final double span;

    public SweepRange(double low, double span) {
        this.low = low;
        this.span = span;
    }

    /**
     * Range of the frames' focus.
     *
     * @throws IllegalArgumentException no frame, or a focus that is not finite and at least 0
     */
    public static SweepRange of(double... focusDioptres) {
        double low = Double.POSITIVE_INFINITY;
        double high = 0;
        for (double focus : focusDioptres) {
            if (!(focus >= 0) || Double.isInfinite(focus)) {
                throw new IllegalArgumentException("focus must be finite dioptres >= 0");
            }
            low = Math.min(low, focus);
            high = Math.max(high, focus);
        }
        if (focusDioptres.length == 0) {
            throw new IllegalArgumentException("a sweep needs at least one frame");
        }
        if (high - low < MIN_SPAN_DIOPTRES) {
            return new SweepRange(0, Math.max(SINGLE_RANGE_DIOPTRES, high));
        }
        return new SweepRange(low, high - low);
    }

    /** Dioptres to a position; 0 is the farthest plane, 1 the nearest. */
    public float position(double dioptres) {
        return (float) ((dioptres - low) / span);
    }

    /** A position to dioptres, never below 0. */
    public float dioptres(float position) {
        return Math.max((float) low + (float) span * position, 0f);
    }

    /**
     * What the sweep is like, each in [0, 1]: blur over the span, start, span.
     *
     * @param cueCocPxPerDioptre K at the cue image's width
     */
    public float[] optics(double cueCocPxPerDioptre) {
        double blur = log2(1 + cueCocPxPerDioptre * span) / 6;
        return new float[] {
            share(blur), share(low / 4), share(log2(1 + 4 * span) / 6),
        };
    }

    private static float share(double value) {
        return Math.min(1f, Math.max(0f, (float) value));
    }

    private static double log2(double value) {
        return Math.log(value) / Math.log(2);
    }
}
