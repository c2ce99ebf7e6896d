package org.edgedepth.core;

/** An unsigned fraction as EXIF stores it. */
public final class Rational {
    static final long MOST = 0xFFFFFFFFL;

    public final long numerator;
    public final long denominator;

    /**
     * @throws IllegalArgumentException a number that does not fit into 32 bits
     */
    public Rational(long numerator, long denominator) {
        if (numerator < 0 || numerator > MOST || denominator < 0 || denominator > MOST) {
            throw new IllegalArgumentException(numerator + "/" + denominator + " does not fit");
        }
        this.numerator = numerator;
        this.denominator = denominator;
    }

    /** A positive number in steps of 1 / denominator. */
    public static Rational of(double value, long denominator) {
        return new Rational(Math.round(value * denominator), denominator);
    }

    public double value() {
        return numerator / (double) denominator;
    }

    /** As {@code android.media.ExifInterface} takes fractions. */
    @Override
    public String toString() {
        return numerator + "/" + denominator;
    }
}
