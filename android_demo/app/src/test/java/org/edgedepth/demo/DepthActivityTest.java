package org.edgedepth.demo;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertNotEquals;
import static org.junit.Assert.assertNotNull;
import static org.junit.Assert.assertTrue;
import static org.robolectric.Shadows.shadowOf;

import android.content.Context;
import android.content.Intent;
import android.net.Uri;
import android.os.SystemClock;
import android.view.MotionEvent;
import android.view.View;
import android.widget.RadioGroup;
import android.widget.TextView;
import java.io.File;
import java.io.FileOutputStream;
import java.io.InputStream;
import java.nio.file.Files;
import java.util.zip.ZipInputStream;
import org.junit.After;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.Robolectric;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.android.controller.ActivityController;

/** The depth screen on the sample sweep, through the app's own code and TFLite's own library. */
@RunWith(RobolectricTestRunner.class)
public final class DepthActivityTest {
    private final Context context = RuntimeEnvironment.getApplication();

    @After
    public void forget() {
        Results.forget();
    }

    private static ActivityController<DepthActivity> open(String name) {
        Intent intent =
                new Intent(RuntimeEnvironment.getApplication(), DepthActivity.class)
                        .putExtra("sweep", name);
        return Robolectric.buildActivity(DepthActivity.class, intent).setup();
    }

    private static String reading(DepthActivity screen) {
        return ((TextView) screen.findViewById(R.id.reading)).getText().toString();
    }

    private static void waitForDepth(DepthActivity screen) throws InterruptedException {
        Waiting.until(
                "depth; the screen says " + reading(screen),
                () -> screen.findViewById(R.id.working).getVisibility() == View.GONE);
    }

    private static void tap(DepthView view, float across, float down) {
        long now = SystemClock.uptimeMillis();
        float x = view.getWidth() * across;
        float y = view.getHeight() * down;
        view.dispatchTouchEvent(
                MotionEvent.obtain(now, now, MotionEvent.ACTION_DOWN, x, y, 0));
        view.dispatchTouchEvent(
                MotionEvent.obtain(now, now + 30, MotionEvent.ACTION_UP, x, y, 0));
    }

    @Test
    public void theSampleHasDepthInMetres() throws Exception {
        ActivityController<DepthActivity> controller = open(Storage.SAMPLE);
        DepthActivity screen = controller.get();
        waitForDepth(screen);
        assertEquals(screen.getString(R.string.tap_hint), reading(screen));
        DepthView view = screen.findViewById(R.id.depth_view);
        tap(view, 0.5f, 0.45f);
        String told = reading(screen);
        assertTrue(told, told.matches("\\d+(\\.\\d+)? m, \\d+ % sure|Unknown here"));
        Screens.keep(screen, "depth");
        RadioGroup layers = screen.findViewById(R.id.layers);
        layers.check(R.id.layer_refocus);
        layers.check(R.id.layer_confidence);
        controller.recreate();
        DepthActivity turned = controller.get();
        waitForDepth(turned);
        assertEquals("the tapped place survives", told, reading(turned));
        RadioGroup again = turned.findViewById(R.id.layers);
        assertEquals(R.id.layer_confidence, again.getCheckedRadioButtonId());
        SweepDepth depth = Results.get(Storage.SAMPLE);
        assertEquals(6, depth.frames.size() + depth.rejected);
        writeForPython(depth);
    }

    /** Python compares it with what it makes of the same sweep. */
    private static void writeForPython(SweepDepth depth) throws Exception {
        java.nio.ByteBuffer bytes =
                java.nio.ByteBuffer.allocate(4 * depth.dioptres.data.length)
                        .order(java.nio.ByteOrder.LITTLE_ENDIAN);
        bytes.asFloatBuffer().put(depth.dioptres.data);
        String size = depth.dioptres.height + "x" + depth.dioptres.width;
        String name = "sample_" + depth.precision + "_" + size + ".f32";
        File goal = new File(System.getProperty("edgedepth.out"), name);
        Files.write(goal.toPath(), bytes.array());
    }

    @Test
    public void theSharpLayerIsMade() throws Exception {
        DepthActivity screen = open(Storage.SAMPLE).get();
        waitForDepth(screen);
        ((RadioGroup) screen.findViewById(R.id.layers)).check(R.id.layer_sharp);
        SweepDepth depth = Results.get(Storage.SAMPLE);
        assertNotNull(depth);
        assertNotEquals(depth.frames.get(0).rgb, depth.sharp);
        ((RadioGroup) screen.findViewById(R.id.layers)).check(R.id.layer_refocus);
        screen.findViewById(R.id.depth_view).performClick();
        assertNotEquals(screen.getString(R.string.tap_hint), reading(screen));
    }

    @Test
    public void aSweepThatCannotBeReadIsTold() throws Exception {
        File folder = new File(Storage.sweeps(context), "broken");
        assertTrue(folder.mkdirs());
        try (FileOutputStream file = new FileOutputStream(new File(folder, "a.jpg"))) {
            file.write("no picture".getBytes());
        }
        DepthActivity screen = open("broken").get();
        waitForDepth(screen);
        assertTrue(reading(screen), reading(screen).startsWith("This sweep cannot be used: "));
    }

    @Test
    public void aMissingSweepIsTold() throws Exception {
        DepthActivity screen = open("gone").get();
        waitForDepth(screen);
        assertTrue(reading(screen), reading(screen).contains("no JPEG pictures"));
    }

    @Test
    public void aSweepIsSharedAsAZip() throws Exception {
        File zip =
                Sharing.zip(Storage.sweep(context, Storage.SAMPLE), Sharing.folder(context));
        Uri uri = Uri.parse("content://" + Sharing.AUTHORITY + "/" + zip.getName());
        SweepProvider provider = Robolectric.setupContentProvider(SweepProvider.class);
        int entries = 0;
        try (InputStream in =
                        new android.os.ParcelFileDescriptor.AutoCloseInputStream(
                                provider.openFile(uri, "r"));
                ZipInputStream files = new ZipInputStream(in)) {
            while (files.getNextEntry() != null) {
                entries++;
            }
        }
        assertEquals(6, entries);
        assertEquals("application/zip", provider.getType(uri));
        for (String path : new String[] {"../settings.xml", "a/b.zip", "none.zip"}) {
            Uri other = Uri.parse("content://" + Sharing.AUTHORITY + "/" + path);
            try {
                provider.openFile(other, "r");
                throw new AssertionError(path + " was opened");
            } catch (java.io.FileNotFoundException refused) {
                assertNotNull(refused.getMessage());
            }
        }
        try {
            provider.openFile(uri, "rw");
            throw new AssertionError("it was opened for writing");
        } catch (java.io.FileNotFoundException refused) {
            assertNotNull(refused.getMessage());
        }
    }

    @Test
    public void theListShowsTheSampleAndOpensIt() {
        SweepListActivity list =
                Robolectric.buildActivity(SweepListActivity.class).setup().get();
        android.widget.ListView rows = list.findViewById(R.id.sweeps);
        assertEquals(Storage.SAMPLE, rows.getAdapter().getItem(rows.getAdapter().getCount() - 1));
        shadowOf(rows).performItemClick(rows.getAdapter().getCount() - 1);
        assertEquals(
                DepthActivity.class.getName(),
                shadowOf(list).getNextStartedActivity().getComponent().getClassName());
    }
}
