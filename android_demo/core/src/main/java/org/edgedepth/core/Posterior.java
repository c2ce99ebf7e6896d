package org.edgedepth.core;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** What follows from answers and relative blur: {@code capture/relative_blur.py}. */
final class Posterior {
    private static final double PRIOR_GAP = 0.3;
    private static final float PRIOR_BEYOND = 0.25f;
    private static final float PRIOR_BEFORE = 0.1f;
    private static final float LEAST_SPREAD = 1e-4f;
    private static final double WIDE_COUNTS = 2;

    /** Mean in dioptres. */
    final Plane dioptres;
    /** Standard deviation; infinite where relative blur says nothing. */
    final Plane spread;
    /** Share of the answers' standard deviation that is gone. */
    final Plane told;

    private Posterior(Plane answers) {
        dioptres = new Plane(answers.height, answers.width, answers.data.clone());
        spread = new Plane(answers.height, answers.width);
        Arrays.fill(spread.data, Float.POSITIVE_INFINITY);
        told = new Plane(answers.height, answers.width);
    }

    /**
     * Answers, weighed against ladders.
     *
     * @param ladders of neighbouring frames, tempered
     * @param wide of frames farther apart, likewise
     * @param scale by what K squared is multiplied
     * @param doubt by what the answers' standard deviation is
     */
    static Posterior of(
            Plane answers,
            List<BlurLadder> ladders,
            List<BlurLadder> wide,
            double scale,
            double doubt) {
        Posterior after = new Posterior(answers);
        for (BlurLadder ladder : ladders) {
            SideBySide.strips(
                    answers.height,
                    (from, to) -> {
                        Weighing weighing = new Weighing(ladder, wide, scale, (float) doubt);
                        for (int i = from * answers.width; i < to * answers.width; i++) {
                            if (ladder.gap.speaksFor(answers.data[i])) {
                                weighing.weigh(answers.data[i], i, after);
                            }
                        }
                    });
        }
        return after;
    }

    /** The mean, settled; sure is what the model or relative blur is sure of. */
    Plane settled(Plane confidence, Rgb picture) {
        Plane sure = new Plane(confidence.height, confidence.width);
        for (int i = 0; i < sure.data.length; i++) {
            sure.data[i] = 1 - (1 - confidence.data[i]) * (1 - told.data[i]);
        }
        return Settling.along(picture, dioptres, sure, spread);
    }

    /** Of single pixels: the places, weighed by likelihood and by how near they are to answers. */
    private static final class Weighing {
        private final BlurLadder ladder;
        private final float doubt;
        private final float[] places;
        private final float[] shares;
        private final float[] weights;
        /** What ladders of frames farther apart say of each place. */
        private final BlurLadder.At[][] wide;

        private final float wideCounts;

        Weighing(BlurLadder ladder, List<BlurLadder> all, double scale, float doubt) {
            this.ladder = ladder;
            this.doubt = doubt;
            double[] scaled = ladder.scaled(scale);
            places = floats(scaled);
            shares = floats(BlurLadder.gradient(scaled));
            weights = new float[places.length];
            List<BlurLadder> covering = new ArrayList<>();
            for (BlurLadder other : all) {
                if (other.gap.covers(ladder.gap)) {
                    covering.add(other);
                }
            }
            wide = new BlurLadder.At[places.length][covering.size()];
            for (int i = 0; i < places.length; i++) {
                for (int j = 0; j < covering.size(); j++) {
                    wide[i][j] = new BlurLadder.At(covering.get(j), scaled[i], scale);
                }
            }
            wideCounts = (float) (WIDE_COUNTS / Math.max(1, covering.size()));
        }

        void weigh(float answer, int pixel, Posterior after) {
            float prior = doubt * spread(answer);
            gather(pixel);
            float top = Float.NEGATIVE_INFINITY;
            for (int i = 0; i < places.length; i++) {
                float off = (places[i] - answer) / prior;
                weights[i] -= off * off / 2;
                top = Math.max(top, weights[i]);
            }
            float total = 0;
            float mean = 0;
            for (int i = 0; i < places.length; i++) {
                weights[i] = (float) Math.exp(weights[i] - top) * shares[i];
                total += weights[i];
                mean += weights[i] * places[i];
            }
            mean /= total;
            float variance = 0;
            for (int i = 0; i < places.length; i++) {
                float off = places[i] - mean;
                variance += weights[i] / total * off * off;
            }
            float spread = (float) Math.sqrt(variance) + LEAST_SPREAD;
            after.dioptres.data[pixel] = mean;
            after.spread.data[pixel] = spread;
            after.told.data[pixel] = Math.min(1, Math.max(0, 1 - spread / prior));
        }

        /** Log likelihoods of the places. */
        private void gather(int pixel) {
            for (int i = 0; i < weights.length; i++) {
                float said = 0;
                for (BlurLadder.At at : wide[i]) {
                    said += at.of(pixel);
                }
                weights[i] = ladder.logs[i][pixel] + wideCounts * said;
            }
        }

        /** Standard deviation of an answer. */
        private float spread(float answer) {
            Gap gap = ladder.gap;
            if (answer > (float) gap.near) {
                return PRIOR_BEFORE * answer;
            }
            boolean beyond = answer < (float) gap.far;
            return beyond ? PRIOR_BEYOND * answer : (float) (PRIOR_GAP * gap.width());
        }

        private static float[] floats(double[] values) {
            float[] floats = new float[values.length];
            for (int i = 0; i < floats.length; i++) {
                floats[i] = (float) values[i];
            }
            return floats;
        }
    }
}
