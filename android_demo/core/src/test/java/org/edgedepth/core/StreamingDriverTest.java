package org.edgedepth.core;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import org.junit.Test;

/** What the driver feeds a model, seen by an engine that writes it down. */
public class StreamingDriverTest {
    private static final int SIDE = 16;

    /**
     * Its state adds up the first byte of the frames; means stay as they begin; the last frame's
     * first byte goes to the decoder, which answers it as confidence, and to no step.
     */
    private static final class Recorder implements Engine {
        final Map<String, Map<String, TensorSpec>> inputs = new LinkedHashMap<>();
        final Map<String, Map<String, TensorSpec>> outputs = new LinkedHashMap<>();
        float[] focus;
        float[] optics;
        float[] means;

        Recorder(TensorSpec.Type type) {
            TensorSpec sum = tensor("state_sum", type, 1, 1);
            TensorSpec means = tensor("state_means", type, 1, 4);
            TensorSpec last = tensor("state_last", type, 1, 2);
            put(inputs, StreamingDriver.STEP, tensor("frame", type, 1, SIDE, SIDE, 3),
                    tensor("focus", type, 1, 1), tensor("optics", type, 1, 3), sum, means);
            put(outputs, StreamingDriver.STEP, sum, means, last);
            put(inputs, StreamingDriver.DECODE, sum, last);
            put(outputs, StreamingDriver.DECODE, tensor("inverse_depth", type, 1, SIDE, SIDE, 1),
                    tensor("confidence", type, 1, SIDE, SIDE, 1));
        }

        private static TensorSpec tensor(String name, TensorSpec.Type type, int... shape) {
            boolean real = type == TensorSpec.Type.FLOAT32;
            return new TensorSpec(name, type, shape, real ? 0f : 1 / 255f, real ? 0 : -128);
        }

        private static void put(
                Map<String, Map<String, TensorSpec>> where, String signature, TensorSpec... all) {
            Map<String, TensorSpec> named = new LinkedHashMap<>();
            for (TensorSpec tensor : all) {
                named.put(tensor.name, tensor);
            }
            where.put(signature, named);
        }

        @Override
        public Set<String> signatures() {
            return new LinkedHashSet<>(inputs.keySet());
        }

        @Override
        public Map<String, TensorSpec> inputs(String signature) {
            return inputs.get(signature);
        }

        @Override
        public Map<String, TensorSpec> outputs(String signature) {
            return outputs.get(signature);
        }

        private float first(String signature, String name, Map<String, ByteBuffer> buffers) {
            return inputs.get(signature).get(name).real(buffers.get(name))[0];
        }

        @Override
        public void run(String signature, Map<String, ByteBuffer> in, Map<String, ByteBuffer> out) {
            assertEquals(inputs.get(signature).keySet(), in.keySet());
            assertEquals(outputs.get(signature).keySet(), out.keySet());
            float sum = first(signature, "state_sum", in);
            if (signature.equals(StreamingDriver.STEP)) {
                focus = inputs.get(signature).get("focus").real(in.get("focus"));
                optics = inputs.get(signature).get("optics").real(in.get("optics"));
                means = inputs.get(signature).get("state_means").real(in.get("state_means"));
                outputs.get(signature).get("state_means").put(out.get("state_means"), means);
                outputs.get(signature).get("state_sum")
                        .put(out.get("state_sum"), sum + first(signature, "frame", in));
                outputs.get(signature).get("state_last")
                        .fill(out.get("state_last"), first(signature, "frame", in));
                return;
            }
            outputs.get(signature).get("inverse_depth").fill(out.get("inverse_depth"), sum);
            outputs.get(signature).get("confidence")
                    .fill(out.get("confidence"), first(signature, "state_last", in));
        }

        @Override
        public void close() {}
    }

    private static byte[] frame(int value) {
        byte[] bytes = new byte[SIDE * SIDE * 3];
        Arrays.fill(bytes, (byte) value);
        return bytes;
    }

