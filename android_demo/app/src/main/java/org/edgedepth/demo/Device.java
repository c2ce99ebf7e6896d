package org.edgedepth.demo;

import android.app.ActivityManager;
import android.content.Context;
import android.content.Intent;
import android.content.IntentFilter;
import android.content.pm.PackageManager;
import android.os.BatteryManager;
import android.os.Build;
import android.os.PowerManager;
import android.system.Os;
import android.system.OsConstants;
import java.io.BufferedReader;
import java.io.FileReader;
import java.io.IOException;
import org.json.JSONException;
import org.json.JSONObject;

/** What the phone is and how it fares, for the benchmark's answer. */
final class Device {
    private static final String CLOCK = "/sys/devices/system/cpu/cpu%d/cpufreq/scaling_cur_freq";

    private Device() {}

    static String appVersion(Context context) {
        try {
            return context.getPackageManager().getPackageInfo(context.getPackageName(), 0)
                    .versionName;
        } catch (PackageManager.NameNotFoundException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    static JSONObject describe(Context context) throws JSONException {
        ActivityManager.MemoryInfo memory = new ActivityManager.MemoryInfo();
        ActivityManager activities = context.getSystemService(ActivityManager.class);
        activities.getMemoryInfo(memory);
        JSONObject record = new JSONObject();
        record.put("manufacturer", Build.MANUFACTURER);
        record.put("model", Build.MODEL);
        record.put("soc", soc());
        record.put("android", Build.VERSION.RELEASE);
        record.put("api", Build.VERSION.SDK_INT);
        record.put("abi", Build.SUPPORTED_ABIS.length > 0 ? Build.SUPPORTED_ABIS[0] : "");
        record.put("cores", Runtime.getRuntime().availableProcessors());
        record.put("memory_bytes", memory.totalMem);
        long page = Os.sysconf(OsConstants._SC_PAGESIZE);
        record.put("page_bytes", page > 0 ? (Object) page : JSONObject.NULL);
        return record;
    }

    private static Object soc() {
        if (Build.VERSION.SDK_INT < Build.VERSION_CODES.S) {
            return JSONObject.NULL;
        }
        return Build.SOC_MANUFACTURER + " " + Build.SOC_MODEL;
    }

    /** Temperature, charge, clock; null where it cannot be read. */
    static JSONObject readings(Context context) throws JSONException {
        Intent battery =
                context.registerReceiver(null, new IntentFilter(Intent.ACTION_BATTERY_CHANGED));
        PowerManager power = context.getSystemService(PowerManager.class);
        JSONObject record = new JSONObject();
        record.put("battery_temperature_c", temperature(battery));
        record.put("battery_share", share(battery));
        record.put(
                "charging",
                battery == null
                        ? JSONObject.NULL
                        : (Object) (battery.getIntExtra(BatteryManager.EXTRA_PLUGGED, 0) != 0));
        record.put("power_save", power.isPowerSaveMode());
        record.put("thermal_status", power.getCurrentThermalStatus());
        record.put("clock_mhz", clockMhz());
        return record;
    }

    static int thermalStatus(Context context) {
        return context.getSystemService(PowerManager.class).getCurrentThermalStatus();
    }

    private static Object temperature(Intent battery) {
        int tenths = battery == null ? 0 : battery.getIntExtra(BatteryManager.EXTRA_TEMPERATURE, 0);
        return tenths == 0 ? JSONObject.NULL : (Object) (tenths / 10.0);
    }

    private static Object share(Intent battery) {
        int level = battery == null ? -1 : battery.getIntExtra(BatteryManager.EXTRA_LEVEL, -1);
        int scale = battery == null ? -1 : battery.getIntExtra(BatteryManager.EXTRA_SCALE, -1);
        boolean known = level >= 0 && scale > 0 && level <= scale;
        return known ? (Object) (level / (double) scale) : JSONObject.NULL;
    }

    private static Object clockMhz() {
        double fastest = 0;
        for (int core = 0; core < Runtime.getRuntime().availableProcessors(); core++) {
            String kilohertz = firstLine(String.format(java.util.Locale.ROOT, CLOCK, core));
            try {
                fastest = Math.max(fastest, Long.parseLong(kilohertz.trim()) / 1000.0);
            } catch (NumberFormatException hidden) {
                continue;
            }
        }
        return fastest > 0 ? (Object) fastest : JSONObject.NULL;
    }

    /** Peak memory of this process, null when the system hides it. */
    static Object peakMemoryBytes() {
        try (BufferedReader status = new BufferedReader(new FileReader("/proc/self/status"))) {
            for (String line = status.readLine(); line != null; line = status.readLine()) {
                if (line.startsWith("VmHWM:")) {
                    return Long.parseLong(line.replaceAll("[^0-9]", "")) * 1024;
                }
            }
        } catch (IOException | NumberFormatException hidden) {
            return JSONObject.NULL;
        }
        return JSONObject.NULL;
    }

    private static String firstLine(String path) {
        try (BufferedReader file = new BufferedReader(new FileReader(path))) {
            String line = file.readLine();
            return line == null ? "" : line;
        } catch (IOException hidden) {
            return "";
        }
    }
}
