"""Light and the bytes that pictures hold of it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

DISPLAY_GAMMA = 2.2
"""Pictures hold light raised to one over this."""


def linear_gray(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(H, W) brightness in linear light, [0, 1], of a gamma-encoded picture (H, W, 3)."""
    table = np.power(np.arange(256, dtype=np.float32) / 255, np.float32(DISPLAY_GAMMA))
    gray: NDArray[np.float32] = cv2.cvtColor(cv2.LUT(rgb, table), cv2.COLOR_RGB2GRAY)
    return gray
