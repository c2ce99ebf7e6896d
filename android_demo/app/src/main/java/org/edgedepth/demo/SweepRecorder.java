package org.edgedepth.demo;

import java.io.File;
import java.io.FileOutputStream;
import java.io.IOException;
import java.text.SimpleDateFormat;
import java.util.ArrayList;
import java.util.Date;
import java.util.List;
import java.util.Locale;
import org.edgedepth.core.ExifValues;
import org.edgedepth.core.JpegExif;
import org.edgedepth.core.Sidecar;
import org.edgedepth.core.SidecarCamera;
import org.edgedepth.core.SidecarFrame;
import org.edgedepth.core.UnusableException;

/**
 * Writes a sweep frame by frame, so that what was captured is kept whatever happens next.
 *
 * <p>The folder bears another name until it is whole; its sweep.json always lists the frames that
 * are there.
 */
final class SweepRecorder {
    /** Fewer frames than this are not worth keeping. */
    static final int FEWEST_KEPT = 3;

    private final File goal;
    private final File partial;
    private final String app;
    private final SidecarCamera camera;
    private final List<SidecarFrame> frames = new ArrayList<>();

    /**
     * @param goal folder to make
     * @throws IOException it cannot be made
     */
    SweepRecorder(File goal, String app, SidecarCamera camera) throws IOException {
        this.goal = goal;
        this.app = app;
        this.camera = camera;
        partial = new File(goal.getPath() + Storage.PARTIAL);
        Storage.delete(partial);
        if (!partial.mkdirs()) {
            throw new IOException(partial + " cannot be made");
        }
    }

    /**
     * Write a frame with its focus distance in EXIF.
     *
     * @param width of the picture as stored
     * @return the file's bytes
     * @throws IOException the disk is full; the frame is not there then
     */
    byte[] add(CapturedFrame frame, int width, int height, int orientation)
            throws IOException, UnusableException {
        String name = String.format(Locale.ROOT, "frame_%02d.jpg", frame.index);
        SidecarFrame noted =
                new SidecarFrame(
                        name,
                        Double.isNaN(frame.reportedDioptres) ? -1 : frame.reportedDioptres,
                        frame.requestedDioptres,
                        frame.exposureNanos * 1e-9,
                        frame.iso,
                        frame.timestampNanos,
                        frame.stationary);
        String date = new SimpleDateFormat("yyyy:MM:dd HH:mm:ss", Locale.ROOT).format(new Date());
        ExifValues exif = new ExifValues(camera, noted, app, orientation, date);
        byte[] jpeg = JpegExif.insert(frame.jpeg, exif, width, height);
        File file = new File(partial, name);
        try (FileOutputStream stream = new FileOutputStream(file)) {
            stream.write(jpeg);
            stream.getFD().sync();
        } catch (IOException full) {
            file.delete();
            throw full;
        }
        frames.add(noted);
        try {
            new Sidecar(app, camera, frames).write(partial);
        } catch (IOException full) {
            frames.remove(frames.size() - 1);
            file.delete();
            throw full;
        }
        return jpeg;
    }

    int frames() {
        return frames.size();
    }

    /**
     * End the sweep, whole or cut short.
     *
     * @return its folder; null when too little was captured, which is then removed
     */
    File finish() {
        if (frames.size() < FEWEST_KEPT || !partial.renameTo(goal)) {
            Storage.delete(partial);
            return null;
        }
        return goal;
    }
}
