package org.edgedepth.demo;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertTrue;
import static org.robolectric.Shadows.shadowOf;

import android.Manifest;
import android.content.Intent;
import android.content.pm.PackageManager;
import android.hardware.camera2.CameraMetadata;
import android.view.View;
import android.widget.Button;
import android.widget.TextView;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.Robolectric;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.android.controller.ActivityController;

/** The first screen: permission, cameras that cannot sweep, what it tells, turning the phone. */
@RunWith(RobolectricTestRunner.class)
public final class CaptureActivityTest {
    private final ActivityController<CaptureActivity> controller =
            Robolectric.buildActivity(CaptureActivity.class);

    private CaptureActivity allowed() {
        shadowOf(RuntimeEnvironment.getApplication()).grantPermissions(Manifest.permission.CAMERA);
        return controller.setup().get();
    }

    private static String text(CaptureActivity screen, int id) {
        return ((TextView) screen.findViewById(id)).getText().toString();
    }

    private static void refuse(CaptureActivity screen) {
        screen.onRequestPermissionsResult(
                1,
                new String[] {Manifest.permission.CAMERA},
                new int[] {PackageManager.PERMISSION_DENIED});
    }

    @Test
    public void thePermissionIsAskedForOnce() {
        CaptureActivity screen = controller.setup().get();
        assertEquals(
                Manifest.permission.CAMERA,
                shadowOf(screen).getLastRequestedPermission().requestedPermissions[0]);
        refuse(screen);
        controller.pause().resume();
        assertEquals(screen.getString(R.string.permission_refused), text(screen, R.id.status));
    }

    @Test
    public void aRefusalLeadsToTheSettings() {
        CaptureActivity screen = controller.setup().get();
        refuse(screen);
        Button remedy = screen.findViewById(R.id.remedy);
        assertEquals(View.VISIBLE, remedy.getVisibility());
        assertEquals(screen.getString(R.string.open_app_settings), remedy.getText().toString());
        remedy.performClick();
        Intent started = shadowOf(screen).getNextStartedActivity();
        assertEquals(
                android.provider.Settings.ACTION_APPLICATION_DETAILS_SETTINGS, started.getAction());
        assertFalse(screen.findViewById(R.id.shutter).isEnabled());
    }

    @Test
    public void savedSweepsOpenWithoutThePermission() {
        CaptureActivity screen = controller.setup().get();
        refuse(screen);
        screen.findViewById(R.id.open_sweeps).performClick();
        assertEquals(
                SweepListActivity.class.getName(),
                shadowOf(screen).getNextStartedActivity().getComponent().getClassName());
    }

    @Test
    public void aPhoneWithoutACameraIsTold() {
        CaptureActivity screen = allowed();
        assertEquals(screen.getString(R.string.no_camera), text(screen, R.id.status));
        assertFalse(screen.findViewById(R.id.shutter).isEnabled());
    }

    @Test
    public void aFixedLensIsTold() throws Exception {
        FakeCamera.fixed().plug(RuntimeEnvironment.getApplication());
        CaptureActivity screen = allowed();
        assertEquals(screen.getString(R.string.no_manual_focus), text(screen, R.id.status));
        assertFalse(screen.findViewById(R.id.shutter).isEnabled());
    }

    @Test
    public void nearestFocusAndCalibrationAreTold() throws Exception {
        int[] classes = {
            CameraMetadata.LENS_INFO_FOCUS_DISTANCE_CALIBRATION_UNCALIBRATED,
            CameraMetadata.LENS_INFO_FOCUS_DISTANCE_CALIBRATION_APPROXIMATE,
            CameraMetadata.LENS_INFO_FOCUS_DISTANCE_CALIBRATION_CALIBRATED,
        };
        int[] words = {
            R.string.calibration_uncalibrated,
            R.string.calibration_approximate,
            R.string.calibration_calibrated,
        };
        for (int i = 0; i < classes.length; i++) {
            CameraFacts facts =
                    FakeCamera.focusing(classes[i]).plug(RuntimeEnvironment.getApplication());
            assertEquals(words[i], facts.calibration.text);
            shadowOf(RuntimeEnvironment.getApplication()
                            .getSystemService(android.hardware.camera2.CameraManager.class))
                    .removeCamera("0");
        }
        FakeCamera.focusing(classes[1]).plug(RuntimeEnvironment.getApplication());
        CaptureActivity screen = allowed();
        String told = text(screen, R.id.camera_facts);
        assertTrue(told, told.contains("0.10 m"));
        assertTrue(told, told.contains(screen.getString(R.string.calibration_approximate)));
    }

    @Test
    public void aFailureOffersAnotherTry() throws Exception {
        FakeCamera.focusing(CameraMetadata.LENS_INFO_FOCUS_DISTANCE_CALIBRATION_CALIBRATED)
                .plug(RuntimeEnvironment.getApplication());
        CaptureActivity screen = allowed();
        screen.onFailure(R.string.camera_taken);
        assertEquals(screen.getString(R.string.camera_taken), text(screen, R.id.status));
        Button remedy = screen.findViewById(R.id.remedy);
        remedy.performClick();
        assertEquals(screen.getString(R.string.starting_camera), text(screen, R.id.status));
        assertEquals(View.GONE, remedy.getVisibility());
    }

    @Test
    public void turningThePhoneKeepsTheScreen() throws Exception {
        FakeCamera.focusing(CameraMetadata.LENS_INFO_FOCUS_DISTANCE_CALIBRATION_CALIBRATED)
                .plug(RuntimeEnvironment.getApplication());
        CaptureActivity screen = allowed();
        RuntimeEnvironment.setQualifiers("+land");
        controller.configurationChange();
        assertEquals(screen, controller.get());
        assertTrue(text(screen, R.id.camera_facts).contains("0.10 m"));
    }

    @Test
    public void pausingGivesTheCameraBack() throws Exception {
        FakeCamera.focusing(CameraMetadata.LENS_INFO_FOCUS_DISTANCE_CALIBRATION_CALIBRATED)
                .plug(RuntimeEnvironment.getApplication());
        allowed();
        controller.pause();
        controller.resume();
        controller.pause().stop().destroy();
        assertNull(Results.get("nothing"));
    }
}
