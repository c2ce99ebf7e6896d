package org.edgedepth.core;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;

/**
 * Two frames laid over each other, and how much blur turns one into the other: {@code Pair} of {@code
 * capture/blur_ladder.py}, which says why. The same whatever K is.
 */
final class BlurPair {
    static final int FINER = 2;
    private static final int INNER_STEPS = 12;
    private static final int OUTER_STEPS = 20;
    static final float SAMPLES = 60f;
    private static final double FLOOR = 1e-6;
    private static final double QUIETEST = 0.05;
    private static final double NOISE_FLOOR = 10;
    private static final int WINDOW = 3;
    private static final float TOLERANCE_PX = 0.3f;
    static final float[] SOFT = {0.25f, 0.5f, 0.25f};
    private static final double NARROW = 0.4;

    private final Gap gap;
    private final Plane beyond;
    private final Plane before;
    private final float[] trust;
    private final float floor;
    private final GuidedFilter smooth;

    private BlurPair(
            Gap gap, Plane beyond, Plane before, float[] trust, float floor, GuidedFilter smooth) {
        this.gap = gap;
        this.beyond = beyond;
        this.before = before;
        this.trust = trust;
        this.floor = floor;
        this.smooth = smooth;
    }

    /**
     * Two frames, the nearer laid over the farther.
     *
     * @param beyond of the farther one, {@code FINER} pixels to one of the answer
     * @param before of the nearer one
     * @param valid of either, null where all of it is
     * @param smooth along the picture's edges, at the answer's size
     */
    static BlurPair laidOver(
            Gap gap, Plane beyond, Plane before, Mask[] valid, GuidedFilter smooth) {
        LocalShift shift =
                LocalShift.between(beyond, before, beyond.height / FINER, beyond.width / FINER);
        float[] trust = trust(shift.apart, valid);
        float floor = floor(unlike(beyond, shift.laid));
        return new BlurPair(gap, beyond, shift.laid, trust, floor, smooth);
    }

    /**
     * What all pairs say.
     *
     * @param k pixels of the answer per dioptre
     */
    static List<BlurLadder> ladders(List<BlurPair> pairs, double k) {
        List<Callable<BlurLadder>> jobs = new ArrayList<>();
        for (BlurPair pair : pairs) {
            jobs.add(() -> pair.climb(k));
        }
        return SideBySide.all(jobs);
    }

    private static float[] trust(Plane apart, Mask[] masks) {
        float[] trust = new float[apart.data.length];
        for (int i = 0; i < trust.length; i++) {
            float off = apart.data[i] / TOLERANCE_PX;
            trust[i] = (float) Math.exp(-(off * off));
        }
        for (Mask valid : masks) {
            if (valid != null) {
                Plane known = Resize.area(valid.toPlane(), apart.height, apart.width);
                for (int i = 0; i < trust.length; i++) {
                    trust[i] *= known.data[i];
                }
            }
        }
        return trust;
    }

    /** What no measurement is better than: more than what is left in the quietest pixels. */
    private static float floor(Plane unlike) {
        float[] sorted = unlike.data.clone();
        Arrays.sort(sorted);
        double place = QUIETEST * (sorted.length - 1);
        int below = (int) place;
        int above = Math.min(below + 1, sorted.length - 1);
        double least = sorted[below] + (place - below) * (sorted[above] - sorted[below]);
        return (float) Math.max(FLOOR, NOISE_FLOOR * least / 2);
    }

    /** Blurs one frame step by step until it is the other, and the other way. */
    private BlurLadder climb(double k) {
        int below = gap.first ? OUTER_STEPS : INNER_STEPS;
        int above = gap.last ? OUTER_STEPS : INNER_STEPS;
        double[] places = new double[below + above + 1];
        double[] variances = new double[places.length];
        for (int i = 0; i < places.length; i++) {
            double share = i < below ? (below - i) / (double) below : (i - below) / (double) above;
            double end = i < below ? gap.farthest() : gap.nearest();
            places[i] = gap.middle() + share * (end - gap.middle());
            double fromMiddle = places[i] - gap.middle();
            variances[i] = FINER * k * FINER * k * gap.width() * fromMiddle / 8;
        }
        float[][] logs = new float[places.length][];
        steps(logs, beyond, before, below, -1, variances[below] - variances[below - 1]);
        steps(logs, before, beyond, below, 1, variances[below + 1] - variances[below]);
        for (float[] log : logs) {
            for (int i = 0; i < trust.length; i++) {
                log[i] *= trust[i];
            }
        }
        return new BlurLadder(gap, places, logs, variances);
    }

    /** Likelihoods from the middle on, after each step that blurs the sharper frame. */
    private void steps(
            float[][] logs, Plane from, Plane blurrier, int start, int way, double variance) {
        float[] kernel = diffusion(variance);
        float[] spread = SOFT;
        float least = squares(SOFT) * squares(SOFT);
        Plane sharper = from;
        for (int place = start; place >= 0 && place < logs.length; place += way) {
            if (place != start) {
                sharper = Filters.separable(sharper, kernel, kernel);
                spread = convolved(spread, kernel);
            }
            float noise = 1 + squares(spread) * squares(spread) / least;
            Plane left = unlike(sharper, blurrier);
            for (int i = 0; i < left.data.length; i++) {
                left.data[i] = -SAMPLES / 2 * (float) Math.log(left.data[i] / noise + floor);
            }
            logs[place] = smooth.smooth(left).data;
        }
    }

    /** Mean squared difference, at the answer's size. */
    private static Plane unlike(Plane one, Plane other) {
        Plane squares = new Plane(one.height, one.width);
        for (int i = 0; i < squares.data.length; i++) {
            float unlike = one.data[i] - other.data[i];
            squares.data[i] = unlike * unlike;
        }
        Plane small = Resize.area(squares, one.height / FINER, one.width / FINER);
        return Filters.boxMean(small, WINDOW);
    }

    private static float squares(float[] kernel) {
        float sum = 0;
        for (float weight : kernel) {
            sum += weight * weight;
        }
        return sum;
    }

    private static float[] convolved(float[] one, float[] other) {
        float[] both = new float[one.length + other.length - 1];
        for (int i = 0; i < one.length; i++) {
            for (int j = 0; j < other.length; j++) {
                both[i + j] += one[i] * other[j];
            }
        }
        return both;
    }

    /** A kernel of odd length that sums to 1 and has this variance, in squared pixels. */
    static float[] diffusion(double variance) {
        if (variance <= NARROW) {
            float side = (float) (variance / 2);
            return new float[] {side, (float) (1 - variance), side};
        }
        int reach = (int) Math.ceil(3.5 * Math.sqrt(variance));
        double[] weights = new double[2 * reach + 1];
        double total = 0;
        for (int i = 0; i < weights.length; i++) {
            weights[i] = Math.exp(-(i - reach) * (i - reach) / (2 * variance));
            total += weights[i];
        }
        float[] kernel = new float[weights.length];
        for (int i = 0; i < kernel.length; i++) {
            kernel[i] = (float) (weights[i] / total);
        }
        return kernel;
    }
}
