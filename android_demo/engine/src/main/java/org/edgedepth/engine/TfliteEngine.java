package org.edgedepth.engine;

import java.nio.Buffer;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import org.edgedepth.core.Engine;
import org.edgedepth.core.TensorSpec;
import org.edgedepth.core.UnusableException;
import org.tensorflow.lite.DataType;
import org.tensorflow.lite.Delegate;
import org.tensorflow.lite.Interpreter;
import org.tensorflow.lite.Tensor;
import org.tensorflow.lite.TensorFlowLite;

/** TFLite's Java interpreter as the core's engine; the same on a phone and on a desktop JVM. */
public final class TfliteEngine implements Engine {
    private final Interpreter interpreter;
    private final Map<String, Map<String, TensorSpec>> inputs = new HashMap<>();
    private final Map<String, Map<String, TensorSpec>> outputs = new HashMap<>();

    /**
     * Load a model.
     *
     * @param model the whole file in a direct buffer, which must stay as it is
     * @param threads CPU threads
     * @param delegate for the GPU; null for the CPU with XNNPACK
     * @throws UnusableException the interpreter refuses the model
     */
    public TfliteEngine(ByteBuffer model, int threads, Delegate delegate) throws UnusableException {
        Interpreter.Options options = new Interpreter.Options().setNumThreads(threads);
        if (delegate == null) {
            options.setUseXNNPACK(true);
        } else {
            options.addDelegate(delegate);
        }
        try {
            interpreter = new Interpreter(model, options);
        } catch (IllegalArgumentException | IllegalStateException refused) {
            throw new UnusableException("The model cannot be loaded: " + firstLine(refused));
        }
        for (String signature : interpreter.getSignatureKeys()) {
            inputs.put(signature, tensors(signature, interpreter.getSignatureInputs(signature), true));
            outputs.put(
                    signature, tensors(signature, interpreter.getSignatureOutputs(signature), false));
        }
    }

    /** Name and version of the runtime. */
    public static String runtime() {
        return "tensorflow-lite " + TensorFlowLite.runtimeVersion();
    }

    private static String firstLine(Exception error) {
        return String.valueOf(error.getMessage()).split("\n", 2)[0];
    }

    private Map<String, TensorSpec> tensors(String signature, String[] names, boolean in)
            throws UnusableException {
        Map<String, TensorSpec> found = new LinkedHashMap<>();
        for (String name : names) {
            Tensor tensor =
                    in
                            ? interpreter.getInputTensorFromSignature(name, signature)
                            : interpreter.getOutputTensorFromSignature(name, signature);
            Tensor.QuantizationParams stored = tensor.quantizationParams();
            found.put(
                    name,
                    new TensorSpec(
                            name,
                            type(tensor.dataType(), name),
                            tensor.shape(),
                            stored.getScale(),
                            stored.getZeroPoint()));
        }
        return Collections.unmodifiableMap(found);
    }

    private static TensorSpec.Type type(DataType type, String name) throws UnusableException {
        switch (type) {
            case FLOAT32:
                return TensorSpec.Type.FLOAT32;
            case INT8:
                return TensorSpec.Type.INT8;
            case UINT8:
                return TensorSpec.Type.UINT8;
            default:
                throw new UnusableException("The model's " + name + " is of type " + type);
        }
    }

    @Override
    public Set<String> signatures() {
        return new LinkedHashSet<>(Arrays.asList(interpreter.getSignatureKeys()));
    }

    @Override
    public Map<String, TensorSpec> inputs(String signature) {
        return inputs.get(signature);
    }

    @Override
    public Map<String, TensorSpec> outputs(String signature) {
        return outputs.get(signature);
    }

    @Override
    public void run(String signature, Map<String, ByteBuffer> in, Map<String, ByteBuffer> out) {
        interpreter.runSignature(rewound(in), rewound(out), signature);
    }

    private static Map<String, Object> rewound(Map<String, ByteBuffer> buffers) {
        Map<String, Object> ready = new HashMap<>();
        for (Map.Entry<String, ByteBuffer> entry : buffers.entrySet()) {
            // Buffer's, since older Androids lack ByteBuffer's own
            ((Buffer) entry.getValue()).rewind();
            ready.put(entry.getKey(), entry.getValue());
        }
        return ready;
    }

    @Override
    public void close() {
        interpreter.close();
    }
}
