from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edgedepth import baselines, metrics, optics
from edgedepth.data.renderer import render_stack

K = 10.0
FOCUS = np.array([0.5, 1.0, 1.5, 2.0, 2.5])


def slope(height: int = 160, width: int = 200) -> NDArray[np.float32]:
    """Dioptres rising from 0.6 at the left to 2.4 at the right."""
    return np.tile(np.linspace(0.6, 2.4, width, dtype=np.float32), (height, 1))


def sharp(height: int = 160, width: int = 200) -> NDArray[np.float32]:
    rng = np.random.default_rng(3)
    fine = rng.uniform(0, 1, (height, width, 3)).astype(np.float32)
    return np.clip(cv2.GaussianBlur(fine, (0, 0), 0.7) * 1.5 - 0.25, 0, 1)


@pytest.fixture(scope="module")
def stack() -> NDArray[np.uint8]:
    frames = render_stack(sharp(), slope(), FOCUS, K, layers=72)
    noise = np.random.default_rng(4).normal(0, 0.005, frames.shape)
    return np.rint(np.clip(frames + noise, 0, 1) * 255).astype(np.uint8)


def error_dioptres(depth_m: NDArray[np.float32]) -> float:
    return metrics.depth_metrics(depth_m, 1 / slope())["mae_dioptres"]


def test_the_mean_answer_is_the_mean_in_dioptres() -> None:
    depth = baselines.mean_depth((3, 4), 0.8)
    assert depth.shape == (3, 4)
    assert depth.dtype == np.float32
    assert depth == pytest.approx(np.full((3, 4), 1.25))
    for bad in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="positive"):
            baselines.mean_depth((3, 4), bad)


def test_a_slope_is_found_between_the_planes(stack: NDArray[np.uint8]) -> None:
    depth, confidence = baselines.depth_from_focus(stack, FOCUS)
    assert depth.shape == confidence.shape == slope().shape
    assert depth.dtype == confidence.dtype == np.float32
    # Beyond the middle of the outermost steps there is no third frame for the parabola.
    inner = (slope() > 0.75) & (slope() < 2.25)
    assert np.abs(1 / depth - slope())[inner].mean() < 0.04
    assert error_dioptres(depth) < 0.06
    nearest_plane = FOCUS[np.abs(slope()[..., None] - FOCUS).argmin(-1)]
    assert error_dioptres(depth) < 0.5 * np.abs(nearest_plane - slope()).mean()


def test_floats_and_bytes_are_the_same_picture(stack: NDArray[np.uint8]) -> None:
    as_bytes = baselines.depth_from_focus(stack, FOCUS)[0]
    as_floats = baselines.depth_from_focus(stack.astype(np.float32) / 255, FOCUS)[0]
    assert as_floats == pytest.approx(as_bytes, rel=1e-3)


def test_the_order_of_the_frames_does_not_matter(stack: NDArray[np.uint8]) -> None:
    order = [3, 0, 4, 1, 2]
    straight = baselines.depth_from_focus(stack, FOCUS)
    shuffled = baselines.depth_from_focus(stack[order], FOCUS[order])
    for one, other in zip(straight, shuffled, strict=True):
        assert np.array_equal(one, other)


def test_wrong_focus_distances_make_it_worse(stack: NDArray[np.uint8]) -> None:
    right = error_dioptres(baselines.depth_from_focus(stack, FOCUS)[0])
    wrong = error_dioptres(baselines.depth_from_focus(stack, FOCUS[[2, 4, 0, 3, 1]])[0])
    assert wrong > 5 * right


def test_uneven_planes() -> None:
    focus = np.array([0.6, 0.8, 1.1, 1.9, 2.4])
    frames = render_stack(sharp(), slope(), focus, K)
    assert error_dioptres(baselines.depth_from_focus(frames, focus)[0]) < 0.1


def test_one_plane_says_that_plane_without_confidence(stack: NDArray[np.uint8]) -> None:
    depth, confidence = baselines.depth_from_focus(stack[1:2], FOCUS[1:2])
    assert depth == pytest.approx(np.ones(depth.shape))
    assert not confidence.any()


def test_two_planes_tell_near_from_far(stack: NDArray[np.uint8]) -> None:
    depth, confidence = baselines.depth_from_focus(stack[[0, 4]], FOCUS[[0, 4]])
    assert np.median(depth[:, :30]) > 1.5
    assert np.median(depth[:, -30:]) < 0.6
    assert confidence.max() > 0


def test_focus_at_infinity_stays_finite() -> None:
    focus = np.array([0.0, 0.5, 2.0])
    frames = render_stack(sharp(), np.zeros_like(slope()), focus, K)
    depth = baselines.depth_from_focus(frames, focus)[0]
    assert np.isfinite(depth).all()
    assert depth.max() <= baselines.FARTHEST_M + 1e-3
    assert np.median(depth) > 10


def test_confidence_follows_texture(stack: NDArray[np.uint8]) -> None:
    half = stack.copy()
    half[:, :80] = 128
    confidence = baselines.depth_from_focus(half, FOCUS)[1]
    assert confidence.min() >= 0
    assert confidence.max() < 1
    assert confidence[100:].mean() > 20 * confidence[:60].mean()


def test_missing_pixels_do_not_draw_the_answer(stack: NDArray[np.uint8]) -> None:
    """A black border with its strong edge is what alignment leaves behind."""
    torn = stack.copy()
    valid = np.ones(stack.shape[:3], bool)
    torn[4, :, :40] = 0
    valid[4, :, :40] = False

    def error(frames: NDArray[np.uint8], mask: NDArray[np.bool_] | None) -> float:
        depth = baselines.depth_from_focus(frames, FOCUS, mask)[0]
        return float(np.abs(1 / depth - slope())[:, :60].mean())

    assert error(torn, valid) < 1.1 * error(stack, None)
    assert error(torn, None) > 2 * error(stack, None)


def test_pixels_that_no_frame_has_get_an_answer_without_confidence(
    stack: NDArray[np.uint8],
) -> None:
    valid = np.ones(stack.shape[:3], bool)
    valid[:, :50, :60] = False
    depth, confidence = baselines.depth_from_focus(stack, FOCUS, valid)
    assert np.isfinite(depth).all()
    assert confidence[:40, :50].max() < 0.01


def test_the_answer_does_not_depend_on_units_of_its_own(stack: NDArray[np.uint8]) -> None:
    """Twice the dioptres under the same pictures is half the depth."""
    depth = baselines.depth_from_focus(stack, FOCUS)[0]
    nearer = baselines.depth_from_focus(stack, 2 * FOCUS)[0]
    assert nearer == pytest.approx(depth / 2, rel=1e-4)
    assert optics.dioptres_to_metres(FOCUS).max() * 1.2 > depth.max()


@pytest.mark.parametrize(
    ("shape", "focus"),
    [
        ((2, 8, 8), [1.0, 2.0]),
        ((2, 8, 8, 3), [1.0]),
        ((0, 8, 8, 3), []),
        ((2, 8, 8, 3), [1.0, np.nan]),
        ((2, 8, 8, 3), [1.0, -1.0]),
    ],
)
def test_what_is_no_stack_is_refused(shape: tuple[int, ...], focus: list[float]) -> None:
    with pytest.raises(ValueError, match="focus"):
        baselines.depth_from_focus(np.zeros(shape, np.uint8), np.array(focus))


def test_a_mask_of_another_size_is_refused(stack: NDArray[np.uint8]) -> None:
    with pytest.raises(ValueError, match="valid"):
        baselines.depth_from_focus(stack, FOCUS, np.ones((5, 8, 8), bool))
