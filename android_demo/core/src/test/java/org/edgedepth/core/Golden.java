package org.edgedepth.core;

import static org.junit.Assert.assertEquals;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;
import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;

/** The vectors that the Python side wrote: arrays of NumPy and JSON. */
final class Golden {
    private static final Path FOLDER = Paths.get(System.getProperty("golden"));
    private static final Pattern SHAPE = Pattern.compile("'shape': \\(([^)]*)\\)");
    private static final Pattern KIND = Pattern.compile("'descr': '([^']*)'");
    private static Map<String, Golden> core;

    final String kind;
    final int[] shape;
    private final ByteBuffer data;

    private Golden(byte[] file) {
        int header = (file[8] & 0xFF) | (file[9] & 0xFF) << 8;
        String text = new String(file, 10, header, StandardCharsets.ISO_8859_1);
        if (file[6] != 1 || text.contains("'fortran_order': True")) {
            throw new IllegalArgumentException("an array stored in another way: " + text);
        }
        kind = find(KIND, text);
        String[] sides = find(SHAPE, text).replace(" ", "").split(",");
        shape = new int[sides.length];
        for (int i = 0; i < sides.length; i++) {
            shape[i] = Integer.parseInt(sides[i]);
        }
        data = ByteBuffer.wrap(file, 10 + header, file.length - 10 - header).slice();
        data.order(ByteOrder.LITTLE_ENDIAN);
    }

    private static String find(Pattern pattern, String text) {
        Matcher matcher = pattern.matcher(text);
        if (!matcher.find()) {
            throw new IllegalArgumentException("no NumPy header: " + text);
        }
        return matcher.group(1);
    }

    /** An array of {@code core.npz}. */
    static synchronized Golden array(String name) {
        if (core == null) {
            core = archive("core.npz");
        }
        Golden found = core.get(name);
        if (found == null) {
            throw new IllegalArgumentException("core.npz has no " + name);
        }
        return found;
    }

    /** Names in {@code core.npz} that begin so. */
    static String[] names(String beginning) {
        array("picture");
        return core.keySet().stream()
                .filter(name -> name.startsWith(beginning))
                .sorted()
                .toArray(String[]::new);
    }

    /** A file of one array. */
    static Golden file(String name) {
        return new Golden(bytes(name));
    }

    static byte[] bytes(String name) {
        try {
            return Files.readAllBytes(FOLDER.resolve(name));
        } catch (IOException missing) {
            throw new IllegalStateException(missing);
        }
    }

    static JSONObject json(String name) throws JSONException {
        return new JSONObject(new String(bytes(name), StandardCharsets.UTF_8));
    }

    private static Map<String, Golden> archive(String name) {
        Map<String, Golden> arrays = new HashMap<>();
        try (InputStream file = Files.newInputStream(FOLDER.resolve(name));
                ZipInputStream zip = new ZipInputStream(file)) {
            for (ZipEntry entry = zip.getNextEntry(); entry != null; entry = zip.getNextEntry()) {
                ByteArrayOutputStream content = new ByteArrayOutputStream();
                byte[] part = new byte[1 << 14];
                for (int count = zip.read(part); count > 0; count = zip.read(part)) {
                    content.write(part, 0, count);
                }
                String key = entry.getName().replaceAll("\\.npy$", "");
                arrays.put(key, new Golden(content.toByteArray()));
            }
        } catch (IOException broken) {
            throw new IllegalStateException(broken);
        }
        return arrays;
    }

    byte[] bytes() {
        if (!kind.equals("|u1") && !kind.equals("|b1")) {
            throw new IllegalArgumentException("bytes wanted, not " + kind);
        }
        byte[] values = new byte[data.limit()];
        data.duplicate().get(values);
        return values;
    }

    /** Bytes of one element along the first axis. */
    byte[] part(int index) {
        byte[] all = bytes();
        int size = all.length / shape[0];
        return Arrays.copyOfRange(all, index * size, (index + 1) * size);
    }

    /** One picture of several. */
    Rgb rgb(int index) {
        return new Rgb(shape[1], shape[2], part(index));
    }

    Rgb rgb() {
        return new Rgb(shape[0], shape[1], bytes());
    }

    Mask mask() {
        byte[] values = bytes();
        boolean[] flags = new boolean[values.length];
        for (int i = 0; i < flags.length; i++) {
            flags[i] = values[i] != 0;
        }
        return new Mask(shape[0], shape[1], flags);
    }

    /** Floats as they are, bytes as whole numbers. */
    Plane plane() {
        Plane plane = new Plane(shape[0], shape[1]);
        if (kind.equals("<f4")) {
            data.asFloatBuffer().get(plane.data);
            return plane;
        }
        byte[] values = bytes();
        for (int i = 0; i < values.length; i++) {
            plane.data[i] = values[i] & 0xFF;
        }
        return plane;
    }

    static double[] doubles(JSONArray list) throws JSONException {
        double[] values = new double[list.length()];
        for (int i = 0; i < values.length; i++) {
            values[i] = list.getDouble(i);
        }
        return values;
    }

    /** Both planes within a tolerance everywhere. */
    static void assertClose(String what, Plane expected, Plane actual, double tolerance) {
        assertEquals(what, expected.height, actual.height);
        assertEquals(what, expected.width, actual.width);
        for (int i = 0; i < expected.data.length; i++) {
            assertEquals(what + " at " + i, expected.data[i], actual.data[i], tolerance);
        }
    }

    /** Bytes within a tolerance, all but a share of them equal. */
    static void assertClose(
            String what, byte[] expected, byte[] actual, int tolerance, double differing) {
        assertEquals(what, expected.length, actual.length);
        int different = 0;
        for (int i = 0; i < expected.length; i++) {
            int by = Math.abs((expected[i] & 0xFF) - (actual[i] & 0xFF));
            different += by > 0 ? 1 : 0;
            if (by > tolerance) {
                throw new AssertionError(
                        what + ": byte " + i + " is " + (actual[i] & 0xFF) + ", not "
                                + (expected[i] & 0xFF));
            }
        }
        if (different > differing * expected.length) {
            throw new AssertionError(
                    what + ": " + different + " of " + expected.length + " bytes differ");
        }
    }
}
