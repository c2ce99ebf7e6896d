"""Thin-lens optics in dioptres.

Defocus is linear in dioptres (D = 1 / metres), so everything inside edgedepth is in
dioptres; infinity is 0 D. Formulas are those of the thin lens, e.g. Subbarao (1988) and
Srinivasan et al., "Aperture Supervision for Monocular Depth Estimation" (2018).
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats: TypeAlias = NDArray[np.floating]


def metres_to_dioptres(metres: ArrayLike) -> Floats:
    """Convert distances to dioptres; ``inf`` becomes 0 D.

    Raises:
        ValueError: a distance is not positive.
    """
    m = np.asarray(metres, dtype=np.float64)
    if np.any(~(m > 0)):
        raise ValueError("distances must be positive metres")
    return 1.0 / m


def dioptres_to_metres(dioptres: ArrayLike) -> Floats:
    """Convert dioptres to metres; 0 D becomes ``inf``.

    Raises:
        ValueError: a value is negative.
    """
    d = np.asarray(dioptres, dtype=np.float64)
    if np.any(~(d >= 0)):
        raise ValueError("dioptres must not be negative")
    with np.errstate(divide="ignore"):
        return 1.0 / d


def coc_px_per_dioptre(
    focal_length_mm: float, f_number: float, sensor_width_mm: float, image_width_px: float
) -> float:
    """K: growth of the blur-circle diameter, in pixels per dioptre of defocus.

    ``K = f^2 / (N p)`` with the focal length f in metres and the effective pixel pitch
    p = sensor width / image width, so K shrinks in proportion when the image does. The
    thin lens gives ``f^2 / (N p (1 - f/s))``; the bracket is within 2 % of 1 beyond 0.35 m
    for phone lenses (f < 7 mm) and is left out.

    Raises:
        ValueError: an argument is not positive.
    """
    if min(focal_length_mm, f_number, sensor_width_mm, image_width_px) <= 0:
        raise ValueError("focal length, f-number, sensor width and image width must be positive")
    pitch_mm = sensor_width_mm / image_width_px
    return focal_length_mm**2 / (f_number * pitch_mm) * 1e-3


def coc_px(depth_dioptres: ArrayLike, focus_dioptres: ArrayLike, k: float) -> Floats:
    """Blur-circle diameter in pixels, ``K |1/d - 1/s|``; the arguments broadcast."""
    delta = np.asarray(depth_dioptres, dtype=np.float64) - np.asarray(
        focus_dioptres, dtype=np.float64
    )
    return k * np.abs(delta)


def breathing_scale(focus_dioptres: ArrayLike, focal_length_mm: float) -> Floats:
    """Image magnification relative to focus at infinity, ``s / (s - f)``.

    A lens focused at s metres sits f s / (s - f) from the sensor, so the picture grows as
    it focuses nearer ("focal breathing"): +2 % at 0.35 m for a 6.8 mm lens.

    Raises:
        ValueError: a focus distance lies within the focal length.
    """
    f = focal_length_mm * 1e-3
    bracket = 1.0 - f * np.asarray(focus_dioptres, dtype=np.float64)
    if np.any(bracket <= 0):
        raise ValueError("focus distance is within the focal length")
    return 1.0 / bracket


def relative_breathing(
    focus_dioptres: ArrayLike, reference_dioptres: float, focal_length_mm: float
) -> Floats:
    """Magnification of frames at ``focus_dioptres`` relative to one at ``reference_dioptres``."""
    return breathing_scale(focus_dioptres, focal_length_mm) / breathing_scale(
        reference_dioptres, focal_length_mm
    )


def depth_uncertainty_m(depth_m: ArrayLike, dioptre_uncertainty: float) -> Floats:
    """Depth error that an error in dioptres means at a distance: ``dd = d^2 dD``."""
    d = np.asarray(depth_m, dtype=np.float64)
    return d * d * dioptre_uncertainty
