package org.edgedepth.core;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** Pictures made of an aligned stack: everything sharp, or one distance sharp. */
public final class Composite {
    private static final int SHARPNESS_SIDE = 640;
    private static final float NO_PIXELS = 1e-3f;
    private static final float EPSILON = 1e-9f;

    private Composite() {}

    /**
     * All in focus: frames blended by local sharpness (Laplacian energy to the fourth power) from
     * near to far, as {@code capture/fusion.py}.
     */
    public static Rgb allInFocus(List<AlignedFrame> given) {
        List<AlignedFrame> frames = new ArrayList<>(given);
        frames.sort(Comparator.comparingDouble(frame -> -frame.focusDioptres));
        Rgb blended = frames.get(0).rgb;
        if (frames.size() == 1) {
            return blended;
        }
        Plane[] weights = new Plane[frames.size()];
        for (int i = 0; i < weights.length; i++) {
            weights[i] = sharpness(frames.get(i).rgb, frames.get(i).valid);
        }
        normalise(weights);
        Plane soFar = weights[0];
        for (int i = 1; i < weights.length; i++) {
            Plane share = new Plane(soFar.height, soFar.width);
            Plane sum = new Plane(soFar.height, soFar.width);
            for (int k = 0; k < share.data.length; k++) {
                share.data[k] = weights[i].data[k] / (soFar.data[k] + weights[i].data[k] + EPSILON);
                sum.data[k] = soFar.data[k] + weights[i].data[k];
            }
            Plane full = Resize.linear(share, blended.height, blended.width);
            blended = mix(blended, frames.get(i).rgb, full);
            soFar = sum;
        }
        return blended;
    }

    private static void normalise(Plane[] weights) {
        for (int k = 0; k < weights[0].data.length; k++) {
            float most = 0;
            for (Plane weight : weights) {
                most = Math.max(most, weight.data[k]);
            }
            float sum = 0;
            for (Plane weight : weights) {
                float share = weight.data[k] / most;
                share *= share;
                weight.data[k] = share * share;
                sum += weight.data[k];
            }
            for (Plane weight : weights) {
                weight.data[k] /= sum;
            }
        }
    }

    /** Local Laplacian energy with a long side of at most 640. */
    static Plane sharpness(Rgb rgb, Mask valid) {
        Plane energy = Filters.laplacianMagnitude(rgb.luma());
        double scale = Math.min(1.0, (double) SHARPNESS_SIDE / Math.max(rgb.height, rgb.width));
        int height = (int) Math.max(1, Math.rint(rgb.height * scale));
        int width = (int) Math.max(1, Math.rint(rgb.width * scale));
        energy = Filters.boxMean(Resize.area(energy, height, width), 9);
        Plane share = valid == null ? null : Resize.area(valid.toPlane(), height, width);
        for (int i = 0; i < energy.data.length; i++) {
            boolean missing = share != null && share.data[i] < 0.99f;
            energy.data[i] = missing ? NO_PIXELS : energy.data[i] + 0.5f;
        }
        return energy;
    }

    private static Rgb mix(Rgb a, Rgb b, Plane shareOfB) {
        Rgb mixed = new Rgb(a.height, a.width);
        for (int i = 0; i < shareOfB.data.length; i++) {
            float share = shareOfB.data[i];
            for (int k = Rgb.CHANNELS * i; k < Rgb.CHANNELS * (i + 1); k++) {
                float value = (a.data[k] & 0xFF) * (1 - share) + (b.data[k] & 0xFF) * share;
                mixed.data[k] = Resize.toByte(value);
            }
        }
        return mixed;
    }

    /**
     * What the lens would see focused at a distance: the two frames nearest in focus, mixed by how
     * near they are; beyond the sweep the outermost frame.
     */
    public static Rgb refocused(List<AlignedFrame> frames, double focusDioptres) {
        AlignedFrame below = null;
        AlignedFrame above = null;
        for (AlignedFrame frame : frames) {
            double focus = frame.focusDioptres;
            if (focus <= focusDioptres && (below == null || focus > below.focusDioptres)) {
                below = frame;
            }
            if (focus >= focusDioptres && (above == null || focus < above.focusDioptres)) {
                above = frame;
            }
        }
        if (below == null || above == null || below.focusDioptres == above.focusDioptres) {
            return below == null ? above.rgb : below.rgb;
        }
        double share =
                (focusDioptres - below.focusDioptres) / (above.focusDioptres - below.focusDioptres);
        Plane everywhere = Plane.filled(below.rgb.height, below.rgb.width, (float) share);
        return mix(below.rgb, above.rgb, everywhere);
    }
}
