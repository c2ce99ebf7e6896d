package org.edgedepth.core;

import org.json.JSONException;
import org.json.JSONObject;

/** What org.json leaves to do. */
final class Json {
    private Json() {}

    /** Put a figure unless it stands for unknown. */
    static void putPositive(JSONObject record, String key, double value) throws JSONException {
        if (value > 0 && !Double.isInfinite(value)) {
            record.put(key, value);
        }
    }

    /** A string, or null. */
    static String text(JSONObject record, String key) {
        return record.isNull(key) ? null : record.optString(key);
    }
}
