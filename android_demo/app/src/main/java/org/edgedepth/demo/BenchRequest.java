package org.edgedepth.demo;

import android.os.Bundle;
import java.util.regex.Pattern;
import org.edgedepth.core.UnusableException;
import org.json.JSONException;
import org.json.JSONObject;

/** What adb asks the benchmark for; see README.md beside the app. */
final class BenchRequest {
    private static final Pattern ID = Pattern.compile("[A-Za-z0-9_-]{1,40}");
    private static final Pattern NAME = Pattern.compile("[A-Za-z0-9_][A-Za-z0-9._-]{0,99}");

    final boolean prepare;
    /** A sweep is about to be pushed: adb names it when it asks to prepare. */
    final boolean pushesSweep;
    final String model;
    final String sweep;
    final boolean gpu;
    final int threads;
    final int rounds;
    final int runs;
    final int warmup;

    private BenchRequest(Bundle extras) throws UnusableException {
        prepare = extras.getBoolean("prepare", false);
        pushesSweep = prepare && extras.containsKey("sweep");
        model = name(extras, "model", Models.INT8);
        sweep = name(extras, "sweep", Storage.SAMPLE);
        String delegate = extras.getString("delegate", "cpu");
        if (!delegate.equals("cpu") && !delegate.equals("gpu")) {
            throw new UnusableException("delegate is cpu or gpu, not " + delegate);
        }
        gpu = delegate.equals("gpu");
        threads = number(extras, "threads", 2, 16);
        rounds = number(extras, "rounds", 5, 1000);
        runs = number(extras, "runs", 40, 10000);
        warmup = number(extras, "warmup", 5, 1000);
    }

    /** The result's name; null when it is missing or could be a path. */
    static String id(Bundle extras) {
        String id = extras == null ? null : extras.getString("id");
        return id != null && ID.matcher(id).matches() ? id : null;
    }

    /**
     * @throws UnusableException an extra is out of its range
     */
    static BenchRequest read(Bundle extras) throws UnusableException {
        return new BenchRequest(extras);
    }

    private static String name(Bundle extras, String key, String otherwise)
            throws UnusableException {
        String name = extras.getString(key, otherwise);
        if (!NAME.matcher(name).matches()) {
            throw new UnusableException(key + " is a name without slashes, not " + name);
        }
        return name;
    }

    private static int number(Bundle extras, String key, int otherwise, int most)
            throws UnusableException {
        int value = extras.getInt(key, otherwise);
        if (value < 1 || value > most) {
            throw new UnusableException(key + " is 1 to " + most + ", not " + value);
        }
        return value;
    }

    JSONObject options() throws JSONException {
        JSONObject record = new JSONObject();
        record.put("delegate", gpu ? "gpu" : "cpu");
        record.put("threads", threads);
        record.put("rounds", rounds);
        record.put("runs", runs);
        record.put("warmup", warmup);
        return record;
    }
}
