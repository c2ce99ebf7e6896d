"""From a sharp picture with depth to the pictures a lens takes of it.

:func:`render_stack` cuts the scene into layers of dioptres, extends every layer behind the
nearer ones, blurs each by its circle of confusion and composites far to near. Within a layer
each pixel takes the blur of its own depth, interpolated between the layer's two edges, so
that a slanted surface goes out of focus smoothly. A layer that is far out of focus is blurred
and composited at a half or a quarter of the size, where nothing of it is lost.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from edgedepth.data.blur import SHARP_PX, Aperture, Floats, blur, left_at
from edgedepth.data.missing import fill_missing

MAX_LAYERS = 10
"""Many more are worse: each cut through a slanted surface leaves a seam."""

COARSE_PX = (6.0, 14.0)
"""From these circles of confusion on a layer is composited at half and at a quarter size."""

GRID = 4
"""Sides are padded to a multiple of this, so that halved layers lie on each other."""

Window = tuple[slice, slice]

_AREA = cv2.INTER_AREA
_CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))


def render_stack(
    rgb: Floats,
    depth_dioptres: Floats,
    focus_dioptres: NDArray[np.floating],
    coc_px_per_dioptre: float,
    *,
    aperture: Aperture = "disk",
    layers: int | None = None,
    valid: NDArray[np.bool_] | None = None,
) -> Floats:
    """Render a focal stack with occlusion.

    Args:
        rgb: (H, W, 3) sharp picture; light adds up as these numbers do, so give linear light
            for linear optics.
        depth_dioptres: (H, W) inverse depth.
        focus_dioptres: (N,) planes in focus.
        coc_px_per_dioptre: K; blur diameters are ``K |D - F|``.
        aperture: shape of the blur: a disk, a Gaussian of the disk's variance, a hexagon.
        layers: most layers to cut the scene into.
        valid: (H, W) where depth is known; elsewhere it is taken from the nearest such pixel.

    Returns:
        float32 (N, H, W, 3) in the encoding of ``rgb``.
    """
    depth = np.ascontiguousarray(depth_dioptres, np.float32)
    if valid is not None:
        depth = fill_missing(depth, valid)
    height, width = depth.shape
    margin = (0, -height % GRID, 0, -width % GRID)
    picture = np.ascontiguousarray(rgb, np.float32)
    if any(margin):
        picture = cv2.copyMakeBorder(picture, *margin, cv2.BORDER_REPLICATE)
        depth = cv2.copyMakeBorder(depth, *margin, cv2.BORDER_REPLICATE)
    sheets = _sheets(picture, depth, coc_px_per_dioptre, layers or MAX_LAYERS)
    out = np.empty((len(focus_dioptres), height, width, 3), np.float32)
    for i, focus in enumerate(focus_dioptres):
        planes = _composite(sheets, float(focus), coc_px_per_dioptre, aperture)
        if any(margin):
            out[i] = planes[:3, :height, :width].transpose(1, 2, 0)
        else:
            cv2.merge(list(planes[:3]), dst=out[i])
    return out


@dataclass(frozen=True)
class _Sheet:
    """A layer of the scene: all from ``low`` to ``high`` dioptres, extended behind whatever is
    nearer.

    Attributes:
        window: its part (h, w) of the picture.
        picture_size: (H, W) of the whole.
        covers_all: it is the farthest, which lies behind everything.
        sizes: float32 (5, h, w) at whole, half and quarter size: colours premultiplied by
            coverage, coverage, and where between ``low`` and ``high`` a pixel lies.
    """

    low: float
    high: float
    window: Window
    picture_size: tuple[int, int]
    covers_all: bool
    sizes: tuple[Floats, ...]


def _sheets(rgb: Floats, depth: Floats, k: float, most: int) -> list[_Sheet]:
    """Cut a picture into sheets, far to near; the first covers it wholly."""
    low, high = float(depth.min()), float(depth.max())
    count = max(1, min(most, 255, math.ceil((high - low) * k)))
    step = max((high - low) / count, 1e-6)
    place = (depth - np.float32(low)) * np.float32(1 / step)
    layer = np.minimum(place, count - 1).astype(np.uint8)
    held = np.bincount(layer.ravel(), minlength=count)
    planes = np.stack([*cv2.split(rgb), place])
    small = _halved(planes)
    sheets: list[_Sheet] = []
    for b in range(count):
        if not held[b]:
            continue
        covers = _with_outline(layer >= b, layer < b - 1) if sheets else np.ones(layer.shape, bool)
        window = _bounds(covers) if sheets else (slice(0, depth.shape[0]), slice(0, depth.shape[1]))
        part = np.empty((5, *covers[window].shape), np.float32)
        part[:3], part[4] = _cut(planes[:3], window), planes[3][window]
        if b < count - 1:
            _extend(part, layer[window] > b, _cut(small, _shrunk(window, 1)))
        part[4] -= b
        np.clip(part[4], 0, 1, out=part[4])
        part[3] = covers[window]
        if sheets:
            part[:3] *= part[3]
        sizes = (part, half := _halved(part), _halved(half))
        ends = low + b * step, low + (b + 1) * step
        sheets.append(_Sheet(*ends, window, (depth.shape[0], depth.shape[1]), not sheets, sizes))
    return sheets


def _with_outline(covers: NDArray[np.bool_], beyond: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Add the pixels next to a mask that lie far behind it: its edge runs through them, and
    their colours are mixed."""
    grown = cv2.dilate(covers.view(np.uint8), _CROSS) > 0
    return covers | (grown & beyond)


