package org.edgedepth.core;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * Band-passed, locally normalised pictures from coarse to fine, as {@code capture/align.py} builds
 * them: exposure drops out with the band's mean, defocus with its scale.
 */
final class Pyramid {
    private static final int COARSEST_SIDE = 80;
    private static final float NOISE = 0.006f;

    final List<Plane> bands;

    private Pyramid(List<Plane> bands) {
        this.bands = bands;
    }

    /** @param blurPx the largest blur that defocus brings, at {@link Aligner#WORK_SIDE} */
    static Pyramid of(Plane gray, double blurPx) {
        List<Plane> grays = new ArrayList<>();
        grays.add(gray);
        Plane last = gray;
        while (Math.max(last.height, last.width) / 2 >= COARSEST_SIDE) {
            last = Resize.area(last, last.height / 2, last.width / 2);
            grays.add(last);
        }
        Collections.reverse(grays);
        List<Plane> bands = new ArrayList<>();
        for (Plane level : grays) {
            double blur = blurPx * Math.max(level.height, level.width) / Aligner.WORK_SIDE;
            bands.add(band(level, Math.min(4.0, Math.max(1.2, 0.3 * blur))));
        }
        return new Pyramid(bands);
    }

    private static Plane band(Plane gray, double sigma) {
        Plane fine = Filters.gaussian(gray, sigma);
        Plane coarse = Filters.boxMean(fine, odd(5 * sigma));
        Plane band = new Plane(gray.height, gray.width);
        Plane square = new Plane(gray.height, gray.width);
        for (int i = 0; i < band.data.length; i++) {
            band.data[i] = fine.data[i] - coarse.data[i];
            square.data[i] = band.data[i] * band.data[i];
        }
        Plane power = Filters.boxMean(square, odd(12 * sigma));
        for (int i = 0; i < band.data.length; i++) {
            band.data[i] /= (float) Math.sqrt(power.data[i] + NOISE * NOISE);
        }
        return band;
    }

    private static int odd(double value) {
        return Math.max(3, 2 * (int) Math.rint(value / 2) + 1);
    }

    /** Share of a picture that has detail, about. */
    static double detail(Plane band) {
        double sum = 0;
        for (float value : band.data) {
            sum += value * value;
        }
        return sum / band.data.length;
    }
}
