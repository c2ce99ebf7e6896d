package org.edgedepth.core;

import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** Writes an EXIF block (EXIF 2.32, big endian) into a JPEG, in place of one that is there. */
public final class JpegExif {
    private static final int SHORT = 3;
    private static final int LONG = 4;
    private static final int RATIONAL = 5;
    private static final int ASCII = 2;
    private static final int UNDEFINED = 7;
    private static final int EXIF_POINTER = 0x8769;
    private static final int START_OF_SCAN = 0xDA;
    private static final int APP0 = 0xE0;
    private static final int APP1 = 0xE1;
    private static final int MOST_BYTES = 0xFFFD;
    private static final byte[] MARK = {'E', 'x', 'i', 'f', 0, 0};

    private JpegExif() {}

    /**
     * A JPEG with this EXIF.
     *
     * @param width of the stored picture
     * @param height of the stored picture
     * @throws UnusableException these bytes are no JPEG
     */
    public static byte[] insert(byte[] jpeg, ExifValues values, int width, int height)
            throws UnusableException {
        byte[] block = block(values, width, height);
        if (block.length + MARK.length > MOST_BYTES) {
            throw new UnusableException("The EXIF is too long");
        }
        ByteArrayOutputStream out = new ByteArrayOutputStream(jpeg.length + block.length + 16);
        int place = 2;
        if (jpeg.length < 4 || (jpeg[0] & 0xFF) != 0xFF || (jpeg[1] & 0xFF) != 0xD8) {
            throw new UnusableException("The camera gave no JPEG");
        }
        out.write(jpeg, 0, 2);
        boolean written = false;
        while (true) {
            int marker = marker(jpeg, place);
            if (!written && marker != APP0) {
                segment(out, block);
                written = true;
            }
            if (marker == START_OF_SCAN) {
                out.write(jpeg, place, jpeg.length - place);
                return out.toByteArray();
            }
            int length = 2 + ((jpeg[place + 2] & 0xFF) << 8 | jpeg[place + 3] & 0xFF);
            if (length < 4 || place + length > jpeg.length) {
                throw new UnusableException("The camera's JPEG is damaged");
            }
            if (!(marker == APP1 && holdsExif(jpeg, place))) {
                out.write(jpeg, place, length);
            }
            place += length;
        }
    }

    private static int marker(byte[] jpeg, int place) throws UnusableException {
        if (place + 4 > jpeg.length || (jpeg[place] & 0xFF) != 0xFF) {
            throw new UnusableException("The camera's JPEG is damaged");
        }
        return jpeg[place + 1] & 0xFF;
    }

    private static boolean holdsExif(byte[] jpeg, int place) {
        for (int i = 0; i < 4; i++) {
            if (place + 4 + i >= jpeg.length || jpeg[place + 4 + i] != MARK[i]) {
                return false;
            }
        }
        return true;
    }

    private static void segment(ByteArrayOutputStream out, byte[] block) {
        int length = 2 + MARK.length + block.length;
        out.write(0xFF);
        out.write(APP1);
        out.write(length >> 8);
        out.write(length & 0xFF);
        out.write(MARK, 0, MARK.length);
        out.write(block, 0, block.length);
    }

    private static byte[] block(ExifValues values, int width, int height) {
        Directory first = new Directory();
        first.text(0x010F, values.make);
        first.text(0x0110, values.model);
        first.number(0x0112, SHORT, values.orientation);
        first.text(0x0131, values.software);
        first.text(0x0132, values.dateTime);
        first.number(EXIF_POINTER, LONG, 0);
        int start = 8;
        first.set(EXIF_POINTER, start + first.size());
        Directory photo = photo(values, width, height);
        ByteArrayOutputStream block = new ByteArrayOutputStream();
        try {
            DataOutputStream data = new DataOutputStream(block);
            data.write(new byte[] {'M', 'M', 0, 42});
            data.writeInt(start);
            first.write(data, start);
            photo.write(data, start + first.size());
        } catch (IOException impossible) {
            throw new IllegalStateException(impossible);
        }
        return block.toByteArray();
    }

