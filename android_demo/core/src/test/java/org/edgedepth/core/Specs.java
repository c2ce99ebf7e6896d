package org.edgedepth.core;

import java.util.Arrays;
import org.json.JSONArray;
import org.json.JSONObject;

/** Model specs for tests. */
final class Specs {
    private Specs() {}

    static ModelSpec of(int height, int width, int cuePlanes, String output) throws Exception {
        JSONObject record = new JSONObject();
        record.put("schema", ModelSpec.SCHEMA).put("preset", "mobile").put("precision", "int8");
        record.put("height", height).put("width", width).put("cue_planes", cuePlanes);
        record.put("focus_encoding", output).put("output", output).put("streaming", true);
        record.put("frames", 0);
        record.put("trained_dioptres", new JSONArray(Arrays.asList(0.1, 6)));
        record.put("trained_coc", new JSONArray(Arrays.asList(0.2, 14)));
        return ModelSpec.parse(record.toString());
    }
}
