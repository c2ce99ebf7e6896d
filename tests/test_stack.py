from __future__ import annotations

from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgedepth.stack import Camera, FocalStack, Frame

PHONE = Camera(6.81, 1.85, 9.8, 4080, 3072)


def frame(focus: float = 1.0, size: tuple[int, int] = (6, 8), **more: object) -> Frame:
    return Frame(np.zeros((*size, 3), np.uint8), focus, **more)  # type: ignore[arg-type]


@given(st.floats(16, 8000))
def test_camera_figures_scale_with_the_width_asked_for(width: float) -> None:
    share = width / PHONE.image_width_px
    assert PHONE.coc_px_per_dioptre(width) == pytest.approx(PHONE.coc_px_per_dioptre() * share)
    assert PHONE.focal_length_px(width) == pytest.approx(PHONE.focal_length_px() * share)


def test_focal_length_in_pixels() -> None:
    assert PHONE.focal_length_px() == pytest.approx(6.81 / 9.8 * 4080)


@pytest.mark.parametrize(
    "field",
    ["focal_length_mm", "f_number", "sensor_width_mm", "image_width_px", "image_height_px"],
)
def test_camera_refuses_figures_that_are_not_positive(field: str) -> None:
    with pytest.raises(ValueError, match="positive"):
        replace(PHONE, **{field: 0})


def test_records_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        PHONE.f_number = 2.0  # type: ignore[misc]


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((6, 8), np.uint8),
        np.zeros((6, 8, 4), np.uint8),
        np.zeros((6, 8, 3), np.float32),
    ],
)
def test_a_frame_is_rgb_bytes(picture: np.ndarray) -> None:
    with pytest.raises(ValueError, match="uint8"):
        Frame(picture, 1.0)


@pytest.mark.parametrize("focus", [-0.1, np.nan, np.inf])
def test_a_frame_refuses_impossible_focus(focus: float) -> None:
    with pytest.raises(ValueError, match="focus"):
        frame(focus)


def test_a_mask_has_the_pictures_size() -> None:
    with pytest.raises(ValueError, match="mask"):
        frame(valid=np.ones((5, 8), bool))
    assert frame(valid=np.ones((6, 8), bool)).valid is not None


def test_a_stack_keeps_capture_order_and_knows_its_reference() -> None:
    stack = FocalStack((frame(0.2, name="b"), frame(2.0, name="a")), 1.5)
    assert len(stack) == 2
    assert stack.reference.name == "b"
    assert stack.size == (6, 8)
    assert stack.focus_dioptres.dtype == np.float32
    assert stack.focus_dioptres == pytest.approx([0.2, 2.0])


def test_a_stack_refuses_what_is_no_stack() -> None:
    with pytest.raises(ValueError, match="at least one"):
        FocalStack((), 1.0)
    with pytest.raises(ValueError, match="one size"):
        FocalStack((frame(), frame(size=(8, 6))), 1.0)
    for k in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="K"):
            FocalStack((frame(),), k)


def test_focus_can_be_exchanged_without_touching_the_pictures() -> None:
    stack = FocalStack((frame(0.2), frame(2.0)), 1.5)
    shuffled = stack.with_focus(stack.focus_dioptres[::-1])
    assert shuffled.focus_dioptres == pytest.approx([2.0, 0.2])
    assert shuffled.frames[0].rgb is stack.frames[0].rgb
    assert stack.focus_dioptres == pytest.approx([0.2, 2.0])
    with pytest.raises(ValueError, match="one focus"):
        stack.with_focus(np.array([1.0], np.float32))
