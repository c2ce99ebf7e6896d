from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from edgedepth.data.blur import APERTURES, Aperture, aperture_kernel, blur, gaussian
from edgedepth.data.missing import fill_missing
from edgedepth.data.paper_renderer import (
    PAPER_MAX_COC_PX,
    paper_coc_px_per_metre,
    render_stack_paper,
)
from edgedepth.data.renderer import render_stack
from edgedepth.data.scenes import procedural_scene, trace_thin_lens
from edgedepth.metrics import psnr

Floats = NDArray[np.float32]


@pytest.fixture(scope="module")
def picture() -> Floats:
    return np.random.default_rng(3).random((64, 80, 3), dtype=np.float32)


def flat(value: float, height: int = 64, width: int = 80) -> Floats:
    return np.full((height, width), value, np.float32)


def two_planes() -> Floats:
    """A near square (3 D) before a far wall (0.5 D)."""
    depth = flat(0.5)
    depth[20:44, 28:52] = 3.0
    return depth


@pytest.mark.parametrize(
    ("seeds", "k", "mean", "floor", "gain"),
    [
        ((9,), 6.0, 42.5, 42.0, 7.0),
        pytest.param((1, 9, 21), 2.0, 40.5, 38.0, 1.0, marks=pytest.mark.slow),
        pytest.param((1, 9, 21), 6.0, 38.5, 33.0, 7.0, marks=pytest.mark.slow),
        pytest.param((1, 9, 21), 16.0, 35.0, 28.0, 8.0, marks=pytest.mark.slow),
    ],
)
def test_agrees_with_a_traced_lens(
    seeds: tuple[int, ...], k: float, mean: float, floor: float, gain: float
) -> None:
    found, gains = [], []
    for seed in seeds:
        scene = procedural_scene(seed, 96, 128, 4)
        depth = 1 / scene.depth_m
        focus = np.quantile(depth, [0.05, 0.9])
        stack = render_stack(scene.rgb, depth, focus, k)
        for picture, plane in zip(stack, focus, strict=True):
            truth = trace_thin_lens(seed, 96, 128, float(plane), k, 64)
            found.append(psnr(picture, truth))
            gains.append(found[-1] - psnr(scene.rgb, truth))
    assert np.mean(found) >= mean
    assert min(found) >= floor
    assert min(gains) >= gain  # over leaving it sharp


def test_occlusion_beats_the_paper_way_at_a_silhouette() -> None:
    scene = procedural_scene(1, 96, 128, 4)
    depth, k = 1 / scene.depth_m, 10.0
    plane = float(np.quantile(depth, 0.03))
    truth = trace_thin_lens(1, 96, 128, plane, k, 64)
    ours = render_stack(scene.rgb, depth, np.array([plane]), k)[0]
    gathered = render_stack_paper(scene.rgb, depth, np.array([plane]), k)[0]
    assert psnr(ours, truth) > psnr(gathered, truth) + 1.5


@pytest.mark.parametrize("aperture", APERTURES)
def test_the_plane_in_focus_is_untouched(picture: Floats, aperture: Aperture) -> None:
    stack = render_stack(picture, flat(1.25), np.array([1.25]), 20.0, aperture=aperture)
    assert np.allclose(stack[0], picture, atol=1e-5)


def test_a_near_object_in_focus_keeps_its_edge(picture: Floats) -> None:
    stack = render_stack(picture, two_planes(), np.array([3.0]), 4.0)[0]
    assert np.allclose(stack[21:43, 29:51], picture[21:43, 29:51], atol=1e-4)
    assert np.abs(stack[:10] - picture[:10]).mean() > 0.1


def test_a_far_wall_in_focus_stays_sharp_away_from_a_blurred_object(picture: Floats) -> None:
    stack = render_stack(picture, two_planes(), np.array([0.5]), 4.0)[0]
    assert np.allclose(stack[:13], picture[:13], atol=1e-4)
    spread = np.abs(stack[30, 23:27] - picture[30, 23:27]).max()
    assert spread > 0.02  # the object's blur reaches over its outline


@pytest.mark.parametrize("aperture", APERTURES)
@pytest.mark.parametrize("k", [1.0, 5.0, 25.0])
def test_a_plain_picture_stays_plain(aperture: Aperture, k: float) -> None:
    scene = procedural_scene(2, 64, 80)
    plain = np.full((64, 80, 3), 0.4, np.float32)
    focus = np.array([0.3, 1.0, 4.0])
    stack = render_stack(plain, 1 / scene.depth_m, focus, k, aperture=aperture)
    assert np.allclose(stack, 0.4, atol=2e-3)


def test_light_is_kept(picture: Floats) -> None:
    framed = np.zeros((64, 80, 3), np.float32)
    framed[24:40, 30:50] = picture[24:40, 30:50]
    stack = render_stack(framed, flat(1.0), np.array([0.0, 0.5, 3.0]), 8.0)
    assert np.allclose(stack.sum((1, 2)), framed.sum((0, 1)), rtol=0.01)


