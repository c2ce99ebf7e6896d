"""What the pictures share: canvas, text, colours (BGR), ticks, writing."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edgedepth.errors import UserError
from edgedepth.files import write_bytes

Picture = NDArray[np.uint8]
Colour = tuple[int, int, int]

WIDTH, TOP, RIGHT = 1400, 74, 40
TICKS = 8

INK, GRID = (40, 40, 40), (225, 225, 225)
DOTS, BOX, MEDIAN, SLOW = (205, 170, 120), (150, 105, 45), (30, 30, 200), (90, 90, 90)
FONT = cv2.FONT_HERSHEY_SIMPLEX


def nice_step(span: float) -> float:
    """A round distance between ticks, so that about ``TICKS`` cover ``span``."""
    rough = max(span, 1e-12) / TICKS
    power = 10.0 ** np.floor(np.log10(rough))
    return float(next(power * f for f in (1, 2, 5, 10) if power * f >= rough * 0.999))


def put_text(picture: Picture, text: str, at: tuple[int, int], size: float = 0.5) -> None:
    """Write a line; what the font, which is ASCII only, lacks becomes a question mark."""
    text = text.encode("ascii", "replace").decode()
    cv2.putText(picture, text, at, FONT, size, INK, 1, cv2.LINE_AA)


def canvas(height: int, title: str, subtitle: str) -> Picture:
    """A white picture with a heading."""
    picture = np.full((height, WIDTH, 3), 255, np.uint8)
    put_text(picture, title, (24, 32), 0.7)
    put_text(picture, subtitle, (24, 56), 0.45)
    return picture


def write_png(path: Path, picture: Picture) -> None:
    """Write a picture as PNG, whole or not at all.

    Raises:
        UserError: it cannot be written.
    """
    done, data = cv2.imencode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, 9])
    if not done:
        raise UserError(f"{path} cannot be written (it cannot be encoded)", "choose another place")
    write_bytes(path, data.tobytes(), "choose another place")
