package org.edgedepth.core;

import java.util.Arrays;
import java.util.List;

/** What follows from answers and relative blur: {@code capture/relative_blur.py}. */
final class Posterior {
    private static final double PRIOR_GAP = 0.3;
    private static final float PRIOR_BEYOND = 0.25f;
    private static final float PRIOR_BEFORE = 0.1f;
    private static final float LEAST_SPREAD = 1e-4f;
    private static final float LEAST = 1e-30f;

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
     * @param scale by what K squared is multiplied
     * @param doubt by what the answers' standard deviation is
     */
    static Posterior of(Plane answers, List<BlurLadder> ladders, double scale, double doubt) {
        Posterior after = new Posterior(answers);
        for (BlurLadder ladder : ladders) {
            SideBySide.strips(
                    answers.height,
                    (from, to) -> {
                        Weighing weighing = new Weighing(ladder, scale, (float) doubt);
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
        private final float[] likelihood;
        private final float[] weights;

        Weighing(BlurLadder ladder, double scale, float doubt) {
            this.ladder = ladder;
            this.doubt = doubt;
            double[] scaled = ladder.scaled(scale);
            places = floats(scaled);
            shares = floats(BlurLadder.gradient(scaled));
            likelihood = new float[places.length];
            weights = new float[places.length];
        }

        void weigh(float answer, int pixel, Posterior after) {
            float prior = doubt * spread(answer);
            temper(pixel);
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

        /** Log likelihoods where differences are uncertain. */
        private void temper(int pixel) {
            float top = Float.NEGATIVE_INFINITY;
            for (float[] log : ladder.logs) {
                top = Math.max(top, log[pixel]);
            }
            for (int i = 0; i < likelihood.length; i++) {
                likelihood[i] = (float) Math.exp(ladder.logs[i][pixel] - top);
            }
            for (int i = 0; i < weights.length; i++) {
                float mixed = 0;
                for (int j = 0; j < likelihood.length; j++) {
                    mixed += ladder.mixing[i][j] * likelihood[j];
                }
                weights[i] = (float) Math.log(mixed + LEAST);
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
