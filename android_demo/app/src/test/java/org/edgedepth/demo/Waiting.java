package org.edgedepth.demo;

import static org.robolectric.Shadows.shadowOf;

import android.os.Looper;
import java.util.function.BooleanSupplier;

/** For what other threads do: waits while the main thread's messages are handled. */
final class Waiting {
    private static final long LIMIT_MS = 180_000;

    private Waiting() {}

    static void until(String what, BooleanSupplier holds) throws InterruptedException {
        long end = System.currentTimeMillis() + LIMIT_MS;
        while (true) {
            shadowOf(Looper.getMainLooper()).idle();
            if (holds.getAsBoolean()) {
                return;
            }
            if (System.currentTimeMillis() > end) {
                throw new AssertionError("waited in vain: " + what);
            }
            Thread.sleep(10);
        }
    }
}
