package org.edgedepth.demo;

import android.content.ContentProvider;
import android.content.ContentValues;
import android.database.Cursor;
import android.database.MatrixCursor;
import android.net.Uri;
import android.os.ParcelFileDescriptor;
import android.provider.OpenableColumns;
import java.io.File;
import java.io.FileNotFoundException;

/** Reads zipped sweeps out to whom the user shared them with; nothing else, and no writing. */
public final class SweepProvider extends ContentProvider {
    @Override
    public boolean onCreate() {
        return true;
    }

    /** The file behind an address; null for anything but the name of a file that is there. */
    private File file(Uri uri) {
        if (uri.getPathSegments().size() != 1) {
            return null;
        }
        String name = uri.getLastPathSegment();
        boolean plain = name != null && name.matches("[A-Za-z0-9._-]+\\.zip");
        File found = plain ? new File(Sharing.folder(getContext()), name) : null;
        return found != null && found.isFile() ? found : null;
    }

    @Override
    public ParcelFileDescriptor openFile(Uri uri, String mode) throws FileNotFoundException {
        File found = file(uri);
        if (found == null || !"r".equals(mode)) {
            throw new FileNotFoundException(uri.toString());
        }
        return ParcelFileDescriptor.open(found, ParcelFileDescriptor.MODE_READ_ONLY);
    }

    @Override
    public Cursor query(
            Uri uri, String[] wanted, String selection, String[] arguments, String order) {
        File found = file(uri);
        String[] columns =
                wanted == null
                        ? new String[] {OpenableColumns.DISPLAY_NAME, OpenableColumns.SIZE}
                        : wanted;
        MatrixCursor cursor = new MatrixCursor(columns);
        if (found != null) {
            MatrixCursor.RowBuilder row = cursor.newRow();
            for (String column : columns) {
                if (OpenableColumns.DISPLAY_NAME.equals(column)) {
                    row.add(found.getName());
                } else {
                    row.add(OpenableColumns.SIZE.equals(column) ? (Object) found.length() : null);
                }
            }
        }
        return cursor;
    }

    @Override
    public String getType(Uri uri) {
        return Sharing.TYPE;
    }

    @Override
    public Uri insert(Uri uri, ContentValues values) {
        throw new UnsupportedOperationException("read only");
    }

    @Override
    public int delete(Uri uri, String selection, String[] arguments) {
        throw new UnsupportedOperationException("read only");
    }

    @Override
    public int update(Uri uri, ContentValues values, String selection, String[] arguments) {
        throw new UnsupportedOperationException("read only");
    }
}
