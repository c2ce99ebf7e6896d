package org.edgedepth.core;

import org.json.JSONException;
import org.json.JSONObject;

/** A frame of a {@code sweep.json}; negative focus and 0 elsewhere stand for unknown. */
public final class SidecarFrame {
    public static final double MAX_DIOPTRES = 100;

    /** Name of a picture beside the sidecar. */
    public final String file;
    /** As the lens reported it with the picture; 0 is infinity. */
    public final double focusDioptres;
    /** As it was asked for. */
    public final double requestedDioptres;
    public final double exposureTimeS;
    public final double iso;
    public final long timestampNs;
    /** The lens stood still when the picture was taken. */
    public final boolean stationary;

    public SidecarFrame(
            String file,
            double focusDioptres,
            double requestedDioptres,
            double exposureTimeS,
            double iso,
            long timestampNs,
            boolean stationary) {
        this.file = file;
        this.focusDioptres = focusDioptres;
        this.requestedDioptres = requestedDioptres;
        this.exposureTimeS = exposureTimeS;
        this.iso = iso;
        this.timestampNs = timestampNs;
        this.stationary = stationary;
    }

    /** Focus as reported, else as asked for; negative if neither is known. */
    public double bestDioptres() {
        return focusDioptres >= 0 ? focusDioptres : requestedDioptres;
    }

    JSONObject toJson() throws JSONException {
        JSONObject record = new JSONObject();
        record.put("file", file);
        putFocus(record, "focus_dioptres", focusDioptres);
        putFocus(record, "focus_dioptres_requested", requestedDioptres);
        Json.putPositive(record, "exposure_time_s", exposureTimeS);
        Json.putPositive(record, "iso", iso);
        if (timestampNs > 0) {
            record.put("timestamp_ns", timestampNs);
        }
        record.put("lens_state", stationary ? "stationary" : "moving");
        return record;
    }

    private static void putFocus(JSONObject record, String key, double dioptres)
            throws JSONException {
        if (dioptres >= 0 && dioptres <= MAX_DIOPTRES) {
            record.put(key, dioptres);
        }
    }

    static SidecarFrame fromJson(JSONObject record) throws UnusableException {
        String file = record.optString("file");
        if (file.isEmpty() || file.contains("/") || file.contains("\\") || file.startsWith("..")) {
            throw new UnusableException(Sidecar.NAME + " names a frame \"" + file + "\"");
        }
        return new SidecarFrame(
                file,
                focus(record, "focus_dioptres"),
                focus(record, "focus_dioptres_requested"),
                record.optDouble("exposure_time_s", 0),
                record.optDouble("iso", 0),
                record.optLong("timestamp_ns", 0),
                !"moving".equals(record.optString("lens_state")));
    }

    private static double focus(JSONObject record, String key) throws UnusableException {
        if (!record.has(key)) {
            return -1;
        }
        double dioptres = record.optDouble(key, Double.NaN);
        if (!(dioptres >= 0 && dioptres <= MAX_DIOPTRES)) {
            throw new UnusableException(
                    Sidecar.NAME + ": " + key + " is not within 0 to 100 dioptres");
        }
        return dioptres;
    }
}
