package org.edgedepth.demo;

import android.graphics.Bitmap;
import android.graphics.BitmapFactory;
import android.graphics.Matrix;
import android.media.ExifInterface;
import android.util.Size;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import org.edgedepth.core.Aligner;
import org.edgedepth.core.Fit;
import org.edgedepth.core.ModelSpec;
import org.edgedepth.core.Resize;
import org.edgedepth.core.Rgb;
import org.edgedepth.core.UnusableException;

/** JPEG files to pictures, upright and at the size that focus is measured at. */
final class Pictures {
    private Pictures() {}

    /**
     * Decode a frame for a model.
     *
     * @throws UnusableException not a picture
     */
    static Rgb forModel(byte[] jpeg, ModelSpec spec) throws UnusableException {
        Size stored = storedSize(jpeg);
        int degrees = clockwise(jpeg);
        boolean turned = degrees == 90 || degrees == 270;
        int height = turned ? stored.getWidth() : stored.getHeight();
        int width = turned ? stored.getHeight() : stored.getWidth();
        Fit fit = Fit.of(height, width, spec.height, spec.width);
        int wanted = Math.max(Aligner.WORK_SIDE, Math.max(fit.wantedHeight(), fit.wantedWidth()));
        Bitmap bitmap = decode(jpeg, reduction(Math.max(height, width), wanted), degrees);
        Rgb rgb = toRgb(bitmap);
        bitmap.recycle();
        return Resize.fitting(rgb, fit.wantedHeight(), fit.wantedWidth());
    }

    /**
     * Width and height of a JPEG as stored.
     *
     * @throws UnusableException not a picture
     */
    static Size storedSize(byte[] jpeg) throws UnusableException {
        BitmapFactory.Options header = new BitmapFactory.Options();
        header.inJustDecodeBounds = true;
        BitmapFactory.decodeByteArray(jpeg, 0, jpeg.length, header);
        if (header.outWidth < 1 || header.outHeight < 1) {
            throw new UnusableException("A picture of this sweep is damaged");
        }
        return new Size(header.outWidth, header.outHeight);
    }

    /** By how much the decoder may shrink: 1, 2 or 4, as capture/decode.py does. */
    static int reduction(int longSide, int wanted) {
        int by = 1;
        while (by < 4 && longSide / (by * 2) >= wanted) {
            by *= 2;
        }
        return by;
    }

    private static Bitmap decode(byte[] jpeg, int reduction, int degrees) throws UnusableException {
        BitmapFactory.Options options = new BitmapFactory.Options();
        options.inSampleSize = reduction;
        options.inPreferredConfig = Bitmap.Config.ARGB_8888;
        Bitmap stored = BitmapFactory.decodeByteArray(jpeg, 0, jpeg.length, options);
        if (stored == null) {
            throw new UnusableException("A picture of this sweep is damaged");
        }
        if (degrees == 0) {
            return stored;
        }
        Matrix turn = new Matrix();
        turn.postRotate(degrees);
        Bitmap upright =
                Bitmap.createBitmap(
                        stored, 0, 0, stored.getWidth(), stored.getHeight(), turn, false);
        stored.recycle();
        return upright;
    }

    /** Degrees by which a picture is to be turned to be upright; 0 when it does not say. */
    static int clockwise(byte[] jpeg) {
        try {
            return clockwise(new ExifInterface(new ByteArrayInputStream(jpeg)));
        } catch (IOException unreadable) {
            return 0;
        }
    }

    static int clockwise(ExifInterface exif) {
        switch (exif.getAttributeInt(ExifInterface.TAG_ORIENTATION, 1)) {
            case ExifInterface.ORIENTATION_ROTATE_90:
                return 90;
            case ExifInterface.ORIENTATION_ROTATE_180:
                return 180;
            case ExifInterface.ORIENTATION_ROTATE_270:
                return 270;
            default:
                return 0;
        }
    }

    private static Rgb toRgb(Bitmap bitmap) {
        int width = bitmap.getWidth();
        int height = bitmap.getHeight();
        int[] pixels = new int[width * height];
        bitmap.getPixels(pixels, 0, width, 0, 0, width, height);
        return Rgb.fromArgb(pixels, height, width);
    }

    static Bitmap toBitmap(Rgb rgb) {
        return Bitmap.createBitmap(
                rgb.toArgb(), rgb.width, rgb.height, Bitmap.Config.ARGB_8888);
    }
}
