package org.edgedepth.demo;

import static org.robolectric.Shadows.shadowOf;

import android.content.Context;
import android.graphics.Rect;
import android.hardware.camera2.CameraCharacteristics;
import android.hardware.camera2.CameraManager;
import android.hardware.camera2.CameraMetadata;
import android.util.Size;
import android.util.SizeF;
import org.robolectric.shadows.ShadowCameraCharacteristics;
import org.robolectric.shadows.StreamConfigurationMapBuilder;

/** A phone's back camera as the system describes it. */
final class FakeCamera {
    /** How the system itself calls JPEG. */
    private static final int BLOB = 0x21;

    private final CameraCharacteristics given =
            ShadowCameraCharacteristics.newCameraCharacteristics();
    private final ShadowCameraCharacteristics shadow = shadowOf(given);

    private FakeCamera() {
        shadow.set(CameraCharacteristics.LENS_FACING, CameraMetadata.LENS_FACING_BACK);
        shadow.set(CameraCharacteristics.LENS_INFO_AVAILABLE_FOCAL_LENGTHS, new float[] {6.81f});
        shadow.set(CameraCharacteristics.LENS_INFO_AVAILABLE_APERTURES, new float[] {1.85f});
        shadow.set(CameraCharacteristics.SENSOR_ORIENTATION, 90);
        shadow.set(CameraCharacteristics.CONTROL_AE_LOCK_AVAILABLE, true);
        shadow.set(CameraCharacteristics.CONTROL_AWB_LOCK_AVAILABLE, true);
        shadow.set(CameraCharacteristics.SENSOR_INFO_PHYSICAL_SIZE, new SizeF(9.8f, 7.35f));
        shadow.set(CameraCharacteristics.SENSOR_INFO_PIXEL_ARRAY_SIZE, new Size(4080, 3072));
        shadow.set(
                CameraCharacteristics.SENSOR_INFO_ACTIVE_ARRAY_SIZE, new Rect(0, 0, 4080, 3072));
        shadow.set(
                CameraCharacteristics.SCALER_STREAM_CONFIGURATION_MAP,
                StreamConfigurationMapBuilder.newBuilder()
                        .addOutputSize(BLOB, new Size(4080, 3072))
                        .addOutputSize(BLOB, new Size(2592, 1944))
                        .addOutputSize(BLOB, new Size(1920, 1080))
                        .addOutputSize(new Size(1920, 1440))
                        .addOutputSize(new Size(640, 480))
                        .build());
    }

    /** Manual focus down to 10 cm. */
    static FakeCamera focusing(int calibration) {
        FakeCamera camera = new FakeCamera();
        camera.shadow.set(CameraCharacteristics.LENS_INFO_MINIMUM_FOCUS_DISTANCE, 10f);
        camera.shadow.set(
                CameraCharacteristics.CONTROL_AF_AVAILABLE_MODES,
                new int[] {CameraMetadata.CONTROL_AF_MODE_OFF, CameraMetadata.CONTROL_AF_MODE_AUTO});
        camera.shadow.set(
                CameraCharacteristics.LENS_INFO_FOCUS_DISTANCE_CALIBRATION, calibration);
        return camera;
    }

    /** A lens that moves, but not when apps say so. */
    static FakeCamera autofocusOnly() {
        FakeCamera camera =
                focusing(CameraMetadata.LENS_INFO_FOCUS_DISTANCE_CALIBRATION_UNCALIBRATED);
        ((LensKeys) camera.shadow).withoutFocus();
        return camera;
    }

    /** A lens that does not move. */
    static FakeCamera fixed() {
        FakeCamera camera = new FakeCamera();
        camera.shadow.set(CameraCharacteristics.LENS_INFO_MINIMUM_FOCUS_DISTANCE, 0f);
        camera.shadow.set(
                CameraCharacteristics.CONTROL_AF_AVAILABLE_MODES,
                new int[] {CameraMetadata.CONTROL_AF_MODE_OFF});
        return camera;
    }

    /** Build it into the phone. */
    CameraFacts plug(Context context) throws Exception {
        CameraManager manager = context.getSystemService(CameraManager.class);
        shadowOf(manager).addCamera("0", given);
        return CameraFacts.choose(manager);
    }
}
