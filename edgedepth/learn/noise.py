"""How noisy a picture is, from the picture alone."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

BLOCK = 16
FLAT_SHARE = 0.1
"""The flattest blocks of a picture show its noise rather than its texture."""

GRAY = (0.299, 0.587, 0.114)
LEAST, MOST = 0.001, 0.3
DARK, BRIGHT = 0.06, 0.94


def noise_level(rgb: NDArray[np.uint8]) -> float:
    """Spread of the noise of each channel, of full scale, within ``LEAST`` and ``MOST``.

    Immerkaer's operator (1996), which straight edges do not answer, over the flattest blocks
    that are neither black nor burnt out.

    Args:
        rgb: (H, W, 3), gamma-encoded, not resampled.
    """
    gray = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    kernel = np.array([[1, -2, 1]], np.float32)
    left = np.abs(cv2.filter2D(gray, -1, kernel.T @ kernel))
    size = max(1, gray.shape[1] // BLOCK), max(1, gray.shape[0] // BLOCK)
    spread, level = (cv2.resize(p, size, interpolation=cv2.INTER_AREA) for p in (left, gray))
    spread = spread[(level > DARK) & (level < BRIGHT)]
    if not spread.size:
        return LEAST
    of_gray = float(np.sqrt(np.pi / 2) / 6 * np.quantile(spread, FLAT_SHARE))
    return float(np.clip(of_gray / np.linalg.norm(GRAY), LEAST, MOST))
