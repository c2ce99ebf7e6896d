package org.edgedepth.demo;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNotNull;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertTrue;

import android.content.Context;
import android.graphics.Bitmap;
import android.hardware.camera2.CameraMetadata;
import java.io.File;
import java.io.FileOutputStream;
import java.nio.file.Files;
import org.edgedepth.core.Sidecar;
import org.edgedepth.core.SidecarFrame;
import org.junit.After;
import org.junit.Before;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.RuntimeEnvironment;

/** A sweep from the camera's frames to a saved folder and its depth, and what can cut it short. */
@RunWith(RobolectricTestRunner.class)
public final class LiveSweepTest implements LiveSweep.Listener {
    private final Context context = RuntimeEnvironment.getApplication();
    private SampleSweep sample;
    private CameraFacts facts;
    private LiveSweep live;
    private int shown;
    private boolean ended;
    private String name;
    private int kept;
    private int problem;

    @Before
    public void begin() throws Exception {
        sample = new SampleSweep(context);
        facts =
                FakeCamera.focusing(
                                CameraMetadata.LENS_INFO_FOCUS_DISTANCE_CALIBRATION_APPROXIMATE)
                        .plug(context);
        live = new LiveSweep(context, this);
        live.begin(facts, sample.plan);
    }

    @After
    public void close() {
        if (live != null) {
            live.close();
        }
        Results.forget();
    }

    @Override
    public void onDepth(int frames, Bitmap colours) {
        shown = frames;
        assertTrue(colours.getWidth() > 100);
    }

    @Override
    public void onEnded(LiveSweep from, String saved, int frames, int why) {
        ended = true;
        name = saved;
        kept = frames;
        problem = why;
    }

    private void take(int frames) throws Exception {
        for (int i = 0; i < frames; i++) {
            live.add(sample.frame(i));
        }
    }

    private void waitForTheEnd() throws InterruptedException {
        Waiting.until("the end of the sweep", () -> ended);
    }

    @Test
    public void aWholeSweepIsSavedAndShown() throws Exception {
        take(sample.saved.frames());
        live.finish(0);
        waitForTheEnd();
        assertEquals(0, problem);
        assertEquals(sample.saved.frames(), kept);
        assertTrue("depth while sweeping", shown > 0);
        SweepDepth depth = Results.get(name);
        assertNotNull("depth at the end", depth);
        assertFalse(depth.relative);
        File folder = new File(Storage.sweeps(context), name);
        Sidecar notes = Sidecar.read(folder);
        assertEquals("approximate", notes.camera.focusCalibration);
        SidecarFrame first = notes.frames.get(0);
        assertEquals(sample.saved.notes.frames.get(0).bestDioptres(), first.focusDioptres, 1e-9);
        assertEquals(sample.plan.focusDioptres(0), first.requestedDioptres, 1e-9);
        keepForPython(folder);
    }

    /** Python looks at the folder as well. */
    private static void keepForPython(File folder) throws Exception {
        File goal = new File(System.getProperty("edgedepth.out"), "captured");
        goal.mkdirs();
        for (File file : folder.listFiles()) {
            Files.copy(file.toPath(), new File(goal, file.getName()).toPath());
        }
    }

    @Test
    public void androidReadsTheExifThatWasWritten() throws Exception {
        take(3);
        live.finish(0);
        waitForTheEnd();
        File folder = new File(Storage.sweeps(context), name);
        SavedSweep noted = SavedSweep.read(folder);
        assertTrue(new File(folder, Sidecar.NAME).delete());
        SavedSweep exif = SavedSweep.read(folder);
        for (int i = 0; i < 3; i++) {
            double wanted = noted.notes.frames.get(i).bestDioptres();
            assertEquals(wanted, exif.notes.frames.get(i).bestDioptres(), 0.01);
        }
        assertEquals(noted.lens.cocPxPerDioptre(640), exif.lens.cocPxPerDioptre(640), 0.01);
    }

    @Test
    public void anInterruptedSweepKeepsItsFrames() throws Exception {
        take(4);
        live.finish(R.string.sweep_interrupted);
        waitForTheEnd();
        assertEquals(R.string.sweep_interrupted, problem);
        assertEquals(4, kept);
        assertEquals(4, Sidecar.read(new File(Storage.sweeps(context), name)).frames.size());
    }

    @Test
    public void tooFewFramesAreNotKept() throws Exception {
        take(2);
        live.finish(R.string.sweep_interrupted);
        waitForTheEnd();
        assertNull(name);
        assertEquals(2, kept);
        assertEquals(0, Storage.sweeps(context).listFiles((d, n) -> n.startsWith("sweep_")).length);
    }

    @Test
    public void withoutRoomItEndsWithAMessage() throws Exception {
        CapturedFrame[] frames = {sample.frame(0), sample.frame(1)};
        File sweeps = Storage.sweeps(context);
        Storage.delete(sweeps);
        try (FileOutputStream blocker = new FileOutputStream(sweeps)) {
            blocker.write(1);
        }
        live.add(frames[0]);
        live.add(frames[1]);
        waitForTheEnd();
        assertEquals(R.string.disk_full, problem);
        assertNull(name);
    }

    @Test
    public void whatACrashLeftBehindIsKeptIfItIsWhole() throws Exception {
        File sweeps = Storage.sweeps(context);
        SweepRecorder recorder =
                new SweepRecorder(
                        new File(sweeps, "sweep_20260101_000000"),
                        "test",
                        facts.sidecar(new android.util.Size(640, 480)));
        for (int i = 0; i < 3; i++) {
            recorder.add(sample.frame(i), 640, 480, 1);
        }
        new File(sweeps, "sweep_20260101_000001.part").mkdirs();
        assertFalse(Storage.names(context).contains("sweep_20260101_000000"));
        Storage.tidy(context);
        assertEquals(3, Sidecar.read(new File(sweeps, "sweep_20260101_000000")).frames.size());
        assertFalse(new File(sweeps, "sweep_20260101_000001.part").exists());
    }
}
