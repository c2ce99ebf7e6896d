"""Blurring by a circle of confusion: disks, Gaussians and hexagons of a stated diameter."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Aperture = Literal["disk", "gaussian", "polygon"]
APERTURES: tuple[Aperture, ...] = ("disk", "gaussian", "polygon")

SHARP_PX = 0.2
"""A circle of confusion smaller than this is not worth blurring."""

HALF_SIZE_PX = 6.0
"""A wider one is blurred at half the size."""

RESIZING_VARIANCE = 0.8
"""Pixels squared that halving by areas and doubling linearly add to a blur, measured."""

_BLADES = 6


def blur(picture: Floats, diameter_px: float, aperture: Aperture = "disk") -> Floats:
    """Blur (H, W, C) by a circle of confusion; borders are replicated, sums are kept."""
    if diameter_px < SHARP_PX:
        return picture
    if diameter_px > HALF_SIZE_PX and min(picture.shape[:2]) > 64:
        return _at_half_size(picture, diameter_px, aperture)
    if aperture == "gaussian":
        return gaussian(picture, diameter_px / 4)
    steps = 16 if diameter_px < 3 else 8
    kernel = aperture_kernel(round(diameter_px * steps) / steps, aperture)
    blurred = cv2.filter2D(picture, -1, kernel, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(blurred, np.float32)


def left_at(diameter_px: float, halvings: int) -> float:
    """Diameter, in pixels of a picture halved so often, that is left to blur there.

    Halving by areas and doubling linearly blur too, and variances add up.
    """
    for _ in range(halvings):
        diameter_px = math.sqrt(max(diameter_px**2 - 16 * RESIZING_VARIANCE, 0.0)) / 2
    return diameter_px


def gaussian(picture: Floats, sigma: float) -> Floats:
    """A Gaussian blur; the sampled kernel has the variance of the wanted one."""
    if sigma < 0.6:  # sampled, so narrow a Gaussian would be narrower still
        spread = sigma * sigma / 2
        taps = np.array([spread, 1 - 2 * spread, spread], np.float32)
        blurred = cv2.sepFilter2D(picture, -1, taps, taps, borderType=cv2.BORDER_REPLICATE)
        return np.asarray(blurred, np.float32)
    side = 2 * math.ceil(3 * sigma) + 1
    blurred = cv2.GaussianBlur(picture, (side, side), sigma, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(blurred, np.float32)


def _at_half_size(picture: Floats, diameter_px: float, aperture: Aperture) -> Floats:
    height, width = picture.shape[:2]
    half = ((width + 1) // 2, (height + 1) // 2)
    small = np.asarray(cv2.resize(picture, half, interpolation=cv2.INTER_AREA), np.float32)
    small = blur(small, left_at(diameter_px, 1), aperture)
    grown = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(grown, np.float32)


@lru_cache(maxsize=512)
def aperture_kernel(diameter_px: float, aperture: Aperture) -> Floats:
    """Kernel of a disk, or of a hexagon, that sums to 1 and is as wide as the optics says.

    A pixel has a width of its own, so the pixels that a disk covers are spread wider than the
    disk. The kernel covers a smaller one, whose variance along each side is the disk's,
    ``diameter^2 / 16``; otherwise a blur of a pixel or two would be a third too strong.
    """
    wanted = diameter_px**2 / 16
    low, high = 0.0, diameter_px + 2.0
    for _ in range(20):
        middle = (low + high) / 2
        if _variance(_coverage(middle, aperture)) < wanted:
            low = middle
        else:
            high = middle
    return _coverage(high, aperture)


def _variance(kernel: Floats) -> float:
    offset = np.arange(kernel.shape[0]) - kernel.shape[0] // 2
    both = kernel.sum(0, dtype=np.float64) + kernel.sum(1, dtype=np.float64)
    return float((both * offset * offset).sum()) / 2


def _coverage(diameter_px: float, aperture: Aperture) -> Floats:
    """Share of each pixel that a centred disk or hexagon of the disk's area covers."""
    radius = diameter_px / 2
    if aperture == "polygon":
        wedge = math.pi / _BLADES
        radius *= math.sqrt(math.pi / (_BLADES * math.sin(wedge) * math.cos(wedge)))
    reach = max(math.ceil(radius - 0.5), 0)
    fine = 32 if reach < 3 else 8
    axis = (np.arange((2 * reach + 1) * fine) + 0.5) / fine - reach - 0.5
    x, y = axis[None, :], axis[:, None]
    if aperture == "polygon":
        turns = 2 * math.pi * (np.arange(_BLADES) + 0.5) / _BLADES
        apothem = radius * math.cos(math.pi / _BLADES)
        inside = np.all([x * math.cos(a) + y * math.sin(a) <= apothem for a in turns], axis=0)
    else:
        inside = x * x + y * y <= radius * radius
    side = 2 * reach + 1
    kernel = inside.reshape(side, fine, side, fine).mean((1, 3))
    if kernel.sum() == 0:
        kernel[reach, reach] = 1
    return (kernel / kernel.sum()).astype(np.float32)
