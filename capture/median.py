"""A weighted median along a picture's edges: depth that settles on what its surroundings say.

Like the weighted median filter of Ma et al. 2013, but of nine pixels at a time, the pixel and its
eight neighbours at a distance that halves from pass to pass (as the a-trous wavelets of Dammertz et
al. 2010 do it), so that it reaches far at little cost. A neighbour counts as much as it is sure and
as its colour is like the pixel's. What is unsure takes on the depth of what it belongs to; at a
depth edge a median chooses a side where a mean would make up a depth between them.

Surfaces slant, and a median of what lies around would make steps of them. Where depth is nearly a
plane, neighbours therefore say what that plane makes of their depth here.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edgedepth.guided import Plane

Doubles = NDArray[np.float64]

REACH = 20
"""The first distance is this part of the longer side."""

COLOUR_SIGMA = 0.1
"""Difference in colour, of full scale, at which a neighbour counts 0.6."""

OWN_WEIGHT = 1.75
"""Of the pixel itself; a neighbour alike counts 1. With it no tie can occur among equal weights."""

LEAST_FIT_PX = 3
"""Radius of the window in which a plane is fitted, or one and a half times the distance."""

LEAST_EXPLAINED = 0.8
"""Share of depth's variance that a plane must explain to count at all; explaining all, it counts
fully. A step, of which a plane explains three quarters, does not."""

NEAR_SPREADS = 4.0
LEAST_NEAR = 0.5
"""A neighbour whose depth is that many standard deviations away counts 0.8 of what its colour says,
where these are known; at any distance it counts half."""

TINY = 1e-9


def weighted_median(
    plane: Plane, weight: Plane, guide: NDArray[np.float32], spread: Plane | None = None
) -> Plane:
    """The plane, each pixel replaced by the weighted median of what is around it, in passes.

    Args:
        plane: (h, w).
        weight: (h, w), positive: how much a pixel is to count.
        guide: (h, w, 3) colour in [0, 1], with the edges that are to be kept.
        spread: (h, w), positive: the plane's standard deviation, infinite where it is not known.
    """
    for distance in distances(*plane.shape):
        plane = _one_pass(plane, weight, guide, spread, distance)
    return plane


def distances(height: int, width: int) -> list[int]:
    """Distances of the passes in pixels, farthest first."""
    distance = max(1, max(height, width) // REACH)
    found = []
    while distance:
        found.append(distance)
        distance //= 2
    return found


@dataclass(frozen=True)
class Slope:
    """By how much the plane changes from a pixel to the next, (h, w) each; 0 where it is none."""

    down: Plane
    right: Plane


def slope(plane: Plane, weight: Plane, radius: int) -> Slope:
    """Of the plane fitted by weight in a window of side ``2 radius + 1``, cut at the borders."""
    depth, mass = plane.astype(np.float64), weight.astype(np.float64)
    row, column = (x.astype(np.float64) for x in np.indices(plane.shape))
    total = _window(mass, radius)

    def mean(values: Doubles) -> Doubles:
        found: Doubles = _window(mass * values, radius) / total
        return found

    middle, y, x = mean(depth), mean(row), mean(column)
    yy, xx, yx = mean(row * row) - y * y, mean(column * column) - x * x, mean(row * column) - y * x
    yd, xd = mean(row * depth) - y * middle, mean(column * depth) - x * middle
    scale = yy * xx - yx * yx + TINY
    down, right = (yd * xx - xd * yx) / scale, (xd * yy - yd * yx) / scale
    variance = mean(depth * depth) - middle * middle
    explained = (down * yd + right * xd) / (variance + TINY)
    share = np.clip((explained - LEAST_EXPLAINED) / (1 - LEAST_EXPLAINED), 0, 1)
    return Slope((down * share).astype(np.float32), (right * share).astype(np.float32))


def _window(values: Doubles, radius: int) -> Doubles:
    side = 2 * radius + 1
    total: Doubles = cv2.boxFilter(values, -1, (side, side), borderType=cv2.BORDER_CONSTANT)
    return total


def _one_pass(
    plane: Plane, weight: Plane, guide: NDArray[np.float32], spread: Plane | None, distance: int
) -> Plane:
    height, width = plane.shape
    tilt = slope(plane, weight, max(LEAST_FIT_PX, 3 * distance // 2))
    around_plane, around_weight, around_guide = (
        cv2.copyMakeBorder(x, distance, distance, distance, distance, cv2.BORDER_REPLICATE)
        for x in (plane, weight, guide)
    )
    rows, columns = np.arange(height), np.arange(width)
    values, weights = [plane], [np.float32(OWN_WEIGHT) * weight]
    for down, right in itertools.product((-distance, 0, distance), repeat=2):
        if down == right == 0:
            continue
        there = (
            slice(distance + down, distance + down + height),
            slice(distance + right, distance + right + width),
        )
        lower = np.clip(rows + down, 0, height - 1) - rows
        righter = np.clip(columns + right, 0, width - 1) - columns
        rise = tilt.down * lower[:, None].astype(np.float32)
        rise += tilt.right * righter.astype(np.float32)
        apart = around_guide[there] - guide
        unlike = np.einsum("hwc,hwc->hw", apart, apart)
        said = around_plane[there] - rise
        like = cv2.exp(unlike * np.float32(-0.5 / COLOUR_SIGMA**2))
        if spread is not None:
            like *= _near((said - plane) / spread)
        values.append(said)
        weights.append(around_weight[there] * like)
    return _median(np.stack(values), np.stack(weights))


def _near(spreads: Plane) -> Plane:
    """(h, w) what neighbours count whose depth is so many standard deviations away."""
    near = cv2.exp(np.square(spreads) * np.float32(-0.5 / NEAR_SPREADS**2))
    return np.float32(LEAST_NEAR) + np.float32(1 - LEAST_NEAR) * near


def _median(values: NDArray[np.float32], weights: NDArray[np.float32]) -> Plane:
    """The least value at which the weights of it and all lower ones reach half, over axis 0."""
    half = weights.sum(axis=0) / 2
    median = np.full(half.shape, np.inf, np.float32)
    for value in values:
        below = np.einsum("nhw,nhw->hw", weights, (values <= value).astype(np.float32))
        np.copyto(median, value, where=(below >= half) & (value < median))
    return median
