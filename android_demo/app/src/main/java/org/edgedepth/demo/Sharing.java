package org.edgedepth.demo;

import android.app.Activity;
import android.content.ClipData;
import android.content.Context;
import android.content.Intent;
import android.net.Uri;
import android.widget.Toast;
import java.io.File;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.concurrent.Executor;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/** Hands a sweep to the system's share sheet as one zip file. */
final class Sharing {
    static final String AUTHORITY = "org.edgedepth.demo.sweeps";
    static final String TYPE = "application/zip";

    private Sharing() {}

    /** Where zipped sweeps wait to be fetched; the system may empty it. */
    static File folder(Context context) {
        return new File(context.getCacheDir(), "shared");
    }

    static void share(Activity from, String name, Executor worker) {
        Context app = from.getApplicationContext();
        worker.execute(
                () -> {
                    try {
                        File zip = zip(Storage.sweep(app, name), folder(app));
                        from.runOnUiThread(() -> send(from, zip.getName()));
                    } catch (IOException full) {
                        from.runOnUiThread(
                                () ->
                                        Toast.makeText(from, R.string.disk_full, Toast.LENGTH_LONG)
                                                .show());
                    }
                });
    }

    /**
     * Zip a sweep; earlier ones are removed.
     *
     * @throws IOException the disk is full
     */
    static File zip(File sweep, File folder) throws IOException {
        Storage.delete(folder);
        if (!folder.mkdirs()) {
            throw new IOException(folder + " cannot be made");
        }
        File zip = new File(folder, sweep.getName() + ".zip");
        File[] files = sweep.listFiles(File::isFile);
        try (ZipOutputStream out = new ZipOutputStream(new FileOutputStream(zip))) {
            for (File file : files == null ? new File[0] : files) {
                out.putNextEntry(new ZipEntry(sweep.getName() + "/" + file.getName()));
                try (InputStream in = new FileInputStream(file)) {
                    out.write(Models.readAll(in));
                }
                out.closeEntry();
            }
        } catch (IOException full) {
            zip.delete();
            throw full;
        }
        return zip;
    }

    private static void send(Activity from, String file) {
        Uri uri = new Uri.Builder().scheme("content").authority(AUTHORITY).appendPath(file).build();
        Intent send = new Intent(Intent.ACTION_SEND).setType(TYPE);
        send.putExtra(Intent.EXTRA_STREAM, uri);
        send.setClipData(ClipData.newRawUri(file, uri));
        send.addFlags(Intent.FLAG_GRANT_READ_URI_PERMISSION);
        from.startActivity(Intent.createChooser(send, from.getString(R.string.share)));
    }
}
