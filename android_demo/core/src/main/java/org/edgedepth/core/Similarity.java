package org.edgedepth.core;

/**
 * Scale, rotation and shift about the pictures' centre, from the reference's pixels to a frame's:
 * {@code x' - c = (a, -b; b, a) (x - c) + (right, down)}.
 */
public final class Similarity {
    public static final Similarity IDENTITY = new Similarity(1, 0, 0, 0);

    final double a;
    final double b;
    final double right;
    final double down;

    Similarity(double a, double b, double right, double down) {
        this.a = a;
        this.b = b;
        this.right = right;
        this.down = down;
    }

    /** Focal breathing alone. */
    public static Similarity scaling(double scale) {
        return new Similarity(scale, 0, 0, 0);
    }

    /** Magnification of the frame against the reference. */
    public double scale() {
        return Math.hypot(a, b);
    }

    /** Rotation in degrees, clockwise on screen. */
    public double rotationDegrees() {
        return Math.toDegrees(Math.atan2(b, a));
    }

    /** Shift of the picture's centre to the right, in the pixels of the picture it was found on. */
    public double shiftRight() {
        return right;
    }

    /** Shift of the picture's centre downwards. */
    public double shiftDown() {
        return down;
    }

    /** The same motion with its shift in other pixels. */
    public Similarity grown(double factor) {
        return new Similarity(a, b, right * factor, down * factor);
    }

    /** This motion after the inverse of a step. */
    Similarity afterInverse(Similarity step) {
        double norm = step.a * step.a + step.b * step.b;
        double backA = step.a / norm;
        double backB = -step.b / norm;
        double backRight = -(backA * step.right - backB * step.down);
        double backDown = -(backB * step.right + backA * step.down);
        return new Similarity(
                a * backA - b * backB,
                a * backB + b * backA,
                a * backRight - b * backDown + right,
                b * backRight + a * backDown + down);
    }

    /** Where the reference's pixel (x, y) lies in a frame of this size: its x. */
    double frameX(double x, double y, int height, int width) {
        double centreX = (width - 1) / 2.0;
        return centreX + a * (x - centreX) - b * (y - (height - 1) / 2.0) + right;
    }

    /** Where the reference's pixel (x, y) lies in a frame of this size: its y. */
    double frameY(double x, double y, int height, int width) {
        double centreY = (height - 1) / 2.0;
        return centreY + b * (x - (width - 1) / 2.0) + a * (y - centreY) + down;
    }
}
