package org.edgedepth.demo;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import org.edgedepth.core.AlignedFrame;
import org.edgedepth.core.Aligner;
import org.edgedepth.core.Engine;
import org.edgedepth.core.Fit;
import org.edgedepth.core.FramePacker;
import org.edgedepth.core.ModelAnswer;
import org.edgedepth.core.ModelSpec;
import org.edgedepth.core.Optics;
import org.edgedepth.core.Registration;
import org.edgedepth.core.Rgb;
import org.edgedepth.core.Settling;
import org.edgedepth.core.SidecarCamera;
import org.edgedepth.core.StreamingDriver;
import org.edgedepth.core.SweepRange;
import org.edgedepth.core.UnusableException;

/**
 * A sweep on its way through the core: frames in as they come, depth after any of them.
 *
 * <p>Nothing of Android in here, so that a desktop runs the same.
 */
final class DepthPipeline {
    /** Lens and sensor, for pictures as they are held upright. */
    static final class Lens {
        final double focalLengthMm;
        final double fNumber;
        /** Of the area that a picture's width covers. */
        final double sensorWidthMm;

        Lens(double focalLengthMm, double fNumber, double sensorWidthMm) {
            this.focalLengthMm = focalLengthMm;
            this.fNumber = fNumber;
            this.sensorWidthMm = sensorWidthMm;
        }

        /**
         * Of a camera's own words.
         *
         * @param width of the pictures as stored
         * @param turned they are shown turned by a quarter
         * @throws UnusableException it does not say enough
         */
        static Lens of(SidecarCamera camera, int width, int height, boolean turned)
                throws UnusableException {
            boolean known =
                    camera.focalLengthMm > 0 && camera.fNumber > 0 && camera.sensorWidthMm > 0;
            if (!known || width < 1 || height < 1) {
                throw new UnusableException(
                        "This sweep does not say with which lens and sensor it was taken");
            }
            double across = camera.sensorWidthMm * (turned ? height / (double) width : 1);
            return new Lens(camera.focalLengthMm, camera.fNumber, across);
        }

        /** K for pictures so many pixels wide. */
        double cocPxPerDioptre(int width) {
            return Optics.cocPxPerDioptre(focalLengthMm, fNumber, sensorWidthMm, width);
        }
    }

    private final ModelSpec spec;
    private final StreamingDriver driver;
    private final Lens lens;
    private final SweepRange planned;
    private final List<AlignedFrame> frames = new ArrayList<>();
    private final List<FramePacker.Measured> measured = new ArrayList<>();
    private final List<AlignedFrame> rejected = new ArrayList<>();
    private FramePacker packer;
    private SweepRange range;
    private Registration registration;
    private Fit fit;
    private double alignSeconds;
    private double prepareSeconds;
    private double modelSeconds;

    /**
     * @param planned range of the frames to come; what they report afterwards may differ
     * @throws UnusableException the model does not take frames one by one
     */
    DepthPipeline(Engine engine, ModelSpec spec, Lens lens, SweepRange planned)
            throws UnusableException {
        this.spec = spec;
        this.lens = lens;
        this.planned = planned;
        range = planned;
        driver = new StreamingDriver(engine, spec);
        packer = new FramePacker(spec);
    }

    /**
     * Take a frame: align it to the first, measure its focus, run one step of the model.
     *
     * @param picture upright, at the size {@link Fit#wantedHeight} by {@link Fit#wantedWidth}
     * @return the frame laid over the first one; look at its verdict
     */
    AlignedFrame add(Rgb picture, double focusDioptres) {
        if (registration == null) {
            begin(picture);
        }
        long start = System.nanoTime();
        AlignedFrame frame = registration.add(picture, focusDioptres);
        alignSeconds += since(start);
        if (!frame.motion.used()) {
            rejected.add(frame);
            return frame;
        }
        start = System.nanoTime();
        FramePacker.Measured planes = packer.measure(fit.toCueImage(frame.rgb, frame.valid));
        prepareSeconds += since(start);
        frames.add(frame);
        measured.add(planes);
        step(planes, focusDioptres);
        return frame;
    }

    private void begin(Rgb picture) {
        fit = Fit.of(picture.height, picture.width, spec.height, spec.width);
        double atWork =
                lens.cocPxPerDioptre(picture.width)
                        * Aligner.WORK_SIDE
                        / Math.max(picture.height, picture.width);
        registration = new Registration(lens.focalLengthMm, atWork, planned.span);
        driver.start(planned, fit.cueCoc(lens.cocPxPerDioptre(picture.width)));
    }

    private void step(FramePacker.Measured frame, double focusDioptres) {
        long start = System.nanoTime();
        byte[] planes = packer.add(frame, range.position(focusDioptres));
        prepareSeconds += since(start);
        start = System.nanoTime();
        driver.add(planes, focusDioptres);
        modelSeconds += since(start);
    }

    /** Depth from the frames so far, in the planned range. */
    ModelAnswer soFar() {
        long start = System.nanoTime();
        ModelAnswer answer = driver.decode();
        modelSeconds += since(start);
        return answer.within(fit);
    }

    int frames() {
        return frames.size();
    }

    /**
     * The final answer: the same frames far to near, in the range that they really covered.
     *
     * @throws UnusableException no frame could be used
     */
    Outcome finish() throws UnusableException {
        if (frames.isEmpty()) {
            throw new UnusableException("No picture of this sweep could be used");
        }
        Integer[] order = new Integer[frames.size()];
        double[] focus = new double[order.length];
        for (int i = 0; i < order.length; i++) {
            order[i] = i;
            focus[i] = frames.get(i).focusDioptres;
        }
        Arrays.sort(order, Comparator.comparingDouble(i -> focus[i]));
        range = SweepRange.of(focus);
        int width = frames.get(0).rgb.width;
        modelSeconds = 0;
        driver.start(range, fit.cueCoc(lens.cocPxPerDioptre(width)));
        packer = new FramePacker(spec);
        for (int i : order) {
            step(measured.get(i), focus[i]);
        }
        return new Outcome(this, soFar(), range);
    }

    private static double since(long start) {
        return (System.nanoTime() - start) * 1e-9;
    }

    /** Depth of a whole sweep, at the model's size, with the frames it came from. */
    static final class Outcome {
        final List<AlignedFrame> frames;
        /** Frames that moved too far. */
        final List<AlignedFrame> rejected;
        final ModelAnswer answer;
        final SweepRange range;
        /** K in pixels of the frames per dioptre. */
        final double coc;
        final double alignSeconds;
        final double prepareSeconds;
        /** Steps and decoding of the final answer. */
        final double modelSeconds;

        Outcome(DepthPipeline from, ModelAnswer answer, SweepRange range) {
            frames = new ArrayList<>(from.frames);
            rejected = new ArrayList<>(from.rejected);
            this.answer = answer;
            this.range = range;
            coc = from.lens.cocPxPerDioptre(frames.get(0).rgb.width);
            alignSeconds = from.alignSeconds;
            prepareSeconds = from.prepareSeconds;
            modelSeconds = from.modelSeconds;
        }

        /**
         * The answer, settled along the all-in-focus composite.
         *
         * @param sharp that composite of the frames
         * @param calibrated focus is known in true dioptres, which relative blur needs
         */
        ModelAnswer settled(Rgb sharp, boolean calibrated) {
            return calibrated
                    ? Settling.byRelativeBlur(answer, frames, sharp, coc)
                    : Settling.alone(answer, sharp);
        }
    }
}
