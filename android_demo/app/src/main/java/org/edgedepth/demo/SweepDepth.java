package org.edgedepth.demo;

import java.text.NumberFormat;
import java.util.List;
import java.util.Locale;
import org.edgedepth.core.AlignedFrame;
import org.edgedepth.core.Composite;
import org.edgedepth.core.ModelAnswer;
import org.edgedepth.core.Plane;
import org.edgedepth.core.Rgb;
import org.edgedepth.core.SidecarFrame;
import org.edgedepth.core.SweepRange;
import org.edgedepth.core.UnusableException;
import org.edgedepth.core.Upsampling;

/** Depth of a sweep, ready to be shown. */
final class SweepDepth {
    final String name;
    final List<AlignedFrame> frames;
    /** At the size of the frames, along the first one's edges. */
    final Plane dioptres;
    final Plane confidence;
    final SweepRange range;
    /** The lens is not calibrated: near and far, but no metres. */
    final boolean relative;
    /** Of the model's numbers, fp16 or int8. */
    final String precision;
    final boolean gpu;
    /** Why it is not on the GPU although that was asked for; empty otherwise. */
    final String note;
    /** Frames that moved too far to be used. */
    final int rejected;
    final Seconds seconds;
    /** Everything in focus. */
    final Rgb sharp;

    /** Wall time of the stages. */
    static final class Seconds {
        double decode;
        double align;
        double prepare;
        double model;
        double refine;

        double all() {
            return decode + align + prepare + model + refine;
        }
    }

    private SweepDepth(
            String name,
            DepthPipeline.Outcome outcome,
            boolean relative,
            Models.Loaded model,
            double decodeSeconds) {
        this.name = name;
        this.relative = relative;
        rejected = outcome.rejected.size();
        precision = model.spec.precision;
        gpu = model.gpu;
        note = model.note;
        frames = outcome.frames;
        range = outcome.range;
        seconds = new Seconds();
        seconds.decode = decodeSeconds;
        seconds.align = outcome.alignSeconds;
        seconds.prepare = outcome.prepareSeconds;
        seconds.model = outcome.modelSeconds;
        long start = System.nanoTime();
        sharp = Composite.allInFocus(frames);
        ModelAnswer refined =
                Upsampling.along(frames.get(0).rgb, outcome.settled(sharp, !relative));
        seconds.refine = (System.nanoTime() - start) * 1e-9;
        dioptres = refined.dioptres;
        confidence = refined.confidence;
    }

    /**
     * Depth of a saved sweep.
     *
     * @throws UnusableException what is wrong with it, in a line for the user
     */
    static SweepDepth of(SavedSweep sweep, Models.Loaded model) throws UnusableException {
        DepthPipeline pipeline =
                new DepthPipeline(model.engine, model.spec, sweep.lens, sweep.range());
        double decodeSeconds = 0;
        for (int i = 0; i < sweep.frames(); i++) {
            SidecarFrame frame = sweep.notes.frames.get(i);
            long start = System.nanoTime();
            Rgb picture = Pictures.forModel(sweep.picture(i), model.spec);
            decodeSeconds += (System.nanoTime() - start) * 1e-9;
            try {
                pipeline.add(picture, frame.bestDioptres());
            } catch (IllegalArgumentException odd) {
                throw new UnusableException(
                        frame.file + " does not fit the first picture: " + odd.getMessage());
            }
        }
        return of(sweep.folder.getName(), pipeline, sweep.relative(), model, decodeSeconds);
    }

    /**
     * Depth of a sweep whose frames have all been taken.
     *
     * @throws UnusableException none of them could be used
     */
    static SweepDepth of(
            String name,
            DepthPipeline pipeline,
            boolean relative,
            Models.Loaded model,
            double decodeSeconds)
            throws UnusableException {
        return new SweepDepth(name, pipeline.finish(), relative, model, decodeSeconds);
    }

    /** A round distance of the scale. */
    static String tick(double metres, Locale locale) {
        NumberFormat format = NumberFormat.getNumberInstance(locale);
        format.setMaximumFractionDigits(2);
        return format.format(metres) + " m";
    }

    /** Distance in metres as people say it. */
    static String metres(double dioptres, Locale locale) {
        if (dioptres < 0.02) {
            return "\u221e";
        }
        double metres = 1 / dioptres;
        String pattern = metres < 1 ? "%.2f m" : metres < 10 ? "%.1f m" : "%.0f m";
        return String.format(locale, pattern, metres);
    }
}
