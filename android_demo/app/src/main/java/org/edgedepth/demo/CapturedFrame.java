package org.edgedepth.demo;

/** A picture of a sweep with what the camera said about it. */
final class CapturedFrame {
    /** Place in the sweep, from 0. */
    final int index;
    final byte[] jpeg;
    final double requestedDioptres;
    /** As the lens reported it with this picture; NaN when it reported none. */
    final double reportedDioptres;
    final boolean stationary;
    /** 0 when not told. */
    final long exposureNanos;
    /** 0 when not told. */
    final int iso;
    final long timestampNanos;

    CapturedFrame(
            int index,
            byte[] jpeg,
            double requestedDioptres,
            double reportedDioptres,
            boolean stationary,
            long exposureNanos,
            int iso,
            long timestampNanos) {
        this.index = index;
        this.jpeg = jpeg;
        this.requestedDioptres = requestedDioptres;
        this.reportedDioptres = reportedDioptres;
        this.stationary = stationary;
        this.exposureNanos = exposureNanos;
        this.iso = iso;
        this.timestampNanos = timestampNanos;
    }

    /** What to believe: the report, else what was asked for. */
    double focusDioptres() {
        return Double.isNaN(reportedDioptres) ? requestedDioptres : reportedDioptres;
    }
}
