package org.edgedepth.core;

import java.util.Arrays;
import java.util.List;

/** K from a sweep itself: {@code capture/blur_scale.py}, which says why. */
final class BlurScale {
    private static final int OCTAVE = 8;
    private static final int REACH = 12;
    private static final int PLACES = 13;
    private static final double PRIOR_GAP = 0.04;
    private static final double DECIDES = 0.08;
    private static final double USUAL = 1.1;
    private static final double DOUBT = 0.03;
    private static final int EVERY = 2;

    private final Plane answers;
    private final double[] totals = new double[2 * REACH + 1];
    private int pixels;

    private BlurScale(Plane answers) {
        this.answers = answers;
    }

    /** By what K squared has to be multiplied; NaN where the frames do not say. */
    static double of(Plane answers, List<BlurLadder> ladders) {
        BlurScale sweep = new BlurScale(answers);
        for (int i = 0; i + 1 < ladders.size(); i++) {
            sweep.compare(ladders.get(i), ladders.get(i + 1));
        }
        boolean undecided = sweep.pixels == 0 || sweep.lead() < DECIDES * sweep.pixels;
        sweep.doubt();
        int best = sweep.best();
        if (undecided || best == 0 || best == sweep.totals.length - 1) {
            return Double.NaN;
        }
        double before = sweep.totals[best - 1];
        double after = sweep.totals[best + 1];
        double past = 0.5 * (before - after) / (before + after - 2 * sweep.totals[best]);
        return scale(best) * Math.pow(2, past / OCTAVE);
    }

    private int best() {
        int best = 0;
        for (int i = 0; i < totals.length; i++) {
            best = totals[i] > totals[best] ? i : best;
        }
        return best;
    }

    /** How far the best scale is above the mean of all. */
    private double lead() {
        double mean = 0;
        for (double total : totals) {
            mean += total / totals.length;
        }
        return totals[best()] - mean;
    }

    /** Counts what is far from usual the less. */
    private void doubt() {
        int rows = (answers.height + EVERY - 1) / EVERY;
        int columns = (answers.width + EVERY - 1) / EVERY;
        for (int i = 0; i < totals.length; i++) {
            double octaves = Math.log(scale(i) / USUAL) / Math.log(2);
            totals[i] -= DOUBT * rows * columns * octaves * octaves;
        }
    }

    private static double scale(int number) {
        return Math.pow(2, (number - REACH) / (double) OCTAVE);
    }

    /** Adds what two gaps say together at the depth that suits both best, for every scale. */
    private void compare(BlurLadder far, BlurLadder near) {
        int[] here = between(far.gap.middle(), near.gap.middle());
        if (here.length == 0) {
            return;
        }
        pixels += here.length;
        float[] best = new float[here.length];
        for (int number = 0; number < totals.length; number++) {
            Arrays.fill(best, Float.NEGATIVE_INFINITY);
            for (int place = 0; place < PLACES; place++) {
                double depth =
                        far.gap.middle() + place * (near.gap.middle() - far.gap.middle()) / (PLACES - 1);
                raise(best, here, depth, far, near, scale(number));
            }
            for (float said : best) {
                totals[number] += said;
            }
        }
    }

    private int[] between(double least, double most) {
        int[] found = new int[answers.data.length];
        int count = 0;
        for (int row = 0; row < answers.height; row += EVERY) {
            for (int column = 0; column < answers.width; column += EVERY) {
                float answer = answers.at(row, column);
                if (answer > (float) least && answer < (float) most) {
                    found[count++] = row * answers.width + column;
                }
            }
        }
        return Arrays.copyOf(found, count);
    }

    private void raise(
            float[] best, int[] here, double depth, BlurLadder far, BlurLadder near, double scale) {
        BlurLadder.At one = new BlurLadder.At(far, depth, scale);
        BlurLadder.At other = new BlurLadder.At(near, depth, scale);
        for (int i = 0; i < here.length; i++) {
            float answer = answers.data[here[i]];
            double gap = answer < (float) far.gap.near ? far.gap.width() : near.gap.width();
            float off = (float) ((depth - answer) / (PRIOR_GAP * gap));
            float said = one.of(here[i]) + other.of(here[i]) - off * off / 2;
            best[i] = Math.max(best[i], said);
        }
    }
}