@pytest.mark.parametrize("aperture", ["disk", "polygon"])
@pytest.mark.parametrize("diameter", [0.5, 1.0, 1.6, 3.0, 9.125])
def test_kernels_are_as_wide_as_the_optics_says(aperture: Aperture, diameter: float) -> None:
    kernel = aperture_kernel(diameter, aperture)
    assert kernel.sum() == pytest.approx(1, abs=1e-5)
    assert kernel.min() >= 0
    x = np.arange(len(kernel)) - len(kernel) // 2
    spread = float(((kernel.sum(0) + kernel.sum(1)) * x * x).sum()) / 2
    assert spread == pytest.approx(diameter**2 / 16, rel=0.2 if diameter < 2 else 0.02)


def test_blur_is_as_wide_as_the_circle_of_confusion() -> None:
    point = np.zeros((101, 101, 3), np.float32)
    point[50, 50] = 1
    for k, defocus in ((6.0, 1.5), (5.0, 4.0)):
        stack = render_stack(point, flat(2.0, 101, 101), np.array([2.0 + defocus]), k)[0]
        lit = np.flatnonzero(stack[50, :, 0] > 0.5 * stack[50, :, 0].max())
        assert abs(len(lit) - k * defocus) <= 2


@pytest.mark.parametrize("aperture", APERTURES)
@pytest.mark.parametrize("diameter", [0.8, 2.0, 11.0, 15.0, 22.0])
def test_apertures_spread_light_alike(aperture: Aperture, diameter: float) -> None:
    point = np.zeros((90, 90), np.float32)
    point[44, 44] = 1
    spot = blur(point, diameter, aperture).sum(0)
    x = np.arange(90)
    centre = float((spot * x).sum())
    assert abs(centre - 44) <= 0.51  # a wide blur is made at half size
    variance = float((spot * (x - centre) ** 2).sum())
    assert variance == pytest.approx((diameter / 4) ** 2, rel=0.12 if diameter < 2 else 0.08)


def test_missing_depth_takes_the_nearest_and_never_bleeds(picture: Floats) -> None:
    depth, valid = two_planes(), np.ones((64, 80), bool)
    valid[22:40, 50:70] = False
    valid[:4] = False
    focus = np.array([0.5, 3.0])
    stacks = []
    for junk in (0.0, 50.0, np.nan):
        spoilt = depth.copy()
        spoilt[~valid] = junk
        stacks.append(render_stack(picture, spoilt, focus, 6.0, valid=valid))
        metres = np.where(valid, 1 / depth, junk).astype(np.float32)
        paper = render_stack_paper(picture, metres, 1 / focus, 6.0, valid=valid)
        assert np.isfinite(paper).all()
    assert np.array_equal(stacks[0], stacks[1])
    assert np.array_equal(stacks[0], stacks[2])
    filled = fill_missing(np.where(valid, depth, 9), valid)
    assert set(np.unique(filled)) == {0.5, 3.0}
    assert filled[30, 51] == 3.0
    assert filled[30, 69] == 0.5
    with pytest.raises(ValueError, match="no pixel"):
        fill_missing(depth, np.zeros_like(valid))


def published(rgb: Floats, depth_m: Floats, focus_m: float, k: float) -> Floats:
    """The published way: 256 depth levels, each a blur of the whole picture and a mask."""
    low, high = float(depth_m.min()), float(depth_m.max())
    step = (high - low) / 256
    level = np.minimum(((depth_m - low) / step).astype(int), 255)
    out = np.zeros_like(rgb)
    for i in np.unique(level):
        diameter = k * abs(low + (i + 0.5) * step - focus_m)
        blurred = gaussian(rgb, diameter / 4) if diameter >= 0.6 else rgb
        out[level == i] = blurred[level == i]
    return out


def test_the_fast_paper_renderer_gives_the_published_result() -> None:
    scene = procedural_scene(5, 64, 80, 2)
    for focus in (0.5, 1.2):
        fast = render_stack_paper(scene.rgb, scene.depth_m, np.array([focus]), 9.0, levels=24)[0]
        assert psnr(fast, published(scene.rgb, scene.depth_m, focus, 9.0)) > 60


def test_paper_blur_is_the_lenss_at_the_median_depth_and_bounded() -> None:
    assert paper_coc_px_per_metre(flat(2.0), 6.0) == pytest.approx(1.5)
    deep = two_planes() * 3
    assert paper_coc_px_per_metre(deep, 1000.0) * np.ptp(deep) == pytest.approx(PAPER_MAX_COC_PX)


def test_paper_blur_is_linear_in_metres() -> None:
    point = np.zeros((81, 81, 3), np.float32)
    point[40, 40] = 1
    x = np.arange(81) - 40
    spreads = []
    for metres in (2.0, 3.0):
        stack = render_stack_paper(point, flat(metres, 81, 81), np.array([1.0]), 12.0)[0]
        spreads.append(float(np.sqrt((stack[..., 0].sum(0) * x * x).sum())))
    assert spreads == pytest.approx([3.0, 6.0], rel=0.05)
