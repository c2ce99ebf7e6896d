package org.edgedepth.demo;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;

import java.io.File;
import java.nio.file.Files;
import java.util.List;
import java.util.Locale;
import org.edgedepth.core.Plane;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.RobolectricTestRunner;

/** Colours, scale and the words for distances. */
@RunWith(RobolectricTestRunner.class)
public final class PaletteTest {
    @Test
    public void theColoursArePythons() throws Exception {
        File file = new File(System.getProperty("edgedepth.in"), "palette.rgb");
        byte[] wanted = Files.readAllBytes(file.toPath());
        for (int i = 0; i < 256; i++) {
            int colour = Palette.colour(i / 255.0);
            for (int channel = 0; channel < 3; channel++) {
                int have = colour >> (16 - 8 * channel) & 0xFF;
                int want = wanted[3 * i + channel] & 0xFF;
                assertEquals("level " + i, want, have);
            }
        }
    }

    @Test
    public void limitsLeaveOutWhatIsUnsure() {
        Plane dioptres = new Plane(1, 4, new float[] {1, 2, 3, 50});
        Plane sure = new Plane(1, 4, new float[] {1, 1, 1, 0});
        assertArrayEquals(new double[] {1, 3}, Palette.limits(dioptres, sure), 1e-6);
        double[] flat = Palette.limits(Plane.filled(2, 2, 1), Plane.filled(2, 2, 1));
        assertEquals(0.2, flat[1] - flat[0], 1e-6);
    }

    @Test
    public void unsurePixelsAreGrey() {
        int[] pixels =
                Palette.depth(
                        Plane.filled(1, 1, 2), Plane.filled(1, 1, 0.05f), new double[] {1, 3});
        assertEquals(0xFF404040, pixels[0]);
    }

    @Test
    public void ticksAreRoundAndApart() {
        List<Palette.Tick> ticks = Palette.ticks(new double[] {0.25, 4}, 0.1);
        assertTrue(ticks.size() >= 4);
        for (int i = 1; i < ticks.size(); i++) {
            assertTrue(ticks.get(i - 1).place - ticks.get(i).place >= 0.1);
        }
    }

    @Test
    public void distancesAreSaidAsPeopleDo() {
        assertEquals("0.35 m", SweepDepth.metres(1 / 0.35, Locale.UK));
        assertEquals("0,35 m", SweepDepth.metres(1 / 0.35, Locale.GERMANY));
        assertEquals("2.0 m", SweepDepth.metres(0.5, Locale.UK));
        assertEquals("20 m", SweepDepth.metres(0.05, Locale.UK));
        assertEquals("1.25 m", SweepDepth.tick(1.25, Locale.UK));
        assertEquals("0,4 m", SweepDepth.tick(0.4, Locale.GERMANY));
        assertEquals("\u221e", SweepDepth.metres(0, Locale.UK));
    }
}
