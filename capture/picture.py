"""The depth map as a picture: colours in dioptres, a scale bar in metres."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

TICKS_M = (
    0.1, 0.12, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.8,
    1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 7.0, 10.0, 20.0, 50.0,
)  # fmt: skip
_DECLINED = (64, 64, 64)
_INK = (235, 235, 235)
_PAPER = (24, 24, 24)
_BAR_SHARE = 0.08
LEAST_WIDTH = 160


def dioptre_limits(depth_m: NDArray[np.float32]) -> tuple[float, float]:
    """(far, near) in dioptres that hold nearly all of a depth map; a span of 0.2 D at least."""
    known = depth_m[np.isfinite(depth_m)]
    if known.size == 0:
        return 0.0, 1.0
    far, near = (float(v) for v in np.percentile(1 / known, (1, 99)))
    if near - far < 0.2:
        middle = (near + far) / 2
        far, near = max(0.0, middle - 0.1), middle + 0.1
    return far, near


def colourise(depth_m: NDArray[np.float32], limits: tuple[float, float]) -> NDArray[np.uint8]:
    """Depth as colours (Turbo, red near, blue far), grey where it is NaN.

    Returns:
        uint8 (H, W, 3) BGR.
    """
    far, near = limits
    known = np.isfinite(depth_m)
    level = (1 / np.where(known, depth_m, 1.0) - far) / (near - far)
    byte = np.rint(np.clip(level, 0, 1) * 255).astype(np.uint8)
    colours = cv2.applyColorMap(byte, cv2.COLORMAP_TURBO)
    colours[~known] = _DECLINED
    return colours


def palette() -> NDArray[np.uint8]:
    """(256, 3) RGB of the colour map, far to near."""
    levels = np.arange(256, dtype=np.uint8)[:, None]
    return np.ascontiguousarray(cv2.applyColorMap(levels, cv2.COLORMAP_TURBO)[:, 0, ::-1])


def ticks(limits: tuple[float, float], room: float) -> list[tuple[float, float]]:
    """(metres, place on the bar) of round distances, far at 0, near at 1, not crowded.

    Args:
        room: least distance between two ticks as a share of the bar.
    """
    far, near = limits
    found: list[tuple[float, float]] = []
    for metres in TICKS_M:
        place = (1 / metres - far) / (near - far)
        if 0 <= place <= 1 and all(abs(place - p) >= room for _, p in found):
            found.append((metres, place))
    return found


def depth_picture(depth_m: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The depth map in colour with a scale bar below it.

    Args:
        depth_m: float32 (H, W), NaN where declined.

    Returns:
        uint8 (H + bar, W, 3) BGR, at least ``LEAST_WIDTH`` wide.
    """
    limits = dioptre_limits(depth_m)
    height, width = depth_m.shape
    if not np.isfinite(depth_m).any():  # a scale in metres would be made up
        return _with_bar(colourise(depth_m, limits), [("no depth", 0.5)])
    room = _room(height, max(width, LEAST_WIDTH))
    labels = [(f"{m:g} m", place) for m, place in ticks(limits, room)]
    return _with_bar(colourise(depth_m, limits), labels)


def relative_picture(relative: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Relative depth (0 far, 1 near, NaN declined) in colour, with a bar that names no metres."""
    shifted = np.clip(relative, -0.25, 1.25) + 1.25
    colours = colourise((1 / shifted).astype(np.float32), (1.0, 2.5))
    return _with_bar(colours, [("far", 0.02), ("near", 0.98)])


def _with_bar(picture: NDArray[np.uint8], labels: list[tuple[str, float]]) -> NDArray[np.uint8]:
    """Put the bar below a picture, which gets margins if it is narrower than a bar can be."""
    height, width = picture.shape[:2]
    margin = max(0, LEAST_WIDTH - width)
    if margin:
        sides = (margin // 2, margin - margin // 2)
        picture = cv2.copyMakeBorder(
            picture, 0, 0, *sides, borderType=cv2.BORDER_CONSTANT, value=_PAPER
        )
    return np.vstack([picture, _scale_bar(labels, picture.shape[1], height)])


def _bar_height(height: int, width: int) -> int:
    return max(34, round(max(height, width) * _BAR_SHARE))


def _room(height: int, width: int) -> float:
    """Least distance of two labels as a share of the bar."""
    return 1.05 * _bar_height(height, width) / max(1, width)


def _scale_bar(
    labels: list[tuple[str, float]], width: int, picture_height: int
) -> NDArray[np.uint8]:
    height = _bar_height(picture_height, width)
    bar = np.full((height, width, 3), _PAPER, np.uint8)
    margin = max(10, width // 30)
    top, bottom = round(height * 0.2), round(height * 0.5)
    left, right = margin, max(margin + 2, width - margin)
    ramp = np.linspace(255, 0, right - left).astype(np.uint8)[None].repeat(bottom - top, 0)
    bar[top:bottom, left:right] = cv2.applyColorMap(ramp, cv2.COLORMAP_TURBO)
    scale = height / 95
    for text, place in labels:
        x = round(right - 1 - place * (right - 1 - left))
        cv2.line(bar, (x, bottom), (x, bottom + max(2, height // 12)), _INK, 1, cv2.LINE_AA)
        (text_width, text_height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
        at = int(np.clip(x - text_width / 2, 2, max(2, width - text_width - 2)))
        base = min(height - 4, bottom + height // 10 + text_height + 3)
        cv2.putText(bar, text, (at, base), cv2.FONT_HERSHEY_SIMPLEX, scale, _INK, 1, cv2.LINE_AA)
    return bar
