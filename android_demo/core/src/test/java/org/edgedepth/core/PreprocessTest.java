package org.edgedepth.core;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import java.util.Arrays;
import java.util.Iterator;
import org.json.JSONException;
import org.json.JSONObject;
import org.junit.Test;

/** Fit, ranges and cue planes against {@code edgedepth/preprocess.py}. */
public class PreprocessTest {
    private static Iterator<String> keys(JSONObject record) {
        @SuppressWarnings("unchecked")
        Iterator<String> keys = record.keys();
        return keys;
    }

    private static Fit fit(JSONObject expected) throws JSONException {
        double[] picture = Golden.doubles(expected.getJSONArray("picture"));
        double[] model = Golden.doubles(expected.getJSONArray("model"));
        return Fit.of((int) picture[0], (int) picture[1], (int) model[0], (int) model[1]);
    }

    @Test
    public void geometryIsPythons() throws JSONException {
        JSONObject cases = Golden.json("preprocess.json").getJSONObject("cases");
        for (Iterator<String> names = keys(cases); names.hasNext(); ) {
            String name = names.next();
            JSONObject expected = cases.getJSONObject(name);
            Fit fit = fit(expected);
            double[] content = Golden.doubles(expected.getJSONArray("content"));
            double[] offset = Golden.doubles(expected.getJSONArray("offset"));
            assertEquals(name, expected.getBoolean("turned"), fit.turned);
            assertEquals(name, content[0], fit.contentHeight, 0);
            assertEquals(name, content[1], fit.contentWidth, 0);
            assertEquals(name, offset[0], fit.top(), 0);
            assertEquals(name, offset[1], fit.left(), 0);
            assertEquals(name, expected.getInt("cue_scale"), fit.cueScale);
            double k = expected.getDouble("k");
            assertEquals(name, expected.getDouble("cue_coc"), fit.cueCoc(k), 1e-9);
        }
    }

    private static ModelSpec spec(JSONObject expected, int cuePlanes) throws Exception {
        double[] model = Golden.doubles(expected.getJSONArray("model"));
        return Specs.of((int) model[0], (int) model[1], cuePlanes, "sweep");
    }

    @Test
    public void packedFramesArePythons() throws Exception {
        JSONObject cases = Golden.json("preprocess.json").getJSONObject("cases");
        int count = 0;
        for (Iterator<String> names = keys(cases); names.hasNext(); count++) {
            String name = names.next();
            JSONObject expected = cases.getJSONObject(name);
            double[] positions = Golden.doubles(expected.getJSONArray("positions"));
            Golden pictures = Golden.file(name + "_pictures.npy");
            boolean masked = expected.getBoolean("masked");
            Mask valid = masked ? Golden.file(name + "_valid.npy").mask() : null;
            Golden packed = Golden.file(name + "_packed.npy");
            FramePacker packer = new FramePacker(spec(expected, packed.shape[3] - 3));
            for (int i = 0; i < pictures.shape[0]; i++) {
                Fit.CueImage image =
                        fit(expected).toCueImage(pictures.rgb(i), i % 2 == 0 ? null : valid);
                byte[] actual = packer.add(image, (float) positions[i]);
                Golden.assertClose(name + " " + i, packed.part(i), actual, 1, 0.01);
            }
        }
        assertTrue(count >= 7);
    }

    @Test
    public void framesCanBePackedAgainInAnotherOrder() throws Exception {
        JSONObject expected =
                Golden.json("preprocess.json").getJSONObject("cases").getJSONObject("exact");
        Golden pictures = Golden.file("exact_pictures.npy");
        FramePacker packer = new FramePacker(spec(expected, Evidence.PLANES));
        FramePacker again = new FramePacker(spec(expected, Evidence.PLANES));
        byte[][] once = new byte[3][];
        FramePacker.Measured[] measured = new FramePacker.Measured[3];
        for (int i = 0; i < 3; i++) {
            measured[i] = packer.measure(fit(expected).toCueImage(pictures.rgb(i), null));
            once[i] = packer.add(measured[i], i / 2f);
        }
        for (int i = 0; i < 3; i++) {
            assertArrayEquals(once[i], again.add(measured[i], i / 2f));
        }
        FramePacker backwards = new FramePacker(spec(expected, Evidence.PLANES));
        byte[] firstOfAll = backwards.add(measured[2], 0f);
        assertEquals((byte) 255, firstOfAll[3]);
        assertFalse(Arrays.equals(once[2], firstOfAll));
    }

