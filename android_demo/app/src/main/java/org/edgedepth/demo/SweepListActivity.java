package org.edgedepth.demo;

import android.app.Activity;
import android.app.AlertDialog;
import android.content.Context;
import android.graphics.Bitmap;
import android.graphics.BitmapFactory;
import android.os.Bundle;
import android.text.format.Formatter;
import android.view.View;
import android.view.ViewGroup;
import android.widget.ArrayAdapter;
import android.widget.ImageView;
import android.widget.ListView;
import android.widget.TextView;
import java.io.File;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** The saved sweeps, the sample among them: tap to open, hold to delete. */
public final class SweepListActivity extends Activity {
    private static final int THUMBNAIL_PX = 176;

    private final ExecutorService worker = Executors.newSingleThreadExecutor();
    private final Map<String, Bitmap> thumbnails = new HashMap<>();
    private Rows rows;

    /** A sweep's name as people read it. */
    static String title(Context context, String name) {
        return Storage.SAMPLE.equals(name) ? context.getString(R.string.sample_sweep) : name;
    }

    @Override
    protected void onCreate(Bundle saved) {
        super.onCreate(saved);
        setContentView(R.layout.sweep_list);
        if (getActionBar() != null) {
            getActionBar().setDisplayHomeAsUpEnabled(true);
        }
        TextView where = findViewById(R.id.where);
        where.setText(getString(R.string.where_sweeps_are, Storage.sweeps(this).getPath()));
        rows = new Rows(this);
        ListView list = findViewById(R.id.sweeps);
        list.setAdapter(rows);
        list.setOnItemClickListener(
                (parent, row, place, id) -> DepthActivity.open(this, rows.getItem(place)));
        list.setOnItemLongClickListener(
                (parent, row, place, id) -> {
                    askToDelete(rows.getItem(place));
                    return true;
                });
    }

    @Override
    protected void onResume() {
        super.onResume();
        List<String> names = new ArrayList<>(Storage.names(this));
        if (!names.contains(Storage.SAMPLE)) {
            names.add(Storage.SAMPLE);
        }
        rows.clear();
        rows.addAll(names);
    }

    @Override
    protected void onDestroy() {
        worker.shutdownNow();
        super.onDestroy();
    }

    private void askToDelete(String name) {
        File folder = new File(Storage.sweeps(this), name);
        if (!folder.isDirectory()) {
            return;
        }
        new AlertDialog.Builder(this)
                .setMessage(getString(R.string.delete_question, title(this, name)))
                .setNegativeButton(android.R.string.cancel, null)
                .setPositiveButton(
                        R.string.delete,
                        (dialog, which) -> {
                            Storage.delete(folder);
                            onResume();
                        })
                .show();
    }

    private final class Rows extends ArrayAdapter<String> {
        Rows(Context context) {
            super(context, R.layout.sweep_row, R.id.name);
        }

        @Override
        public View getView(int place, View reused, ViewGroup parent) {
            View row = super.getView(place, reused, parent);
            String name = getItem(place);
            File folder = new File(Storage.sweeps(getContext()), name);
            File[] pictures = Storage.pictures(folder);
            ((TextView) row.findViewById(R.id.name)).setText(title(getContext(), name));
            TextView facts = row.findViewById(R.id.facts);
            facts.setText(pictures.length == 0 ? getString(R.string.comes_with_the_app) : facts(pictures));
            ImageView thumbnail = row.findViewById(R.id.thumbnail);
            Bitmap known = thumbnails.get(name);
            thumbnail.setImageBitmap(known);
            if (known == null && pictures.length > 0) {
                load(name, pictures[0]);
            }
            return row;
        }

        private String facts(File[] pictures) {
            long bytes = 0;
            for (File picture : pictures) {
                bytes += picture.length();
            }
            return getResources()
                    .getQuantityString(
                            R.plurals.sweep_facts,
                            pictures.length,
                            pictures.length,
                            Formatter.formatShortFileSize(getContext(), bytes));
        }

        private void load(String name, File picture) {
            worker.execute(
                    () -> {
                        BitmapFactory.Options options = new BitmapFactory.Options();
                        options.inJustDecodeBounds = true;
                        BitmapFactory.decodeFile(picture.getPath(), options);
                        options.inJustDecodeBounds = false;
                        options.inSampleSize = Math.max(1, options.outWidth / THUMBNAIL_PX);
                        Bitmap small = BitmapFactory.decodeFile(picture.getPath(), options);
                        if (small != null) {
                            runOnUiThread(
                                    () -> {
                                        thumbnails.put(name, small);
                                        notifyDataSetChanged();
                                    });
                        }
                    });
        }
    }
}
