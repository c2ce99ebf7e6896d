package org.edgedepth.demo;

import android.hardware.camera2.CameraCharacteristics;
import android.hardware.camera2.CaptureRequest;
import java.util.Collections;
import java.util.List;
import org.robolectric.annotation.Implementation;
import org.robolectric.annotation.Implements;
import org.robolectric.shadows.ShadowCameraCharacteristics;

/** A camera's list of settings, which Robolectric leaves to native code that it has not. */
@Implements(CameraCharacteristics.class)
public class LensKeys extends ShadowCameraCharacteristics {
    private List<CaptureRequest.Key<?>> keys =
            Collections.singletonList(CaptureRequest.LENS_FOCUS_DISTANCE);

    /** The camera does not let apps set the focus, whatever else it says. */
    void withoutFocus() {
        keys = Collections.emptyList();
    }

    @Implementation
    protected List<CaptureRequest.Key<?>> getAvailableCaptureRequestKeys() {
        return keys;
    }
}
