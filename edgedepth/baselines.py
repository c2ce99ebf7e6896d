"""What every result is printed beside: the mean depth, and classical depth from focus."""

from __future__ import annotations

from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from edgedepth.cues import HALF_SIZE_WEIGHT, modified_laplacian
from edgedepth.guided import box_mean, guided_coefficients

Floats: TypeAlias = NDArray[np.floating[Any]]
Float32: TypeAlias = NDArray[np.float32]

ENERGY_FLOOR = 0.002
"""Focus energy (in units of full-scale grey) below which there is only noise."""

WINDOW = 0.03
RADII = (0.01, 0.06)
"""Window of the focus measure and radii of the smoothing, as shares of the width."""

GUIDE_EPS = 1e-3
COARSE_WEIGHT = 0.05
"""Confidence at which the fine and the coarse smoothing count alike."""

FARTHEST_M = 50.0


def mean_depth(shape: tuple[int, ...], mean_dioptres: float) -> Float32:
    """What one knows without looking: the training scenes' mean, everywhere.

    The mean is taken in dioptres, where the error of a focal sweep is uniform; in metres the
    few far pixels would rule it.

    Args:
        shape: (height, width).
        mean_dioptres: mean inverse depth of the training pixels.

    Returns:
        float32 (H, W) metres.

    Raises:
        ValueError: the mean is not positive.
    """
    if not mean_dioptres > 0:
        raise ValueError("mean_dioptres must be positive")
    return np.full(shape, 1 / mean_dioptres, np.float32)


def depth_from_focus(
    frames: NDArray[Any],
    focus_dioptres: Floats,
    valid: NDArray[np.bool_] | None = None,
) -> tuple[Float32, Float32]:
    """Classical depth from focus: at each pixel, the plane at which the picture is sharpest.

    Sum-modified Laplacian (Nayar & Nakagawa 1994) at two scales; the peak of a parabola
    through the log energies of the best plane and its neighbours, over dioptres; then a guided
    filter (He et al. 2010) weighted by confidence, fine where focus is clear and coarse
    elsewhere. The constants were tuned on pictures that the named evaluation sets leave out.
    One plane gives that plane at confidence 0; of two the sharper one is taken, smoothed.

    Args:
        frames: (N, H, W, 3) aligned pictures, uint8 or float in [0, 1], gamma-encoded.
        focus_dioptres: (N,) in any order.
        valid: (N, H, W) false where a frame has no pixel.

    Returns:
        depth float32 (H, W) in metres, at most ``FARTHEST_M`` and never far outside the
        planes; confidence float32 (H, W) in [0, 1).

    Raises:
        ValueError: shapes disagree, or a focus is not finite and >= 0.
    """
    focus = np.asarray(focus_dioptres, np.float64)
    if (
        frames.ndim != 4
        or frames.shape[3] != 3
        or focus.shape != frames.shape[:1]
        or not len(focus)
    ):
        raise ValueError("frames must be (N, H, W, 3) with one focus distance each")
    if valid is not None and valid.shape != frames.shape[:3]:
        raise ValueError("valid must be (N, H, W)")
    if not np.all(np.isfinite(focus) & (focus >= 0)):
        raise ValueError("focus must be finite dioptres >= 0")
    order = np.argsort(focus, kind="stable")
    focus = focus[order]
    gray = np.stack([_gray(frames[i]) for i in order])
    known = np.ones(gray.shape, bool) if valid is None else valid[order]
    if len(focus) == 1:
        return _depth(np.full(gray.shape[1:], focus[0]), focus), np.zeros(
            gray.shape[1:], np.float32
        )

    energy, known = _focus_energy(gray, known)
    best = energy.argmax(0)
    weight = _confidence(energy, known)
    dioptres = _peak(energy, known, focus, best) if len(focus) > 2 else focus[best]
    guide = np.take_along_axis(gray, best[None], 0)[0]
    smooth = _smooth(dioptres.astype(np.float32), guide, weight)
    return _depth(smooth, focus), weight / (1 + weight)


