package org.edgedepth.core;

import java.util.ArrayList;
import java.util.List;

/**
 * Finds how a frame moved against the first one: breathing, shift and rotation.
 *
 * <p>The solver of {@code capture/align.py}: a similarity by Gauss-Newton, coarse to fine, whose
 * gradients are the reference's (Baker and Matthews 2004). Left out against Python: the features
 * (ORB) that step in where this fails, and the residual in tiles. Frames that moved far are
 * rejected here where Python may still catch them.
 */
public final class Aligner {
    /** Long side at which motion is estimated and told. */
    public static final int WORK_SIDE = 640;

    private static final double MAX_SHIFT_SHARE = 0.12;
    private static final double MAX_ROTATION_DEGREES = 8;
    private static final double MAX_SCALE_ERROR = 0.08;
    private static final double LEAST_GAIN = 0.002;
    private static final double LEAST_SCORE = 0.12;
    private static final double LEAST_DETAIL = 0.05;
    private static final float TUKEY = 2.5f;
    private static final float OUTSIDE = 1e6f;
    private static final float INSIDE = 50f;

    private final double blurPx;
    private final List<Level> levels = new ArrayList<>();
    private final int judge;

    /**
     * @param reference grey, from {@link #toWork}
     * @param blurPx the largest blur that defocus brings, at {@link #WORK_SIDE}
     */
    public Aligner(Plane reference, double blurPx) {
        this.blurPx = blurPx;
        for (Plane band : Pyramid.of(reference, blurPx).bands) {
            levels.add(new Level(band));
        }
        judge = Math.min(2, levels.size() - 1);
    }

    /** A picture as grey in [0, 1] with a long side of {@link #WORK_SIDE}. */
    public static Plane toWork(Rgb rgb) {
        double scale = (double) WORK_SIDE / Math.max(rgb.height, rgb.width);
        int height = (int) Math.max(8, Math.rint(rgb.height * scale));
        int width = (int) Math.max(8, Math.rint(rgb.width * scale));
        if (height == rgb.height && width == rgb.width) {
            return rgb.gray();
        }
        return (scale < 1 ? Resize.area(rgb, height, width) : Resize.linear(rgb, height, width)).gray();
    }

    /** Blur at {@link #WORK_SIDE} of the farthest plane when the nearest is in focus, in reason. */
    public static double largestBlur(double cocPxPerDioptreAtWork, double spanDioptres) {
        return Math.min(12.0, Math.max(1.0, cocPxPerDioptreAtWork * spanDioptres));
    }

    /**
     * Motion of a frame and what to do with it.
     *
     * @param frame grey, of the reference's size
     * @param expectedScale focal breathing against the reference
     */
    public Motion align(Plane frame, double expectedScale) {
        List<Plane> bands = Pyramid.of(frame, blurPx).bands;
        double detail =
                Math.min(Pyramid.detail(bands.get(judge)), Pyramid.detail(levels.get(judge).band));
        if (detail < LEAST_DETAIL) {
            return Motion.unaligned("too little detail to align by");
        }
        Similarity motion = refine(bands, Similarity.scaling(expectedScale));
        double score = score(bands, motion);
        double before = score(bands, Similarity.IDENTITY);
        return judge(motion, score, before, expectedScale, Math.max(frame.height, frame.width));
    }

    private static Motion judge(
            Similarity motion, double score, double before, double expectedScale, int side) {
        if (Math.max(score, before) < LEAST_SCORE) {
            return Motion.rejected(motion, score, "shows something else than the first frame");
        }
        if (score < before + LEAST_GAIN) {
            return Motion.unaligned("aligning would not make it better");
        }
        double shift = Math.hypot(motion.right, motion.down) / side;
        if (shift > MAX_SHIFT_SHARE
                || Math.abs(motion.rotationDegrees()) > MAX_ROTATION_DEGREES
                || Math.abs(motion.scale() / expectedScale - 1) > MAX_SCALE_ERROR) {
            return Motion.rejected(motion, score, "moved too far");
        }
        return Motion.aligned(motion, score);
    }

