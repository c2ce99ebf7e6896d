"""The weighted guided filter: smoothing that follows a picture's edges.

Guided filter (He, Sun & Tang 2010): locally, the target is taken to be linear in the guide's
brightness.
"""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

Plane: TypeAlias = NDArray[np.float32]


def guided_coefficients(
    guide: Plane, target: Plane, weight: Plane, radius: int, epsilon: float
) -> tuple[Plane, Plane]:
    """a, b of ``target ~ a guide + b`` around each pixel.

    Args:
        guide: (h, w) in [0, 1].
        target: (h, w).
        weight: (h, w), positive: how much a pixel of the target is to count.
        radius: of the square window, in pixels.
        epsilon: variance of the guide below which the target is averaged.
    """
    total = box_mean(weight, radius)
    mean_i, mean_p = (
        box_mean(weight * guide, radius) / total,
        box_mean(weight * target, radius) / total,
    )
    covariance = box_mean(weight * guide * target, radius) / total - mean_i * mean_p
    variance = np.maximum(box_mean(weight * guide * guide, radius) / total - mean_i * mean_i, 0)
    a = covariance / (variance + epsilon)
    b = mean_p - a * mean_i
    return box_mean(a * weight, radius) / total, box_mean(b * weight, radius) / total


class GuidedFilter:
    """Smooths planes along the edges of one guide, every pixel counting alike.

    Linear in what it smooths. The guide's own statistics are taken once.

    Args:
        guide: float32 (h, w) in [0, 1].
        radius: of the square window, in pixels.
        epsilon: variance of the guide below which planes are averaged.
    """

    def __init__(self, guide: Plane, radius: int, epsilon: float) -> None:
        self.guide, self.radius = guide, radius
        self._mean = box_mean(guide, radius)
        variance = np.maximum(box_mean(guide * guide, radius) - self._mean * self._mean, 0)
        self._precision = 1 / (variance + np.float32(epsilon))

    def __call__(self, plane: Plane) -> Plane:
        """The plane (h, w), smoothed."""
        mean = box_mean(plane, self.radius)
        a = (box_mean(self.guide * plane, self.radius) - self._mean * mean) * self._precision
        b = mean - a * self._mean
        smooth: Plane = box_mean(a, self.radius) * self.guide + box_mean(b, self.radius)
        return smooth


def box_mean(plane: Plane, radius: int) -> Plane:
    """Mean over a square window of side ``2 radius + 1``, borders mirrored."""
    mean: Plane = cv2.boxFilter(plane, -1, (2 * radius + 1, 2 * radius + 1))
    return mean
