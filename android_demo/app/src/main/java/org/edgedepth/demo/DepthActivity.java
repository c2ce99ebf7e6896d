package org.edgedepth.demo;

import android.app.Activity;
import android.content.Context;
import android.content.Intent;
import android.graphics.Bitmap;
import android.os.Bundle;
import android.os.Handler;
import android.os.Looper;
import android.view.Menu;
import android.view.MenuItem;
import android.view.View;
import android.widget.RadioGroup;
import android.widget.TextView;
import java.io.IOException;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.edgedepth.core.Composite;
import org.edgedepth.core.Plane;
import org.edgedepth.core.Rgb;
import org.edgedepth.core.UnusableException;

/** Depth of one sweep: its layers, metres under a tap, refocusing, sharing. */
public final class DepthActivity extends Activity {
    private static final String SWEEP = "sweep";
    private static final double TICK_ROOM = 0.12;

    /** One at a time: a sweep fills a good part of the memory. */
    private static final ExecutorService WORKER = Executors.newSingleThreadExecutor();

    private final Handler main = new Handler(Looper.getMainLooper());
    private String name;
    private DepthView view;
    private TextView reading;
    private TextView notes;
    private RadioGroup layers;
    private SweepDepth depth;
    private double[] limits;
    private float across = -1;
    private float down = -1;
    private boolean gone;

    static void open(Context context, String sweep) {
        context.startActivity(new Intent(context, DepthActivity.class).putExtra(SWEEP, sweep));
    }

    @Override
    protected void onCreate(Bundle saved) {
        super.onCreate(saved);
        setContentView(R.layout.depth);
        if (getActionBar() != null) {
            getActionBar().setDisplayHomeAsUpEnabled(true);
        }
        view = findViewById(R.id.depth_view);
        reading = findViewById(R.id.reading);
        notes = findViewById(R.id.notes);
        layers = findViewById(R.id.layers);
        name = getIntent().getStringExtra(SWEEP);
        setTitle(SweepListActivity.title(this, name));
        layers.check(saved == null ? R.id.layer_depth : saved.getInt("layer"));
        if (saved != null) {
            across = saved.getFloat("across");
            down = saved.getFloat("down");
        }
        layers.setOnCheckedChangeListener((group, which) -> show());
        view.setListener(this::point);
        SweepDepth ready = Results.get(name);
        if (ready != null) {
            take(ready);
        } else {
            compute();
        }
    }

    @Override
    protected void onSaveInstanceState(Bundle out) {
        super.onSaveInstanceState(out);
        out.putInt("layer", layers.getCheckedRadioButtonId());
        out.putFloat("across", across);
        out.putFloat("down", down);
    }

    @Override
    protected void onDestroy() {
        gone = true;
        super.onDestroy();
    }

    private void compute() {
        reading.setText(R.string.computing);
        Context app = getApplicationContext();
        WORKER.execute(
                () -> {
                    try {
                        SweepDepth found = Results.get(name);
                        if (found == null) {
                            SavedSweep sweep = SavedSweep.read(Storage.sweep(app, name));
                            Results.forget();
                            try (Models.Loaded model =
                                    Models.preferred(app, Settings.read(app))) {
                                found = SweepDepth.of(sweep, model);
                            }
                            Results.put(found);
                        }
                        SweepDepth done = found;
                        main.post(() -> take(done));
                    } catch (UnusableException unusable) {
                        main.post(() -> fail(unusable.getMessage()));
                    } catch (IOException full) {
                        main.post(() -> fail(getString(R.string.disk_full)));
                    } catch (OutOfMemoryError full) {
                        Results.forget();
                        main.post(() -> fail(getString(R.string.memory_full)));
                    }
                });
    }

    private void fail(String why) {
        findViewById(R.id.working).setVisibility(View.GONE);
        reading.setText(getString(R.string.sweep_unusable, why));
    }

    private void take(SweepDepth ready) {
        if (gone) {
            return;
        }
        depth = ready;
        limits = Palette.limits(depth.dioptres, depth.confidence);
        findViewById(R.id.working).setVisibility(View.GONE);
        notes.setText(describe());
        reading.setText(R.string.tap_hint);
        view.point(across, down);
        show();
        if (across >= 0) {
            point(across, down);
        }
    }