    private Similarity refine(List<Plane> bands, Similarity start) {
        Similarity motion = start;
        for (int i = 0; i < levels.size(); i++) {
            Level level = levels.get(i);
            for (int round = 0; round < (level.grow < 0.3 ? 20 : 6); round++) {
                double[] step = level.step(bands.get(i), motion);
                if (step == null) {
                    break;
                }
                motion = motion.afterInverse(new Similarity(1 + step[0], step[1], step[2], step[3]));
                if (step[4] < 0.02) {
                    break;
                }
            }
        }
        return motion;
    }

    /** Correlation where both have pixels, at a middle level where blur matters least. */
    private double score(List<Plane> bands, Similarity motion) {
        Level level = levels.get(judge);
        Plane warped = Warp.linear(bands.get(judge), motion.grown(level.grow), OUTSIDE);
        double ab = 0;
        double aa = 0;
        double bb = 0;
        int count = 0;
        for (int i = 0; i < warped.data.length; i++) {
            float b = warped.data[i];
            if (b < INSIDE) {
                float a = level.band.data[i];
                ab += a * b;
                aa += a * a;
                bb += b * b;
                count++;
            }
        }
        return count < 0.3 * warped.data.length ? -1 : ab / Math.sqrt(aa * bb + 1e-9);
    }

    /** One level of the reference with what the solver needs of it. */
    private static final class Level {
        final Plane band;
        final double grow;
        private final Plane across;
        private final Plane down;
        private final double side;

        Level(Plane band) {
            this.band = band;
            across = Filters.slopeAcross(band);
            down = Filters.slopeDown(band);
            int longest = Math.max(band.height, band.width);
            grow = (double) longest / WORK_SIDE;
            side = longest / 2.0;
        }

        /**
         * One robust Gauss-Newton step.
         *
         * @return scale and rotation shares, shift right and down, and how far it moves a corner,
         *     in pixels at {@link #WORK_SIDE}; null when there is none
         */
        double[] step(Plane frame, Similarity motion) {
            Plane warped = Warp.linear(frame, motion.grown(grow), OUTSIDE);
            double[][] hessian = new double[4][4];
            double[] gradient = new double[4];
            accumulate(warped, hessian, gradient);
            double trace = hessian[0][0] + hessian[1][1] + hessian[2][2] + hessian[3][3];
            for (int i = 0; i < 4; i++) {
                hessian[i][i] += 1e-6 * trace;
            }
            double[] p = Linear.solve(hessian, gradient);
            if (p == null) {
                return null;
            }
            double reach = (Math.abs(p[0]) + Math.abs(p[1]) + Math.hypot(p[2], p[3])) / grow;
            if (!(reach < WORK_SIDE)) {
                return null;
            }
            return new double[] {p[0] / side, p[1] / side, p[2] / grow, p[3] / grow, reach};
        }

        private void accumulate(Plane warped, double[][] hessian, double[] gradient) {
            int width = band.width;
            double centreX = (width - 1) / 2.0;
            double centreY = (band.height - 1) / 2.0;
            double[] g = new double[4];
            for (int row = 0; row < band.height; row++) {
                for (int column = 0; column < width; column++) {
                    int i = row * width + column;
                    float error = warped.data[i] - band.data[i];
                    float ratio = error / TUKEY;
                    float bell = 1 - ratio * ratio;
                    if (warped.data[i] >= INSIDE || bell <= 0) {
                        continue;
                    }
                    double weight = bell * bell;
                    double x = (column - centreX) / side;
                    double y = (row - centreY) / side;
                    g[0] = across.data[i] * x + down.data[i] * y;
                    g[1] = down.data[i] * x - across.data[i] * y;
                    g[2] = across.data[i];
                    g[3] = down.data[i];
                    for (int j = 0; j < 4; j++) {
                        double weighted = weight * g[j];
                        gradient[j] += weighted * error;
                        for (int k = j; k < 4; k++) {
                            hessian[j][k] += weighted * g[k];
                        }
                    }
                }
            }
            for (int j = 1; j < 4; j++) {
                for (int k = 0; k < j; k++) {
                    hessian[j][k] = hessian[k][j];
                }
            }
        }
    }
}
