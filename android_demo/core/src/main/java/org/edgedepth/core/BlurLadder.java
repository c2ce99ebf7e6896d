package org.edgedepth.core;

/** Hypotheses of depth and what two frames say of them: {@code Ladder} in Python. */
final class BlurLadder {
    private static final double UNEXPLAINED_PX2 = 0.02;
    private static final float LEAST = 1e-30f;
    private static final int BLOCK = 256;

    final Gap gap;
    /** Hypotheses in dioptres, ascending, if K is what it is said to be. */
    final double[] places;
    /** Log likelihood of each, on the answer's grid. */
    final float[][] logs;
    /** Squared pixels by which the farther frame is blurrier, for each place. */
    private final double[] variances;

    BlurLadder(Gap gap, double[] places, float[][] logs, double[] variances) {
        this.gap = gap;
        this.places = places;
        this.logs = logs;
        this.variances = variances;
    }

    /** The places if K squared is {@code scale} times as large. */
    double[] scaled(double scale) {
        double[] scaled = new double[places.length];
        for (int i = 0; i < scaled.length; i++) {
            scaled[i] = gap.middle() + (places[i] - gap.middle()) / scale;
        }
        return scaled;
    }

    /**
     * Makes differences uncertain, by a variance of its own and by a share of themselves; in place,
     * once.
     */
    void temper(double share) {
        float[][] mixing = mixing(share);
        int pixels = logs[0].length;
        SideBySide.strips(
                (pixels + BLOCK - 1) / BLOCK,
                (from, to) -> {
                    float[] likely = new float[logs.length];
                    for (int pixel = from * BLOCK; pixel < Math.min(to * BLOCK, pixels); pixel++) {
                        temper(pixel, mixing, likely);
                    }
                });
    }

    private void temper(int pixel, float[][] mixing, float[] likely) {
        float top = Float.NEGATIVE_INFINITY;
        for (float[] log : logs) {
            top = Math.max(top, log[pixel]);
        }
        for (int i = 0; i < likely.length; i++) {
            likely[i] = (float) Math.exp(logs[i][pixel] - top);
        }
        for (int i = 0; i < likely.length; i++) {
            float mixed = 0;
            for (int j = 0; j < likely.length; j++) {
                mixed += mixing[i][j] * likely[j];
            }
            logs[i][pixel] = (float) Math.log(mixed + LEAST);
        }
    }

    /** How much each place has of another one's likelihood. */
    private float[][] mixing(double share) {
        double[] steps = gradient(variances);
        float[][] shares = new float[variances.length][variances.length];
        for (int i = 0; i < variances.length; i++) {
            double unexplained = Math.hypot(UNEXPLAINED_PX2, share * variances[i]);
            double[] row = new double[variances.length];
            double total = 0;
            for (int j = 0; j < row.length; j++) {
                double apart = (variances[i] - variances[j]) / unexplained;
                row[j] = Math.exp(-apart * apart / 2) * steps[j];
                total += row[j];
            }
            for (int j = 0; j < row.length; j++) {
                shares[i][j] = (float) (row[j] / total);
            }
        }
        return shares;
    }

    /** What is said of any depth, between two of the places. */
    static final class At {
        private final float[] below;
        private final float[] above;
        private final float share;

        /**
         * @param depth dioptres
         * @param scale by what K squared is multiplied
         */
        At(BlurLadder ladder, double depth, double scale) {
            double place = ladder.gap.middle() + (depth - ladder.gap.middle()) * scale;
            double[] places = ladder.places;
            int number = 0;
            while (number < places.length - 2 && places[number + 1] <= place) {
                number++;
            }
            double past = (place - places[number]) / (places[number + 1] - places[number]);
            share = (float) Math.min(1, Math.max(0, past));
            below = ladder.logs[number];
            above = ladder.logs[number + 1];
        }

        float of(int pixel) {
            return (1 - share) * below[pixel] + share * above[pixel];
        }
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
}