    private static Directory photo(ExifValues values, int width, int height) {
        Directory photo = new Directory();
        if (values.exposureTimeS > 0) {
            photo.fraction(0x829A, values.exposureTime());
        }
        if (values.camera.fNumber > 0) {
            photo.fraction(0x829D, values.fNumber());
        }
        if (values.iso > 0) {
            photo.number(0x8827, SHORT, Math.min(values.iso, 0xFFFF));
        }
        photo.bytes(0x9000, UNDEFINED, "0232".getBytes(StandardCharsets.US_ASCII));
        photo.text(0x9003, values.dateTime);
        if (values.focusDioptres >= 0) {
            photo.fraction(0x9206, values.subjectDistance());
        }
        if (values.camera.focalLengthMm > 0) {
            photo.fraction(0x920A, values.focalLength());
        }
        photo.number(0xA002, LONG, width);
        photo.number(0xA003, LONG, height);
        if (values.camera.sensorWidthMm > 0) {
            photo.fraction(0xA20E, values.focalPlaneResolution(width));
            photo.fraction(0xA20F, values.focalPlaneResolution(width));
            photo.number(0xA210, SHORT, 3);
        }
        return photo;
    }

    /** An image file directory: entries in the order of their tags, long values behind them. */
    private static final class Directory {
        private final List<int[]> entries = new ArrayList<>();
        private final List<byte[]> contents = new ArrayList<>();

        void bytes(int tag, int type, byte[] content) {
            int unit = type == SHORT ? 2 : type == LONG ? 4 : type == RATIONAL ? 8 : 1;
            entries.add(new int[] {tag, type, content.length / unit});
            contents.add(content);
        }

        void text(int tag, String text) {
            if (text != null) {
                bytes(tag, ASCII, (text + '\0').getBytes(StandardCharsets.US_ASCII));
            }
        }

        void number(int tag, int type, int value) {
            byte[] content = fourBytes(value);
            bytes(tag, type, type == SHORT ? new byte[] {content[2], content[3]} : content);
        }

        void fraction(int tag, Rational value) {
            byte[] content = new byte[8];
            System.arraycopy(fourBytes((int) value.numerator), 0, content, 0, 4);
            System.arraycopy(fourBytes((int) value.denominator), 0, content, 4, 4);
            bytes(tag, RATIONAL, content);
        }

        void set(int tag, int value) {
            for (int i = 0; i < entries.size(); i++) {
                if (entries.get(i)[0] == tag) {
                    contents.set(i, fourBytes(value));
                }
            }
        }

        private static byte[] fourBytes(int value) {
            return new byte[] {
                (byte) (value >> 24), (byte) (value >> 16), (byte) (value >> 8), (byte) value,
            };
        }

        int size() {
            int size = 2 + 12 * entries.size() + 4;
            for (byte[] content : contents) {
                size += behind(content);
            }
            return size;
        }

        private static int behind(byte[] content) {
            return content.length > 4 ? content.length + content.length % 2 : 0;
        }

        void write(DataOutputStream data, int start) throws IOException {
            data.writeShort(entries.size());
            int place = start + 2 + 12 * entries.size() + 4;
            for (int i = 0; i < entries.size(); i++) {
                byte[] content = contents.get(i);
                data.writeShort(entries.get(i)[0]);
                data.writeShort(entries.get(i)[1]);
                data.writeInt(entries.get(i)[2]);
                if (behind(content) > 0) {
                    data.writeInt(place);
                    place += behind(content);
                } else {
                    data.write(content);
                    data.write(new byte[4 - content.length]);
                }
            }
            data.writeInt(0);
            for (byte[] content : contents) {
                if (behind(content) > 0) {
                    data.write(content);
                    data.write(new byte[content.length % 2]);
                }
            }
        }
    }
}