    private static void runs(TensorSpec.Type type) throws Exception {
        Recorder engine = new Recorder(type);
        StreamingDriver driver = new StreamingDriver(engine, Specs.of(SIDE, SIDE, 0, "sweep"));
        assertThrows(IllegalStateException.class, () -> driver.add(frame(1), 1));
        SweepRange range = new SweepRange(0.5, 2);
        for (int round = 0; round < 2; round++) {
            driver.start(range, 9.5);
            assertThrows(IllegalStateException.class, driver::decode);
            driver.add(frame(51), 0.5);
            assertEquals(0, engine.focus[0], 1e-3);
            driver.add(frame(102), 1.5);
            assertEquals(0.5, engine.focus[0], 3e-3);
            assertEquals(range.optics(9.5)[0], engine.optics[0], 3e-3);
            ModelAnswer answer = driver.decode();
            assertEquals(0.6, answer.position.at(3, 4), 5e-3);
            assertEquals(1.7, answer.dioptres.at(3, 4), 1e-2);
            assertEquals(0.4, answer.confidence.at(0, 0), 3e-3);
            assertEquals(2, driver.frames());
        }
    }

    @Test
    public void stateTravelsFromStepToStepAndStartsAnew() throws Exception {
        runs(TensorSpec.Type.INT8);
        runs(TensorSpec.Type.FLOAT32);
    }

    @Test
    public void meansBeginAtTheFirstFramesFocus() throws Exception {
        Recorder engine = new Recorder(TensorSpec.Type.INT8);
        StreamingDriver driver = new StreamingDriver(engine, Specs.of(SIDE, SIDE, 0, "sweep"));
        for (int round = 0; round < 2; round++) {
            driver.start(new SweepRange(0, 4), 1);
            driver.add(frame(0), 3);
            assertEquals(0.75, engine.means[3], 3e-3);
            driver.add(frame(0), 1);
            assertEquals(0.75, engine.means[0], 3e-3);
        }
    }

    @Test
    public void anyNumberOfFramesStreams() throws Exception {
        StreamingDriver driver =
                new StreamingDriver(
                        new Recorder(TensorSpec.Type.FLOAT32), Specs.of(SIDE, SIDE, 0, "sweep"));
        driver.start(new SweepRange(0, 4), 1);
        for (int i = 0; i < 40; i++) {
            driver.add(frame(1), 1);
        }
        assertEquals(40, driver.frames());
        assertEquals(40 / 255.0, driver.decode().position.at(0, 0), 1e-5);
    }

    @Test
    public void modelsThatDoNotFitAreRefused() throws Exception {
        Recorder unrolled = new Recorder(TensorSpec.Type.INT8);
        unrolled.inputs.remove(StreamingDriver.DECODE);
        refused(unrolled, "sweep", "one by one");
        refused(new Recorder(TensorSpec.Type.INT8), "metres", "do not run here");
        Recorder odd = new Recorder(TensorSpec.Type.INT8);
        odd.inputs.get(StreamingDriver.STEP)
                .put("flash", Recorder.tensor("flash", TensorSpec.Type.INT8, 1, 1));
        refused(odd, "sweep", "flash");
        Recorder forgetful = new Recorder(TensorSpec.Type.INT8);
        forgetful.outputs.get(StreamingDriver.STEP).remove("state_means");
        refused(forgetful, "sweep", "forgets");
        Recorder silent = new Recorder(TensorSpec.Type.INT8);
        silent.outputs.get(StreamingDriver.STEP).remove("state_last");
        refused(silent, "sweep", "state_last");
    }

    private static void refused(Engine engine, String output, String why) throws Exception {
        ModelSpec spec = Specs.of(SIDE, SIDE, 0, output);
        UnusableException refused =
                assertThrows(UnusableException.class, () -> new StreamingDriver(engine, spec));
        assertTrue(refused.getMessage(), refused.getMessage().contains(why));
    }
}
