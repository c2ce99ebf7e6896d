package org.edgedepth.core;

/** Logarithms in float, accurate enough for planes of bytes and many times faster. */
final class FastMath {
    private static final float LN2 = (float) Math.log(2);
    private static final int MANTISSA_BITS = 23;

    /** Float bits of the square root of a half: mantissas are taken from there to its double. */
    private static final int ROOT_HALF = 0x3F3504F3;

    private static final int STEPS_PER_UNIT = 256;
    private static final float FARTHEST = 20f;
    private static final float[] SOFTPLUS = new float[(int) (FARTHEST * STEPS_PER_UNIT) + 2];

    static {
        for (int i = 0; i < SOFTPLUS.length; i++) {
            SOFTPLUS[i] = (float) Math.log1p(Math.exp(-(double) i / STEPS_PER_UNIT));
        }
    }

    private FastMath() {}

    /**
     * Natural logarithm of a normal positive number, within 2e-7 of its size or of 1: the series of
     * the inverse hyperbolic tangent of {@code (m - 1) / (m + 1)} for the mantissa m.
     */
    static float log(float x) {
        int bits = Float.floatToRawIntBits(x) - ROOT_HALF;
        int exponent = bits >> MANTISSA_BITS;
        float m = Float.intBitsToFloat((bits & (1 << MANTISSA_BITS) - 1) + ROOT_HALF);
        float s = (m - 1) / (m + 1);
        float z = s * s;
        float series = 2 + z * (2 / 3f + z * (2 / 5f + z * (2 / 7f + z * (2 / 9f))));
        return exponent * LN2 + s * series;
    }

    /** {@code log(1 + exp(-x))} for x >= 0, within 1e-6. */
    static float softplusOfMinus(float x) {
        if (!(x < FARTHEST)) {
            return 0f;
        }
        float place = x * STEPS_PER_UNIT;
        int index = (int) place;
        float low = SOFTPLUS[index];
        return low + (place - index) * (SOFTPLUS[index + 1] - low);
    }
}
