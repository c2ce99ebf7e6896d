package org.edgedepth.demo;

import android.graphics.BitmapFactory;
import android.media.ExifInterface;
import java.io.File;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.List;
import org.edgedepth.core.Sidecar;
import org.edgedepth.core.SidecarCamera;
import org.edgedepth.core.SidecarFrame;
import org.edgedepth.core.SweepRange;
import org.edgedepth.core.UnusableException;

/** A sweep folder: from its sweep.json, or from what its pictures say of themselves. */
final class SavedSweep {
    /** Where EXIF writers put infinity. */
    private static final double INFINITY_M = 1e5;

    private static final double FULL_FRAME_DIAGONAL_MM = Math.hypot(36, 24);

    final File folder;
    final Sidecar notes;
    final DepthPipeline.Lens lens;

    private SavedSweep(File folder, Sidecar notes, DepthPipeline.Lens lens) {
        this.folder = folder;
        this.notes = notes;
        this.lens = lens;
    }

    /**
     * Read a sweep's notes, not its pixels.
     *
     * @throws UnusableException no pictures, no focus distances, or no optics
     */
    static SavedSweep read(File folder) throws UnusableException {
        File[] pictures = Storage.pictures(folder);
        if (pictures.length == 0) {
            throw new UnusableException("There are no JPEG pictures in " + folder.getName());
        }
        Sidecar notes =
                new File(folder, Sidecar.NAME).isFile()
                        ? Sidecar.read(folder)
                        : fromExif(pictures);
        for (SidecarFrame frame : notes.frames) {
            if (frame.bestDioptres() < 0) {
                throw new UnusableException(frame.file + " does not say where it was focused");
            }
        }
        return new SavedSweep(folder, notes, lens(folder, notes));
    }

    int frames() {
        return notes.frames.size();
    }

    /** The distances are in no unit: the lens was never calibrated. */
    boolean relative() {
        return notes.camera.uncalibrated();
    }

    SweepRange range() {
        double[] focus = new double[notes.frames.size()];
        for (int i = 0; i < focus.length; i++) {
            focus[i] = notes.frames.get(i).bestDioptres();
        }
        return SweepRange.of(focus);
    }

    byte[] picture(int frame) throws UnusableException {
        File file = new File(folder, notes.frames.get(frame).file);
        try (InputStream stream = new FileInputStream(file)) {
            return Models.readAll(stream);
        } catch (IOException missing) {
            throw new UnusableException(file.getName() + " cannot be read");
        }
    }

    /** The optics behind the pictures as they are held upright. */
    private static DepthPipeline.Lens lens(File folder, Sidecar notes) throws UnusableException {
        File first = new File(folder, notes.frames.get(0).file);
        BitmapFactory.Options size = new BitmapFactory.Options();
        size.inJustDecodeBounds = true;
        BitmapFactory.decodeFile(first.getPath(), size);
        int turn;
        try {
            turn = Pictures.clockwise(new ExifInterface(first));
        } catch (IOException unreadable) {
            throw new UnusableException(first.getName() + " cannot be read");
        }
        return DepthPipeline.Lens.of(
                notes.camera, size.outWidth, size.outHeight, turn == 90 || turn == 270);
    }

    private static Sidecar fromExif(File[] pictures) throws UnusableException {
        List<SidecarFrame> frames = new ArrayList<>();
        SidecarCamera camera = null;
        for (File picture : pictures) {
            ExifInterface exif;
            try {
                exif = new ExifInterface(picture);
            } catch (IOException unreadable) {
                throw new UnusableException(picture.getName() + " cannot be read");
            }
            camera = camera == null ? camera(exif, picture) : camera;
            double metres = exif.getAttributeDouble(ExifInterface.TAG_SUBJECT_DISTANCE, -1);
            double dioptres = metres <= 0 ? -1 : metres >= INFINITY_M ? 0 : 1 / metres;
            frames.add(new SidecarFrame(picture.getName(), dioptres, -1, 0, 0, 0, true));
        }
        return new Sidecar("EXIF", camera, frames);
    }

    private static SidecarCamera camera(ExifInterface exif, File picture) {
        double focal = exif.getAttributeDouble(ExifInterface.TAG_FOCAL_LENGTH, 0);
        return new SidecarCamera(
                exif.getAttribute(ExifInterface.TAG_MAKE),
                exif.getAttribute(ExifInterface.TAG_MODEL),
                focal,
                exif.getAttributeDouble(ExifInterface.TAG_F_NUMBER, 0),
                sensorWidthMm(exif, picture, focal),
                0,
                0,
                null);
    }

    private static double sensorWidthMm(ExifInterface exif, File picture, double focalMm) {
        BitmapFactory.Options size = new BitmapFactory.Options();
        size.inJustDecodeBounds = true;
        BitmapFactory.decodeFile(picture.getPath(), size);
        double perUnit = exif.getAttributeDouble(ExifInterface.TAG_FOCAL_PLANE_X_RESOLUTION, 0);
        int unit = exif.getAttributeInt(ExifInterface.TAG_FOCAL_PLANE_RESOLUTION_UNIT, 2);
        double unitMm = unit == 3 ? 10 : unit == 4 ? 1 : unit == 5 ? 1e-3 : 25.4;
        if (perUnit > 0) {
            return size.outWidth / perUnit * unitMm;
        }
        double equivalent = exif.getAttributeInt(ExifInterface.TAG_FOCAL_LENGTH_IN_35MM_FILM, 0);
        if (equivalent > 0 && focalMm > 0) {
            double diagonal = FULL_FRAME_DIAGONAL_MM * focalMm / equivalent;
            return diagonal * size.outWidth / Math.hypot(size.outWidth, size.outHeight);
        }
        return 0;
    }
}