    @Test
    public void modelsWithoutCuesGetTheColoursAlone() throws Exception {
        FramePacker packer = new FramePacker(Specs.of(24, 32, 0, "sweep"));
        Rgb picture = Golden.file("exact_pictures.npy").rgb(0);
        byte[] packed = packer.add(Fit.of(96, 128, 24, 32).toCueImage(picture, null), 0f);
        assertArrayEquals(Resize.area(picture, 24, 32).data, packed);
        assertThrows(
                UnusableException.class, () -> new FramePacker(Specs.of(24, 32, 2, "sweep")));
    }

    @Test
    public void rangesPositionsAndOpticsArePythons() throws JSONException {
        JSONObject sweeps = Golden.json("preprocess.json").getJSONObject("sweeps");
        for (Iterator<String> names = keys(sweeps); names.hasNext(); ) {
            String name = names.next();
            JSONObject expected = sweeps.getJSONObject(name);
            double[] focus = Golden.doubles(expected.getJSONArray("focus_dioptres"));
            SweepRange range = SweepRange.of(focus);
            assertEquals(name, expected.getDouble("low"), range.low, 1e-12);
            assertEquals(name, expected.getDouble("span"), range.span, 1e-12);
            double[] encoded = Golden.doubles(expected.getJSONArray("encoded_sweep"));
            for (int i = 0; i < focus.length; i++) {
                assertEquals(name, encoded[i], range.position(focus[i]), 1e-6);
                assertEquals(name, focus[i], range.dioptres(range.position(focus[i])), 1e-5);
            }
            double[] optics = Golden.doubles(expected.getJSONArray("optics"));
            float[] actual = range.optics(expected.getDouble("cue_coc"));
            assertEquals(name, optics.length, actual.length);
            for (int i = 0; i < optics.length; i++) {
                assertEquals(name, optics[i], actual[i], 1e-6);
            }
        }
    }

    @Test
    public void depthIsNeverNegative() {
        assertEquals(0f, new SweepRange(0.1, 2).dioptres(-0.5f), 0f);
    }

    @Test
    public void rangesRefuseWhatIsNoFocus() {
        assertThrows(IllegalArgumentException.class, () -> SweepRange.of());
        assertThrows(IllegalArgumentException.class, () -> SweepRange.of(1.0, -0.1));
        assertThrows(IllegalArgumentException.class, () -> SweepRange.of(Double.NaN));
        assertThrows(
                IllegalArgumentException.class, () -> SweepRange.of(Double.POSITIVE_INFINITY));
    }

    @Test
    public void aPlaneComesBackFromTheModelWhereItWas() {
        Fit fit = Fit.of(70, 50, 24, 32);
        assertTrue(fit.turned);
        Plane output = new Plane(24, 32);
        for (int i = 0; i < output.data.length; i++) {
            output.data[i] = i;
        }
        Plane part = fit.fromModel(output);
        assertEquals(fit.contentWidth, part.height);
        assertEquals(fit.contentHeight, part.width);
        int lastColumn = fit.left() + fit.contentWidth - 1;
        assertEquals(output.at(fit.top(), lastColumn), part.at(0, 0), 0);
        assertEquals(output.at(fit.top(), fit.left()), part.at(part.height - 1, 0), 0);
    }

    @Test
    public void wantedSizesNeedNoFurtherResizing() {
        Fit fit = Fit.of(4080, 3072, 240, 320);
        Rgb picture = new Rgb(fit.wantedHeight(), fit.wantedWidth());
        Fit again = Fit.of(picture.height, picture.width, 240, 320);
        assertEquals(fit.cueScale, again.cueScale);
        Rgb laid = again.toCueImage(picture, null).rgb;
        assertEquals(240 * fit.cueScale, laid.height);
        assertEquals(320 * fit.cueScale, laid.width);
        assertArrayEquals(new int[] {fit.contentHeight, fit.contentWidth},
                new int[] {again.contentHeight, again.contentWidth});
    }
}
