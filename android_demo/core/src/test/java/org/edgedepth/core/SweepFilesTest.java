package org.edgedepth.core;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.Arrays;
import java.util.Collections;
import javax.imageio.ImageIO;
import org.junit.Rule;
import org.junit.Test;
import org.junit.rules.TemporaryFolder;

/**
 * The sidecar and the EXIF. What is written into the folder {@code sweep.out} is read by Python
 * afterwards (tests/android).
 */
public class SweepFilesTest {
    private static final SidecarCamera CAMERA =
            new SidecarCamera("Maker", "Phone 1", 6.81, 1.85, 9.8, 7.35, 9.8, "approximate");

    @Rule public final TemporaryFolder folder = new TemporaryFolder();

    private static SidecarFrame frame(String file, double focus) {
        return new SidecarFrame(file, focus, focus + 0.01, 0.02, 125, 123456789012L, true);
    }

    private static Sidecar sidecar() {
        return new Sidecar(
                "edgedepth demo 0.1",
                CAMERA,
                Arrays.asList(
                        frame("frame_00.jpg", 0), frame("frame_01.jpg", 1.25), frame("frame_02.jpg", 4)));
    }

    @Test
    public void theSidecarComesBackAsItWasWritten() throws Exception {
        File place = folder.newFolder();
        sidecar().write(place);
        assertEquals(1, place.list().length);
        Sidecar back = Sidecar.read(place);
        assertEquals("edgedepth demo 0.1", back.app);
        assertEquals("Phone 1", back.camera.model);
        assertEquals(9.8, back.camera.sensorWidthMm, 0);
        assertEquals("approximate", back.camera.focusCalibration);
        assertFalse(back.camera.uncalibrated());
        assertEquals(3, back.frames.size());
        assertEquals(0, back.frames.get(0).focusDioptres, 0);
        assertEquals(1.26, back.frames.get(1).requestedDioptres, 0);
        assertEquals(123456789012L, back.frames.get(2).timestampNs);
        assertTrue(back.frames.get(2).stationary);
    }

    @Test
    public void whatIsUnknownIsLeftOut() throws UnusableException {
        SidecarCamera nothing = new SidecarCamera(null, null, 0, 0, 0, 0, 0, null);
        SidecarFrame bare = new SidecarFrame("a.jpg", -1, 2, 0, 0, 0, false);
        Sidecar written = new Sidecar("x", nothing, Collections.singletonList(bare));
        assertFalse(written.toJson().contains("focal_length_mm"));
        assertFalse(written.toJson().contains("\"focus_dioptres\""));
        Sidecar back = Sidecar.parse(written.toJson());
        assertNull(back.camera.make);
        assertEquals(-1, back.frames.get(0).focusDioptres, 0);
        assertEquals(2, back.frames.get(0).bestDioptres(), 0);
        assertFalse(back.frames.get(0).stationary);
    }

    @Test
    public void damagedSidecarsAreRefused() {
        String[] damaged = {
            "", "[]", "{\"schema\": \"edgedepth-sweep/2\"}", "{\"schema\": \"edgedepth-sweep/1\"}",
            "{\"schema\": \"edgedepth-sweep/1\", \"frames\": []}",
            "{\"schema\": \"edgedepth-sweep/1\", \"frames\": [{}]}",
            "{\"schema\": \"edgedepth-sweep/1\", \"frames\": [{\"file\": \"../a.jpg\"}]}",
            "{\"schema\": \"edgedepth-sweep/1\", \"frames\": [{\"file\": \"a\"}, {\"file\": \"a\"}]}",
            "{\"schema\": \"edgedepth-sweep/1\","
                    + " \"frames\": [{\"file\": \"a\", \"focus_dioptres\": -1}]}",
        };
        for (String json : damaged) {
            UnusableException refused =
                    assertThrows(json, UnusableException.class, () -> Sidecar.parse(json));
            assertTrue(refused.getMessage(), refused.getMessage().contains(Sidecar.NAME));
        }
        assertThrows(UnusableException.class, () -> Sidecar.read(new File("nowhere")));
    }

    @Test
    public void nothingIsLeftBehindWhenTheFolderIsMissing() {
        File missing = new File(folder.getRoot(), "missing");
        assertThrows(IOException.class, () -> sidecar().write(missing));
        assertFalse(missing.exists());
    }

