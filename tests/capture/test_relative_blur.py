"""Relative blur: depth from how much blurrier one frame is than its neighbour."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgedepth.capture import blur_ladder
from edgedepth.capture import blur_scale as blur_scale_module
from edgedepth.capture.blur_ladder import Gap, Ladder, Planes, diffusion, far_apart, ladders
from edgedepth.capture.blur_scale import USUAL, blur_scale
from edgedepth.capture.flow import laid_over
from edgedepth.capture.fusion import all_in_focus
from edgedepth.capture.inference import Depth, settled
from edgedepth.capture.refine import settle
from edgedepth.capture.relative_blur import LEAST_SPREAD, ROUNDS, by_relative_blur, posterior
from edgedepth.data.renderer import render_stack
from edgedepth.models.presets import preset_spec
from edgedepth.stack import FocalStack, Frame

SIZE = (90, 120)
PLANES = (0.4, 0.8, 1.3, 1.9, 2.6)
K = 5.0
"""Blur of three pixels from one plane to the next."""


def truth() -> NDArray[np.float32]:
    """(180, 240) dioptres: a third beyond the planes, a third between them, a third before."""
    rows = 2 * SIZE[0]
    heights = np.interp(np.arange(rows), [0, rows / 3, 2 * rows / 3, rows], [0.2, 0.4, 2.6, 3.2])
    return np.repeat(heights[:, None], 2 * SIZE[1], axis=1).astype(np.float32)


def answer(dioptres: NDArray[np.float32]) -> NDArray[np.float32]:
    small: NDArray[np.float32] = cv2.resize(dioptres, SIZE[::-1], interpolation=cv2.INTER_AREA)
    return small


def photographed(
    planes: tuple[float, ...] = PLANES,
    contrast: float = 0.4,
    noise: float = 0.003,
    k: float = K,
) -> FocalStack:
    rng = np.random.default_rng(3)
    size = 2 * SIZE[1], 2 * SIZE[0]
    grain = np.zeros(size[::-1], np.float32)
    for finer in (2, 4, 8):
        coarse = rng.uniform(-1, 1, (size[1] // finer, size[0] // finer)).astype(np.float32)
        grain += cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC) / 3
    light = np.clip(0.5 + contrast * grain[..., None], 0.02, 0.98)
    stack = render_stack(
        np.repeat(light, 3, axis=2), truth(), np.array(planes, np.float32), np.float32(k)
    )
    pictures = np.clip(stack, 0, 1) ** np.float32(1 / 2.2)
    pictures = pictures + rng.normal(0, noise, pictures.shape)
    rgb = np.rint(np.clip(pictures, 0, 1) * 255).astype(np.uint8)
    return FocalStack(tuple(Frame(r, f) for r, f in zip(rgb, planes, strict=True)), k)


def poor_answer() -> NDArray[np.float32]:
    """Off by up to 0.1 dioptres, as a whole and from place to place."""
    waves = np.sin(np.arange(SIZE[1], dtype=np.float32) / 9)
    return answer(truth()) + np.float32(0.06) * waves + np.float32(0.04)


def weighed(
    before: NDArray[np.float32], stack: FocalStack, sharp: NDArray[np.uint8] | None = None
) -> NDArray[np.float32]:
    sharp = all_in_focus(stack) if sharp is None else sharp
    after = by_relative_blur(before, None, stack, sharp)
    assert after is not None
    return after.dioptres


def only_settled(before: NDArray[np.float32], stack: FocalStack) -> NDArray[np.float32]:
    return settle(before, None, all_in_focus(stack))


def climbed(stack: FocalStack) -> list[Ladder]:
    return ladders(Planes(stack, SIZE).neighbours(), k_of(stack))


def k_of(stack: FocalStack) -> float:
    return stack.coc_px_per_dioptre * SIZE[1] / stack.size[1]


def error(dioptres: NDArray[np.float32]) -> float:
    """Mean of what lies beyond the nearest plane, borders aside."""
    inside = answer(truth()) < PLANES[-1]
    inside[:4] = inside[:, :4] = inside[:, -4:] = False
    return float(np.abs(dioptres - answer(truth()))[inside].mean())


def test_depth_moves_to_where_blur_says_that_it_is() -> None:
    before = poor_answer()
    assert error(weighed(before, photographed())) < 0.7 * error(before)


def test_what_a_model_draws_to_the_farthest_plane_goes_back_beyond_it() -> None:
    exact = answer(truth())
    before = np.maximum(exact, np.float32(PLANES[0] - 0.01))
    off = np.abs(weighed(before, photographed()) - exact)
    out = exact < PLANES[0] - 0.05
    assert off[out].mean() < 0.8 * np.abs(before - exact)[out].mean()


@pytest.mark.parametrize("wrong", [0.75, 1.0, 1.35])
def test_k_comes_from_the_frames_where_the_cameras_figures_are_off(wrong: float) -> None:
    stack = photographed()
    told = FocalStack(stack.frames, K * wrong)
    before = poor_answer()
    own = blur_scale(before, climbed(stack))
    scale = blur_scale(before, climbed(told))
    assert own is not None
    assert scale is not None
    assert scale * wrong**2 == pytest.approx(own, rel=0.15)
    after = by_relative_blur(before, None, told, all_in_focus(told))
    assert after is not None
    assert error(after.dioptres) < 0.7 * error(before)
    assert after.coc_ratio == pytest.approx(scale**0.5)


def test_frames_that_lie_a_pixel_apart_are_laid_over_each_other() -> None:
    frames = list(photographed().frames)
    for i in (1, 3):
        frames[i] = Frame(np.roll(frames[i].rgb, 1, axis=1), frames[i].focus_dioptres)
    before = poor_answer()
    assert error(weighed(before, FocalStack(tuple(frames), K))) < 0.8 * error(before)


@pytest.mark.parametrize("noise", [0.001, 0.003, 0.02])
def test_a_bare_wall_says_nothing(noise: float) -> None:
    before = poor_answer()
    stack = photographed(contrast=0, noise=noise)
    assert by_relative_blur(before, None, stack, all_in_focus(stack)) is None


@pytest.mark.parametrize("planes", [(0.8,), (0.8, 1.9), (0.8, 0.8, 1.9, 1.9)])
def test_fewer_than_three_planes_say_nothing(planes: tuple[float, ...]) -> None:
    stack = photographed(planes)
    assert by_relative_blur(poor_answer(), None, stack, all_in_focus(stack)) is None


def test_frames_in_any_order_and_one_twice_say_the_same() -> None:
    stack = photographed()
    before = poor_answer()
    first, *rest = stack.frames
    other = FocalStack((first, *rest[::-1], rest[2]), K)
    sharp = all_in_focus(stack)
    expected = weighed(before, stack, sharp)
    np.testing.assert_allclose(weighed(before, other, sharp), expected, atol=1e-5)


def test_where_a_frame_has_no_picture_the_answer_only_settles() -> None:
    stack = photographed()
    valid = np.ones(stack.size, bool)
    valid[:, : stack.size[1] // 2] = False
    blind = FocalStack(tuple(Frame(f.rgb, f.focus_dioptres, valid) for f in stack.frames), K)
    before = poor_answer()
    settled_alone = before
    for _ in ROUNDS:
        settled_alone = only_settled(settled_alone, blind)
    change = np.abs(weighed(before, blind) - settled_alone)
    assert change[:, : SIZE[1] // 2 - 4].mean() < 0.3 * change[:, SIZE[1] // 2 + 4 :].mean()


def test_answers_out_of_reach_stay_as_they_are() -> None:
    before = poor_answer()
    before[0], before[-1] = 0.0, 7.0
    moved = weighed(before, photographed())
    assert np.isfinite(moved).all()
    assert (moved[0] == 0).all()
    assert (moved[-1] == 7).all()


def test_a_sweep_that_ends_at_infinity_is_weighed() -> None:
    stack = photographed((0.0, 0.6, 1.2, 1.8))
    moved = weighed(poor_answer(), stack)
    assert np.isfinite(moved).all()
    assert (moved >= 0).all()


def test_rounds_tell_more_than_one() -> None:
    stack, before = photographed(), poor_answer()
    found = climbed(stack)
    scale = blur_scale(before, found)
    assert scale is not None
    once = posterior(before, [ladder.tempered() for ladder in found], [], scale, 1.0)
    assert error(once.dioptres) < 0.9 * error(before)
    assert error(weighed(before, stack)) < 0.9 * error(once.dioptres)


def test_planes_farther_apart_tell_more_where_blur_is_small(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stack = photographed((0.25, 0.6, 1.1, 1.7, 2.2, 2.9), k=1.6)
    before = poor_answer()
    with_them = error(weighed(before, stack))
    monkeypatch.setattr(blur_ladder, "WIDE_PX", 0.0)
    assert with_them < 0.85 * error(weighed(before, stack))


def test_planes_far_apart_are_found() -> None:
    """As in the app's tests."""
    focus = [0.25, 0.625, 1.1, 1.7, 2.2, 2.9]
    assert far_apart(focus, 1.22) == [(0, 2), (1, 3), (2, 4), (3, 5)]
    assert far_apart(focus, 1.45) == [(0, 3), (2, 4), (3, 5)]
    assert far_apart(focus, 0.5) == []
    assert far_apart(focus, 9) == [(0, 5)]


