package org.edgedepth.demo;

import android.graphics.ImageFormat;
import android.graphics.Rect;
import android.hardware.camera2.CameraAccessException;
import android.hardware.camera2.CameraCharacteristics;
import android.hardware.camera2.CameraManager;
import android.hardware.camera2.CameraMetadata;
import android.hardware.camera2.CaptureRequest;
import android.hardware.camera2.params.StreamConfigurationMap;
import android.os.Build;
import android.util.Size;
import android.util.SizeF;
import android.view.SurfaceHolder;
import org.edgedepth.core.SidecarCamera;

/** What a camera can do for a focal sweep. */
final class CameraFacts {
    /** How far the lens's focus distances can be believed, in the words of sweep.json. */
    enum Calibration {
        UNCALIBRATED("uncalibrated", R.string.calibration_uncalibrated),
        APPROXIMATE("approximate", R.string.calibration_approximate),
        CALIBRATED("calibrated", R.string.calibration_calibrated);

        final String word;
        final int text;

        Calibration(String word, int text) {
            this.word = word;
            this.text = text;
        }
    }

    final String id;
    final boolean manualFocus;
    final boolean locksExposure;
    final boolean locksWhiteBalance;
    final boolean switchesStabilizer;
    /** Nearest focus in dioptres; 0 for a lens that cannot move. */
    final float minimumFocusDioptres;
    final Calibration calibration;
    final float focalLengthMm;
    final float fNumber;
    /** Sensor area that a stored picture of {@link #picture} covers, lying as the sensor lies. */
    final SizeF coveredMm;
    final Size picture;
    final Size preview;
    /** Degrees clockwise by which pictures are to be turned on a phone held upright. */
    final int sensorOrientation;

    private CameraFacts(String id, CameraCharacteristics given) {
        this.id = id;
        minimumFocusDioptres = or(given.get(CameraCharacteristics.LENS_INFO_MINIMUM_FOCUS_DISTANCE), 0f);
        manualFocus =
                minimumFocusDioptres > 0
                        && contains(
                                given.get(CameraCharacteristics.CONTROL_AF_AVAILABLE_MODES),
                                CameraMetadata.CONTROL_AF_MODE_OFF)
                        && given.getAvailableCaptureRequestKeys()
                                .contains(CaptureRequest.LENS_FOCUS_DISTANCE);
        locksExposure = or(given.get(CameraCharacteristics.CONTROL_AE_LOCK_AVAILABLE), false);
        locksWhiteBalance = or(given.get(CameraCharacteristics.CONTROL_AWB_LOCK_AVAILABLE), false);
        switchesStabilizer =
                contains(
                        given.get(CameraCharacteristics.LENS_INFO_AVAILABLE_OPTICAL_STABILIZATION),
                        CameraMetadata.LENS_OPTICAL_STABILIZATION_MODE_OFF);
        calibration =
                calibration(
                        or(
                                given.get(
                                        CameraCharacteristics
                                                .LENS_INFO_FOCUS_DISTANCE_CALIBRATION),
                                CameraMetadata
                                        .LENS_INFO_FOCUS_DISTANCE_CALIBRATION_UNCALIBRATED));
        focalLengthMm = first(given.get(CameraCharacteristics.LENS_INFO_AVAILABLE_FOCAL_LENGTHS));
        fNumber = first(given.get(CameraCharacteristics.LENS_INFO_AVAILABLE_APERTURES));
        sensorOrientation = or(given.get(CameraCharacteristics.SENSOR_ORIENTATION), 90);
        Rect active = given.get(CameraCharacteristics.SENSOR_INFO_ACTIVE_ARRAY_SIZE);
        StreamConfigurationMap streams =
                given.get(CameraCharacteristics.SCALER_STREAM_CONFIGURATION_MAP);
        double shape = active == null ? 4 / 3.0 : active.width() / (double) active.height();
        picture = CameraSizes.picture(sizes(streams, ImageFormat.JPEG), shape);
        preview =
                CameraSizes.preview(
                        streams == null ? null : streams.getOutputSizes(SurfaceHolder.class), shape);
        coveredMm = covered(given, active);
    }

    /**
     * The back camera to sweep with: the first that focuses by hand, else the first there is.
     *
     * @return null when there is no back camera
     */
    static CameraFacts choose(CameraManager manager) throws CameraAccessException {
        CameraFacts fixed = null;
        for (String id : manager.getCameraIdList()) {
            CameraCharacteristics given = manager.getCameraCharacteristics(id);
            Integer facing = given.get(CameraCharacteristics.LENS_FACING);
            if (facing == null || facing != CameraMetadata.LENS_FACING_BACK) {
                continue;
            }
            CameraFacts facts = new CameraFacts(id, given);
            if (facts.manualFocus && facts.picture != null) {
                return facts;
            }
            fixed = fixed == null ? facts : fixed;
        }
        return fixed;
    }

    /** A sweep can be captured; its distances are another matter. */
    boolean sweeps() {
        return manualFocus && picture != null && preview != null;
    }

    /**
     * The camera in the words of sweep.json.
     *
     * @param stored size of the pictures as stored; some cameras turn the pixels
     */
    SidecarCamera sidecar(Size stored) {
        boolean swapped = stored.getWidth() < stored.getHeight();
        float across = coveredMm == null ? 0 : coveredMm.getWidth();
        float down = coveredMm == null ? 0 : coveredMm.getHeight();
        return new SidecarCamera(
                Build.MANUFACTURER,
                Build.MODEL,
                focalLengthMm,
                fNumber,
                swapped ? down : across,
                swapped ? across : down,
                minimumFocusDioptres,
                calibration.word);
    }

    private SizeF covered(CameraCharacteristics given, Rect active) {
        SizeF physical = given.get(CameraCharacteristics.SENSOR_INFO_PHYSICAL_SIZE);
        Size pixels = given.get(CameraCharacteristics.SENSOR_INFO_PIXEL_ARRAY_SIZE);
        if (physical == null || pixels == null || active == null || picture == null) {
            return null;
        }
        float width = physical.getWidth() * active.width() / pixels.getWidth();
        float height = physical.getHeight() * active.height() / pixels.getHeight();
        return CameraSizes.covered(new SizeF(width, height), picture);
    }

    private static Calibration calibration(int said) {
        if (said == CameraMetadata.LENS_INFO_FOCUS_DISTANCE_CALIBRATION_CALIBRATED) {
            return Calibration.CALIBRATED;
        }
        return said == CameraMetadata.LENS_INFO_FOCUS_DISTANCE_CALIBRATION_APPROXIMATE
                ? Calibration.APPROXIMATE
                : Calibration.UNCALIBRATED;
    }

    private static Size[] sizes(StreamConfigurationMap streams, int format) {
        return streams == null ? null : streams.getOutputSizes(format);
    }

    private static boolean contains(int[] values, int wanted) {
        if (values != null) {
            for (int value : values) {
                if (value == wanted) {
                    return true;
                }
            }
        }
        return false;
    }

    private static float first(float[] values) {
        return values == null || values.length == 0 ? 0f : values[0];
    }

    private static <T> T or(T value, T otherwise) {
        return value == null ? otherwise : value;
    }
}
