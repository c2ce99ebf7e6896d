package org.edgedepth.demo;

import android.content.Context;
import android.content.SharedPreferences;

/** What the user chose. */
final class Settings {
    private static final String FILE = "settings";

    final int frames;
    final int nearestMm;
    /** 0 for infinity. */
    final int farthestMm;
    final boolean gpu;
    final int threads;

    private Settings(int frames, int nearestMm, int farthestMm, boolean gpu) {
        this.frames = frames;
        this.nearestMm = nearestMm;
        this.farthestMm = farthestMm;
        this.gpu = gpu;
        threads = Math.max(1, Math.min(4, Runtime.getRuntime().availableProcessors() / 2));
    }

    static Settings read(Context context) {
        SharedPreferences stored = stored(context);
        return new Settings(
                stored.getInt("frames", 6),
                stored.getInt("nearest_mm", 300),
                stored.getInt("farthest_mm", 4000),
                stored.getBoolean("gpu", false));
    }

    static void write(Context context, String key, int value) {
        stored(context).edit().putInt(key, value).apply();
    }

    static void writeGpu(Context context, boolean gpu) {
        stored(context).edit().putBoolean("gpu", gpu).apply();
    }

    double nearDioptres() {
        return 1000.0 / nearestMm;
    }

    double farDioptres() {
        return farthestMm == 0 ? 0 : 1000.0 / farthestMm;
    }

    private static SharedPreferences stored(Context context) {
        return context.getSharedPreferences(FILE, Context.MODE_PRIVATE);
    }
}
