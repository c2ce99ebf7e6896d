package org.edgedepth.core;

/** Two planes, and the answers that they speak for: {@code Gap} in Python. */
final class Gap {
    private static final double FARTHEST = 1 / 12.0;
    private static final double NEAREST = 2.0;

    /** Focus in dioptres. */
    final double far;

    final double near;
    /** Nothing was focused farther, nothing nearer. */
    final boolean first;

    final boolean last;

    Gap(double far, double near, boolean first, boolean last) {
        this.far = far;
        this.near = near;
        this.first = first;
        this.last = last;
    }

    double width() {
        return near - far;
    }

    /** Where both frames are equally blurred, whatever K is. */
    double middle() {
        return (near + far) / 2;
    }

    /** The farthest hypothesis. */
    double farthest() {
        return first ? Math.min(FARTHEST, far) : far - width() / 2;
    }

    /** The nearest hypothesis. */
    double nearest() {
        return last ? NEAREST * near : near + width() / 2;
    }

    /** Whether the other gap lies within this one. */
    boolean covers(Gap other) {
        return far <= other.far && other.near <= near;
    }

    /** Whether an answer lies between the planes, or beyond the first or the last. */
    boolean speaksFor(float dioptres) {
        float least = (float) (first ? farthest() : far);
        float most = (float) (last ? nearest() : near);
        return dioptres >= least && dioptres < most;
    }
}
