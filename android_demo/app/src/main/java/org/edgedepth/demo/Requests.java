package org.edgedepth.demo;

import android.hardware.camera2.CameraAccessException;
import android.hardware.camera2.CameraDevice;
import android.hardware.camera2.CameraMetadata;
import android.hardware.camera2.CaptureRequest;
import android.hardware.camera2.CaptureResult;
import android.hardware.camera2.TotalCaptureResult;
import android.view.Surface;

/** What is asked of the camera, and what it answers. Null when the camera is gone. */
final class Requests {
    private static final byte JPEG_QUALITY = 95;

    private Requests() {}

    /** The live picture as any camera app shows it. */
    static CaptureRequest live(CameraDevice device, CameraFacts facts, Surface preview) {
        CaptureRequest.Builder wanted = begin(device, CameraDevice.TEMPLATE_PREVIEW, preview);
        if (wanted == null) {
            return null;
        }
        wanted.set(
                CaptureRequest.CONTROL_AF_MODE,
                facts.minimumFocusDioptres > 0
                        ? CameraMetadata.CONTROL_AF_MODE_CONTINUOUS_PICTURE
                        : CameraMetadata.CONTROL_AF_MODE_OFF);
        return wanted.build();
    }

    /** The live picture with everything held but the lens. The request's tag is the plane. */
    static CaptureRequest held(
            CameraDevice device, CameraFacts facts, Surface preview, float dioptres, int plane) {
        CaptureRequest.Builder wanted = begin(device, CameraDevice.TEMPLATE_PREVIEW, preview);
        return wanted == null ? null : hold(wanted, facts, dioptres, plane).build();
    }

    /** One picture of the sweep. */
    static CaptureRequest still(
            CameraDevice device,
            CameraFacts facts,
            Surface target,
            float dioptres,
            int plane,
            int clockwiseDegrees) {
        CaptureRequest.Builder wanted = begin(device, CameraDevice.TEMPLATE_STILL_CAPTURE, target);
        if (wanted == null) {
            return null;
        }
        wanted.set(CaptureRequest.JPEG_ORIENTATION, clockwiseDegrees);
        wanted.set(CaptureRequest.JPEG_QUALITY, JPEG_QUALITY);
        return hold(wanted, facts, dioptres, plane).build();
    }

    private static CaptureRequest.Builder begin(CameraDevice device, int template, Surface target) {
        try {
            CaptureRequest.Builder builder = device.createCaptureRequest(template);
            builder.addTarget(target);
            return builder;
        } catch (CameraAccessException | IllegalStateException gone) {
            return null;
        }
    }

    private static CaptureRequest.Builder hold(
            CaptureRequest.Builder wanted, CameraFacts facts, float dioptres, int plane) {
        wanted.setTag(plane);
        wanted.set(CaptureRequest.CONTROL_AF_MODE, CameraMetadata.CONTROL_AF_MODE_OFF);
        wanted.set(CaptureRequest.LENS_FOCUS_DISTANCE, dioptres);
        wanted.set(CaptureRequest.FLASH_MODE, CameraMetadata.FLASH_MODE_OFF);
        wanted.set(CaptureRequest.CONTROL_AE_MODE, CameraMetadata.CONTROL_AE_MODE_ON);
        if (facts.locksExposure) {
            wanted.set(CaptureRequest.CONTROL_AE_LOCK, true);
        }
        if (facts.locksWhiteBalance) {
            wanted.set(CaptureRequest.CONTROL_AWB_LOCK, true);
        }
        if (facts.switchesStabilizer) {
            wanted.set(
                    CaptureRequest.LENS_OPTICAL_STABILIZATION_MODE,
                    CameraMetadata.LENS_OPTICAL_STABILIZATION_MODE_OFF);
        }
        return wanted;
    }

    /** A picture with what the camera reported of it. */
    static CapturedFrame frame(
            int plane, byte[] jpeg, double requestedDioptres, TotalCaptureResult taken) {
        Float reported = taken.get(CaptureResult.LENS_FOCUS_DISTANCE);
        Integer lens = taken.get(CaptureResult.LENS_STATE);
        Long exposure = taken.get(CaptureResult.SENSOR_EXPOSURE_TIME);
        Integer iso = taken.get(CaptureResult.SENSOR_SENSITIVITY);
        Long timestamp = taken.get(CaptureResult.SENSOR_TIMESTAMP);
        return new CapturedFrame(
                plane,
                jpeg,
                requestedDioptres,
                reported == null || reported < 0 ? Double.NaN : reported,
                lens == null || lens == CameraMetadata.LENS_STATE_STATIONARY,
                exposure == null ? 0 : exposure,
                iso == null ? 0 : iso,
                timestamp == null ? 0 : timestamp);
    }
}
