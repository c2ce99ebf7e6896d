package org.edgedepth.core;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/** As much of the flatbuffer format as reading one table after another needs, bounds checked. */
final class Flatbuffer {
    private final ByteBuffer bytes;

    Flatbuffer(ByteBuffer file) {
        bytes = file.duplicate().order(ByteOrder.LITTLE_ENDIAN);
    }

    /** Whether the file bears this four-letter mark. */
    boolean marked(String mark) {
        return bytes.limit() >= 16 && mark.equals(text(4, 4));
    }

    Table root() {
        return new Table(offset(0));
    }

    private int offset(int place) {
        check(place, 4);
        long target = place + (bytes.getInt(place) & 0xFFFFFFFFL);
        if (target >= bytes.limit()) {
            throw new IndexOutOfBoundsException("an offset points outside the file");
        }
        return (int) target;
    }

    private void check(long place, long count) {
        if (place < 0 || count < 0 || place + count > bytes.limit()) {
            throw new IndexOutOfBoundsException("the file ends too early");
        }
    }

    private String text(int place, int length) {
        return new String(slice(place, length), StandardCharsets.UTF_8);
    }

    private byte[] slice(int place, int length) {
        check(place, length);
        byte[] part = new byte[length];
        ByteBuffer view = bytes.duplicate();
        view.position(place);
        view.get(part);
        return part;
    }

    /** A table; fields are counted from 0, and those left out give 0, "" or null. */
    final class Table {
        private final int place;

        private Table(int place) {
            this.place = place;
        }

        private int field(int index) {
            check(place, 4);
            int entries = place - bytes.getInt(place);
            check(entries, 4);
            int entry = 4 + 2 * index;
            int size = bytes.getShort(entries) & 0xFFFF;
            if (entry + 2 > size) {
                return 0;
            }
            check(entries + entry, 2);
            int away = bytes.getShort(entries + entry) & 0xFFFF;
            return away == 0 ? 0 : place + away;
        }

        int number(int index) {
            int at = field(index);
            if (at == 0) {
                return 0;
            }
            check(at, 4);
            return bytes.getInt(at);
        }

        long longNumber(int index) {
            int at = field(index);
            if (at == 0) {
                return 0;
            }
            check(at, 8);
            return bytes.getLong(at);
        }

        String string(int index) {
            byte[] content = vector(index);
            return content == null ? "" : new String(content, StandardCharsets.UTF_8);
        }

        /** A vector of bytes, or null. */
        byte[] vector(int index) {
            int at = field(index);
            if (at == 0) {
                return null;
            }
            int start = offset(at);
            check(start, 4);
            return slice(start + 4, bytes.getInt(start));
        }

        /** Length of a vector of tables. */
        int count(int index) {
            int at = field(index);
            if (at == 0) {
                return 0;
            }
            int start = offset(at);
            check(start, 4);
            int length = bytes.getInt(start);
            check(start + 4, 4L * length);
            return length;
        }

        Table table(int index, int element) {
            if (element < 0 || element >= count(index)) {
                throw new IndexOutOfBoundsException("an index points outside the file");
            }
            return new Table(offset(offset(field(index)) + 4 + 4 * element));
        }
    }

    /** Bytes anywhere in the file, for data that lies behind the flatbuffer proper. */
    byte[] bytes(long place, long length) {
        check(place, length);
        return slice((int) place, (int) length);
    }
}
