package org.edgedepth.core;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import java.util.Iterator;
import java.util.Locale;
import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;
import org.junit.Test;

/** Alignment against {@code capture/align.py} and {@code capture/register.py}. */
public class RegistrationTest {
    private static final double PIXELS = 0.1;

    private static Plane gray(String name) {
        Plane plane = Golden.array(name).plane();
        for (int i = 0; i < plane.data.length; i++) {
            plane.data[i] /= 255f;
        }
        return plane;
    }

    private static Similarity similarity(JSONArray matrix) throws JSONException {
        double[] first = Golden.doubles(matrix.getJSONArray(0));
        double[] second = Golden.doubles(matrix.getJSONArray(1));
        return new Similarity(first[0], second[0], first[2], second[2]);
    }

    @Test
    public void motionsArePythons() throws JSONException {
        JSONObject motions = Golden.json("core.json").getJSONObject("alignment");
        Aligner aligner = new Aligner(gray("align_reference"), 4.0);
        @SuppressWarnings("unchecked")
        Iterator<String> names = motions.keys();
        int aligned = 0;
        while (names.hasNext()) {
            String name = names.next();
            JSONObject expected = motions.getJSONObject(name);
            Motion motion =
                    aligner.align(gray("align_" + name), expected.getDouble("expected_scale"));
            assertEquals(
                    name,
                    expected.getString("verdict"),
                    motion.verdict.name().toLowerCase(Locale.ROOT));
            if (motion.verdict != Motion.Verdict.ALIGNED) {
                continue;
            }
            aligned++;
            Similarity wanted = similarity(expected.getJSONArray("matrix"));
            double corner = Aligner.WORK_SIDE / 2.0;
            assertEquals(name, wanted.right, motion.similarity.right, PIXELS);
            assertEquals(name, wanted.down, motion.similarity.down, PIXELS);
            assertEquals(name, wanted.a, motion.similarity.a, PIXELS / corner);
            assertEquals(name, wanted.b, motion.similarity.b, PIXELS / corner);
            assertEquals(name, expected.getDouble("score"), motion.score, 0.003);
        }
        assertEquals(2, aligned);
    }

    @Test
    public void aFrameWithoutDetailStaysWhereItIs() {
        Plane reference = gray("align_reference");
        Motion motion =
                new Aligner(reference, 4.0)
                        .align(Plane.filled(reference.height, reference.width, 0.5f), 1.02);
        assertEquals(Motion.Verdict.UNALIGNED, motion.verdict);
        assertEquals(1, motion.similarity.scale(), 0);
        assertTrue(motion.used());
    }

    @Test
    public void theSameFrameIsNotInterpolated() {
        Plane reference = gray("align_reference");
        Motion motion = new Aligner(reference, 4.0).align(reference, 1.0);
        assertEquals(Motion.Verdict.UNALIGNED, motion.verdict);
    }

    @Test
    public void warpingIsPythons() throws JSONException {
        JSONObject placement = Golden.json("core.json").getJSONObject("placement");
        Rgb picture = Golden.array("picture").rgb();
        double grow = Math.max(picture.height, picture.width) / (double) Aligner.WORK_SIDE;
        Similarity motion = similarity(placement.getJSONArray("matrix")).grown(grow);
        byte[] actual = Warp.cubic(picture, motion).data;
        assertArrayEquals(Golden.array("place_plain").bytes(), actual);
        Mask covered = Warp.covered(picture.height, picture.width, motion);
        assertArrayEquals(Golden.array("place_valid").mask().data, covered.data);
    }

    @Test
    public void aMotionWithinThePictureMasksNothing() {
        assertNull(Warp.covered(48, 64, Similarity.scaling(0.98)));
    }

    @Test
    public void brightnessIsPythons() throws JSONException {
        JSONObject placement = Golden.json("core.json").getJSONObject("placement");
        Rgb dim = Golden.array("place_dim").rgb();
        float[] gain = Brightness.gain(dim, Golden.array("picture").rgb());
        double[] expected = Golden.doubles(placement.getJSONArray("unmoved_gain"));
        for (int i = 0; i < gain.length; i++) {
            assertEquals(expected[i], gain[i], 1e-6);
        }
        byte[] applied = Brightness.applied(dim, gain).data;
        assertArrayEquals(Golden.array("gain_applied").bytes(), applied);
    }

    @Test
    public void theFirstFrameIsTheReferenceAndTheRestAreLaidOverIt() {
        Rgb first = colour(gray("align_reference"));
        Rgb second = colour(gray("align_breathing"));
        Registration registration = new Registration(7.0, 4.0, 1.0);
        AlignedFrame reference = registration.add(first, 0.5);
        assertEquals(Motion.Verdict.REFERENCE, reference.motion.verdict);
        assertNull(reference.valid);
        AlignedFrame laid = registration.add(second, 3.0);
        assertEquals(Motion.Verdict.ALIGNED, laid.motion.verdict);
        assertTrue(difference(first, laid.rgb) < 0.5 * difference(first, second));
        assertThrows(IllegalArgumentException.class, () -> registration.add(new Rgb(9, 9), 1));
    }

    private static Rgb colour(Plane gray) {
        Rgb rgb = new Rgb(gray.height, gray.width);
        for (int i = 0; i < rgb.data.length; i++) {
            rgb.data[i] = (byte) Math.round(255 * gray.data[i / Rgb.CHANNELS]);
        }
        return rgb;
    }

    /** Mean absolute difference away from the border. */
    private static double difference(Rgb a, Rgb b) {
        double sum = 0;
        for (int row = 12; row < a.height - 12; row++) {
            for (int column = 12; column < a.width - 12; column++) {
                int at = Rgb.CHANNELS * (row * a.width + column);
                sum += Math.abs((a.data[at] & 0xFF) - (b.data[at] & 0xFF));
            }
        }
        return sum;
    }

    @Test
    public void aMotionAfterItsOwnInverseIsNone() {
        Similarity motion = new Similarity(1.02, 0.03, 4, -2);
        Similarity none = motion.afterInverse(motion);
        assertEquals(1, none.a, 1e-12);
        assertEquals(0, none.b, 1e-12);
        assertEquals(0, none.right, 1e-12);
        assertEquals(0, none.down, 1e-12);
    }
}
