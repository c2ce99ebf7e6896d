package org.edgedepth.core;

import java.util.Arrays;

/** Bringing a frame to the reference's brightness, as {@code capture/register.py} does. */
final class Brightness {
    private static final int GRID = 64;
    private static final int FEWEST = 64;
    private static final float LIMIT = 2.5f;
    private static final double LEAST_GAIN = 0.01;
    private static final int DARK = 8;
    private static final int BRIGHT = 245;

    private Brightness() {}

    /** Factors for red, green and blue: medians of ratios on a coarse grid. */
    static float[] gain(Rgb frame, Rgb reference) {
        Rgb a = Resize.area(reference, GRID, GRID);
        Rgb b = Resize.area(frame, GRID, GRID);
        float[][] ratios = new float[Rgb.CHANNELS][GRID * GRID];
        int count = 0;
        for (int i = 0; i < GRID * GRID; i++) {
            if (!usable(a, i) || !usable(b, i)) {
                continue;
            }
            for (int channel = 0; channel < Rgb.CHANNELS; channel++) {
                int at = Rgb.CHANNELS * i + channel;
                ratios[channel][count] = (a.data[at] & 0xFF) / (float) (b.data[at] & 0xFF);
            }
            count++;
        }
        float[] gain = {1, 1, 1};
        for (int channel = 0; channel < Rgb.CHANNELS && count >= FEWEST; channel++) {
            float[] sorted = Arrays.copyOf(ratios[channel], count);
            Arrays.sort(sorted);
            float median = (sorted[(count - 1) / 2] + sorted[count / 2]) / 2;
            gain[channel] = Math.min(LIMIT, Math.max(1 / LIMIT, median));
        }
        return gain;
    }

    private static boolean usable(Rgb rgb, int pixel) {
        for (int channel = 0; channel < Rgb.CHANNELS; channel++) {
            int value = rgb.data[Rgb.CHANNELS * pixel + channel] & 0xFF;
            if (value <= DARK || value >= BRIGHT) {
                return false;
            }
        }
        return true;
    }

    /** Multiply the channels, saturating; gains within 1 % are left alone. */
    static Rgb applied(Rgb rgb, float[] gain) {
        double largest = 0;
        for (float factor : gain) {
            largest = Math.max(largest, Math.abs(factor - 1));
        }
        if (largest < LEAST_GAIN) {
            return rgb;
        }
        Rgb brighter = new Rgb(rgb.height, rgb.width);
        for (int i = 0; i < rgb.data.length; i++) {
            brighter.data[i] = Resize.toByte((rgb.data[i] & 0xFF) * gain[i % Rgb.CHANNELS]);
        }
        return brighter;
    }
}