@given(
    st.lists(st.floats(0, 10), min_size=1, max_size=12, unique=True).map(sorted),
    st.floats(0.001, 10),
)
def test_planes_far_apart_are_within_reach_and_not_within_each_other(
    focus: list[float], reach: float
) -> None:
    found = far_apart(focus, reach)
    for far, near in found:
        assert near > far + 1
        assert focus[near] - focus[far] <= reach * (1 + 1e-9)
        assert near == len(focus) - 1 or focus[near + 1] - focus[far] > reach * (1 - 1e-9)
    for one, other in itertools.pairwise(found):
        assert other[0] > one[0]
        assert other[1] > one[1]


def test_few_pixels_move_k_less_than_many(monkeypatch: pytest.MonkeyPatch) -> None:
    stack, many = photographed(), poor_answer()
    found = climbed(FocalStack(stack.frames, 0.8 * K))
    few = np.zeros_like(many)  # out of reach of all hypotheses
    few[40:42] = many[40:42]
    drawn = []
    for answers in (many, few):
        monkeypatch.setattr(blur_scale_module, "DOUBT", 0.0)
        alone = blur_scale(answers, found)
        monkeypatch.undo()
        after = blur_scale(answers, found)
        assert alone is not None
        assert after is not None
        drawn.append(np.log(after / USUAL) / np.log(alone / USUAL))
    assert 0 < drawn[1] < 0.9 * drawn[0] < 0.9


