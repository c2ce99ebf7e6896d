package org.edgedepth.core;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * How much blurrier one frame is than its neighbour, hypotheses of depth and their likelihood:
 * {@code capture/blur_ladder.py}, which says why.
 */
final class BlurLadder {
    private static final int FINER = 2;
    private static final double GAMMA = 2.2;
    private static final int INNER_STEPS = 10;
    private static final int OUTER_STEPS = 16;
    private static final double FARTHEST = 1 / 12.0;
    private static final double NEAREST = 2.0;
    static final float SAMPLES = 40f;
    private static final double FLOOR = 1e-6;
    private static final double QUIETEST = 0.05;
    private static final double NOISE_FLOOR = 10;
    private static final int WINDOW = 3;
    private static final int SMOOTHING_RADIUS = 4;
    private static final float TOLERANCE_PX = 0.3f;
    private static final double UNEXPLAINED_PX2 = 0.05;
    private static final double LEAST_GAP = 1e-3;
    private static final float[] SOFT = {0.25f, 0.5f, 0.25f};
    private static final double NARROW = 0.4;
    private static final int MOST_THREADS = 4;

    /** Focus of the two planes in dioptres. */
    final double far;

    final double near;
    private final boolean first;
    private final boolean last;
    /** Hypotheses in dioptres, ascending, if K is what it is said to be. */
    final double[] places;
    /** Log likelihood of each, on the answer's grid. */
    final float[][] logs;

    private final double[] variances;

    private BlurLadder(double far, double near, boolean first, boolean last, double k) {
        this.far = far;
        this.near = near;
        this.first = first;
        this.last = last;
        int below = first ? OUTER_STEPS : INNER_STEPS;
        int above = last ? OUTER_STEPS : INNER_STEPS;
        places = new double[below + above + 1];
        variances = new double[places.length];
        logs = new float[places.length][];
        for (int i = 0; i < places.length; i++) {
            double share = i < below ? (below - i) / (double) below : (i - below) / (double) above;
            places[i] = middle() + share * ((i < below ? farthest() : nearest()) - middle());
            variances[i] = k * k * width() * (places[i] - middle()) / 8;
        }
    }

    double width() {
        return near - far;
    }

    /** Where both frames are equally blurred, whatever K is. */
    double middle() {
        return (near + far) / 2;
    }

    private double farthest() {
        return first ? Math.min(FARTHEST, far) : far - width() / 2;
    }

    private double nearest() {
        return last ? NEAREST * near : near + width() / 2;
    }

    /** Whether an answer lies between the planes, or beyond the first or the last. */
    boolean speaksFor(float dioptres) {
        float least = (float) (first ? farthest() : far);
        float most = (float) (last ? nearest() : near);
        return dioptres >= least && dioptres < most;
    }

    /** The places if K squared is {@code scale} times as large. */
    double[] scaled(double scale) {
        double[] scaled = new double[places.length];
        for (int i = 0; i < scaled.length; i++) {
            scaled[i] = middle() + (places[i] - middle()) / scale;
        }
        return scaled;
    }

    /** How much each place has of another one's likelihood: differences are uncertain. */
    float[][] mixing() {
        double[] steps = gradient(variances);
        float[][] shares = new float[places.length][places.length];
        for (int i = 0; i < places.length; i++) {
            double[] row = new double[places.length];
            double total = 0;
            for (int j = 0; j < row.length; j++) {
                double apart = (variances[i] - variances[j]) / UNEXPLAINED_PX2;
                row[j] = Math.exp(-apart * apart / 2) * steps[j];
                total += row[j];
            }
            for (int j = 0; j < row.length; j++) {
                shares[i][j] = (float) (row[j] / total);
            }
        }
        return shares;
    }

    /** Differences from place to place, of second order within (numpy.gradient without spacing). */
    static double[] gradient(double[] values) {
        int end = values.length - 1;
        double[] steps = new double[values.length];
        steps[0] = values[1] - values[0];
        steps[end] = values[end] - values[end - 1];
        for (int i = 1; i < end; i++) {
            steps[i] = (values[i + 1] - values[i - 1]) / 2;
        }
        return steps;
    }

    /**
     * Of each two neighbouring frames, far to near; of frames focused alike the first.
     *
     * @param frames aligned, the first of them the reference
     * @param coc K in pixels of the frames per dioptre
     * @param height of the answer that covers them
     */
    static List<BlurLadder> of(List<AlignedFrame> frames, double coc, int height, int width) {
        Rgb reference = frames.get(0).rgb;
        double k = coc * FINER * width / reference.width;
        Plane guide = Resize.area(reference.gray(), height, width);
        GuidedFilter smooth = new GuidedFilter(guide, SMOOTHING_RADIUS);
        List<AlignedFrame> order = distinct(frames);
        List<Plane> lights = new ArrayList<>();
        for (AlignedFrame frame : order) {
            lights.add(linearLight(frame.rgb, height, width));
        }
        List<Callable<BlurLadder>> climbs = new ArrayList<>();
        for (int i = 0; i + 1 < order.size(); i++) {
            AlignedFrame far = order.get(i);
            AlignedFrame near = order.get(i + 1);
            boolean last = i == order.size() - 2;
            BlurLadder ladder =
                    new BlurLadder(far.focusDioptres, near.focusDioptres, i == 0, last, k);
            Mask[] valid = {far.valid, near.valid};
            Plane beyond = lights.get(i);
            Plane before = lights.get(i + 1);
            climbs.add(() -> ladder.climb(beyond, before, valid, smooth, height, width));
        }
        return sideBySide(climbs);
    }

