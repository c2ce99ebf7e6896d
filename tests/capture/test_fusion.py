"""The all-in-focus composite: sharp where any frame is, whatever the frames' order."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgedepth.capture.fusion import all_in_focus
from edgedepth.stack import FocalStack, Frame

SIZE = HEIGHT, WIDTH = 96, 128
PLANES = (2.5, 1.6, 0.9, 0.4)


def scene() -> NDArray[np.uint8]:
    grain = np.random.default_rng(2).integers(0, 256, (HEIGHT // 2, WIDTH // 2, 3), np.uint8)
    return cv2.resize(grain, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC).astype(np.uint8)


def swept() -> FocalStack:
    """Each frame is sharp in one of four strips."""
    sharp = scene()
    frames = []
    for number, focus in enumerate(PLANES):
        rgb = cv2.GaussianBlur(sharp, (0, 0), 3).astype(np.uint8)
        strip = slice(number * WIDTH // 4, (number + 1) * WIDTH // 4)
        rgb[:, strip] = sharp[:, strip]
        frames.append(Frame(rgb, focus))
    return FocalStack(tuple(frames), 2.0)


def off(picture: NDArray[np.uint8]) -> float:
    return float(np.abs(picture.astype(float) - scene()).mean())


@settings(deadline=None, max_examples=24)
@given(st.permutations(range(len(PLANES))))
def test_the_order_of_the_frames_changes_no_bit(order: list[int]) -> None:
    stack = swept()
    turned = replace(stack, frames=tuple(stack.frames[i] for i in order))
    np.testing.assert_array_equal(all_in_focus(turned), all_in_focus(stack))


def test_it_is_sharp_where_any_frame_is() -> None:
    stack = swept()
    assert off(all_in_focus(stack)) < 0.25 * min(off(frame.rgb) for frame in stack.frames)


def test_one_frame_is_its_own_composite() -> None:
    stack = swept()
    alone = replace(stack, frames=stack.frames[:1])
    np.testing.assert_array_equal(all_in_focus(alone), stack.frames[0].rgb)


@pytest.mark.parametrize("which", range(len(PLANES)))
def test_what_alignment_brought_no_pixel_for_comes_from_other_frames(which: int) -> None:
    """Noise where a frame is masked would be the sharpest of all."""
    stack = swept()
    hole = slice(30, 70), slice(40, 90)
    frame = stack.frames[which]
    rgb, valid = frame.rgb.copy(), np.ones(SIZE, np.bool_)
    rgb[hole] = np.random.default_rng(4).integers(0, 2, (40, 50, 1), np.uint8) * 255
    valid[hole] = False
    frames = list(stack.frames)
    frames[which] = replace(frame, rgb=rgb, valid=valid)
    without = replace(stack, frames=tuple(f for f in stack.frames if f is not frame))
    found = all_in_focus(replace(stack, frames=tuple(frames)))
    inside = slice(36, 64), slice(46, 84)
    expected = all_in_focus(without)[inside].astype(float)
    assert np.abs(found[inside] - expected).max() <= 2