    @Test
    public void fractionsAreWhatExifTakes() {
        assertEquals("4294967295/1", ExifValues.subjectDistance(0).toString());
        assertEquals("4294967295/1", ExifValues.subjectDistance(1e-5).toString());
        assertEquals("350/1000", ExifValues.subjectDistance(1 / 0.35).toString());
        assertEquals("0.35", ExifValues.subjectDistanceDecimal(1 / 0.35));
        assertEquals("429496.7295", ExifValues.subjectDistanceDecimal(0));
        ExifValues values = new ExifValues(CAMERA, frame("a", 2), "x", 6, "2026:01:02 03:04:05");
        assertEquals("500/1000", values.subjectDistance().toString());
        assertEquals("6810/1000", values.focalLength().toString());
        assertEquals("185/100", values.fNumber().toString());
        assertEquals("1000/50000", values.exposureTime().toString());
        assertEquals("40800000/9800", values.focalPlaneResolution(4080).toString());
        assertThrows(IllegalArgumentException.class, () -> new Rational(-1, 1));
        assertThrows(IllegalArgumentException.class, () -> new Rational(1L << 32, 1));
    }

    private static byte[] jpeg(int seed) throws IOException {
        BufferedImage image = new BufferedImage(64, 48, BufferedImage.TYPE_INT_RGB);
        for (int i = 0; i < 64 * 48; i++) {
            image.setRGB(i % 64, i / 64, (i * (seed + 3) & 0xFF) << 8 | (i / 7 & 0xFF));
        }
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ImageIO.write(image, "jpeg", out);
        return out.toByteArray();
    }

    private static int count(byte[] data, String text) {
        String content = new String(data, StandardCharsets.ISO_8859_1);
        int found = 0;
        for (int at = content.indexOf(text); at >= 0; at = content.indexOf(text, at + 1)) {
            found++;
        }
        return found;
    }

    @Test
    public void exifIsPutInOnceAndThePictureStays() throws Exception {
        byte[] plain = jpeg(1);
        ExifValues values = new ExifValues(CAMERA, frame("a", 2), "app", 1, "2026:01:02 03:04:05");
        byte[] once = JpegExif.insert(plain, values, 64, 48);
        assertArrayEquals(once, JpegExif.insert(once, values, 64, 48));
        assertEquals(1, count(once, "Exif\0\0"));
        assertEquals(1, count(once, "Phone 1"));
        BufferedImage before = ImageIO.read(new ByteArrayInputStream(plain));
        BufferedImage after = ImageIO.read(new ByteArrayInputStream(once));
        for (int i = 0; i < 64 * 48; i++) {
            assertEquals(before.getRGB(i % 64, i / 64), after.getRGB(i % 64, i / 64));
        }
    }

    @Test
    public void whatIsNoJpegIsRefused() throws IOException {
        ExifValues values = new ExifValues(CAMERA, frame("a", 2), "app", 1, null);
        byte[] jpeg = jpeg(1);
        byte[][] wrong = {{}, {1, 2, 3, 4, 5}, Arrays.copyOf(jpeg, 30), Arrays.copyOf(jpeg, 2)};
        for (byte[] data : wrong) {
            assertThrows(
                    UnusableException.class, () -> JpegExif.insert(data, values, 64, 48));
        }
    }

    @Test
    public void aSweepIsWrittenForPythonToRead() throws Exception {
        String wanted = System.getProperty("sweep.out");
        Path out = wanted == null ? folder.newFolder().toPath() : Paths.get(wanted);
        Files.createDirectories(out);
        Sidecar sidecar = sidecar();
        for (int i = 0; i < sidecar.frames.size(); i++) {
            SidecarFrame frame = sidecar.frames.get(i);
            ExifValues values =
                    new ExifValues(CAMERA, frame, sidecar.app, 1, "2026:01:02 03:04:05");
            Files.write(out.resolve(frame.file), JpegExif.insert(jpeg(i), values, 64, 48));
        }
        sidecar.write(out.toFile());
        assertEquals(3, Sidecar.read(out.toFile()).frames.size());
    }
}
