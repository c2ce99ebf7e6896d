package org.edgedepth.core;

/** Hypotheses of depth and what two frames say of them: {@code Ladder} in Python. */
final class BlurLadder {
    private static final double UNEXPLAINED_PX2 = 0.02;

    final Gap gap;
    /** Hypotheses in dioptres, ascending, if K is what it is said to be. */
    final double[] places;
    /** Log likelihood of each, on the answer's grid. */
    final float[][] logs;
    /** How much each place has of another one's likelihood: differences are uncertain. */
    final float[][] mixing;

    /** @param variances squared pixels by which the farther frame is blurrier, for each place */
    BlurLadder(Gap gap, double[] places, float[][] logs, double[] variances) {
        this.gap = gap;
        this.places = places;
        this.logs = logs;
        mixing = mixing(variances);
    }

    /** The places if K squared is {@code scale} times as large. */
    double[] scaled(double scale) {
        double[] scaled = new double[places.length];
        for (int i = 0; i < scaled.length; i++) {
            scaled[i] = gap.middle() + (places[i] - gap.middle()) / scale;
        }
        return scaled;
    }

    private static float[][] mixing(double[] variances) {
        double[] steps = gradient(variances);
        float[][] shares = new float[variances.length][variances.length];
        for (int i = 0; i < variances.length; i++) {
            double[] row = new double[variances.length];
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
}
