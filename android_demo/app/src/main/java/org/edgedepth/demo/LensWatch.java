package org.edgedepth.demo;

import android.hardware.camera2.CameraMetadata;
import android.hardware.camera2.CaptureRequest;
import android.hardware.camera2.CaptureResult;
import org.edgedepth.core.SweepPlan;

/** Waits for exposure and white balance, or for the lens: until they say so, or long enough. */
final class LensWatch {
    /** Longer than exposure takes anywhere but in the dark. */
    static final long CONVERGE_TIMEOUT_MS = 2500;

    /** Several times what a voice-coil lens needs for its whole way. */
    static final long SETTLE_TIMEOUT_MS = 1500;

    /** A lens that oscillates can look as if it stood still once. */
    static final int STEADY_RESULTS = 2;

    private final SweepPlan plan;
    private final int plane;
    private final long deadlineMs;
    private int steady;

    private LensWatch(SweepPlan plan, int plane, long deadlineMs) {
        this.plan = plan;
        this.plane = plane;
        this.deadlineMs = deadlineMs;
    }

    static LensWatch converging(long nowMs) {
        return new LensWatch(null, 0, nowMs + CONVERGE_TIMEOUT_MS);
    }

    static LensWatch settling(SweepPlan plan, int plane, long nowMs) {
        return new LensWatch(plan, plane, nowMs + SETTLE_TIMEOUT_MS);
    }

    /** Exposure and white balance have settled, or will not. */
    boolean converged(CaptureResult seen, long nowMs) {
        return converged(
                seen.get(CaptureResult.CONTROL_AE_STATE),
                seen.get(CaptureResult.CONTROL_AWB_STATE),
                nowMs);
    }

    boolean converged(Integer exposure, Integer whiteBalance, long nowMs) {
        boolean searching =
                is(exposure, CameraMetadata.CONTROL_AE_STATE_SEARCHING)
                        || is(exposure, CameraMetadata.CONTROL_AE_STATE_PRECAPTURE)
                        || is(whiteBalance, CameraMetadata.CONTROL_AWB_STATE_SEARCHING);
        return !searching || nowMs >= deadlineMs;
    }

    /** The lens stands at the plane, or will not. */
    boolean settled(CaptureResult seen, CaptureRequest request, long nowMs) {
        boolean ours = Integer.valueOf(plane).equals(request.getTag());
        return settled(
                ours,
                seen.get(CaptureResult.LENS_STATE),
                seen.get(CaptureResult.LENS_FOCUS_DISTANCE),
                nowMs);
    }

    boolean settled(boolean ours, Integer lens, Float reported, long nowMs) {
        boolean there =
                ours
                        && !is(lens, CameraMetadata.LENS_STATE_MOVING)
                        && (reported == null || plan.settled(plane, reported));
        steady = there ? steady + 1 : 0;
        return steady >= STEADY_RESULTS || nowMs >= deadlineMs;
    }

    private static boolean is(Integer state, int wanted) {
        return state != null && state == wanted;
    }
}
