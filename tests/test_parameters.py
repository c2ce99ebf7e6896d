"""Kinds of option that several commands share."""

from __future__ import annotations

import click
import pytest

from edgedepth.commands.parameters import MODEL_SIZE, Size
from edgedepth.spec import ModelSpec


@pytest.mark.parametrize("text", ["320x240", " 320X240 "])
def test_width_comes_first_in_the_text_and_last_in_the_value(text: str) -> None:
    assert MODEL_SIZE.convert(text, None, None) == (240, 320)


@pytest.mark.parametrize("text", ["320", "320x", "x240", "3.5x4", "-32x64", "320x240x3", "a", ""])
def test_what_is_no_size_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(click.BadParameter, match=r"e\.g\. 320x240"):
        MODEL_SIZE.convert(text, None, None)


@pytest.mark.parametrize(("text", "good"), [("64x80", True), ("63x80", False), ("64x81", False)])
def test_bounds_hold_for_both_sides(text: str, good: bool) -> None:
    size = Size(64, 80)
    if good:
        assert size.convert(text, None, None) == (80, 64)
        return
    with pytest.raises(click.BadParameter, match="sides of 64 to 80"):
        size.convert(text, None, None)


@pytest.mark.parametrize("side", [MODEL_SIZE.lowest, MODEL_SIZE.highest])
def test_bounds_of_a_model_are_those_of_its_spec(side: int) -> None:
    def spec(width: int) -> ModelSpec:
        return ModelSpec("mobile", 64, width, 4, focus_encoding="sweep", output="sweep")

    spec(side).check()
    beyond = side - 1 if side == MODEL_SIZE.lowest else side + 1
    with pytest.raises(ValueError, match="width must be"):
        spec(beyond).check()