    private static List<BlurLadder> sideBySide(List<Callable<BlurLadder>> climbs) {
        int cores = Runtime.getRuntime().availableProcessors();
        ExecutorService pool = Executors.newFixedThreadPool(Math.min(MOST_THREADS, cores));
        try {
            List<BlurLadder> found = new ArrayList<>();
            for (Future<BlurLadder> climb : pool.invokeAll(climbs)) {
                found.add(climb.get());
            }
            return found;
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(stopped);
        } catch (ExecutionException failed) {
            throw new IllegalStateException(failed.getCause());
        } finally {
            pool.shutdown();
        }
    }

    private static List<AlignedFrame> distinct(List<AlignedFrame> frames) {
        AlignedFrame[] order = frames.toArray(new AlignedFrame[0]);
        Arrays.sort(order, Comparator.comparingDouble(frame -> frame.focusDioptres));
        List<AlignedFrame> distinct = new ArrayList<>();
        for (AlignedFrame frame : order) {
            int before = distinct.size() - 1;
            if (before < 0
                    || frame.focusDioptres - distinct.get(before).focusDioptres >= LEAST_GAP) {
                distinct.add(frame);
            }
        }
        return distinct;
    }

    private BlurLadder climb(
            Plane beyond, Plane before, Mask[] masks, GuidedFilter smooth, int height, int width) {
        LocalShift shift = LocalShift.between(beyond, before, height, width);
        float[] trust = new float[height * width];
        for (int i = 0; i < trust.length; i++) {
            float apart = shift.apart.data[i] / TOLERANCE_PX;
            trust[i] = (float) Math.exp(-(apart * apart));
        }
        for (Mask valid : masks) {
            if (valid != null) {
                Plane known = Resize.area(valid.toPlane(), height, width);
                for (int i = 0; i < trust.length; i++) {
                    trust[i] *= known.data[i];
                }
            }
        }
        int start = first ? OUTER_STEPS : INNER_STEPS;
        float floor = floor(unlike(beyond, shift.laid, height, width));
        steps(beyond, shift.laid, start, -1, floor, smooth);
        steps(shift.laid, beyond, start, 1, floor, smooth);
        for (float[] log : logs) {
            for (int i = 0; i < trust.length; i++) {
                log[i] *= trust[i];
            }
        }
        return this;
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

    /** Likelihoods from the middle on, after each step that blurs the sharper frame. */
    private void steps(
            Plane from, Plane blurrier, int start, int way, float floor, GuidedFilter smooth) {
        float[] kernel = diffusion(Math.abs(variances[start + way] - variances[start]));
        float[] spread = SOFT;
        float least = squares(SOFT) * squares(SOFT);
        Plane sharper = from;
        for (int place = start; place >= 0 && place < places.length; place += way) {
            if (place != start) {
                sharper = Filters.separable(sharper, kernel, kernel);
                spread = convolved(spread, kernel);
            }
            float noise = 1 + squares(spread) * squares(spread) / least;
            Plane left = unlike(sharper, blurrier, from.height / FINER, from.width / FINER);
            for (int i = 0; i < left.data.length; i++) {
                left.data[i] = -SAMPLES / 2 * (float) Math.log(left.data[i] / noise + floor);
            }
            logs[place] = smooth.smooth(left).data;
        }
    }

    /** Mean squared difference. */
    private static Plane unlike(Plane one, Plane other, int height, int width) {
        Plane squares = new Plane(one.height, one.width);
        for (int i = 0; i < squares.data.length; i++) {
            float unlike = one.data[i] - other.data[i];
            squares.data[i] = unlike * unlike;
        }
        return Filters.boxMean(Resize.area(squares, height, width), WINDOW);
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

    /** Softened brightness in linear light, at {@code FINER} times the answer's size. */
    static Plane linearLight(Rgb rgb, int height, int width) {
        float[] table = new float[256];
        for (int i = 0; i < table.length; i++) {
            table[i] = (float) Math.pow(i / 255f, GAMMA);
        }
        Plane light = new Plane(rgb.height, rgb.width);
        for (int i = 0; i < light.data.length; i++) {
            light.data[i] =
                    0.299f * table[rgb.data[3 * i] & 0xFF]
                            + 0.587f * table[rgb.data[3 * i + 1] & 0xFF]
                            + 0.114f * table[rgb.data[3 * i + 2] & 0xFF];
        }
        return Filters.separable(Resize.fitting(light, FINER * height, FINER * width), SOFT, SOFT);
    }
}
