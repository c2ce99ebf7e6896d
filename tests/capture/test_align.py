"""Alignment against known motion, defocus and exposure; what becomes of hopeless frames."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edgedepth.capture.align import REFERENCE, Aligner, Motion, _warp, feature_motion, to_work
from edgedepth.capture.register import apply_gain, brightness_gain, cue_size, place
from tests.capture.scenes import disk_blur, moved, similarity, texture

SIZE = (480, 640)
CORNERS = np.array([[-320, -240], [320, -240], [320, 240], [-320, 240], [0, 0]]).T


def corner_error(found: NDArray[np.float64], true: NDArray[np.float64]) -> float:
    """RMS distance over the corners and the centre, in pixels."""
    apart = (found[:, :2] - true[:, :2]) @ CORNERS + (found[:, 2:] - true[:, 2:])
    return float(np.sqrt(np.mean(np.sum(apart**2, axis=0))))


def natural(seed: int) -> NDArray[np.uint8]:
    """A picture with flat areas and edges besides its texture."""
    rgb = texture(SIZE, seed)
    rng = np.random.default_rng(seed)
    rgb = cv2.addWeighted(rgb, 0.25, np.full_like(rgb, 110), 0.75, 0)
    for _ in range(12):
        x, y = (int(v) for v in rng.integers(0, 600, 2))
        colour = [int(c) for c in rng.integers(20, 235, 3)]
        cv2.rectangle(rgb, (x, y), (x + int(rng.integers(20, 200)), y + 80), colour, -1)
    return rgb


@pytest.mark.parametrize("seed", range(6))
def test_breathing_shake_and_defocus(seed: int) -> None:
    rng = np.random.default_rng(seed)
    picture = natural(seed)
    breathing = 1 + rng.uniform(-0.06, 0.06)
    true = similarity(breathing, rng.uniform(-2, 2), *rng.uniform(-15, 15, 2))
    reference = disk_blur(picture, rng.uniform(0, 10))
    frame = disk_blur(moved(picture, true), rng.uniform(0, 10)).astype(np.float32)
    frame = frame * rng.uniform(0.8, 1.2) + rng.normal(0, 2, frame.shape)
    expected = 1 + (breathing - 1) * rng.uniform(0.7, 1.3)
    motion = Aligner(to_work(reference), 10.0).align(
        to_work(np.clip(frame, 0, 255).astype(np.uint8)), expected
    )
    assert motion.verdict == "aligned"
    assert corner_error(motion.matrix, true) < 0.5
    assert motion.residual_px < 0.6


def test_scale_rotation_and_shift_are_named_rightly() -> None:
    picture = natural(1)
    true = similarity(1.03, 1.5, 6.0, -4.0)
    motion = Aligner(to_work(picture)).align(to_work(moved(picture, true)))
    assert motion.scale == pytest.approx(1.03, abs=1e-3)
    assert motion.rotation_deg == pytest.approx(1.5, abs=0.02)
    assert motion.shift_px == pytest.approx((6.0, -4.0), abs=0.1)


@pytest.mark.parametrize("degrees", [0.3, 2.0, 7.0])
def test_no_pixel_is_judged_that_the_border_has_a_part_in(degrees: float) -> None:
    band = np.full(SIZE, -2.0, np.float32)
    warped, inside = _warp(band, similarity(1.01, degrees, 3.3, -2.7), 1.0)
    assert 0.5 < inside.mean() < 1
    np.testing.assert_allclose(warped[inside], -2.0, atol=1e-5)


def test_same_picture_is_left_alone() -> None:
    picture = to_work(natural(2))
    motion = Aligner(picture).align(picture)
    assert motion.verdict == "unaligned"
    np.testing.assert_array_equal(motion.matrix, [[1, 0, 0], [0, 1, 0]])


def test_another_scene_is_rejected() -> None:
    motion = Aligner(to_work(texture(SIZE, 1))).align(to_work(texture(SIZE, 2)))
    assert motion.verdict == "rejected"
    assert "something else" in motion.reason


def test_a_far_move_is_rejected_not_used() -> None:
    picture = texture((480, 960), 3)
    reference, frame = picture[:, :640], picture[:, 130:770]
    motion = Aligner(to_work(np.ascontiguousarray(reference))).align(
        to_work(np.ascontiguousarray(frame))
    )
    assert motion.verdict == "rejected"


def test_a_blank_frame_is_kept_where_it_is() -> None:
    blank = np.full((*SIZE, 3), 120, np.uint8)
    motion = Aligner(to_work(natural(4))).align(to_work(blank))
    assert (motion.verdict, motion.scale) == ("unaligned", 1.0)
    assert "detail" in motion.reason


def test_features_find_what_the_direct_way_may_miss() -> None:
    picture = natural(5)
    true = similarity(0.97, -3.0, 40.0, 30.0)
    found = feature_motion(to_work(picture), to_work(moved(picture, true)))
    assert found is not None
    assert corner_error(found, true) < 2.0
    motion = Aligner(to_work(picture)).align(to_work(moved(picture, true)))
    assert motion.verdict == "aligned"
    assert corner_error(motion.matrix, true) < 0.5


@pytest.mark.parametrize("size", [(480, 640), (960, 1280), (300, 400)])
def test_placing_undoes_the_motion_and_masks_the_border(size: tuple[int, int]) -> None:
    sharp = cv2.resize(natural(6), (size[1], size[0]), interpolation=cv2.INTER_AREA)
    grow = size[1] / 640
    true = similarity(1.03, 1.0, 12 * grow, 8 * grow)
    frame = moved(sharp, true)
    at_work = true.copy()
    at_work[:, 2] /= grow
    placed, _ = place(frame, sharp, Motion(at_work, 1, 0, 0, "aligned"), 1.0, "f")
    assert placed.valid is not None
    rows, columns = np.nonzero(~placed.valid)
    assert 0.02 < (~placed.valid).mean() < 0.2
    assert ((rows < 40 * grow) | (rows > size[0] - 40 * grow) | (columns < 40 * grow)
            | (columns > size[1] - 40 * grow)).all()  # fmt: skip
    inner = (slice(size[0] // 6, -size[0] // 6), slice(size[1] // 6, -size[1] // 6))
    apart = np.abs(placed.rgb[inner].astype(int) - sharp[inner].astype(int))
    assert np.median(apart) <= 2


def test_a_frame_that_shows_more_has_no_mask() -> None:
    sharp = natural(7)
    placed, _ = place(sharp, sharp, Motion(similarity(0.95, 0, 0, 0), 1, 0, 0, "aligned"), 1, "f")
    assert placed.valid is None
    placed, gain = place(sharp, sharp, REFERENCE, 1.0, "f")
    assert (gain, placed.valid) == ((1.0, 1.0, 1.0), None)


def test_brightness_and_white_balance_are_equalised() -> None:
    reference = natural(8)
    tinted = np.clip(reference * np.array([0.8, 0.9, 1.1]), 0, 255).astype(np.uint8)
    gain = brightness_gain(tinted, reference)
    assert gain == pytest.approx((1 / 0.8, 1 / 0.9, 1 / 1.1), rel=0.02)
    apart = apply_gain(tinted, gain).astype(int) - reference
    assert np.median(np.abs(apart)) <= 2


def test_cue_size_is_what_preprocessing_wants() -> None:
    assert cue_size((3072, 4080), (240, 320)) == (960, 1276)
    assert cue_size((4080, 3072), (240, 320)) == (1276, 960)
    assert cue_size((2160, 3840), (240, 320)) == (720, 1280)
    assert cue_size((480, 640), (240, 320)) == (480, 640)