def test_what_is_told_narrows_the_answer() -> None:
    """And what is out of reach of all hypotheses is told nothing."""
    before = poor_answer()
    before[0] = 7.0
    found = [ladder.tempered() for ladder in climbed(photographed())]
    after = posterior(before, found, [], 1.0, 1.0)
    assert np.isinf(after.spread[0]).all()
    assert not after.told[0].any()
    within = (before > PLANES[0]) & (before < PLANES[-1])
    assert (after.spread[within] >= LEAST_SPREAD).all()
    assert (after.told >= 0).all()
    assert (after.told <= 1).all()
    assert after.told[within].mean() > 0.3
    off = np.abs(after.dioptres - answer(truth()))[within]
    narrow = after.spread[within] < np.median(after.spread[within])
    assert off[narrow].mean() < 0.8 * off[~narrow].mean()


def test_the_sure_sway_the_unsure_when_it_settles() -> None:
    """A hole that the model is unsure of, without texture, takes on what is around it."""
    stack, before = photographed(contrast=0.12, noise=0.001), poor_answer()
    hole = slice(30, 46), slice(44, 66)
    frames = []
    for frame in stack.frames:
        rgb = frame.rgb.copy()
        rgb[2 * hole[0].start : 2 * hole[0].stop, 2 * hole[1].start : 2 * hole[1].stop] = 187
        frames.append(Frame(rgb, frame.focus_dioptres))
    before[hole] += 0.5
    confidence = np.ones(SIZE, np.float32)
    confidence[hole] = 0.05
    bare = FocalStack(tuple(frames), K)
    off = []
    for sure in (confidence, None):
        after = by_relative_blur(before, sure, bare, all_in_focus(bare))
        assert after is not None
        off.append(np.abs(after.dioptres - answer(truth()))[hole].mean())
    assert off[0] < 0.8 * off[1]


