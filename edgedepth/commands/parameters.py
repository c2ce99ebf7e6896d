"""Options that several commands share."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click


class Size(click.ParamType):
    """``WxH`` as (height, width).

    Args:
        lowest, highest: allowed lengths of a side, in pixels.
        example: for the message when it is not a size.
    """

    name = "WxH"

    def __init__(self, lowest: int, highest: int, example: str = "320x240") -> None:
        self.lowest, self.highest, self.example = lowest, highest, example

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        if isinstance(value, tuple):  # a default
            return value
        match = re.fullmatch(r"(\d{1,5})x(\d{1,5})", str(value).strip().lower())
        sides = [int(side) for side in match.groups()] if match else []
        if not sides or not all(self.lowest <= side <= self.highest for side in sides):
            self.fail(
                f"{value!r} is not a size: give width x height, e.g. {self.example}, "
                f"sides of {self.lowest} to {self.highest}",
                param,
                ctx,
            )
        width, height = sides
        return height, width


MODEL_SIZE = Size(16, 4096)
"""Of a model's input; the bounds are those of ``ModelSpec``."""

model_option = click.option(
    "--model", type=click.Path(path_type=Path), help="A .tflite; default: the shipped one."
)

runtime_option = click.option(
    "--runtime",
    type=click.Choice(["auto", "litert", "tflite-runtime", "tensorflow"]),
    default="auto",
    show_default=True,
)

camera_option = click.option(
    "--camera",
    "profile",
    type=click.Path(path_type=Path),
    help="The camera's profile, from `edgedepth calibrate`.",
)
