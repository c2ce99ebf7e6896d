package org.edgedepth.core;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertTrue;

import java.util.ArrayList;
import java.util.List;
import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;
import org.junit.Test;

/** Relative blur against Python. */
public class RelativeBlurTest {
    private static final Plane ANSWER = Golden.array("blur_answer").plane();
    private static final Plane CONFIDENCE = Golden.array("blur_confidence").plane();

    private final JSONObject figures;
    private final double coc;

    public RelativeBlurTest() throws JSONException {
        figures = Golden.json("core.json").getJSONObject("relative_blur");
        coc = figures.getDouble("coc");
    }

    private List<AlignedFrame> frames(int count) throws JSONException {
        JSONArray focus = figures.getJSONArray("focus");
        List<AlignedFrame> frames = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            Rgb rgb = Golden.array("blur_frame_" + i).rgb();
            Mask valid = i == 1 ? Golden.array("blur_valid").mask() : null;
            frames.add(
                    new AlignedFrame(
                            rgb, valid, focus.getDouble(i), Motion.REFERENCE, new float[] {1, 1, 1}));
        }
        return frames;
    }

    private List<BlurLadder> ladders() throws JSONException {
        return BlurPair.ladders(planes().neighbours(), k());
    }

    private List<BlurLadder> wide() throws JSONException {
        List<BlurLadder> wide = BlurPair.ladders(planes().wide(k()), k());
        RelativeBlur.temper(wide, RelativeBlur.UNEXPLAINED_SHARE);
        return wide;
    }

    private BlurPlanes planes() throws JSONException {
        return new BlurPlanes(frames(4), ANSWER.height, ANSWER.width);
    }

    private double k() throws JSONException {
        return coc * ANSWER.width / frames(1).get(0).rgb.width;
    }

    private static Plane light(AlignedFrame frame) {
        return BlurPlanes.linearLight(frame.rgb, ANSWER.height, ANSWER.width);
    }

    @Test
    public void framesAreLaidOverEachOtherAsInPython() throws JSONException {
        List<AlignedFrame> frames = frames(4);
        LocalShift shift =
                LocalShift.between(
                        light(frames.get(3)), light(frames.get(2)), ANSWER.height, ANSWER.width);
        Golden.assertClose("laid", Golden.array("blur_laid").plane(), shift.laid, 2e-3);
        Golden.assertClose("apart", Golden.array("blur_apart").plane(), shift.apart, 2e-3);
    }

    @Test
    public void likelihoodsArePythons() throws JSONException {
        assertLogs("blur_logs", ladders().get(1));
        assertLogs("blur_wide_logs", wide().get(0));
    }

    private static void assertLogs(String name, BlurLadder ladder) throws JSONException {
        Plane expected = Golden.array(name).plane();
        float[] actual = new float[expected.data.length];
        assertEquals(actual.length, ladder.logs.length * ANSWER.data.length);
        for (int i = 0; i < actual.length; i++) {
            int place = i / ANSWER.data.length;
            actual[i] = ladder.logs[place][i % ANSWER.data.length] / BlurPair.SAMPLES;
        }
        Plane plane = new Plane(expected.height, expected.width, actual);
        Golden.assertClose(name, expected, plane, 0.01);
    }

    @Test
    public void planesFarApartAreFound() {
        double[] focus = {0.25, 0.625, 1.1, 1.7, 2.2, 2.9};
        assertEnds(BlurPlanes.farApart(focus, 1.22), new int[][] {{0, 2}, {1, 3}, {2, 4}, {3, 5}});
        assertEnds(BlurPlanes.farApart(focus, 1.45), new int[][] {{0, 3}, {2, 4}, {3, 5}});
        assertEnds(BlurPlanes.farApart(focus, 0.5), new int[][] {});
        assertEnds(BlurPlanes.farApart(focus, 9), new int[][] {{0, 5}});
    }

    private static void assertEnds(List<int[]> found, int[][] expected) {
        assertArrayEquals(expected, found.toArray(new int[0][]));
    }

    @Test
    public void theScaleOfKIsPythons() throws JSONException {
        assertEquals(figures.getDouble("scale"), BlurScale.of(ANSWER, ladders()), 0.01);
    }

    @Test
    public void whatFollowsIsPythons() throws JSONException {
        List<BlurLadder> ladders = ladders();
        RelativeBlur.temper(ladders, 0);
        Posterior after = Posterior.of(ANSWER, ladders, wide(), figures.getDouble("scale"), 1);
        Golden.assertClose("mean", Golden.array("blur_mean").plane(), after.dioptres, 0.01);
        Golden.assertClose("spread", Golden.array("blur_spread").plane(), after.spread, 0.01);
        Golden.assertClose("told", Golden.array("blur_told").plane(), after.told, 0.03);
    }

    @Test
    public void theAnswerMovesAsInPython() throws JSONException {
        List<AlignedFrame> frames = frames(4);
        Rgb sharp = Composite.allInFocus(frames);
        Plane moved = RelativeBlur.of(ANSWER, CONFIDENCE, frames, sharp, coc);
        Golden.assertClose("moved", Golden.array("blur_weighed").plane(), moved, 0.02);
        double change = 0;
        for (int i = 0; i < moved.data.length; i++) {
            change += Math.abs(moved.data[i] - ANSWER.data[i]) / moved.data.length;
        }
        assertTrue("the vectors move nothing", change > 0.02);
    }

    @Test
    public void twoPlanesOnlySettle() throws JSONException {
        List<AlignedFrame> frames = frames(2);
        Rgb sharp = Composite.allInFocus(frames);
        assertNull(RelativeBlur.of(ANSWER, CONFIDENCE, frames, sharp, coc));
        ModelAnswer answer = new ModelAnswer(ANSWER, ANSWER, CONFIDENCE);
        Plane expected = Settling.alone(answer, sharp).dioptres;
        Plane actual = Settling.byRelativeBlur(answer, frames, sharp, coc).dioptres;
        assertArrayEquals(expected.data, actual.data, 0);
    }

    @Test
    public void kernelsHaveTheirVariance() {
        for (double variance : new double[] {0.01, 0.4, 0.41, 3, 20}) {
            float[] kernel = BlurPair.diffusion(variance);
            double total = 0;
            double found = 0;
            for (int i = 0; i < kernel.length; i++) {
                double offset = i - kernel.length / 2;
                total += kernel[i];
                found += kernel[i] * offset * offset;
            }
            assertEquals(1, total, 1e-6);
            assertEquals(variance, found, 0.05 * variance);
        }
    }

    @Test
    public void stepsAreThoseOfNumPy() {
        double[] steps = BlurLadder.gradient(new double[] {0, 1, 4, 5});
        assertArrayEquals(new double[] {1, 2, 2, 1}, steps, 0);
    }
}
