"""Bring a small depth map to a picture's size along the picture's edges.

Depth settles at the small size (:mod:`.median`) and grows by joint bilateral upsampling (Kopf et
al. 2007): each pixel is a mean of the four around it, which count as much as they are near and as
bright, so that it takes on a depth from one side of an edge and never a texture of the picture.
"""

from __future__ import annotations

import itertools

import cv2
import numpy as np
from numpy.typing import NDArray

from edgedepth.capture.median import weighted_median
from edgedepth.guided import Plane

LEAST_WEIGHT = 0.02
"""Of a pixel without any confidence."""

EDGE_PX = 5
"""Side of the window within which depth must be of one size for a pixel to be as sure as it was."""

LEAST_DIOPTRES = 0.02
"""What is farther counts as this far."""

BRIGHTNESS_SIGMA = 0.06
"""Difference in brightness, of full scale, at which one of the four counts 0.6."""

UNLIKE_WEIGHT = 1e-3
"""Of one whose brightness is another altogether."""

STRIP_ROWS = 256
"""Rows that grow at a time, for the sake of memory."""


def settle(
    dioptres: Plane,
    confidence: Plane | None,
    sharp: NDArray[np.uint8],
    spread: Plane | None = None,
) -> Plane:
    """Depth (h, w) that has settled along a picture.

    Args:
        dioptres, confidence: (h, w).
        sharp: uint8 (H, W, 3) all-in-focus composite.
        spread: (h, w) standard deviation of the dioptres, where that is known.
    """
    h, w = dioptres.shape
    colour = cv2.resize(sharp, (w, h), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    weight = np.ones_like(dioptres) if confidence is None else confidence + np.float32(LEAST_WEIGHT)
    return weighted_median(dioptres, weight, colour, spread)


def sure_of(confidence: Plane, answer: Plane, settled: Plane) -> Plane:
    """Confidence (h, w) in depth that has settled.

    A model is sure of its own answer. What has become of that is less sure the farther it has
    moved, and at a depth edge, which may lie a pixel farther: by the smaller over the larger of
    both depths, and of those within ``EDGE_PX``.

    Args:
        confidence, answer: (h, w) a model's, in dioptres.
        settled: (h, w) dioptres.
    """
    before, after = (np.maximum(x, np.float32(LEAST_DIOPTRES)) for x in (answer, settled))
    window = np.ones((EDGE_PX, EDGE_PX), np.uint8)
    even = cv2.erode(after, window) / cv2.dilate(after, window)
    agreed = np.minimum(before, after) / np.maximum(before, after)
    sure: Plane = confidence * even * agreed
    return sure


def upsample(
    dioptres: Plane,
    confidence: Plane | None,
    picture: NDArray[np.uint8],
    size: tuple[int, int],
) -> tuple[Plane, Plane | None, NDArray[np.uint8]]:
    """Settled depth and confidence at (height, width) ``size``, and the picture at that size.

    Args:
        dioptres, confidence: (h, w).
        picture: uint8 (H, W, 3) reference.
    """
    height, width = size
    shrinks = picture.shape[1] >= width
    guide_rgb = cv2.resize(
        picture, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    )
    refined = grow(dioptres, cv2.cvtColor(guide_rgb, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255)
    if confidence is not None:  # a probability per pixel is noisy where its threshold cuts
        confidence = cv2.resize(
            cv2.blur(confidence, (3, 3)), (width, height), interpolation=cv2.INTER_LINEAR
        )
    return refined, confidence, guide_rgb


def grow(plane: Plane, large: Plane) -> Plane:
    """The plane (h, w) at the size of ``large`` (H, W), a brightness in [0, 1]."""
    (h, w), (height, width) = plane.shape, large.shape
    small = cv2.resize(large, (w, h), interpolation=cv2.INTER_AREA)
    columns, across = _between(w, width)
    grown = np.empty_like(large)
    for top in range(0, height, STRIP_ROWS):
        strip = slice(top, min(top + STRIP_ROWS, height))
        rows, down = (x[strip] for x in _between(h, height))
        total, weights = np.zeros((2, *large[strip].shape), np.float32)
        for below, right in itertools.product((0, 1), repeat=2):
            y, x = np.clip(rows + below, 0, h - 1), np.clip(columns + right, 0, w - 1)
            near = np.outer(down if below else 1 - down, across if right else 1 - across)
            unlike = np.square(large[strip] - small[y][:, x])
            like = cv2.exp(unlike * np.float32(-0.5 / BRIGHTNESS_SIGMA**2))
            weight = near * (like + np.float32(UNLIKE_WEIGHT))
            total += weight * plane[y][:, x]
            weights += weight
        grown[strip] = total / weights
    return grown


def _between(small: int, large: int) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """(large,) before which of ``small`` pixels each lies and by how much of a pixel it is past."""
    place = (np.arange(large) + 0.5) * (small / large) - 0.5
    before = np.floor(place).astype(np.intp)
    return before, (place - before).astype(np.float32)
