"""From a sharp picture with depth to the pictures a lens takes of it.

:func:`render_stack` cuts the scene into layers of dioptres, extends every layer behind the
nearer ones, blurs each by its circle of confusion and composites far to near. Within a layer
each pixel takes the blur of its own depth, interpolated between the layer's two edges, so
that a slanted surface goes out of focus smoothly.

:func:`render_stack_paper` is the published training renderer: one blur per depth level over
the whole picture, no occlusion.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from edgedepth import optics

Floats = NDArray[np.float32]
Aperture = Literal["disk", "gaussian", "polygon"]
APERTURES: tuple[Aperture, ...] = ("disk", "gaussian", "polygon")

MAX_LAYERS = 6
"""More layers are worse: each cut through a slanted surface leaves a seam."""
SHARP_PX = 0.2
"""A circle of confusion smaller than this is not worth blurring."""

HALF_SIZE_PX = 12
"""A wider one is blurred at half the size."""

PAPER_MAX_COC_PX = 40.0
"""Blur in metres grows without bound; the paper renderer's is held to this."""

_BLADES = 6
_RESIZING_VARIANCE = 0.8  # px^2 that shrinking by areas and growing linearly add, measured


def fill_missing(values: Floats, valid: NDArray[np.bool_]) -> Floats:
    """Give each missing pixel of (H, W) ``values`` that of the nearest valid one.

    Raises:
        ValueError: no pixel is valid.
    """
    if valid.all():
        return values
    if not valid.any():
        raise ValueError("no pixel has a depth")
    missing = (~valid).astype(np.uint8)
    _, label = cv2.distanceTransformWithLabels(
        missing, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    table = np.zeros(int(label.max()) + 1, values.dtype)
    table[label[valid]] = values[valid]
    return table[label]


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
    sheets = _sheets(
        np.ascontiguousarray(rgb, np.float32), depth, coc_px_per_dioptre, layers or MAX_LAYERS
    )
    return np.stack(
        [_composite(sheets, float(f), coc_px_per_dioptre, aperture) for f in focus_dioptres]
    )


@dataclass(frozen=True)
class _Sheet:
    """A layer of the scene: all from ``low`` to ``high`` dioptres, extended behind whatever is
    nearer. Planes come first, since blending by a (h, w) weight is then contiguous.

    Attributes:
        window: its part (h, w) of the picture.
        rgba: (4, h, w), colours premultiplied by coverage.
        share: (h, w), where between ``low`` and ``high`` a pixel lies.
    """

    low: float
    high: float
    window: tuple[slice, slice]
    rgba: Floats
    share: Floats


def _sheets(rgb: Floats, depth: Floats, k: float, most: int) -> list[_Sheet]:
    """Cut a picture into sheets, far to near; the first covers it wholly."""
    low, high = float(depth.min()), float(depth.max())
    count = max(1, min(most, math.ceil((high - low) * k)))
    step = max((high - low) / count, 1e-6)
    place = np.minimum(((depth - low) / step).astype(np.int32), count - 1)
    sheets: list[_Sheet] = []
    for b in range(count):
        if not (place == b).any():
            continue
        covers = place >= b
        window = _bounds(covers) if sheets else (slice(0, depth.shape[0]), slice(0, depth.shape[1]))
        share = np.clip((depth - (low + b * step)) / step, 0, 1)
        picture = np.dstack([rgb, share])
        if b < count - 1:
            picture = _push_pull(picture, (place <= b).astype(np.float32))
        part = np.ascontiguousarray(picture[window].transpose(2, 0, 1))
        share = np.clip(part[3], 0, 1)
        part[3] = covers[window]
        part[:3] *= part[3]
        sheets.append(_Sheet(low + b * step, low + (b + 1) * step, window, part, share))
    return sheets


def _bounds(mask: NDArray[np.bool_]) -> tuple[slice, slice]:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _push_pull(picture: Floats, known: Floats) -> Floats:
    """Fill (H, W, C) where ``known`` is 0, from ever coarser means (Gortler et al. 1996)."""
    pyramid = [(picture * known[..., None], known)]
    while min(pyramid[-1][1].shape) > 2:
        colour, weight = pyramid[-1]
        size = ((weight.shape[1] + 1) // 2, (weight.shape[0] + 1) // 2)
        colour = cv2.resize(colour, size, interpolation=cv2.INTER_AREA)
        weight = cv2.resize(weight, size, interpolation=cv2.INTER_AREA)
        full = np.minimum(weight * 4, 1)
        pyramid.append((colour * (full / np.maximum(weight, 1e-4))[..., None], full))
    colour, weight = pyramid[-1]
    mean = colour.sum((0, 1)) / max(float(weight.sum()), 1e-6)
    filled = colour + mean * (1 - weight)[..., None]
    for colour, weight in pyramid[-2::-1]:
        size = (weight.shape[1], weight.shape[0])
        filled = cv2.resize(filled, size, interpolation=cv2.INTER_LINEAR)
        filled = colour + filled * (1 - weight)[..., None]
    return filled


def _composite(sheets: list[_Sheet], focus: float, k: float, aperture: Aperture) -> Floats:
    """Blur the sheets for one focus and lay them over each other."""
    height, width = sheets[0].share.shape
    out = np.zeros((3, height, width), np.float32)
    for index, sheet in enumerate(sheets):
        reach = math.ceil(k * max(abs(sheet.low - focus), abs(sheet.high - focus)) * 0.75) + 1
        rows, columns = sheet.window
        around = (
            slice(max(0, rows.start - reach), min(height, rows.stop + reach)),
            slice(max(0, columns.start - reach), min(width, columns.stop + reach)),
        )
        pad = (
            rows.start - around[0].start,
            around[0].stop - rows.stop,
            columns.start - around[1].start,
            around[1].stop - columns.stop,
        )
        blurred = _blur_sheet(sheet, pad, focus, k, aperture)
        if index == 0:
            np.divide(blurred[:3], np.maximum(blurred[3], 1e-6), out=out)
        else:
            part = out[:, around[0], around[1]]
            part *= 1 - blurred[3]
            part += blurred[:3]
    return np.ascontiguousarray(out.transpose(1, 2, 0))


def _blur_sheet(
    sheet: _Sheet, pad: tuple[int, int, int, int], focus: float, k: float, aperture: Aperture
) -> Floats:
    """A sheet's (4, h, w) planes, each pixel blurred for its own depth."""
    planes = [cv2.copyMakeBorder(plane, *pad, cv2.BORDER_CONSTANT, value=0) for plane in sheet.rgba]
    levels = _levels(k * (sheet.low - focus), k * (sheet.high - focus))
    out = np.stack([blur(plane, abs(levels[0]), aperture) for plane in planes])
    if len(levels) == 1:
        return out
    share = cv2.copyMakeBorder(sheet.share, *pad, cv2.BORDER_REPLICATE)
    signed = np.float32(k * (sheet.low - focus)) + share * np.float32(k * (sheet.high - sheet.low))
    below = out.copy()
    for low, high in pairwise(levels):
        # What mixes between two blurs is their variance, which grows with the square.
        square = np.clip(signed, low, high) ** 2
        weight = (square - np.float32(low * low)) * np.float32(1 / (high * high - low * low))
        for i, plane in enumerate(planes):
            above = blur(plane, abs(high), aperture)
            out[i] += weight * (above - below[i])
            below[i] = above
    return out


def _levels(first: float, last: float) -> list[float]:
    """Signed circles of confusion at which to blur a sheet; between them one interpolates.

    Blur is worth resolving finely where it is small: levels run in ratios of 1.6, or
    steps of 2 px, on each side of focus.
    """
    smallest = 0.0 if first * last <= 0 else min(abs(first), abs(last))
    if last - first < max(0.4, 0.12 * smallest) or max(abs(first), abs(last)) < SHARP_PX:
        return [(first + last) / 2]
    levels = {first, last}
    for side in (1, -1):
        c = 0.0
        while c <= max(abs(first), abs(last)):
            if first < side * c < last:
                levels.add(side * c)
            c = max(c + 2, c * 1.6)
    return sorted(levels)


def blur(picture: Floats, diameter_px: float, aperture: Aperture = "disk") -> Floats:
    """Blur (H, W, C) by a circle of confusion; borders are replicated, sums are kept."""
    if diameter_px < SHARP_PX:
        return picture
    if diameter_px > HALF_SIZE_PX and min(picture.shape[:2]) > 64:
        return _at_half_size(picture, diameter_px, aperture)
    if aperture == "gaussian":
        return _gaussian(picture, diameter_px / 4)
    steps = 16 if diameter_px < 3 else 8
    kernel = aperture_kernel(round(diameter_px * steps) / steps, aperture)
    blurred = cv2.filter2D(picture, -1, kernel, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(blurred, np.float32)


def _gaussian(picture: Floats, sigma: float) -> Floats:
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
    inner = math.sqrt(diameter_px**2 - 16 * _RESIZING_VARIANCE) / 2
    small = blur(small, inner, aperture)
    return np.asarray(
        cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.float32
    )


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


def render_stack_paper(
    rgb: Floats,
    depth_m: Floats,
    focus_m: NDArray[np.floating],
    coc_px_per_metre: float,
    *,
    levels: int = 16,
    valid: NDArray[np.bool_] | None = None,
) -> Floats:
    """The published renderer's result: blur grows with the distance in metres from focus.

    The published code cuts depth into 256 levels, blurs the whole picture once per level with
    a Gaussian and keeps each level's own pixels. Blurring at ``levels`` widths and
    interpolating per pixel gives the same picture (85 dB where blur stays below 10 px, 55 dB
    at 35 px) some hundred times sooner.
    Physical blur is linear in dioptres; this one is linear in metres, as published.

    Args:
        rgb: (H, W, 3) sharp picture.
        depth_m: (H, W) metres.
        focus_m: (N,) planes in focus, metres.
        coc_px_per_metre: blur diameter per metre from focus; the Gaussian's sigma is a
            quarter of the diameter.
        levels: blur widths.
        valid: (H, W) where depth is known; elsewhere it is taken from the nearest such pixel.

    Returns:
        float32 (N, H, W, 3).
    """
    depth = np.ascontiguousarray(depth_m, np.float32)
    if valid is not None:
        depth = fill_missing(depth, valid)
    picture = np.ascontiguousarray(rgb, np.float32)
    return np.stack(
        [
            _gather(picture, optics.coc_px(depth, float(f), coc_px_per_metre), levels)
            for f in focus_m
        ]
    )


def paper_coc_px_per_metre(depth_m: Floats, coc_px_per_dioptre: float) -> float:
    """Blur per metre that stands for a lens of this K, for :func:`render_stack_paper`.

    It is the lens's own at the scene's median depth, but never so much that the scene's whole
    range would blur by more than ``PAPER_MAX_COC_PX``.
    """
    own = coc_px_per_dioptre / float(np.median(depth_m)) ** 2
    return min(own, PAPER_MAX_COC_PX / max(float(np.ptp(depth_m)), 1e-3))


def _gather(picture: Floats, diameter: NDArray[np.floating], levels: int) -> Floats:
    """Each pixel from the picture blurred to its own (H, W) diameter."""
    largest = max(float(diameter.max()), 1e-6)
    position = (diameter * ((levels - 1) / largest)).astype(np.float32)
    out, previous = picture.copy(), picture
    for j in range(1, levels):
        following = blur(picture, largest * j / (levels - 1), "gaussian")
        weight = np.clip(position - (j - 1), 0, 1)
        out += cv2.merge([weight] * picture.shape[2]) * (following - previous)
        previous = following
    return out
