package org.edgedepth.core;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.Callable;

/** Frames in linear light, far to near; of those focused alike the first: {@code Planes} in Python. */
final class BlurPlanes {
    private static final double GAMMA = 2.2;
    private static final double LEAST_GAP = 1e-3;
    private static final double WIDE_PX = 2;
    private static final int SMOOTHING_RADIUS = 3;

    private final List<AlignedFrame> frames;
    private final List<Plane> lights = new ArrayList<>();
    private final GuidedFilter smooth;

    /**
     * @param frames aligned, the first of them the reference
     * @param height of the answer that covers them
     */
    BlurPlanes(List<AlignedFrame> frames, int height, int width) {
        Plane guide = Resize.area(frames.get(0).rgb.gray(), height, width);
        smooth = new GuidedFilter(guide, SMOOTHING_RADIUS);
        this.frames = distinct(frames);
        for (AlignedFrame frame : this.frames) {
            lights.add(linearLight(frame.rgb, height, width));
        }
    }

    /** Each two neighbouring frames, far to near. */
    List<BlurPair> neighbours() {
        List<int[]> ends = new ArrayList<>();
        for (int far = 0; far + 1 < frames.size(); far++) {
            ends.add(new int[] {far, far + 1});
        }
        return pairs(ends);
    }

    /**
     * Frames that are no neighbours, each with the farthest that {@code WIDE_PX} lets it have.
     *
     * @param k pixels of the answer per dioptre
     */
    List<BlurPair> wide(double k) {
        double[] focus = new double[frames.size()];
        for (int i = 0; i < focus.length; i++) {
            focus[i] = frames.get(i).focusDioptres;
        }
        return pairs(farApart(focus, WIDE_PX / (BlurPair.FINER * k)));
    }

    /**
     * Pairs of planes with others between them, as far apart as may be, none within another.
     *
     * @param focus dioptres, ascending
     * @param reach dioptres that two may be apart
     */
    static List<int[]> farApart(double[] focus, double reach) {
        List<int[]> found = new ArrayList<>();
        int before = 0;
        for (int far = 0; far < focus.length; far++) {
            int near = far;
            while (near + 1 < focus.length && focus[near + 1] <= focus[far] + reach) {
                near++;
            }
            if (near > far + 1 && near > before) {
                found.add(new int[] {far, near});
                before = near;
            }
        }
        return found;
    }

    private List<BlurPair> pairs(List<int[]> ends) {
        List<Callable<BlurPair>> jobs = new ArrayList<>();
        for (int[] end : ends) {
            jobs.add(() -> pair(end[0], end[1]));
        }
        return SideBySide.all(jobs);
    }

    private BlurPair pair(int far, int near) {
        AlignedFrame beyond = frames.get(far);
        AlignedFrame before = frames.get(near);
        boolean last = near == frames.size() - 1;
        Gap gap = new Gap(beyond.focusDioptres, before.focusDioptres, far == 0, last);
        Mask[] valid = {beyond.valid, before.valid};
        return BlurPair.laidOver(gap, lights.get(far), lights.get(near), valid, smooth);
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
        int finer = BlurPair.FINER;
        Plane fitting = Resize.fitting(light, finer * height, finer * width);
        return Filters.separable(fitting, BlurPair.SOFT, BlurPair.SOFT);
    }
}
