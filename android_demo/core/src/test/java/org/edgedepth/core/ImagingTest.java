package org.edgedepth.core;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertTrue;

import org.junit.Test;

/** Resizing and filters against OpenCV. */
public class ImagingTest {
    private final Rgb picture = Golden.array("picture").rgb();
    private final Plane plane = picture.gray();

    private static int[] size(String name) {
        String[] sides = name.substring(name.lastIndexOf('_') + 1).split("x");
        return new int[] {Integer.parseInt(sides[0]), Integer.parseInt(sides[1])};
    }

    @Test
    public void areaAveragingOfBytesIsOpenCvs() {
        String[] names = Golden.names("area_rgb_");
        assertTrue(names.length >= 8);
        for (String name : names) {
            int[] size = size(name);
            byte[] actual = Resize.area(picture, size[0], size[1]).data;
            assertArrayEquals(name, Golden.array(name).bytes(), actual);
        }
    }

    @Test
    public void areaAveragingOfFloatsIsOpenCvs() {
        for (String name : Golden.names("area_plane_")) {
            int[] size = size(name);
            Plane actual = Resize.area(plane, size[0], size[1]);
            Golden.assertClose(name, Golden.array(name).plane(), actual, 1e-6);
        }
    }

    @Test
    public void linearInterpolationOfBytesIsOpenCvs() {
        String[] names = Golden.names("linear_rgb_");
        assertTrue(names.length >= 4);
        for (String name : names) {
            int[] size = size(name);
            byte[] actual = Resize.linear(picture, size[0], size[1]).data;
            assertArrayEquals(name, Golden.array(name).bytes(), actual);
        }
    }

    @Test
    public void linearInterpolationOfFloatsIsOpenCvs() {
        for (String name : Golden.names("linear_plane_")) {
            int[] size = size(name);
            Plane actual = Resize.linear(plane, size[0], size[1]);
            Golden.assertClose(name, Golden.array(name).plane(), actual, 1e-6);
        }
    }

    @Test
    public void nearestNeighboursAreOpenCvs() {
        Mask mask = Golden.array("mask").mask();
        for (String name : Golden.names("nearest_")) {
            int[] size = size(name);
            boolean[] actual = Resize.nearest(mask, size[0], size[1]).data;
            assertArrayEquals(name, Golden.array(name).mask().data, actual);
        }
    }

    @Test
    public void lumaIsOpenCvs() {
        assertArrayEquals(Golden.array("luma").plane().data, picture.luma().data, 0f);
    }

    @Test
    public void boxMeansAreOpenCvs() {
        for (String name : Golden.names("mean_")) {
            int window = Integer.parseInt(name.substring("mean_".length()));
            Golden.assertClose(
                    name, Golden.array(name).plane(), Filters.boxMean(plane, window), 1e-7);
        }
    }

    @Test
    public void gaussiansAreOpenCvs() {
        for (String name : Golden.names("gaussian_")) {
            double sigma = Double.parseDouble(name.substring("gaussian_".length()));
            Golden.assertClose(
                    name, Golden.array(name).plane(), Filters.gaussian(plane, sigma), 1e-6);
        }
    }

    @Test
    public void slopesAreOpenCvs() {
        Golden.assertClose(
                "across", Golden.array("slope_across").plane(), Filters.slopeAcross(plane), 1e-6);
        Golden.assertClose(
                "down", Golden.array("slope_down").plane(), Filters.slopeDown(plane), 1e-6);
    }

    @Test
    public void focusEnergiesAreOpenCvs() {
        Golden.assertClose(
                "modified Laplacian",
                Golden.array("modified_laplacian").plane(),
                Filters.modifiedLaplacian(plane),
                1e-6);
        Golden.assertClose(
                "Laplacian",
                Golden.array("laplacian").plane(),
                Filters.laplacianMagnitude(picture.luma()),
                0);
    }

    @Test
    public void argbGoesThereAndBack() {
        int[] pixels = picture.toArgb();
        assertArrayEquals(
                picture.data, Rgb.fromArgb(pixels, picture.height, picture.width).data);
        assertTrue(pixels[0] >>> 24 == 0xFF);
    }
}