def _bounds(mask: NDArray[np.bool_]) -> Window:
    """The smallest window on the grid that holds a mask."""
    spans = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    rows, columns = (
        slice(span[0] // GRID * GRID, -(-(span[-1] + 1) // GRID) * GRID) for span in spans
    )
    return rows, columns


def _cut(planes: Floats, window: Window) -> Floats:
    return planes[(slice(None), *window)]


def _shrunk(window: Window, halvings: int) -> Window:
    rows, columns = (slice(r.start >> halvings, r.stop >> halvings) for r in window)
    return rows, columns


def _extend(part: Floats, hidden: NDArray[np.bool_], small: Floats) -> None:
    """Fill what nearer layers hide, in place, from ever coarser means of what is seen.

    Args:
        part: (5, h, w) of a sheet.
        hidden: (h, w).
        small: (4, h / 2, w / 2) colours and depth; the fill is smooth, so this is enough.
    """
    size = (hidden.shape[1], hidden.shape[0])
    seen = cv2.resize(
        (~hidden).astype(np.float32), (size[0] // 2, size[1] // 2), interpolation=_AREA
    )
    filled = _push_pull(small, (seen > 0.99).astype(np.float32))
    mask = hidden.view(np.uint8)
    for plane, fill in zip((0, 1, 2, 4), filled, strict=True):
        cv2.copyTo(cv2.resize(fill, size, interpolation=cv2.INTER_LINEAR), mask, part[plane])


def _push_pull(planes: Floats, known: Floats) -> Floats:
    """Fill (C, H, W) where ``known`` is 0 (Gortler et al. 1996)."""
    pyramid = [(planes * known, known)]
    while min(pyramid[-1][1].shape) > 2:
        colour, weight = pyramid[-1]
        size = ((weight.shape[1] + 1) // 2, (weight.shape[0] + 1) // 2)
        colour = _resized(colour, size, _AREA)
        weight = cv2.resize(weight, size, interpolation=_AREA)
        full = np.minimum(weight * 4, 1)
        colour *= full / np.maximum(weight, 1e-4)
        pyramid.append((colour, full))
    colour, weight = pyramid[-1]
    mean = colour.sum((1, 2)) / max(float(weight.sum()), 1e-6)
    filled = colour + mean[:, None, None] * (1 - weight)
    for colour, weight in pyramid[-2::-1]:
        filled = _resized(filled, (weight.shape[1], weight.shape[0]), cv2.INTER_LINEAR)
        filled *= 1 - weight
        filled += colour
    return filled


def _resized(planes: Floats, size: tuple[int, int], method: int) -> Floats:
    """(C, H, W) planes at another (width, height)."""
    out = np.empty((len(planes), size[1], size[0]), np.float32)
    for plane, target in zip(planes, out, strict=True):
        cv2.resize(plane, size, dst=target, interpolation=method)
    return out


def _halved(planes: Floats) -> Floats:
    return _resized(planes, (planes.shape[2] // 2, planes.shape[1] // 2), _AREA)


def _doubled(planes: Floats) -> Floats:
    return _resized(planes, (planes.shape[2] * 2, planes.shape[1] * 2), cv2.INTER_LINEAR)


def _composite(sheets: list[_Sheet], focus: float, k: float, aperture: Aperture) -> Floats:
    """(4, H, W) of one focus: each sheet blurred, laid over those behind it.

    From far to near blur falls and then grows, so sheets of one size follow each other. What
    lies behind finer sheets is brought up to their size; coarser ones in front of them are
    composited among themselves first.
    """
    height, width = sheets[0].sizes[0].shape[1:]
    behind: list[tuple[int, Floats]] = []
    for sheet in sheets:
        halvings = _halvings(sheet, focus, k)
        blurred, window = _blur_sheet(sheet, focus, k, halvings, aperture)
        if sheet.covers_all:
            behind.append((halvings, blurred))
            continue
        if len(behind) == 1:
            while behind[0][0] > halvings:
                behind[0] = (behind[0][0] - 1, _doubled(behind[0][1]))
        if behind[-1][0] != halvings:
            size = (4, height >> halvings, width >> halvings)
            behind.append((halvings, np.zeros(size, np.float32)))
        _over(_cut(behind[-1][1], window), blurred, opaque=len(behind) == 1)
    while len(behind) > 1:
        halvings, front = behind.pop()
        while halvings > behind[-1][0]:
            halvings, front = halvings - 1, _doubled(front)
        _over(behind[-1][1], front, opaque=len(behind) == 1)
    halvings, picture = behind[0]
    for _ in range(halvings):
        picture = _doubled(picture)
    return picture


def _over(below: Floats, above: Floats, opaque: bool) -> None:
    """Lay premultiplied (4, h, w) planes over others, in place (Porter and Duff 1984).

    The coverage of ``opaque`` planes is 1 and stays so.
    """
    through = 1 - above[3]
    for under, over in list(zip(below, above, strict=True))[: 3 if opaque else 4]:
        under *= through
        under += over


def _halvings(sheet: _Sheet, focus: float, k: float) -> int:
    """How often a sheet may be halved without losing what its blur leaves."""
    low, high = k * (sheet.low - focus), k * (sheet.high - focus)
    least = 0.0 if low * high <= 0 else min(abs(low), abs(high))
    return sum(least >= bound for bound in COARSE_PX)


def _blur_sheet(
    sheet: _Sheet, focus: float, k: float, halvings: int, aperture: Aperture
) -> tuple[Floats, Window]:
    """A sheet's (4, h, w) planes at one size, each pixel blurred for its own depth, and where
    in the picture of that size they lie."""
    ends = [k * (sheet.low - focus), k * (sheet.high - focus)]
    planes, window = _with_reach(sheet, math.ceil(max(map(abs, ends)) * 0.6) + 2, halvings)
    first, last = (math.copysign(left_at(abs(c), halvings), c) for c in ends)
    levels = _levels(first, last)
    out = np.empty((4, *planes.shape[1:]), np.float32)
    drawn = list(zip(planes[:4], out, strict=True))
    if sheet.covers_all:  # its coverage is 1 whatever the blur
        out[3] = 1
        drawn.pop()
    if len(levels) == 1:
        for plane, target in drawn:
            target[:] = blur(plane, abs(levels[0]), aperture)
        return out, window
    signed = planes[4] * np.float32(last - first)
    signed += np.float32(first)
    for i, (level, weight) in enumerate(zip(levels, _weights(signed, levels), strict=True)):
        for plane, target in drawn:
            blurred = blur(plane, abs(level), aperture)
            if i:
                cv2.accumulateProduct(blurred, weight, target)
            else:
                cv2.multiply(blurred, weight, dst=target)
    return out, window


def _with_reach(sheet: _Sheet, reach: int, halvings: int) -> tuple[Floats, Window]:
    """A sheet's planes with room for its blur, and their window at that size."""
    planes = sheet.sizes[halvings]
    height, width = sheet.picture_size
    rows, columns = (
        slice(
            max(0, (r.start - reach) // GRID * GRID), min(end, -(-(r.stop + reach) // GRID) * GRID)
        )
        for r, end in zip(sheet.window, (height, width), strict=True)
    )
    around = rows, columns
    pad = [
        abs(a - b) >> halvings
        for r, whole in zip(around, sheet.window, strict=True)
        for a, b in ((whole.start, r.start), (r.stop, whole.stop))
    ]
    place = _shrunk(around, halvings)
    if any(pad):
        size = (5, place[0].stop - place[0].start, place[1].stop - place[1].start)
        larger = np.zeros(size, np.float32)
        inner = (slice(pad[0], size[1] - pad[1]), slice(pad[2], size[2] - pad[3]))
        _cut(larger, inner)[:4] = planes[:4]
        cv2.copyMakeBorder(planes[4], *pad, cv2.BORDER_REPLICATE, dst=larger[4])
        planes = larger
    return planes, place


def _weights(signed: Floats, levels: list[float]) -> list[Floats]:
    """How much of each level a pixel of a signed blur takes; they add up to 1.

    What mixes between two blurs is their variance, which grows with the square.
    """
    square = np.abs(signed)
    square *= signed
    shares = []
    for low, high in pairwise(c * abs(c) for c in levels):
        share = square * np.float32(1 / (high - low))
        share -= np.float32(low / (high - low))
        shares.append(np.clip(share, 0, 1, out=share))
    weights = [1 - shares[0]]
    for nearer, farther in pairwise(shares):
        nearer -= farther
        weights.append(nearer)
    return [*weights, shares[-1]]


def _levels(first: float, last: float) -> list[float]:
    """Signed circles of confusion at which to blur a sheet; between them one interpolates.

    Blur is worth resolving finely where it is small: on each side of focus levels run in
    ratios of 3, or steps of 7 px.
    """
    smallest = 0.0 if first * last <= 0 else min(abs(first), abs(last))
    if last - first < max(0.4, 0.7 * smallest) or max(abs(first), abs(last)) < SHARP_PX:
        return [(first + last) / 2]
    levels = {first, last}
    for side in (1, -1):
        c = 0.0
        while c <= max(abs(first), abs(last)):
            if first < side * c < last:
                levels.add(side * c)
            c = min(c * 3, c + 7) if c else 2.0
    return sorted(levels)
