package org.edgedepth.demo;

import android.app.Activity;
import android.os.Bundle;
import android.util.Log;
import android.widget.ProgressBar;
import android.widget.TextView;
import java.io.File;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.text.SimpleDateFormat;
import java.util.Date;
import java.util.List;
import java.util.Locale;
import java.util.TimeZone;
import org.edgedepth.core.UnusableException;
import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;

/** Benchmarks a model for {@code edgedepth bench --adb}: asked by intent, answers in JSON. */
public final class BenchActivity extends Activity {
    static final String TAG = "EdgeDepthBench";
    static final String SCHEMA = "edgedepth-device-bench/1";

    private TextView status;
    private ProgressBar bar;
    private volatile boolean left;

    @Override
    protected void onCreate(Bundle saved) {
        super.onCreate(saved);
        setContentView(R.layout.bench);
        status = findViewById(R.id.bench_status);
        bar = findViewById(R.id.bench_progress);
        Bundle extras = getIntent().getExtras();
        String id = BenchRequest.id(extras);
        if (id == null) {
            status.setText(R.string.bench_needs_adb);
            Log.e(TAG, "error: --es id is missing or no plain name");
            return;
        }
        if (saved != null) {
            status.setText(R.string.bench_needs_adb);
            return;
        }
        Storage.prepare(this);
        status.setText(getString(R.string.bench_runs, id));
        new Thread(() -> answer(id, extras), "bench").start();
    }

    @Override
    protected void onStop() {
        left = true;
        super.onStop();
    }

    private void answer(String id, Bundle extras) {
        JSONObject record = new JSONObject();
        String error = null;
        try {
            record.put("schema", SCHEMA);
            record.put("id", id);
            record.put("app", Device.appVersion(this));
            record.put("created", now());
            record.put("device", Device.describe(this));
            BenchRequest request = BenchRequest.read(extras);
            if (request.prepare) {
                if (request.pushesSweep) {
                    Storage.makeSweep(this, request.sweep);
                }
                record.put("models", new JSONArray(Models.names(this)));
                record.put("sweeps", new JSONArray(sweeps()));
            } else {
                new BenchRun(this, request, this::progress).into(record);
            }
        } catch (UnusableException | IOException | JSONException failed) {
            error = failed.getMessage();
        } catch (RuntimeException | LinkageError | OutOfMemoryError failed) {
            Log.e(TAG, "failed", failed);
            error = failed.toString().split("\n", 2)[0];
        }
        finish(id, record, error);
    }

    private List<String> sweeps() {
        List<String> names = Storage.names(this);
        if (!names.contains(Storage.SAMPLE)) {
            names.add(Storage.SAMPLE);
        }
        return names;
    }

    private void progress(int done, int of) throws UnusableException {
        if (left) {
            throw new UnusableException("the benchmark was left before it ended");
        }
        runOnUiThread(
                () -> {
                    bar.setMax(of);
                    bar.setProgress(done);
                });
    }

    private void finish(String id, JSONObject record, String error) {
        String failure = error;
        try {
            record.put("error", error == null ? JSONObject.NULL : error);
            write(new File(Storage.bench(this), id + ".json"), record.toString(1));
        } catch (JSONException | IOException full) {
            failure = full.getMessage();
        }
        String outcome = failure == null ? "done " + id + " ok" : "done " + id + " error: " + failure;
        Log.i(TAG, outcome);
        runOnUiThread(() -> status.setText(outcome));
    }

    /** Whole or not at all. */
    private static void write(File goal, String text) throws IOException {
        File partial = new File(goal.getPath() + Storage.PARTIAL);
        try (FileOutputStream stream = new FileOutputStream(partial)) {
            stream.write(text.getBytes(StandardCharsets.UTF_8));
            stream.getFD().sync();
        } catch (IOException full) {
            partial.delete();
            throw full;
        }
        if (!partial.renameTo(goal)) {
            throw new IOException(goal + " cannot be written");
        }
    }

    private static String now() {
        SimpleDateFormat format = new SimpleDateFormat("yyyy-MM-dd'T'HH:mm:ss'Z'", Locale.ROOT);
        format.setTimeZone(TimeZone.getTimeZone("UTC"));
        return format.format(new Date());
    }
}
