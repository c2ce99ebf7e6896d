package org.edgedepth.core;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import java.nio.ByteBuffer;
import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;
import org.junit.Test;

/** Optics, the plan, stored numbers and timing, against Python. */
public class FiguresTest {
    private static JSONObject golden(String part) throws JSONException {
        return Golden.json("core.json").getJSONObject(part);
    }

    @Test
    public void opticsArePythons() throws JSONException {
        JSONObject lens = golden("lens");
        double[] camera = Golden.doubles(lens.getJSONArray("camera"));
        assertEquals(
                lens.getDouble("coc_px_per_dioptre"),
                Optics.cocPxPerDioptre(camera[0], camera[1], camera[2], camera[3]),
                1e-9);
        double[] focus = Golden.doubles(lens.getJSONArray("focus_dioptres"));
        double[] breathing = Golden.doubles(lens.getJSONArray("breathing"));
        double[] relative = Golden.doubles(lens.getJSONArray("relative_breathing"));
        for (int i = 0; i < focus.length; i++) {
            assertEquals(breathing[i], Optics.breathingScale(focus[i], camera[0]), 1e-12);
            assertEquals(relative[i], Optics.relativeBreathing(focus[i], 2, camera[0]), 1e-12);
        }
        assertEquals(
                lens.getDouble("depth_uncertainty_m"), Optics.depthUncertaintyM(2, 0.05), 1e-12);
    }

    @Test
    public void opticsRefuseTheImpossible() {
        assertEquals(Double.POSITIVE_INFINITY, Optics.dioptresToMetres(0), 0);
        assertEquals(0, Optics.metresToDioptres(Double.POSITIVE_INFINITY), 0);
        assertThrows(IllegalArgumentException.class, () -> Optics.dioptresToMetres(-1));
        assertThrows(IllegalArgumentException.class, () -> Optics.metresToDioptres(0));
        assertThrows(IllegalArgumentException.class, () -> Optics.breathingScale(200, 7));
        assertThrows(IllegalArgumentException.class, () -> Optics.cocPxPerDioptre(7, 0, 9, 640));
    }

    @Test
    public void plansAreUniformInDioptres() throws JSONException {
        JSONObject expected = golden("lens").getJSONObject("plan");
        double[] planes = Golden.doubles(expected.getJSONArray("planes"));
        SweepPlan plan =
                SweepPlan.uniform(
                        expected.getDouble("far"), expected.getDouble("near"), planes.length);
        for (int i = 0; i < planes.length; i++) {
            assertEquals(planes[i], plan.focusDioptres(i), 1e-12);
        }
        assertEquals(planes[0], plan.range().low, 1e-12);
        assertTrue(plan.settled(2, planes[2] + 0.2 * plan.stepDioptres()));
        assertFalse(plan.settled(2, planes[2] + 0.3 * plan.stepDioptres()));
    }

    @Test
    public void plansKeepToTheLens() {
        SweepPlan plan = SweepPlan.forLens(0, 12, 5, 8.5);
        assertEquals(8.5, plan.focusDioptres(4), 0);
        assertThrows(IllegalArgumentException.class, () -> SweepPlan.forLens(0, 12, 5, 0));
        assertThrows(IllegalArgumentException.class, () -> SweepPlan.forLens(5, 12, 5, 4));
        assertThrows(IllegalArgumentException.class, () -> SweepPlan.uniform(0, 4, 1));
        assertThrows(IllegalArgumentException.class, () -> SweepPlan.uniform(0, 4, 17));
        assertThrows(IllegalArgumentException.class, () -> SweepPlan.uniform(0, Double.NaN, 5));
    }