@pytest.mark.parametrize(("preset", "calibrated"), [("paper", True), ("mobile", False)])
def test_answers_without_dioptres_only_settle(preset: str, calibrated: bool) -> None:
    raw = Depth(poor_answer(), None, "none", "infer")
    stack = photographed()
    expected = only_settled(raw.dioptres, stack)
    after = settled(raw, stack, all_in_focus(stack), preset_spec(preset, 240, 320), calibrated)
    np.testing.assert_array_equal(after.dioptres, expected)


def test_two_planes_only_settle() -> None:
    raw = Depth(poor_answer(), None, "none", "infer")
    stack = photographed((0.8, 1.9))
    after = settled(raw, stack, all_in_focus(stack), preset_spec("mobile", 240, 320))
    np.testing.assert_array_equal(after.dioptres, only_settled(raw.dioptres, stack))


@given(st.floats(1e-4, 60))
def test_a_kernel_has_the_variance_that_it_is_asked_for(variance: float) -> None:
    kernel = diffusion(variance).astype(np.float64)
    places = np.arange(len(kernel)) - len(kernel) // 2
    assert kernel.sum() == pytest.approx(1, abs=1e-5)
    assert (kernel * places**2).sum() == pytest.approx(variance, rel=0.03)


@settings(deadline=None, max_examples=15)
@given(st.floats(-1.2, 1.2), st.floats(-1.2, 1.2))
def test_a_shift_is_found_and_taken_away(right: float, down: float) -> None:
    rng = np.random.default_rng(1)
    still = cv2.GaussianBlur(rng.uniform(0, 1, (120, 160)).astype(np.float32), (0, 0), 1.5)
    matrix = np.array([[1, 0, right], [0, 1, down]])
    moved = cv2.warpAffine(
        still, matrix, (160, 120), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101
    )
    laid, apart = laid_over(still, moved, SIZE)
    assert np.median(apart) < 0.25
    inside = slice(8, -8), slice(8, -8)
    far = np.hypot(right, down) > 0.3
    if far:
        assert np.abs(laid - still)[inside].mean() < 0.5 * np.abs(moved - still)[inside].mean()


def test_equally_blurred_lies_in_the_middle_whatever_k_is() -> None:
    (ladder, *_) = climbed(photographed())
    assert ladder.gap == Gap(0.4, 0.8, first=True, last=False)
    for scale in (0.5, 1.0, 2.0):
        assert ladder.scaled(scale) == pytest.approx(0.6 + (ladder.places - 0.6) / scale)
    assert ladder.variances[ladder.places == pytest.approx(0.6)] == pytest.approx(0)


def test_depth_settles_along_what_is_sharp_in_any_frame() -> None:
    """An edge that the reference is too blurred to show, off where nobody is sure."""
    grain = np.random.default_rng(5).normal(0, 8, (2 * SIZE[0], 2 * SIZE[1], 3))
    grain[:, : SIZE[1]] += 80
    grain[:, SIZE[1] :] += 180
    shown = np.clip(grain, 0, 255).astype(np.uint8)
    frames = Frame(np.full_like(shown, 130), 3.2), Frame(shown, 0.8)
    stack = FocalStack(frames, K)
    edge, true = SIZE[1] // 2, np.full(SIZE, 0.4, np.float32)
    true[:, :edge] = 1.2
    given, confidence = true.copy(), np.ones(SIZE, np.float32)
    given[:, edge : edge + 4] = 1.2
    confidence[:, edge - 4 : edge + 4] = 0.05
    raw = Depth(given, confidence, "none", "infer")
    off = []
    for picture in (all_in_focus(stack), stack.reference.rgb):
        after = settled(raw, stack, picture, preset_spec("mobile", 240, 320))
        off.append(np.abs(after.dioptres - true).mean())
    assert off[0] < 0.6 * off[1]
