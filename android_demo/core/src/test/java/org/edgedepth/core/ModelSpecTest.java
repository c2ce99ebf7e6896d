package org.edgedepth.core;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertNotNull;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.Random;
import org.json.JSONException;
import org.json.JSONObject;
import org.junit.Test;

/** The metadata inside model files; the shipped ones are read as they are. */
public class ModelSpecTest {
    private static final Path SHIPPED =
            Paths.get(System.getProperty("golden"), "..", "..", "edgedepth", "pretrained");

    private static byte[] shippedInt8() throws IOException {
        return Files.readAllBytes(SHIPPED.resolve("edgedepth-mobile-int8.tflite"));
    }

    private static ModelSpec read(byte[] file) throws UnusableException {
        return ModelSpec.read(ByteBuffer.wrap(file));
    }

    @Test
    public void shippedModelsSayWhatTheyAre() throws Exception {
        int count = 0;
        try (DirectoryStream<Path> files = Files.newDirectoryStream(SHIPPED, "*.tflite")) {
            for (Path file : files) {
                ModelSpec spec = read(Files.readAllBytes(file));
                String name = file.getFileName().toString();
                assertTrue(name, name.contains(spec.precision));
                assertTrue(name, spec.streaming);
                JSONObject record = new JSONObject(spec.json);
                assertEquals(name, record.getInt("height"), spec.height);
                assertEquals(name, record.getInt("width"), spec.width);
                assertEquals(name, record.getInt("cue_planes") + 3, spec.channels());
                assertEquals(name, "sweep", spec.output);
                assertTrue(name, spec.trainedCoc[0] < spec.trainedCoc[1]);
                count++;
            }
        }
        assertTrue(count >= 3);
    }

    @Test
    public void otherFilesAreRefused() {
        assertThrows(UnusableException.class, () -> read(new byte[0]));
        assertThrows(UnusableException.class, () -> read(new byte[64]));
    }

    @Test
    public void damagedFilesAreRefusedAndNothingElseHappens() throws IOException {
        byte[] whole = shippedInt8();
        Random random = new Random(3);
        int refused = 0;
        for (int i = 0; i < 300; i++) {
            byte[] damaged = new byte[i % 2 == 0 ? random.nextInt(whole.length) : whole.length];
            System.arraycopy(whole, 0, damaged, 0, damaged.length);
            for (int k = 0; k < 40 && damaged.length > 64; k++) {
                damaged[8 + random.nextInt(56)] = (byte) random.nextInt();
            }
            try {
                assertNotNull(read(damaged).preset);
            } catch (UnusableException expected) {
                refused++;
            }
        }
        assertTrue(refused > 200);
    }

    @Test
    public void aModelWithoutMetadataIsRefused() throws IOException {
        byte[] file = shippedInt8();
        byte[] name = ModelSpec.METADATA_NAME.getBytes(StandardCharsets.US_ASCII);
        for (int i = 0; i + name.length < file.length; i++) {
            boolean here = file[i + name.length] == 0 && file[i - (i > 3 ? 4 : 0)] == name.length;
            for (int k = 0; here && k < name.length; k++) {
                here = file[i + k] == name[k];
            }
            if (here) {
                file[i] = 'x';
            }
        }
        UnusableException refused = assertThrows(UnusableException.class, () -> read(file));
        assertTrue(refused.getMessage(), refused.getMessage().contains("says nothing about itself"));
    }

    @Test
    public void wrongFieldsAreNamed() throws Exception {
        String json = read(shippedInt8()).json;
        refuses(json, "schema", "edgedepth-model/99", ModelSpec.SCHEMA);
        refuses(json, "precision", "int4", "precision");
        refuses(json, "height", 3, "height");
        refuses(json, "output", "volts", "output");
        refuses(json, "trained_coc", "wide", "trained_coc");
        refuses(json, "width", null, "width");
        assertThrows(UnusableException.class, () -> ModelSpec.parse("{"));
    }

    private static void refuses(String json, String key, Object value, String named)
            throws JSONException {
        JSONObject record = new JSONObject(json);
        if (value == null) {
            record.remove(key);
        } else {
            record.put(key, value);
        }
        UnusableException refused =
                assertThrows(
                        UnusableException.class, () -> ModelSpec.parse(record.toString()));
        assertTrue(refused.getMessage(), refused.getMessage().contains(named));
    }
}
