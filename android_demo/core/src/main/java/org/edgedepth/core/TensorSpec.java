package org.edgedepth.core;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.Arrays;

/** A tensor of a signature: shape, type, and how its numbers are stored. */
public final class TensorSpec {
    /** How one number is stored. */
    public enum Type {
        FLOAT32(4),
        INT8(1),
        UINT8(1);

        final int bytes;

        Type(int bytes) {
            this.bytes = bytes;
        }
    }

    public final String name;
    public final Type type;
    public final float scale;
    public final int zeroPoint;
    private final int[] shape;

    public TensorSpec(String name, Type type, int[] shape, float scale, int zeroPoint) {
        this.name = name;
        this.type = type;
        this.shape = shape.clone();
        this.scale = scale;
        this.zeroPoint = zeroPoint;
    }

    public int[] shape() {
        return shape.clone();
    }

    public int elements() {
        int count = 1;
        for (int side : shape) {
            count *= side;
        }
        return count;
    }

    public int bytes() {
        return elements() * type.bytes;
    }

    /** Stored as integers that stand for real numbers. */
    public boolean quantized() {
        return scale > 0 && type != Type.FLOAT32;
    }

    /** Room for the tensor, as native code takes it. */
    public ByteBuffer allocate() {
        return ByteBuffer.allocateDirect(bytes()).order(ByteOrder.nativeOrder());
    }

    private int least() {
        return type == Type.INT8 ? -128 : 0;
    }

    private int most() {
        return type == Type.INT8 ? 127 : 255;
    }

    /** Fill a buffer with one real number. */
    public void fill(ByteBuffer target, float real) {
        float[] values = new float[elements()];
        Arrays.fill(values, real);
        put(target, values);
    }

    /**
     * Write real numbers as the tensor stores them.
     *
     * @throws IllegalArgumentException not as many as the tensor holds
     */
    public void put(ByteBuffer target, float... real) {
        require(real.length);
        if (!quantized()) {
            if (type != Type.FLOAT32) {
                throw new IllegalArgumentException(name + " is " + type + " without a scale");
            }
            floats(target).put(real);
            return;
        }
        byte[] stored = new byte[real.length];
        for (int i = 0; i < stored.length; i++) {
            stored[i] = (byte) quantize(real[i]);
        }
        whole(target).put(stored);
    }

    /** One real number as the tensor stores it, halves to even, saturating. */
    public int quantize(float real) {
        double stored = Math.rint(real / scale) + zeroPoint;
        return (int) Math.min(most(), Math.max(least(), stored));
    }

    /**
     * Write bytes that stand for value / 255.
     *
     * @throws IllegalArgumentException not as many as the tensor holds
     */
    public void putBytes(ByteBuffer target, byte[] values) {
        require(values.length);
        if (type == Type.INT8 && zeroPoint == -128 && Math.abs(scale * 255 - 1) < 1e-4) {
            byte[] stored = new byte[values.length];
            for (int i = 0; i < stored.length; i++) {
                stored[i] = (byte) (values[i] ^ 0x80);
            }
            whole(target).put(stored);
            return;
        }
        float[] real = new float[values.length];
        for (int i = 0; i < real.length; i++) {
            real[i] = (values[i] & 0xFF) / 255f;
        }
        put(target, real);
    }

    /** The real numbers that a buffer's stored ones stand for. */
    public float[] real(ByteBuffer source) {
        float[] values = new float[elements()];
        if (type == Type.FLOAT32) {
            floats(source).get(values);
            return values;
        }
        byte[] bytes = new byte[values.length];
        whole(source).get(bytes);
        for (int i = 0; i < values.length; i++) {
            int stored = type == Type.INT8 ? bytes[i] : bytes[i] & 0xFF;
            values[i] = scale > 0 ? (stored - zeroPoint) * scale : stored;
        }
        return values;
    }

    private static FloatBuffer floats(ByteBuffer buffer) {
        return whole(buffer).asFloatBuffer();
    }

    /** All of a buffer wherever its position is, to be copied at once and not byte by byte. */
    private static ByteBuffer whole(ByteBuffer buffer) {
        ByteBuffer whole = buffer.duplicate().order(ByteOrder.nativeOrder());
        whole.clear();
        return whole;
    }

    private void require(int count) {
        if (count != elements()) {
            throw new IllegalArgumentException(
                    name + " holds " + elements() + " values, not " + count);
        }
    }

    @Override
    public String toString() {
        return name + " " + type + Arrays.toString(shape) + " " + scale + "/" + zeroPoint;
    }
}
