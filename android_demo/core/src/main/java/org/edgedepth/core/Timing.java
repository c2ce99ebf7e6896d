package org.edgedepth.core;

import java.util.Arrays;

/** Latencies in figures; the definitions of {@code edgedepth/bench/stats.py}. */
public final class Timing {
    /** Fewer runs than this do not say what the slowest hundredth is. */
    public static final int P99_RUNS = 100;

    public final int runs;
    public final double p50;
    public final double p90;
    /** NaN for fewer than {@link #P99_RUNS} runs. */
    public final double p99;
    public final double mean;
    public final double least;
    public final double most;
    /** Interquartile range over the median. */
    public final double spread;

    private Timing(double[] seconds) {
        double[] sorted = seconds.clone();
        Arrays.sort(sorted);
        runs = sorted.length;
        p50 = percentile(sorted, 50);
        p90 = percentile(sorted, 90);
        p99 = runs >= P99_RUNS ? percentile(sorted, 99) : Double.NaN;
        double sum = 0;
        for (double value : sorted) {
            sum += value;
        }
        mean = sum / runs;
        least = sorted[0];
        most = sorted[runs - 1];
        spread = (percentile(sorted, 75) - percentile(sorted, 25)) / p50;
    }

    /**
     * Figures of a series in seconds.
     *
     * @throws IllegalArgumentException no run
     */
    public static Timing of(double... seconds) {
        if (seconds.length == 0) {
            throw new IllegalArgumentException("at least one run");
        }
        return new Timing(seconds);
    }

    /** Interpolated between the two values nearest in rank. */
    static double percentile(double[] sorted, double percent) {
        double rank = percent / 100 * (sorted.length - 1);
        int below = (int) Math.floor(rank);
        int above = Math.min(sorted.length - 1, below + 1);
        return sorted[below] + (sorted[above] - sorted[below]) * (rank - below);
    }

    /** How much slower the last third of the rounds is than the first; by runs if rounds are few. */
    public static double drift(double[][] rounds) {
        double[][] pieces = rounds;
        if (rounds.length < 3) {
            double[] all = join(rounds);
            pieces = new double[all.length][];
            for (int i = 0; i < all.length; i++) {
                pieces[i] = new double[] {all[i]};
            }
        }
        int third = Math.max(1, pieces.length / 3);
        double last = of(join(Arrays.copyOfRange(pieces, pieces.length - third, pieces.length))).p50;
        return last / of(join(Arrays.copyOf(pieces, third))).p50 - 1;
    }

    private static double[] join(double[][] rounds) {
        int count = 0;
        for (double[] round : rounds) {
            count += round.length;
        }
        double[] all = new double[count];
        int at = 0;
        for (double[] round : rounds) {
            System.arraycopy(round, 0, all, at, round.length);
            at += round.length;
        }
        return all;
    }
}
