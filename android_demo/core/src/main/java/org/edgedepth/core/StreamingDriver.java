package org.edgedepth.core;

import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.Map;

/**
 * Runs a streaming model: one step per frame, then decoding, after any of the frames.
 *
 * <p>Nothing here knows the model's inside: tensors whose names begin with {@code state_} travel
 * from step to step and to the decoder, as far as these take them; the others are fed by name.
 */
public final class StreamingDriver {
    public static final String STEP = "encode_step";
    public static final String DECODE = "decode";

    private static final String STATE = "state_";

    /** The state that begins at the first frame's focus; the others begin at 0. */
    private static final String FIRST_FOCUS_STATE = "state_means";

    private final Engine engine;
    private final ModelSpec spec;
    private final Map<String, TensorSpec> stepInputs;
    private final Map<String, ByteBuffer> feeds = new HashMap<>();
    private final Map<String, ByteBuffer> answers = new HashMap<>();
    private Map<String, ByteBuffer> state = new HashMap<>();
    private Map<String, ByteBuffer> nextState = new HashMap<>();
    private SweepRange range;
    private int frames;

    /**
     * @throws UnusableException the model does not stream, or wants something unknown
     */
    public StreamingDriver(Engine engine, ModelSpec spec) throws UnusableException {
        if (!engine.signatures().contains(STEP) || !engine.signatures().contains(DECODE)) {
            throw new UnusableException(
                    "This model cannot take frames one by one: convert it with --streaming");
        }
        if (!spec.output.equals("sweep") || !spec.focusEncoding.equals("sweep")) {
            throw new UnusableException("Models of preset " + spec.preset + " do not run here");
        }
        this.engine = engine;
        this.spec = spec;
        stepInputs = engine.inputs(STEP);
        for (TensorSpec tensor : stepInputs.values()) {
            allocate(tensor);
        }
        for (TensorSpec tensor : engine.outputs(STEP).values()) {
            nextState.put(tensor.name, tensor.allocate());
            state.computeIfAbsent(tensor.name, name -> tensor.allocate());
        }
        if (!nextState.keySet().containsAll(state.keySet())) {
            throw new UnusableException("The model's step forgets a part of its state");
        }
        for (TensorSpec tensor : engine.outputs(DECODE).values()) {
            answers.put(tensor.name, tensor.allocate());
        }
        for (String name : engine.inputs(DECODE).keySet()) {
            if (!nextState.containsKey(name)) {
                throw new UnusableException("The model's decoder wants " + name + ", which no step gives");
            }
        }
    }

    private void allocate(TensorSpec tensor) throws UnusableException {
        if (tensor.name.startsWith(STATE)) {
            state.put(tensor.name, tensor.allocate());
        } else if (tensor.name.equals("frame")
                || tensor.name.equals("focus")
                || tensor.name.equals("optics")) {
            feeds.put(tensor.name, tensor.allocate());
        } else {
            throw new UnusableException("The model wants an input " + tensor.name + " that is unknown");
        }
    }

    /**
     * Begin a sweep.
     *
     * @param sweep dioptre range of the frames to come
     * @param cueCocPxPerDioptre K at the cue image, {@link Fit#cueCoc}
     */
    public void start(SweepRange sweep, double cueCocPxPerDioptre) {
        range = sweep;
        frames = 0;
        stepInputs.get("optics").put(feeds.get("optics"), sweep.optics(cueCocPxPerDioptre));
    }

    private void begin(float firstFocus) {
        for (TensorSpec tensor : stepInputs.values()) {
            if (tensor.name.startsWith(STATE)) {
                boolean focus = tensor.name.equals(FIRST_FOCUS_STATE);
                tensor.fill(state.get(tensor.name), focus ? firstFocus : 0f);
            }
        }
    }

    /**
     * Take one frame.
     *
     * @param packed (height, width, channels) bytes of {@link FramePacker}
     * @param focusDioptres where it was focused
     * @throws IllegalStateException not started
     */
    public void add(byte[] packed, double focusDioptres) {
        if (range == null) {
            throw new IllegalStateException("start comes first");
        }
        float focus = range.position(focusDioptres);
        if (frames == 0) {
            begin(focus);
        }
        stepInputs.get("frame").putBytes(feeds.get("frame"), packed);
        stepInputs.get("focus").put(feeds.get("focus"), focus);
        engine.run(STEP, gathered(stepInputs), nextState);
        Map<String, ByteBuffer> used = state;
        state = nextState;
        nextState = used;
        frames++;
    }

    public int frames() {
        return frames;
    }

    /**
     * Depth from the frames so far.
     *
     * @throws IllegalStateException no frame yet
     */
    public ModelAnswer decode() {
        if (frames == 0) {
            throw new IllegalStateException("no frame yet");
        }
        engine.run(DECODE, gathered(engine.inputs(DECODE)), answers);
        float[] position = real("inverse_depth");
        float[] dioptres = new float[position.length];
        for (int i = 0; i < dioptres.length; i++) {
            dioptres[i] = range.dioptres(position[i]);
        }
        float[] confidence = real("confidence");
        for (int i = 0; i < confidence.length; i++) {
            confidence[i] = Math.min(1f, Math.max(0f, confidence[i]));
        }
        return new ModelAnswer(
                new Plane(spec.height, spec.width, position),
                new Plane(spec.height, spec.width, dioptres),
                new Plane(spec.height, spec.width, confidence));
    }

    private Map<String, ByteBuffer> gathered(Map<String, TensorSpec> wanted) {
        Map<String, ByteBuffer> inputs = new HashMap<>();
        for (String name : wanted.keySet()) {
            inputs.put(name, feeds.containsKey(name) ? feeds.get(name) : state.get(name));
        }
        return inputs;
    }

    private float[] real(String name) {
        return engine.outputs(DECODE).get(name).real(answers.get(name));
    }
}
