package org.edgedepth.demo;

import android.app.Activity;
import android.app.AlertDialog;
import android.os.Bundle;
import android.view.View;
import android.widget.AdapterView;
import android.widget.ArrayAdapter;
import android.widget.Spinner;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Locale;

/** How many planes, from where to where, and which processor. */
public final class SettingsActivity extends Activity {
    private interface Chosen {
        void take(int index);
    }

    @Override
    protected void onCreate(Bundle saved) {
        super.onCreate(saved);
        setContentView(R.layout.settings);
        if (getActionBar() != null) {
            getActionBar().setDisplayHomeAsUpEnabled(true);
        }
        Settings now = Settings.read(this);
        numbers(R.id.frames, R.array.frames_choices, "frames", now.frames, false);
        numbers(R.id.nearest, R.array.nearest_choices_mm, "nearest_mm", now.nearestMm, true);
        numbers(R.id.farthest, R.array.farthest_choices_mm, "farthest_mm", now.farthestMm, true);
        String[] processors = {getString(R.string.delegate_cpu), getString(R.string.delegate_gpu)};
        fill(
                R.id.delegate,
                processors,
                now.gpu ? 1 : 0,
                index -> {
                    if (Settings.read(this).gpu != (index == 1)) {
                        Settings.writeGpu(this, index == 1);
                        Results.forget();
                    }
                });
        findViewById(R.id.licences).setOnClickListener(pressed -> showLicences());
    }

    private void numbers(int spinner, int choices, String key, int now, boolean distances) {
        int[] values = getResources().getIntArray(choices);
        String[] labels = new String[values.length];
        int chosen = 0;
        Locale locale = getResources().getConfiguration().getLocales().get(0);
        for (int i = 0; i < values.length; i++) {
            double dioptres = values[i] == 0 ? 0 : 1000.0 / values[i];
            labels[i] =
                    distances
                            ? SweepDepth.metres(dioptres, locale)
                            : String.format(locale, "%d", values[i]);
            chosen = values[i] == now ? i : chosen;
        }
        fill(spinner, labels, chosen, index -> Settings.write(this, key, values[index]));
    }

    private void fill(int id, String[] labels, int chosen, Chosen then) {
        Spinner spinner = findViewById(id);
        ArrayAdapter<String> adapter =
                new ArrayAdapter<>(this, android.R.layout.simple_spinner_item, labels);
        adapter.setDropDownViewResource(android.R.layout.simple_spinner_dropdown_item);
        spinner.setAdapter(adapter);
        spinner.setSelection(chosen);
        spinner.setOnItemSelectedListener(
                new AdapterView.OnItemSelectedListener() {
                    @Override
                    public void onItemSelected(
                            AdapterView<?> parent, View row, int place, long rowId) {
                        then.take(place);
                    }

                    @Override
                    public void onNothingSelected(AdapterView<?> parent) {
                        spinner.setSelection(chosen);
                    }
                });
    }

    private void showLicences() {
        StringBuilder text = new StringBuilder();
        for (String name : new String[] {"edgedepth", "tensorflow-lite"}) {
            try (InputStream in = getAssets().open("licences/" + name + ".txt")) {
                text.append(name).append("\n\n");
                text.append(new String(Models.readAll(in), StandardCharsets.UTF_8)).append("\n\n");
            } catch (IOException missing) {
                text.append(name).append(": Apache-2.0\n\n");
            }
        }
        new AlertDialog.Builder(this)
                .setTitle(R.string.licences)
                .setMessage(text)
                .setPositiveButton(android.R.string.ok, null)
                .show();
    }
}
