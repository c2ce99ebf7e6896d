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
    /** Turbo, far to near, RGB in hexadecimals: {@code edgedepth.capture.picture.palette}. */
    private static final String TURBO =
            "30123b32154333184a341b51351e5836215f37246638276d392a733a2d793b2f803c32863d358b3e3891"
                    + "3f3b973f3e9c4040a24143a74146ac4249b1424bb5434eba4451bf4454c34456c74559cb455ccf455ed3"
                    + "4661d64664da4666dd4669e0466be3476ee64771e94773eb4776ee4778f0477bf2467df44680f64682f8"
                    + "4685fa4687fb458afc458cfd448ffe4391fe4294ff4196ff4099ff3e9bfe3d9efe3ba0fd3aa3fc38a5fb"
                    + "37a8fa35abf833adf731aff52fb2f42eb4f22cb7f02ab9ee28bceb27bee925c0e723c3e422c5e220c7df"
                    + "1fc9dd1ecbda1ccdd81bd0d51ad2d21ad4d019d5cd18d7ca18d9c818dbc518ddc218dec018e0bd19e2bb"
                    + "19e3b91ae4b61ce6b41de7b21fe9af20eaac22ebaa25eca727eea42aefa12cf09e2ff19b32f29835f394"
                    + "38f4913cf58e3ff68a43f78746f8844af8804ef97d52fa7a55fa7659fb735dfc6f61fc6c65fd6969fd66"
                    + "6dfe6271fe5f75fe5c79fe597dff5680ff5384ff5188ff4e8bff4b8fff4992ff4796fe4499fe429cfe40"
                    + "9ffd3fa1fd3da4fc3ca7fc3aa9fb39acfb38affa37b1f936b4f836b7f735b9f635bcf534bef434c1f334"
                    + "c3f134c6f034c8ef34cbed34cdec34d0ea34d2e935d4e735d7e535d9e436dbe236dde037dfdf37e1dd37"
                    + "e3db38e5d938e7d739e9d539ebd339ecd13aeecf3aefcd3af1cb3af2c93af4c73af5c53af6c33af7c13a"
                    + "f8be39f9bc39faba39fbb838fbb637fcb336fcb136fdae35fdac34fea933fea732fea431fea130fe9e2f"
                    + "fe9b2dfe992cfe962bfe932afe9029fd8d27fd8a26fc8725fc8423fb8122fb7e21fa7b1ff9781ef9751d"
                    + "f8721cf76f1af66c19f56918f46617f36315f26014f15d13f05b12ef5811ed5510ec530feb500eea4e0d"
                    + "e84b0ce7490ce5470be4450ae2430ae14109df3f08dd3d08dc3b07da3907d83706d63506d43305d23105"
                    + "d02f05ce2d04cc2b04ca2a04c82803c52603c32503c12302be2102bc2002b91e02b71d02b41b01b21a01"
                    + "af1801ac1701a91601a71401a41301a112019e10019b0f01980e01950d01920b018e0a018b0902880802"
                    + "8507028106027e05027a0403";

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
        int level = (int) Math.rint(255 * Math.min(1, Math.max(0, place)));
        return 0xFF000000 | Integer.parseInt(TURBO.substring(6 * level, 6 * level + 6), 16);
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
