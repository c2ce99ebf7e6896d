package org.edgedepth.core;

import java.util.List;

/**
 * A model's answer weighed against the relative blur of neighbouring frames: {@code
 * capture/relative_blur.py}.
 */
public final class RelativeBlur {
    private static final double PRIOR_GAP = 0.3;
    private static final float PRIOR_BEYOND = 0.15f;
    private static final float PRIOR_BEFORE = 0.1f;
    private static final double FAR_OFF = 1.4;
    private static final float LEAST = 1e-30f;

    private RelativeBlur() {}

    /**
     * The answer, moved to where the frames' relative blur says that depth is.
     *
     * <p>It stays as it is with fewer than three planes, where no K explains the frames' blur, and
     * where it is out of reach of all hypotheses.
     *
     * @param answer dioptres at the model's size, covering the frames
     * @param frames aligned, the first of them the reference, their focus in true dioptres
     * @param coc K in pixels of the frames per dioptre
     */
    public static Plane of(Plane answer, List<AlignedFrame> frames, double coc) {
        List<BlurLadder> ladders = BlurLadder.of(frames, coc, answer.height, answer.width);
        double scale = BlurScale.of(answer, ladders);
        if (Double.isNaN(scale)) {
            return answer;
        }
        if (Math.abs(Math.log(scale)) > Math.log(FAR_OFF)) {
            double k = coc * Math.sqrt(scale);
            ladders = BlurLadder.of(frames, k, answer.height, answer.width);
            scale = 1;
        }
        Plane moved = new Plane(answer.height, answer.width, answer.data.clone());
        for (BlurLadder ladder : ladders) {
            Posterior posterior = new Posterior(ladder, scale);
            for (int i = 0; i < moved.data.length; i++) {
                if (ladder.speaksFor(answer.data[i])) {
                    moved.data[i] = posterior.mean(answer.data[i], i);
                }
            }
        }
        return moved;
    }

    /** Means of the places, weighed by likelihood and by how near they are to the answer. */
    private static final class Posterior {
        private final BlurLadder ladder;
        private final float[][] mixing;
        private final float[] places;
        private final float[] shares;
        private final float[] likelihood;
        private final float[] logs;

        Posterior(BlurLadder ladder, double scale) {
            this.ladder = ladder;
            mixing = ladder.mixing();
            double[] scaled = ladder.scaled(scale);
            places = floats(scaled);
            shares = floats(BlurLadder.gradient(scaled));
            likelihood = new float[places.length];
            logs = new float[places.length];
        }

        float mean(float answer, int pixel) {
            float spread = spread(answer);
            temper(pixel);
            float top = Float.NEGATIVE_INFINITY;
            for (int i = 0; i < places.length; i++) {
                float off = (places[i] - answer) / spread;
                logs[i] -= off * off / 2;
                top = Math.max(top, logs[i]);
            }
            float total = 0;
            float weighed = 0;
            for (int i = 0; i < places.length; i++) {
                float weight = (float) Math.exp(logs[i] - top) * shares[i];
                total += weight;
                weighed += weight * places[i];
            }
            return weighed / total;
        }

        private void temper(int pixel) {
            float top = Float.NEGATIVE_INFINITY;
            for (float[] log : ladder.logs) {
                top = Math.max(top, log[pixel]);
            }
            for (int i = 0; i < likelihood.length; i++) {
                likelihood[i] = (float) Math.exp(ladder.logs[i][pixel] - top);
            }
            for (int i = 0; i < logs.length; i++) {
                float mixed = 0;
                for (int j = 0; j < likelihood.length; j++) {
                    mixed += mixing[i][j] * likelihood[j];
                }
                logs[i] = (float) Math.log(mixed + LEAST);
            }
        }

        private float spread(float answer) {
            if (answer > (float) ladder.near) {
                return PRIOR_BEFORE * answer;
            }
            boolean beyond = answer < (float) ladder.far;
            return beyond ? PRIOR_BEYOND * answer : (float) (PRIOR_GAP * ladder.width());
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
