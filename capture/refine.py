"""Bring a small depth map to a picture's size along the picture's edges.

The guided filter's coefficients are found at the small size and applied at the large one.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edgedepth.guided import Plane, guided_coefficients

RADIUS = 3
EPSILON = 4e-4


def upsample(
    dioptres: Plane,
    confidence: Plane | None,
    picture: NDArray[np.uint8],
    size: tuple[int, int],
) -> tuple[Plane, Plane | None, NDArray[np.uint8]]:
    """Depth and confidence at (height, width) ``size``, and the picture at that size.

    Args:
        dioptres, confidence: (h, w).
        picture: uint8 (H, W, 3) reference.
    """
    h, w = dioptres.shape
    height, width = size
    shrinks = picture.shape[1] >= width
    guide_rgb = cv2.resize(
        picture, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    )
    large = cv2.cvtColor(guide_rgb, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    small = cv2.resize(large, (w, h), interpolation=cv2.INTER_AREA)
    weight = np.full_like(dioptres, 1.0) if confidence is None else confidence + np.float32(0.02)
    a, b = guided_coefficients(small, dioptres, weight, RADIUS, EPSILON)

    def grow(plane: Plane) -> Plane:
        return cv2.resize(plane, (width, height), interpolation=cv2.INTER_LINEAR)

    low, high = float(dioptres.min()), float(dioptres.max())
    refined = np.clip(grow(a) * large + grow(b), low, high).astype(np.float32)
    if confidence is not None:  # a probability per pixel is noisy where its threshold cuts
        confidence = grow(cv2.blur(confidence, (3, 3)))
    return refined, confidence, guide_rgb