def _depth(dioptres: Floats, focus: Floats) -> Float32:
    low = max(0.9 * float(focus[0]), 1 / FARTHEST_M)
    return (1 / np.clip(dioptres, low, max(1.1 * float(focus[-1]), low))).astype(np.float32)


def _gray(frame: NDArray[Any]) -> Float32:
    scale = 255 if frame.dtype == np.uint8 else 1
    return cv2.cvtColor(frame.astype(np.float32) / scale, cv2.COLOR_RGB2GRAY)


def _focus_energy(gray: Float32, known: NDArray[np.bool_]) -> tuple[Float32, NDArray[np.bool_]]:
    """(energy, where it is known), both (N, H, W); energy is 0 where it is not."""
    _, h, w = gray.shape
    radius = max(1, round(w * WINDOW) // 2)
    energy = np.empty_like(gray)
    inside = np.empty_like(known)
    for i, picture in enumerate(gray):
        half = cv2.resize(picture, (max(1, w // 2), max(1, h // 2)), interpolation=cv2.INTER_AREA)
        coarse = cv2.resize(modified_laplacian(half), (w, h), interpolation=cv2.INTER_LINEAR)
        raw = modified_laplacian(picture) + HALF_SIZE_WEIGHT * coarse
        if known[i].all():
            energy[i], inside[i] = box_mean(raw, radius), True
            continue
        # The border of the known part looks like an edge, hence the erosion.
        mask = cv2.erode(
            known[i].astype(np.uint8), np.ones((9, 9), np.uint8), borderValue=1
        ).astype(np.float32)
        share = box_mean(mask, radius)
        inside[i] = known[i] & (share > 0.2)
        energy[i] = np.where(inside[i], box_mean(raw * mask, radius) / np.maximum(share, 1e-6), 0)
    return energy, inside


def _confidence(energy: Float32, known: NDArray[np.bool_]) -> Float32:
    """(H, W) how far the best plane stands out, times how much texture there is."""
    mean = energy.sum(0) / np.maximum(known.sum(0), 1)
    best = energy.max(0)
    contrast = np.maximum((best - mean) / (mean + ENERGY_FLOOR), 1e-3) ** 2
    texture = np.clip(best / (4 * ENERGY_FLOOR), 0, 1)
    return (contrast * texture + 1e-4).astype(np.float32)


def _peak(
    energy: Float32, known: NDArray[np.bool_], focus: Floats, best: NDArray[np.intp]
) -> Floats:
    """(H, W) dioptres at the vertex of the parabola through three log energies."""
    middle = np.clip(best, 1, len(focus) - 2)
    near = [middle - 1, middle, middle + 1]
    logs = np.log(energy + 1e-6)
    y0, y1, y2 = (np.take_along_axis(logs, i[None], 0)[0] for i in near)
    x0, x1, x2 = (focus[i] for i in near)
    there = np.logical_and.reduce([np.take_along_axis(known, i[None], 0)[0] for i in near])
    with np.errstate(divide="ignore", invalid="ignore"):
        slope0, slope1 = (y1 - y0) / (x1 - x0), (y2 - y1) / (x2 - x1)
        curvature = (slope1 - slope0) / (x2 - x0)
        vertex = (x0 + x1) / 2 - slope0 / (2 * curvature)
    usable = there & (best == middle) & (curvature < -1e-6) & np.isfinite(vertex)
    return np.where(usable, np.clip(np.where(usable, vertex, 0), x0, x2), focus[best])


def _smooth(values: Float32, guide: Float32, weight: Float32) -> Float32:
    """Guided filter at two radii, the coarse one where the fine one finds no confidence."""
    fine, coarse = (max(2, round(values.shape[1] * share)) for share in RADII)
    support = box_mean(weight, fine)
    near, far = (_guided(values, guide, weight, radius) for radius in (fine, coarse))
    return (support * near + COARSE_WEIGHT * far) / (support + COARSE_WEIGHT)


def _guided(values: Float32, guide: Float32, weight: Float32, radius: int) -> Float32:
    a, b = guided_coefficients(guide, values, weight, radius, GUIDE_EPS)
    return a * guide + b
