package org.edgedepth.demo;

import android.view.Surface;

/** Which way up. */
final class Orientation {
    private Orientation() {}

    /** Degrees of a display's rotation. */
    static int degrees(int rotation) {
        switch (rotation) {
            case Surface.ROTATION_90:
                return 90;
            case Surface.ROTATION_180:
                return 180;
            case Surface.ROTATION_270:
                return 270;
            default:
                return 0;
        }
    }

    /** Degrees clockwise that make a back camera's pictures upright on a display turned so. */
    static int picture(int sensorOrientation, int displayDegrees) {
        return (sensorOrientation - displayDegrees + 360) % 360;
    }

    /** EXIF's word for a picture that is to be turned clockwise. */
    static int exif(int clockwiseDegrees) {
        switch (clockwiseDegrees) {
            case 90:
                return 6;
            case 180:
                return 3;
            case 270:
                return 8;
            default:
                return 1;
        }
    }

    /**
     * EXIF orientation of a camera's JPEG: what it says itself. Cameras may turn the pixels or only
     * say so; one that says nothing has turned them.
     */
    static int ofStored(byte[] jpeg) {
        return exif(Pictures.clockwise(jpeg));
    }
}
