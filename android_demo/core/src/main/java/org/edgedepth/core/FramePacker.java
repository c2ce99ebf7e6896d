package org.edgedepth.core;

/** One frame as a model's planes, as {@code edgedepth.preprocess.pack_frame}. */
public final class FramePacker {
    private static final float WHOLE = 0.999f;

    private FramePacker() {}

    /**
     * RGB, then the cues; a byte stands for value / 255.
     *
     * <p>Where a pixel of the model's grid is not wholly valid the cues are 0: no sign of focus.
     *
     * @return height x width x (3 + cue planes), interleaved
     * @throws IllegalArgumentException the model wants other cue planes than these
     */
    public static byte[] pack(Fit.CueImage image, ModelSpec spec) {
        if (spec.cuePlanes != 0 && spec.cuePlanes != CuePlanes.COUNT) {
            throw new IllegalArgumentException(
                    "the model wants " + spec.cuePlanes + " cue planes, not " + CuePlanes.COUNT);
        }
        return pack(image, spec.height, spec.width, spec.cuePlanes > 0);
    }

    static byte[] pack(Fit.CueImage image, int height, int width, boolean cues) {
        Rgb rgb = image.rgb;
        if (rgb.height != height || rgb.width != width) {
            rgb = Resize.area(rgb, height, width);
        }
        if (!cues) {
            return rgb.data.clone();
        }
        byte[][] planes = CuePlanes.of(image.rgb, height, width);
        Plane share =
                image.valid == null ? null : Resize.area(image.valid.toPlane(), height, width);
        int channels = Rgb.CHANNELS + planes.length;
        byte[] packed = new byte[channels * height * width];
        for (int i = 0; i < height * width; i++) {
            System.arraycopy(rgb.data, Rgb.CHANNELS * i, packed, channels * i, Rgb.CHANNELS);
            if (share != null && share.data[i] < WHOLE) {
                continue;
            }
            for (int plane = 0; plane < planes.length; plane++) {
                packed[channels * i + Rgb.CHANNELS + plane] = planes[plane][i];
            }
        }
        return packed;
    }
}