    @Test
    public void storedNumbersArePythons() throws JSONException {
        JSONArray cases = Golden.json("core.json").getJSONArray("storing");
        for (int i = 0; i < cases.length(); i++) {
            JSONObject expected = cases.getJSONObject(i);
            double[] real = Golden.doubles(expected.getJSONArray("real"));
            TensorSpec tensor = tensor(expected, real.length);
            ByteBuffer buffer = tensor.allocate();
            float[] values = new float[real.length];
            for (int k = 0; k < values.length; k++) {
                values[k] = (float) real[k];
            }
            tensor.put(buffer, values);
            double[] stored = Golden.doubles(expected.getJSONArray("stored"));
            double[] back = Golden.doubles(expected.getJSONArray("back"));
            for (int k = 0; k < values.length; k++) {
                assertEquals((byte) (int) stored[k], buffer.get(k));
                assertEquals(back[k], tensor.real(buffer)[k], 1e-6);
            }
            byte[] pixels = new byte[256];
            for (int k = 0; k < pixels.length; k++) {
                pixels[k] = (byte) k;
            }
            ByteBuffer picture = tensor(expected, pixels.length).allocate();
            tensor(expected, pixels.length).putBytes(picture, pixels);
            double[] expectedPixels = Golden.doubles(expected.getJSONArray("pixels"));
            for (int k = 0; k < pixels.length; k++) {
                assertEquals("case " + i, (byte) (int) expectedPixels[k], picture.get(k));
            }
        }
    }

    private static TensorSpec tensor(JSONObject expected, int elements) throws JSONException {
        return new TensorSpec(
                "t",
                TensorSpec.Type.valueOf(expected.getString("type")),
                new int[] {1, elements},
                (float) expected.getDouble("scale"),
                expected.getInt("zero_point"));
    }

    @Test
    public void floatsAreStoredAsTheyAre() {
        TensorSpec tensor = new TensorSpec("x", TensorSpec.Type.FLOAT32, new int[] {1, 2}, 0, 0);
        ByteBuffer buffer = tensor.allocate();
        tensor.put(buffer, 0.1f, -3f);
        assertEquals(0.1f, tensor.real(buffer)[0], 0);
        assertEquals(-3f, tensor.real(buffer)[1], 0);
        tensor.putBytes(buffer, new byte[] {(byte) 255, 51});
        assertEquals(0.2f, tensor.real(buffer)[1], 0);
        assertThrows(IllegalArgumentException.class, () -> tensor.put(buffer, 1f));
    }

    @Test
    public void timingIsPythons() throws JSONException {
        JSONObject series = golden("timing");
        for (String name : new String[] {"few", "many"}) {
            JSONObject expected = series.getJSONObject(name);
            JSONArray list = expected.getJSONArray("rounds");
            double[][] rounds = new double[list.length()][];
            double[] all = new double[list.length() * list.getJSONArray(0).length()];
            for (int i = 0; i < rounds.length; i++) {
                rounds[i] = Golden.doubles(list.getJSONArray(i));
                System.arraycopy(rounds[i], 0, all, i * rounds[i].length, rounds[i].length);
            }
            Timing timing = Timing.of(all);
            assertEquals(all.length, timing.runs);
            assertEquals(expected.getDouble("p50"), timing.p50, 1e-12);
            assertEquals(expected.getDouble("p90"), timing.p90, 1e-12);
            assertEquals(expected.isNull("p99"), Double.isNaN(timing.p99));
            if (!expected.isNull("p99")) {
                assertEquals(expected.getDouble("p99"), timing.p99, 1e-12);
            }
            assertEquals(expected.getDouble("mean"), timing.mean, 1e-12);
            assertEquals(expected.getDouble("least"), timing.least, 0);
            assertEquals(expected.getDouble("most"), timing.most, 0);
            assertEquals(expected.getDouble("spread"), timing.spread, 1e-9);
            assertEquals(expected.getDouble("drift"), Timing.drift(rounds), 1e-9);
        }
        assertThrows(IllegalArgumentException.class, () -> Timing.of());
    }

    @Test
    public void fastLogarithmsAreLogarithms() {
        for (float x = 1e-6f; x < 1e5f; x *= 1.0003f) {
            double exact = Math.log(x);
            assertEquals(exact, FastMath.log(x), 2e-7 * Math.max(1, Math.abs(exact)));
        }
        for (float x = 0; x < 40; x += 0.0013f) {
            assertEquals(Math.log1p(Math.exp(-x)), FastMath.softplusOfMinus(x), 1e-6);
        }
        assertEquals(0f, FastMath.softplusOfMinus(Float.POSITIVE_INFINITY), 0f);
    }
}
