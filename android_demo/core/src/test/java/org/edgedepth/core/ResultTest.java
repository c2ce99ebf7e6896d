package org.edgedepth.core;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertSame;

import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import org.junit.Test;

/** What is made of a model's answer, against Python. */
public class ResultTest {
    private static AlignedFrame frame(Rgb rgb, Mask valid, double focus) {
        return new AlignedFrame(rgb, valid, focus, Motion.REFERENCE, new float[] {1, 1, 1});
    }

    private static Rgb grey(int value) {
        Rgb rgb = new Rgb(4, 5);
        Arrays.fill(rgb.data, (byte) value);
        return rgb;
    }

    @Test
    public void depthSettlesAsInPython() {
        Rgb picture = Golden.array("refine_picture").rgb();
        Plane dioptres = Golden.array("refine_dioptres").plane();
        Plane confidence = Golden.array("refine_confidence").plane();
        Plane spread = Golden.array("refine_spread").plane();
        Golden.assertClose(
                "alone",
                Golden.array("settled").plane(),
                Settling.along(picture, dioptres, confidence, null),
                2e-5);
        Golden.assertClose(
                "by its spread",
                Golden.array("settled_by_spread").plane(),
                Settling.along(picture, dioptres, confidence, spread),
                2e-5);
    }

    @Test
    public void settledDepthIsAsSureAsInPython() {
        Plane actual =
                Settling.sureOf(
                        Golden.array("refine_confidence").plane(),
                        Golden.array("refine_dioptres").plane(),
                        Golden.array("settled").plane());
        Golden.assertClose("sure", Golden.array("settled_sure").plane(), actual, 1e-6);
    }

    @Test
    public void settledDepthGrowsAsInPython() {
        Plane dioptres = Golden.array("settled").plane();
        Plane confidence = Golden.array("refine_confidence").plane();
        ModelAnswer small = new ModelAnswer(dioptres, dioptres, confidence);
        ModelAnswer large = Upsampling.along(Golden.array("refine_picture").rgb(), small);
        Golden.assertClose(
                "depth", Golden.array("refined_dioptres").plane(), large.dioptres, 2e-5);
        Golden.assertClose(
                "confidence", Golden.array("refined_confidence").plane(), large.confidence, 1e-6);
    }

    @Test
    public void theCompositeIsPythons() {
        Rgb left = Golden.array("fusion_left").rgb();
        Mask valid = Golden.array("fusion_valid").mask();
        List<AlignedFrame> frames =
                Arrays.asList(
                        frame(left, null, 0.5),
                        frame(Golden.array("fusion_right").rgb(), valid, 2));
        byte[] actual = Composite.allInFocus(frames).data;
        Golden.assertClose("composite", Golden.array("fusion").bytes(), actual, 1, 0.01);
    }

    @Test
    public void oneFrameIsItsOwnComposite() {
        Rgb rgb = grey(7);
        assertSame(rgb, Composite.allInFocus(Collections.singletonList(frame(rgb, null, 1))));
    }

    @Test
    public void refocusingMixesTheTwoNearestFrames() {
        List<AlignedFrame> frames =
                Arrays.asList(
                        frame(grey(0), null, 0), frame(grey(100), null, 1), frame(grey(200), null, 3));
        assertEquals(50, Composite.refocused(frames, 0.5).data[0] & 0xFF);
        assertEquals(150, Composite.refocused(frames, 2).data[0] & 0xFF);
        assertEquals(200, Composite.refocused(frames, 9).data[0] & 0xFF);
        assertEquals(100, Composite.refocused(frames, 1).data[0] & 0xFF);
        assertEquals(0, Composite.refocused(frames, -1).data[0] & 0xFF);
    }

    @Test
    public void anAnswerIsCutToThePicture() {
        Fit fit = Fit.of(96, 96, 24, 32);
        Plane plane = new Plane(24, 32);
        plane.data[4] = 3f;
        ModelAnswer part = new ModelAnswer(plane, plane, plane).within(fit);
        assertEquals(24, part.dioptres.width);
        assertEquals(3f, part.confidence.at(0, 0), 0);
        assertArrayEquals(part.dioptres.data, part.position.data, 0f);
    }
}
