package org.edgedepth.demo;

/** The depth shown last: large, so there is one; it outlives a screen that is turned. */
final class Results {
    private static SweepDepth latest;

    private Results() {}

    static synchronized void put(SweepDepth depth) {
        latest = depth;
    }

    /** Depth of a sweep, null when it has to be computed again. */
    static synchronized SweepDepth get(String name) {
        return latest != null && latest.name.equals(name) ? latest : null;
    }

    static synchronized void forget() {
        latest = null;
    }
}