    private String describe() {
        StringBuilder text = new StringBuilder();
        text.append(
                getString(
                        R.string.depth_facts,
                        depth.frames.size(),
                        depth.precision,
                        getString(depth.gpu ? R.string.delegate_gpu : R.string.delegate_cpu),
                        Math.round(1000 * depth.seconds.model),
                        Math.round(1000 * depth.seconds.all())));
        if (depth.rejected > 0) {
            text.append('\n')
                    .append(
                            getResources()
                                    .getQuantityString(
                                            R.plurals.rejected, depth.rejected, depth.rejected));
        }
        if (depth.frames.size() < 3) {
            text.append('\n').append(getString(R.string.few_frames));
        }
        if (depth.relative) {
            text.append('\n').append(getString(R.string.relative_depth));
        }
        if (!depth.note.isEmpty()) {
            text.append('\n').append(depth.note);
        }
        return text.toString();
    }

    private void show() {
        if (depth == null) {
            return;
        }
        int layer = layers.getCheckedRadioButtonId();
        Plane size = depth.dioptres;
        if (layer == R.id.layer_depth) {
            List<Palette.Tick> ticks = Palette.ticks(limits, TICK_ROOM);
            String[] labels = new String[ticks.size()];
            for (int i = 0; i < labels.length; i++) {
                labels[i] =
                        depth.relative ? "" : SweepDepth.tick(ticks.get(i).metres, locale());
            }
            view.show(
                    bitmap(Palette.depth(size, depth.confidence, limits)),
                    ticks,
                    labels);
        } else if (layer == R.id.layer_confidence) {
            view.show(bitmap(Palette.grey(depth.confidence)), null, null);
        } else if (layer == R.id.layer_sharp) {
            blend(() -> depth.sharp);
        } else {
            refocus();
        }
    }

    private interface Picture {
        Rgb make();
    }

    /** Composites take a moment: made aside, shown if they are still wanted. */
    private void blend(Picture picture) {
        int wanted = layers.getCheckedRadioButtonId();
        WORKER.execute(
                () -> {
                    Bitmap made = Pictures.toBitmap(picture.make());
                    main.post(
                            () -> {
                                if (!gone && layers.getCheckedRadioButtonId() == wanted) {
                                    view.show(made, null, null);
                                }
                            });
                });
    }

    private void refocus() {
        SweepDepth of = depth;
        double focus = across < 0 ? of.range.low + of.range.span : at(of.dioptres);
        blend(() -> Composite.refocused(of.frames, focus));
    }

    private void point(float atAcross, float atDown) {
        across = atAcross;
        down = atDown;
        if (depth == null) {
            return;
        }
        float sure = at(depth.confidence);
        float dioptres = at(depth.dioptres);
        int percent = Math.round(100 * sure);
        if (sure < Palette.MIN_CONFIDENCE) {
            reading.setText(R.string.unknown_here);
        } else if (depth.relative) {
            int share = Math.round(100 * depth.range.position(dioptres));
            reading.setText(getString(R.string.relative_here, share, percent));
        } else {
            String metres = SweepDepth.metres(dioptres, locale());
            reading.setText(getString(R.string.metres_here, metres, percent));
        }
        if (layers.getCheckedRadioButtonId() == R.id.layer_refocus) {
            refocus();
        }
    }

    private float at(Plane plane) {
        int row = Math.min(plane.height - 1, (int) (down * plane.height));
        int column = Math.min(plane.width - 1, (int) (across * plane.width));
        return plane.at(row, column);
    }

    private Bitmap bitmap(int[] pixels) {
        return Bitmap.createBitmap(
                pixels, depth.dioptres.width, depth.dioptres.height, Bitmap.Config.ARGB_8888);
    }

    private Locale locale() {
        return getResources().getConfiguration().getLocales().get(0);
    }

    @Override
    public boolean onCreateOptionsMenu(Menu menu) {
        menu.add(Menu.NONE, R.string.share, Menu.NONE, R.string.share)
                .setShowAsAction(MenuItem.SHOW_AS_ACTION_IF_ROOM);
        return true;
    }

    @Override
    public boolean onOptionsItemSelected(MenuItem item) {
        if (item.getItemId() == R.string.share) {
            Sharing.share(this, name, WORKER);
            return true;
        }
        return super.onOptionsItemSelected(item);
    }
}
