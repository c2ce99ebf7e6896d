package org.edgedepth.core;

/**
 * What a frame's EXIF says (EXIF 2.32). Zero and null stand for unknown and are left out.
 *
 * <p>{@link JpegExif} writes it into a file; a value of its own per tag is there for tests and for
 * {@code android.media.ExifInterface}.
 */
public final class ExifValues {
    /** Distances beyond are written as infinity. */
    static final double FARTHEST_M = 1e4;

    private static final Rational INFINITELY_FAR = new Rational(Rational.MOST, 1);

    public final String make;
    public final String model;
    public final String software;
    /** 1 upright, 3, 6 or 8 turned. */
    public final int orientation;
    public final double focusDioptres;
    public final SidecarCamera camera;
    public final double exposureTimeS;
    public final int iso;
    /** Local time as {@code yyyy:MM:dd HH:mm:ss}. */
    public final String dateTime;

    public ExifValues(
            SidecarCamera camera,
            SidecarFrame frame,
            String software,
            int orientation,
            String dateTime) {
        make = camera.make;
        model = camera.model;
        this.camera = camera;
        this.software = software;
        this.orientation = orientation;
        focusDioptres = frame.focusDioptres;
        exposureTimeS = frame.exposureTimeS;
        iso = (int) Math.round(frame.iso);
        this.dateTime = dateTime;
    }

    /** SubjectDistance in metres; FFFFFFFF/1 is infinity. */
    public Rational subjectDistance() {
        return subjectDistance(focusDioptres);
    }

    /** SubjectDistance of a focus in dioptres. */
    public static Rational subjectDistance(double focusDioptres) {
        if (!(focusDioptres > 1 / FARTHEST_M)) {
            return INFINITELY_FAR;
        }
        return Rational.of(1 / focusDioptres, 1000);
    }

    /**
     * SubjectDistance as a decimal number: what {@code ExifInterface.setAttribute} wants of this
     * tag. Infinity is the largest number that it can store, FFFFFFFF/10000.
     */
    public static String subjectDistanceDecimal(double focusDioptres) {
        Rational metres = subjectDistance(focusDioptres);
        return metres == INFINITELY_FAR ? "429496.7295" : Double.toString(metres.value());
    }

    public Rational fNumber() {
        return Rational.of(camera.fNumber, 100);
    }

    public Rational focalLength() {
        return Rational.of(camera.focalLengthMm, 1000);
    }

    /** Pixels per centimetre of the sensor, from which its width can be read back. */
    public Rational focalPlaneResolution(int storedWidthPx) {
        return new Rational(storedWidthPx * 10000L, Math.round(camera.sensorWidthMm * 1000));
    }

    /** Shutter time as a fraction of a second. */
    public Rational exposureTime() {
        if (exposureTimeS < 0.3) {
            return new Rational(1000, Math.round(1000 / exposureTimeS));
        }
        return Rational.of(exposureTimeS, 1000);
    }
}
