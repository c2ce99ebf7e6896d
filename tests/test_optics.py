from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgedepth import optics

metres = st.floats(0.05, 1000)
dioptres = st.floats(0, 20)
lens_mm = st.floats(1, 60)


@given(metres)
def test_dioptres_and_metres_are_inverses(m: float) -> None:
    assert optics.dioptres_to_metres(optics.metres_to_dioptres(m)) == pytest.approx(m)


def test_infinity_is_zero_dioptres() -> None:
    assert optics.metres_to_dioptres(np.inf) == 0
    assert np.isinf(optics.dioptres_to_metres(0.0))


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, [1.0, 0.0]])
def test_impossible_distances_are_refused(bad: float | list[float]) -> None:
    with pytest.raises(ValueError, match="positive"):
        optics.metres_to_dioptres(bad)


@pytest.mark.parametrize("bad", [-0.1, np.nan, [1.0, -1.0]])
def test_impossible_dioptres_are_refused(bad: float | list[float]) -> None:
    with pytest.raises(ValueError, match="negative"):
        optics.dioptres_to_metres(bad)


def test_k_of_known_lenses() -> None:
    # 50 mm f/8, pitch 12 um: 0.05^2 / (8 * 12e-6) = 26.04 px/D
    assert optics.coc_px_per_dioptre(50, 8, 12e-3 * 640, 640) == pytest.approx(26.04, abs=0.01)
    # Pixel 6 Pro main camera, 6.81 mm f/1.85, 9.8 mm sensor: 1.64 px/D at 640 wide
    assert optics.coc_px_per_dioptre(6.81, 1.85, 9.8, 640) == pytest.approx(1.64, abs=0.005)


@given(lens_mm, st.floats(1, 16), st.floats(3, 36), st.floats(64, 8000), st.floats(0.1, 10))
def test_k_scales_with_image_width_and_inversely_with_aperture(
    f: float, n: float, sensor: float, width: float, factor: float
) -> None:
    k = optics.coc_px_per_dioptre(f, n, sensor, width)
    assert k > 0
    assert optics.coc_px_per_dioptre(f, n, sensor, width * factor) == pytest.approx(k * factor)
    assert optics.coc_px_per_dioptre(f, n * factor, sensor, width) == pytest.approx(k / factor)
    assert optics.coc_px_per_dioptre(f * factor, n, sensor, width) == pytest.approx(k * factor**2)


@pytest.mark.parametrize("position", range(4))
def test_k_refuses_figures_that_are_not_positive(position: int) -> None:
    figures = [6.81, 1.85, 9.8, 640.0]
    figures[position] = 0
    with pytest.raises(ValueError, match="positive"):
        optics.coc_px_per_dioptre(*figures)


@given(dioptres, dioptres, st.floats(0.1, 30))
def test_blur_is_symmetric_and_vanishes_in_focus(depth: float, focus: float, k: float) -> None:
    blur = optics.coc_px(depth, focus, k)
    assert blur >= 0
    assert blur == optics.coc_px(focus, depth, k)
    assert optics.coc_px(focus, focus, k) == 0


@given(dioptres, st.floats(0, 5), st.floats(0.01, 5), st.floats(0.1, 30))
def test_blur_grows_linearly_with_defocus(
    focus: float, defocus: float, more: float, k: float
) -> None:
    near = optics.coc_px(focus + defocus, focus, k)
    far = optics.coc_px(focus + defocus + more, focus, k)
    assert far - near == pytest.approx(k * more, rel=1e-6, abs=1e-9)


def test_blur_broadcasts_a_depth_map_over_planes() -> None:
    depth, focus = np.ones((4, 5)), np.array([0.0, 1.0, 3.0])
    blur = optics.coc_px(depth[None], focus[:, None, None], 2.0)
    assert blur.shape == (3, 4, 5)
    assert blur[:, 0, 0].tolist() == [2.0, 0.0, 4.0]


def test_breathing_of_a_phone_lens() -> None:
    scale = optics.breathing_scale(optics.metres_to_dioptres([0.35, 0.2, 0.1]), 6.81)
    assert scale == pytest.approx([1.0198, 1.0353, 1.0731], abs=1e-4)
    assert optics.breathing_scale(0.0, 6.81) == 1


@given(st.floats(0, 10), st.floats(0.01, 4), st.floats(1, 12))
def test_the_picture_grows_as_the_lens_focuses_nearer(d: float, more: float, f: float) -> None:
    assert optics.breathing_scale(d + more, f) > optics.breathing_scale(d, f)


@given(st.floats(0, 10), st.floats(0, 10), st.floats(1, 12))
def test_relative_breathing_is_a_ratio(d: float, reference: float, f: float) -> None:
    there = optics.relative_breathing(d, reference, f)
    back = optics.relative_breathing(reference, d, f)
    assert there * back == pytest.approx(1)
    assert optics.relative_breathing(d, d, f) == pytest.approx(1)


def test_focus_within_the_focal_length_is_refused() -> None:
    with pytest.raises(ValueError, match="focal length"):
        optics.breathing_scale(25.0, 50.0)


@given(st.floats(0.2, 20), st.floats(1e-5, 1e-3))
def test_depth_uncertainty_is_the_slope_of_the_reciprocal(depth: float, delta: float) -> None:
    expected = optics.depth_uncertainty_m(depth, delta)
    shifted = 1 / (1 / depth - delta)
    assert expected == pytest.approx(shifted - depth, rel=0.03)
