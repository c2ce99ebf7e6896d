"""Small local shifts between two frames that are already aligned, and their removal.

Lucas and Kanade (1981) over windows of the small grid. Alignment moves a frame as a whole; what
is left, parallax of the hand or a rolling shutter, is a pixel or less and differs from place to
place.
"""

from __future__ import annotations

import cv2
import numpy as np

from edgedepth.guided import Plane, box_mean

ITERATIONS = 2
RADIUS = 10
"""Of the window in which everything moves alike, in pixels of the small grid."""

LEAST_DETAIL = 1e-5
"""Mean squared slope, of linear light, below which a window says little about its shift."""

LEAST_SHIFT_PX = 0.15
"""Below it a frame stays as it is: interpolation blurs."""

_SLOPE = np.array([-0.5, 0, 0.5], np.float32)
_SAME = np.ones(1, np.float32)


def laid_over(still: Plane, moved: Plane, size: tuple[int, int]) -> tuple[Plane, Plane]:
    """A frame laid over another one, place by place.

    Args:
        still, moved: (H, W) linear brightness.
        size: (h, w) of the grid on which shifts are measured.

    Returns:
        ``moved`` (H, W) where ``still`` has its things; (h, w) how far the two are still apart,
        in pixels of (H, W).
    """
    height, width = still.shape
    rows, columns = np.indices((height, width), np.float32)
    laid = moved
    across, down = np.zeros(size, np.float32), np.zeros(size, np.float32)
    for _ in range(ITERATIONS):
        right, below = _shift(still, laid, size)
        across, down = across + right, down + below
        far = np.hypot(across, down) > LEAST_SHIFT_PX
        x, y = (_grown(np.where(far, s, np.float32(0)), width, height) for s in (across, down))
        laid = cv2.remap(
            moved, columns + x, rows + y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101
        )
    right, below = _shift(still, laid, size)
    return laid, np.hypot(right, below)


def _shift(still: Plane, moved: Plane, size: tuple[int, int]) -> tuple[Plane, Plane]:
    """(h, w) right and down: where the things of ``still`` are in ``moved``, in its pixels."""
    gx = cv2.sepFilter2D(moved, -1, _SLOPE, _SAME)
    gy = cv2.sepFilter2D(moved, -1, _SAME, _SLOPE)
    unlike = still - moved
    xx, xy, yy, xd, yd = (
        box_mean(cv2.resize(product, size[::-1], interpolation=cv2.INTER_AREA), RADIUS)
        for product in (gx * gx, gx * gy, gy * gy, gx * unlike, gy * unlike)
    )
    xx, yy = xx + np.float32(LEAST_DETAIL), yy + np.float32(LEAST_DETAIL)
    determinant = xx * yy - xy * xy
    right = (yy * xd - xy * yd) / determinant
    down = (xx * yd - xy * xd) / determinant
    return right.astype(np.float32), down.astype(np.float32)


def _grown(plane: Plane, width: int, height: int) -> Plane:
    return cv2.resize(plane, (width, height), interpolation=cv2.INTER_LINEAR)
