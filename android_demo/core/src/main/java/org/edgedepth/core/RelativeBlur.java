package org.edgedepth.core;

import java.util.List;

/**
 * A model's answer weighed against the relative blur of frames: {@code capture/relative_blur.py}.
 */
final class RelativeBlur {
    private static final double[] ROUNDS = {1.2, 0.7, 0.5};
    private static final double FAR_OFF = 1.4;
    static final double UNEXPLAINED_SHARE = 0.3;

    private RelativeBlur() {}

    /**
     * The answer, moved to where the frames' relative blur says that depth is, and settled; null
     * with fewer than three planes, and where no K explains the frames' blur.
     *
     * @param answer dioptres at the model's size, covering the frames
     * @param frames aligned, the first of them the reference, their focus in true dioptres
     * @param sharp their all-in-focus composite, along which it settles
     * @param coc K in pixels of the frames per dioptre
     */
    static Plane of(
            Plane answer, Plane confidence, List<AlignedFrame> frames, Rgb sharp, double coc) {
        double k = coc * answer.width / sharp.width;
        BlurPlanes planes = new BlurPlanes(frames, answer.height, answer.width);
        List<BlurPair> pairs = planes.neighbours();
        List<BlurLadder> ladders = BlurPair.ladders(pairs, k);
        double scale = BlurScale.of(answer, ladders);
        if (Double.isNaN(scale)) {
            return null;
        }
        if (Math.abs(Math.log(scale)) > Math.log(FAR_OFF)) {
            k *= Math.sqrt(scale);
            scale = 1;
            ladders = BlurPair.ladders(pairs, k);
        }
        List<BlurLadder> wide = BlurPair.ladders(planes.wide(k), k);
        temper(ladders, 0);
        temper(wide, UNEXPLAINED_SHARE);
        Plane settled = answer;
        for (double doubt : ROUNDS) {
            Posterior after = Posterior.of(settled, ladders, wide, scale, doubt);
            settled = after.settled(confidence, sharp);
        }
        return settled;
    }

    static void temper(List<BlurLadder> ladders, double share) {
        for (BlurLadder ladder : ladders) {
            ladder.temper(share);
        }
    }
}
