package org.edgedepth.demo;

import android.content.Context;
import java.io.File;
import org.edgedepth.core.SidecarFrame;
import org.edgedepth.core.SweepPlan;

/** The sample sweep as a camera would deliver it. */
final class SampleSweep {
    final SavedSweep saved;
    final SweepPlan plan;

    SampleSweep(Context context) throws Exception {
        saved = SavedSweep.read(Storage.sweep(context, Storage.SAMPLE));
        plan = SweepPlan.uniform(0.25, 1 / 0.35, saved.frames());
    }

    /** A frame, the sample's first being the nearest or farthest as it was taken. */
    CapturedFrame frame(int index) throws Exception {
        SidecarFrame noted = saved.notes.frames.get(index);
        return new CapturedFrame(
                index,
                saved.picture(index),
                plan.focusDioptres(index),
                noted.bestDioptres(),
                true,
                8_000_000,
                120,
                1_000_000_000L + index);
    }

    static File only(File folder) {
        File[] inside = folder.listFiles((where, name) -> name.startsWith("sweep_"));
        if (inside == null || inside.length != 1) {
            throw new AssertionError("not one sweep in " + folder);
        }
        return inside[0];
    }
}
