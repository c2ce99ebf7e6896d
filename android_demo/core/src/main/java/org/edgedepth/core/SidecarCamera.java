package org.edgedepth.core;

import org.json.JSONException;
import org.json.JSONObject;

/** The camera of a {@code sweep.json}; 0 and null stand for unknown. */
public final class SidecarCamera {
    public final String make;
    public final String model;
    /** True focal length, not the 35 mm equivalent. */
    public final double focalLengthMm;
    public final double fNumber;
    /** Width of the sensor area that the stored picture's width covers. */
    public final double sensorWidthMm;
    public final double sensorHeightMm;
    /** The nearest focus the lens reaches. */
    public final double minimumFocusDioptres;
    /** "uncalibrated", "approximate", "calibrated" or null. */
    public final String focusCalibration;

    public SidecarCamera(
            String make,
            String model,
            double focalLengthMm,
            double fNumber,
            double sensorWidthMm,
            double sensorHeightMm,
            double minimumFocusDioptres,
            String focusCalibration) {
        this.make = make;
        this.model = model;
        this.focalLengthMm = focalLengthMm;
        this.fNumber = fNumber;
        this.sensorWidthMm = sensorWidthMm;
        this.sensorHeightMm = sensorHeightMm;
        this.minimumFocusDioptres = minimumFocusDioptres;
        this.focusCalibration = focusCalibration;
    }

    /** K in pixels per dioptre at a picture's width. */
    public double cocPxPerDioptre(double imageWidthPx) {
        return Optics.cocPxPerDioptre(focalLengthMm, fNumber, sensorWidthMm, imageWidthPx);
    }

    /** The lens's distances are only good for ordering. */
    public boolean uncalibrated() {
        return "uncalibrated".equals(focusCalibration);
    }

    JSONObject toJson() throws JSONException {
        JSONObject record = new JSONObject();
        record.putOpt("make", make);
        record.putOpt("model", model);
        Json.putPositive(record, "focal_length_mm", focalLengthMm);
        Json.putPositive(record, "f_number", fNumber);
        Json.putPositive(record, "sensor_width_mm", sensorWidthMm);
        Json.putPositive(record, "sensor_height_mm", sensorHeightMm);
        Json.putPositive(record, "minimum_focus_dioptres", minimumFocusDioptres);
        record.putOpt("focus_calibration", focusCalibration);
        return record;
    }

    static SidecarCamera fromJson(JSONObject record) {
        return new SidecarCamera(
                Json.text(record, "make"),
                Json.text(record, "model"),
                record.optDouble("focal_length_mm", 0),
                record.optDouble("f_number", 0),
                record.optDouble("sensor_width_mm", 0),
                record.optDouble("sensor_height_mm", 0),
                record.optDouble("minimum_focus_dioptres", 0),
                Json.text(record, "focus_calibration"));
    }
}
