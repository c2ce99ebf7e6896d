package org.edgedepth.demo;

import java.util.ArrayList;
import java.util.List;
import org.edgedepth.core.Plane;

/** Depth as colours: red near, blue far, even in dioptres; the Turbo map. */
final class Palette {
    /** Below this the depth map declines to say. */
    static final float MIN_CONFIDENCE = 0.1f;

    private static final int DECLINED = 0xFF404040;
    private static final double[] TICKS_M = {
        0.1, 0.12, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0,
        7.0, 10.0, 20.0, 50.0,
    };
    /** Polynomials in x of Turbo (Mikhailov 2019), red, green, blue. */
    private static final double[][] TURBO = {
        {0.13572138, 4.61539260, -42.66032258, 132.13108234, -152.94239396, 59.28637943},
        {0.09140261, 2.19418839, 4.84296658, -14.18503333, 4.27729857, 2.82956604},
        {0.10667330, 12.64194608, -60.58204836, 110.36276771, -89.90310912, 27.34824973},
    };

    private Palette() {}

    /** A round distance and its place on the scale, 0 far and 1 near. */
    static final class Tick {
        final double metres;
        final float place;

        Tick(double metres, float place) {
            this.metres = metres;
            this.place = place;
        }
    }

    /** Colour of a place between far (0) and near (1), opaque. */
    static int colour(double place) {
        double x = Math.min(1, Math.max(0, place));
        int argb = 0xFF;
        for (double[] factors : TURBO) {
            double value = 0;
            for (int i = factors.length - 1; i >= 0; i--) {
                value = value * x + factors[i];
            }
            argb = argb << 8 | (int) Math.rint(255 * Math.min(1, Math.max(0, value)));
        }
        return argb;
    }

    /** (far, near) dioptres that hold nearly all of a depth map; at least 0.2 D apart. */
    static double[] limits(Plane dioptres, Plane confidence) {
        float[] known = new float[dioptres.data.length];
        int count = 0;
        for (int i = 0; i < known.length; i++) {
            if (confidence.data[i] >= MIN_CONFIDENCE) {
                known[count++] = dioptres.data[i];
            }
        }
        if (count == 0) {
            return new double[] {0, 1};
        }
        java.util.Arrays.sort(known, 0, count);
        double far = known[(int) Math.rint(0.01 * (count - 1))];
        double near = known[(int) Math.rint(0.99 * (count - 1))];
        if (near - far < 0.2) {
            double middle = (near + far) / 2;
            far = Math.max(0, middle - 0.1);
            near = middle + 0.1;
        }
        return new double[] {far, near};
    }

    /** Pixels of a depth map, grey where it declines to say. */
    static int[] depth(Plane dioptres, Plane confidence, double[] limits) {
        int[] colours = new int[256];
        for (int i = 0; i < colours.length; i++) {
            colours[i] = colour(i / 255.0);
        }
        double scale = 255 / (limits[1] - limits[0]);
        int[] pixels = new int[dioptres.data.length];
        for (int i = 0; i < pixels.length; i++) {
            double level = Math.rint((dioptres.data[i] - limits[0]) * scale);
            boolean said = confidence.data[i] >= MIN_CONFIDENCE;
            pixels[i] = said ? colours[(int) Math.min(255, Math.max(0, level))] : DECLINED;
        }
        return pixels;
    }

    /** Pixels of a confidence map: white for sure. */
    static int[] grey(Plane confidence) {
        int[] pixels = new int[confidence.data.length];
        for (int i = 0; i < pixels.length; i++) {
            int level = (int) Math.rint(255 * Math.min(1f, Math.max(0f, confidence.data[i])));
            pixels[i] = 0xFF000000 | level << 16 | level << 8 | level;
        }
        return pixels;
    }

    /** Round distances within the limits, at least {@code room} of the scale apart. */
    static List<Tick> ticks(double[] limits, double room) {
        List<Tick> found = new ArrayList<>();
        for (double metres : TICKS_M) {
            double place = (1 / metres - limits[0]) / (limits[1] - limits[0]);
            boolean free = place >= 0 && place <= 1;
            for (Tick other : found) {
                free &= Math.abs(other.place - place) >= room;
            }
            if (free) {
                found.add(new Tick(metres, (float) place));
            }
        }
        return found;
    }
}
