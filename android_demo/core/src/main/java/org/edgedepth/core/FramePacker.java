package org.edgedepth.core;

/**
 * Packs a sweep's frames, one after another, as the model's planes: {@code preprocess.Packer}.
 *
 * <p>Frames come in the order of their focus. What a frame's planes say depends on the frames before
 * it and on the sweep's range. {@link #measure} is the larger part of the work and does not: it can
 * be kept to pack the same frames again in another order or range.
 */
public final class FramePacker {
    private static final float WHOLE = 0.999f;

    private final ModelSpec spec;
    private Evidence evidence;

    /**
     * @throws UnusableException the model wants other cue planes than these
     */
    public FramePacker(ModelSpec spec) throws UnusableException {
        if (spec.cuePlanes != 0 && spec.cuePlanes != Evidence.PLANES) {
            throw new UnusableException(
                    "The model wants " + spec.cuePlanes + " cue planes, this app makes "
                            + Evidence.PLANES);
        }
        this.spec = spec;
    }

    /** One frame on the model's grid, whatever came before it. */
    public static final class Measured {
        private final Rgb rgb;
        private final Mask valid;
        private final FocusEnergy energy;

        private Measured(Rgb rgb, Mask valid, FocusEnergy energy) {
            this.rgb = rgb;
            this.valid = valid;
            this.energy = energy;
        }
    }

    /** A frame's colours and focus energy on the model's grid. */
    public Measured measure(Fit.CueImage image) {
        Rgb rgb = image.rgb;
        if (rgb.height != spec.height || rgb.width != spec.width) {
            rgb = Resize.area(rgb, spec.height, spec.width);
        }
        if (spec.cuePlanes == 0) {
            return new Measured(rgb, null, null);
        }
        FocusEnergy energy = FocusEnergy.of(image.rgb, spec.height, spec.width);
        return new Measured(rgb, wholePixels(image.valid), energy);
    }

    /** Pixels of the model's grid that a cue image's mask leaves whole; null stands for all. */
    private Mask wholePixels(Mask valid) {
        if (valid == null) {
            return null;
        }
        Plane share = Resize.area(valid.toPlane(), spec.height, spec.width);
        Mask whole = new Mask(spec.height, spec.width);
        for (int i = 0; i < whole.data.length; i++) {
            whole.data[i] = share.data[i] >= WHOLE;
        }
        return whole;
    }

    /**
     * The next frame's planes: RGB, then the cues, interleaved; a byte stands for value / 255.
     *
     * @param position of the frame's focus in the sweep's range, {@link SweepRange#position}
     * @return height x width x (3 + cue planes)
     */
    public byte[] add(Measured frame, float position) {
        if (frame.energy == null) {
            return frame.rgb.data.clone();
        }
        if (evidence == null) {
            evidence = new Evidence(frame.rgb.gray());
        }
        byte[][] planes = evidence.add(frame.energy, position, frame.valid);
        int channels = Rgb.CHANNELS + planes.length;
        byte[] packed = new byte[channels * frame.rgb.height * frame.rgb.width];
        for (int i = 0; i < planes[0].length; i++) {
            System.arraycopy(
                    frame.rgb.data, Rgb.CHANNELS * i, packed, channels * i, Rgb.CHANNELS);
            for (int plane = 0; plane < planes.length; plane++) {
                packed[channels * i + Rgb.CHANNELS + plane] = planes[plane][i];
            }
        }
        return packed;
    }

    /** {@link #measure}, then {@link #add}. */
    public byte[] add(Fit.CueImage image, float position) {
        return add(measure(image), position);
    }
}
