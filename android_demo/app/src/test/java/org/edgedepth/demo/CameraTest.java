package org.edgedepth.demo;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertTrue;

import android.content.Context;
import android.hardware.camera2.CameraMetadata;
import android.util.Size;
import android.util.SizeF;
import android.view.Surface;
import org.edgedepth.core.SidecarCamera;
import org.edgedepth.core.SweepPlan;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.RuntimeEnvironment;

/** What a camera can do, which sizes to take, when the lens stands still. */
@RunWith(RobolectricTestRunner.class)
public final class CameraTest {
    private final Context context = RuntimeEnvironment.getApplication();

    @Test
    public void aFocusingCameraSweeps() throws Exception {
        CameraFacts facts =
                FakeCamera.focusing(
                                CameraMetadata.LENS_INFO_FOCUS_DISTANCE_CALIBRATION_CALIBRATED)
                        .plug(context);
        assertTrue(facts.sweeps());
        assertEquals(CameraFacts.Calibration.CALIBRATED, facts.calibration);
        assertEquals(new Size(2592, 1944), facts.picture);
        assertEquals(new Size(1920, 1440), facts.preview);
        assertEquals(9.8, facts.coveredMm.getWidth(), 0.05);
    }

    @Test
    public void aFixedLensDoesNot() throws Exception {
        assertFalse(FakeCamera.fixed().plug(context).sweeps());
    }

    @Test
    public void aLensThatAppsCannotMoveDoesNot() throws Exception {
        assertFalse(FakeCamera.autofocusOnly().plug(context).sweeps());
    }

    @Test
    public void noCameraIsNone() throws Exception {
        assertNull(
                CameraFacts.choose(
                        context.getSystemService(android.hardware.camera2.CameraManager.class)));
    }

    @Test
    public void theSidecarSaysWhatTheStoredWidthCovers() throws Exception {
        CameraFacts facts =
                FakeCamera.focusing(
                                CameraMetadata.LENS_INFO_FOCUS_DISTANCE_CALIBRATION_APPROXIMATE)
                        .plug(context);
        SidecarCamera lying = facts.sidecar(new Size(2592, 1944));
        SidecarCamera turned = facts.sidecar(new Size(1944, 2592));
        assertEquals(9.8, lying.sensorWidthMm, 0.05);
        assertEquals(lying.sensorWidthMm, turned.sensorHeightMm, 1e-9);
        assertEquals("approximate", lying.focusCalibration);
        double upright =
                DepthPipeline.Lens.of(lying, 2592, 1944, true).cocPxPerDioptre(1944);
        assertEquals(lying.cocPxPerDioptre(2592), upright, 1e-6);
    }

    @Test
    public void sizesOfTheSensorsShapeWin() {
        Size[] sizes = {new Size(1920, 1080), new Size(640, 480), new Size(1600, 1200)};
        assertEquals(new Size(1600, 1200), CameraSizes.picture(sizes, 4 / 3.0));
        assertEquals(new Size(1920, 1080), CameraSizes.picture(sizes, 16 / 9.0));
        assertNull(CameraSizes.picture(null, 4 / 3.0));
        SizeF crop = CameraSizes.covered(new SizeF(8, 6), new Size(1600, 900));
        assertEquals(8, crop.getWidth(), 1e-6);
        assertEquals(4.5, crop.getHeight(), 1e-6);
    }

    @Test
    public void theLensIsWaitedFor() {
        SweepPlan plan = SweepPlan.uniform(0.25, 3.25, 4);
        LensWatch watch = LensWatch.settling(plan, 1, 1000);
        Integer moving = CameraMetadata.LENS_STATE_MOVING;
        Integer still = CameraMetadata.LENS_STATE_STATIONARY;
        assertFalse("an older request", watch.settled(false, still, 1.25f, 1010));
        assertFalse("on its way", watch.settled(true, moving, 1.2f, 1020));
        assertFalse("stands elsewhere", watch.settled(true, still, 0.3f, 1030));
        assertFalse("once is not steady", watch.settled(true, still, 1.24f, 1040));
        assertTrue(watch.settled(true, still, 1.24f, 1050));
        LensWatch silent = LensWatch.settling(plan, 1, 0);
        assertFalse("says nothing", silent.settled(true, null, null, 10));
        assertTrue(silent.settled(true, null, null, 20));
        LensWatch stuck = LensWatch.settling(plan, 1, 0);
        assertTrue(stuck.settled(true, moving, 0f, LensWatch.SETTLE_TIMEOUT_MS));
    }

    @Test
    public void exposureIsWaitedFor() {
        LensWatch watch = LensWatch.converging(0);
        int searching = CameraMetadata.CONTROL_AE_STATE_SEARCHING;
        int done = CameraMetadata.CONTROL_AE_STATE_CONVERGED;
        int balanced = CameraMetadata.CONTROL_AWB_STATE_CONVERGED;
        assertFalse(watch.converged(searching, balanced, 10));
        assertFalse(watch.converged(done, CameraMetadata.CONTROL_AWB_STATE_SEARCHING, 20));
        assertTrue(watch.converged(done, balanced, 30));
        assertTrue(watch.converged(null, null, 40));
        assertTrue(watch.converged(searching, null, LensWatch.CONVERGE_TIMEOUT_MS));
    }

    @Test
    public void picturesAreUpright() {
        assertEquals(90, Orientation.picture(90, Orientation.degrees(Surface.ROTATION_0)));
        assertEquals(0, Orientation.picture(90, Orientation.degrees(Surface.ROTATION_90)));
        assertEquals(180, Orientation.picture(90, Orientation.degrees(Surface.ROTATION_270)));
        assertEquals(6, Orientation.exif(90));
        assertEquals(8, Orientation.exif(270));
        assertEquals(1, Orientation.exif(0));
    }
}
