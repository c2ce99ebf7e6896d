package org.edgedepth.core;

/**
 * How pictures of one size are laid into a model's input: turned, scaled, letterboxed.
 *
 * <p>The same as {@code edgedepth.preprocess.Fit} in Python.
 */
public final class Fit {
    private static final int[] CUE_SCALES = {4, 2, 1};

    public final int pictureHeight;
    public final int pictureWidth;
    public final int modelHeight;
    public final int modelWidth;
    /** Pictures are turned a quarter clockwise. */
    public final boolean turned;
    /** Size of the picture's part of the model's input. */
    public final int contentHeight;
    public final int contentWidth;
    /** The cue image's size over the model's. */
    public final int cueScale;

    private Fit(int[] picture, int[] model, boolean turned, int[] content, int cueScale) {
        pictureHeight = picture[0];
        pictureWidth = picture[1];
        modelHeight = model[0];
        modelWidth = model[1];
        this.turned = turned;
        contentHeight = content[0];
        contentWidth = content[1];
        this.cueScale = cueScale;
    }

    public static Fit of(int pictureHeight, int pictureWidth, int modelHeight, int modelWidth) {
        boolean turned =
                (pictureHeight > pictureWidth) != (modelHeight > modelWidth)
                        && pictureHeight != pictureWidth
                        && modelHeight != modelWidth;
        int height = turned ? pictureWidth : pictureHeight;
        int width = turned ? pictureHeight : pictureWidth;
        double scale = Math.min((double) modelHeight / height, (double) modelWidth / width);
        int[] content = {
            Math.min(modelHeight, Math.max(1, (int) Math.rint(height * scale))),
            Math.min(modelWidth, Math.max(1, (int) Math.rint(width * scale))),
        };
        int finest = 1;
        for (int candidate : CUE_SCALES) {
            if (candidate * scale <= 1.05) {
                finest = candidate;
                break;
            }
        }
        return new Fit(
                new int[] {pictureHeight, pictureWidth},
                new int[] {modelHeight, modelWidth},
                turned,
                content,
                finest);
    }

    /** Row of the content's first pixel in the model's input. */
    public int top() {
        return (modelHeight - contentHeight) / 2;
    }

    /** Column of the content's first pixel in the model's input. */
    public int left() {
        return (modelWidth - contentWidth) / 2;
    }

    /** Height at which the cue planes want upright pictures. */
    public int wantedHeight() {
        return cueScale * (turned ? contentWidth : contentHeight);
    }

    /** Width at which the cue planes want upright pictures. */
    public int wantedWidth() {
        return cueScale * (turned ? contentHeight : contentWidth);
    }

    /** K at the cue image, given K at the pictures' own width. */
    public double cueCoc(double cocPxPerDioptre) {
        int across = turned ? pictureHeight : pictureWidth;
        return cocPxPerDioptre * (contentWidth * cueScale) / across;
    }

    /** Lay one picture into the cue image. */
    public CueImage toCueImage(Rgb picture, Mask valid) {
        Rgb rgb = turned ? picture.turnedClockwise() : picture;
        int height = contentHeight * cueScale;
        int width = contentWidth * cueScale;
        rgb = Resize.fitting(rgb, height, width);
        Mask mask = null;
        if (valid != null) {
            mask = Resize.nearest(turned ? valid.turnedClockwise() : valid, height, width);
        }
        if (contentHeight == modelHeight && contentWidth == modelWidth) {
            return new CueImage(rgb, mask);
        }
        int fullHeight = modelHeight * cueScale;
        int fullWidth = modelWidth * cueScale;
        int top = top() * cueScale;
        int left = left() * cueScale;
        return new CueImage(
                rgb.padded(fullHeight, fullWidth, top, left),
                Mask.padded(mask, new int[] {height, width}, fullHeight, fullWidth, top, left));
    }

    /** Cut the picture's part out of a model's output and turn it back. */
    public Plane fromModel(Plane output) {
        Plane part = output.cut(top(), left(), contentHeight, contentWidth);
        return turned ? part.turnedBack() : part;
    }

    /** A picture at the size where focus is measured; the mask is null if all is valid. */
    public static final class CueImage {
        public final Rgb rgb;
        public final Mask valid;

        CueImage(Rgb rgb, Mask valid) {
            this.rgb = rgb;
            this.valid = valid;
        }
    }
}
