package org.edgedepth.demo;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;

import android.Manifest;
import android.graphics.Bitmap;
import android.graphics.BitmapFactory;
import android.graphics.drawable.BitmapDrawable;
import android.hardware.camera2.CameraMetadata;
import android.view.Gravity;
import android.view.View;
import android.view.ViewGroup;
import android.widget.TextView;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.Robolectric;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.Shadows;

/** All screens are drawn, in both languages; nothing that can be pressed is too small. */
@RunWith(RobolectricTestRunner.class)
public final class ScreensTest {
    private static final float LEAST_DP = 48;

    private static CaptureActivity capture() throws Exception {
        FakeCamera.focusing(CameraMetadata.LENS_INFO_FOCUS_DISTANCE_CALIBRATION_APPROXIMATE)
                .plug(RuntimeEnvironment.getApplication());
        Shadows.shadowOf(RuntimeEnvironment.getApplication())
                .grantPermissions(Manifest.permission.CAMERA);
        return Robolectric.buildActivity(CaptureActivity.class).setup().get();
    }

    @Test
    public void capture_screen() throws Exception {
        CaptureActivity screen = capture();
        screen.onPreview();
        standIn(screen);
        Screens.keep(screen, "capture");
        check(screen.getWindow().getDecorView());
    }

    /** The live picture comes from the camera's hardware: a frame of the sample stands in for it. */
    private static void standIn(CaptureActivity screen) throws Exception {
        SavedSweep sample =
                SavedSweep.read(Storage.sweep(screen.getApplicationContext(), Storage.SAMPLE));
        byte[] jpeg = sample.picture(0);
        Bitmap frame = BitmapFactory.decodeByteArray(jpeg, 0, jpeg.length);
        View preview = screen.findViewById(R.id.preview);
        int width = ((View) preview.getParent()).getWidth();
        int height = width * frame.getHeight() / frame.getWidth();
        Bitmap fitting = Bitmap.createScaledBitmap(frame, width, height, true);
        BitmapDrawable picture = new BitmapDrawable(screen.getResources(), fitting);
        picture.setGravity(Gravity.CENTER);
        preview.setVisibility(View.GONE);
        ((View) preview.getParent()).setBackground(picture);
    }

    @Test
    public void inGerman() throws Exception {
        RuntimeEnvironment.setQualifiers("+de");
        CaptureActivity screen = capture();
        screen.onPreview();
        TextView status = screen.findViewById(R.id.status);
        assertTrue(status.getText().toString().startsWith("Das Telefon ruhig halten"));
        Screens.keep(screen, "capture_de");
    }

    @Test
    public void settings_screen() throws Exception {
        SettingsActivity screen = Robolectric.buildActivity(SettingsActivity.class).setup().get();
        Screens.keep(screen, "settings");
        check(screen.getWindow().getDecorView());
        android.widget.Spinner frames = screen.findViewById(R.id.frames);
        assertEquals("6", frames.getSelectedItem());
        frames.setSelection(3);
        Waiting.until("the choice", () -> Settings.read(screen).frames == 8);
    }

    @Test
    public void list_screen() throws Exception {
        Storage.sweep(RuntimeEnvironment.getApplication(), Storage.SAMPLE);
        SweepListActivity screen =
                Robolectric.buildActivity(SweepListActivity.class).setup().get();
        Screens.keep(screen, "sweeps");
        check(screen.getWindow().getDecorView());
    }

    private static void check(View view) {
        if (view.isClickable() && view.getVisibility() == View.VISIBLE && view.isShown()) {
            float dp = view.getResources().getDisplayMetrics().density;
            boolean large = view.getWidth() >= LEAST_DP * dp && view.getHeight() >= LEAST_DP * dp;
            assertTrue(view + " is smaller than 48 dp", large || view.getId() <= 0);
            boolean named =
                    view.getContentDescription() != null || view instanceof ViewGroup
                            || view instanceof TextView && ((TextView) view).length() > 0;
            assertTrue(view + " has no name for screen readers", named || view.getId() <= 0);
        }
        if (view instanceof ViewGroup) {
            ViewGroup group = (ViewGroup) view;
            for (int i = 0; i < group.getChildCount(); i++) {
                check(group.getChildAt(i));
            }
        }
    }
}
