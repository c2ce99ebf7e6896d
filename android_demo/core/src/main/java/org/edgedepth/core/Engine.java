package org.edgedepth.core;

import java.nio.ByteBuffer;
import java.util.Map;
import java.util.Set;

/** A loaded model: signatures with tensors by name. TFLite stands behind it. */
public interface Engine extends AutoCloseable {
    /** Names of the model's signatures. */
    Set<String> signatures();

    /** Tensors that a signature takes, by name. */
    Map<String, TensorSpec> inputs(String signature);

    /** Tensors that a signature gives, by name. */
    Map<String, TensorSpec> outputs(String signature);

    /**
     * Run a signature.
     *
     * @param inputs a buffer for each input, see {@link TensorSpec#allocate}
     * @param outputs a buffer for each output, written to
     */
    void run(String signature, Map<String, ByteBuffer> inputs, Map<String, ByteBuffer> outputs);

    @Override
    void close();
}
