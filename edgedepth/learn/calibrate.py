"""What a camera really does: K, and how its reported dioptres relate to true ones.

Blur alone tells K only per *reported* dioptre, since a stretch of the dioptre axis that moves
planes and scene alike leaves every blur as it is. Pages at known distances tie the axis down:
at two or more of them ``1/distance = scale * reported + bias``. With fewer, focal breathing
gives the scale of lenses that move as a whole, as phones' do, and what is left is assumed;
each figure comes with its standard deviation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from edgedepth.capture.profile import CameraIdentity, CameraProfile
from edgedepth.errors import UserError
from edgedepth.learn.evidence import SweepEvidence

SCALE_PRIOR_SD = 0.15
BIAS_PRIOR_SD = 0.3
"""How far phones' reported dioptres are believed to be off before anything is known."""

BREATHING_SD = 0.03
"""How far a phone lens's magnification departs from the thin lens's, as a share."""

UNIT_FOCUSING_MM = 12.0
"""Lenses longer than this focus by moving groups inside, and breathe as they please."""

PAGE_SPREAD = 0.3
"""Pages this many dioptres apart need no breathing."""

DISTANCE_ERROR_M = 0.003
SWEEPS_DISAGREE = 0.15
CONTRADICTION = 4.0
"""Standard deviations at which pages contradict each other."""

SCALE_LIMITS = (0.5, 2.0)
BIAS_LIMIT = 1.5
THIN_DIOPTRES = 0.05


@dataclass(frozen=True)
class _Axis:
    """scale and bias: mean (2,), covariance (2, 2), and where each comes from."""

    mean: np.ndarray
    covariance: np.ndarray
    scale_from: str
    bias_from: str


def calibrate(
    sweeps: Sequence[SweepEvidence],
    distances_m: Sequence[float | None],
    distance_error_m: float = DISTANCE_ERROR_M,
) -> CameraProfile:
    """A camera's profile from what its sweeps show.

    Args:
        sweeps: evidence of each, see :func:`edgedepth.learn.evidence.gather`.
        distances_m: of the flat page in each, None where there is none.
        distance_error_m: standard deviation of those distances.

    Raises:
        UserError: sweeps of different cameras, or distances that contradict each other.
    """
    identity = _one_camera(sweeps)
    k, k_scatter = _blur_per_reported(sweeps)
    axis = _axis(sweeps, distances_m, distance_error_m)
    scale, bias = (float(x) for x in axis.mean)
    covariance = axis.covariance
    low = min(min(s.focus_dioptres) for s in sweeps)
    high = max(max(s.focus_dioptres) for s in sweeps)
    ends = np.array([[low, 1.0], [high, 1.0]])
    worst = float(np.sqrt(np.einsum("ij,jk,ik->i", ends, covariance, ends)).max())
    scale_sd, bias_sd = (float(x) for x in np.sqrt(np.diag(covariance)))
    profile = CameraProfile(
        identity,
        k / scale,
        float(np.hypot(k_scatter, scale_sd / scale)),
        scale,
        bias,
        scale_sd,
        bias_sd,
        float(covariance[0, 1] / (scale_sd * bias_sd)),
        axis.scale_from,
        axis.bias_from,
        (low, high),
        worst,
        tuple(_record(s, d) for s, d in zip(sweeps, distances_m, strict=True)),
    )
    return replace(profile, warnings=tuple(_doubts(profile, distances_m)))


def _one_camera(sweeps: Sequence[SweepEvidence]) -> CameraIdentity:
    first = sweeps[0]
    for other in sweeps[1:]:
        different = first.identity.difference(other.identity)
        if different:
            raise UserError(
                f"{first.name} and {other.name} were not taken by one camera: {different}",
                "calibrate each camera from its own sweeps, without zoom",
            )
    return first.identity


def _blur_per_reported(sweeps: Sequence[SweepEvidence]) -> tuple[float, float]:
    """K per reported dioptre at the first sweep's size, and its relative deviation."""
    side = sweeps[0].identity.image_long_side_px
    ks = np.array([s.k * side / s.identity.image_long_side_px for s in sweeps])
    sd = np.array([np.hypot(s.k_scatter, 0.01) for s in sweeps])
    weight = 1 / sd**2
    mean = float(np.exp((weight * np.log(ks)).sum() / weight.sum()))
    off = np.abs(np.log(ks / mean))
    worst = int(off.argmax())
    if off[worst] > SWEEPS_DISAGREE + 2 * sd[worst]:
        said = ", ".join(f"{s.name} {k:.2f}" for s, k in zip(sweeps, ks, strict=True))
        raise UserError(
            f"the sweeps disagree about the blur ({said} px per reported dioptre at {side} px)",
            "they look like different cameras, zooms or crops: calibrate each on its own",
        )
    scatter = max(1 / weight.sum() ** 0.5, float(np.std(np.log(ks))) / len(ks) ** 0.5)
    return mean, float(np.hypot(scatter, np.mean([s.k_shape for s in sweeps])))


def _axis(
    sweeps: Sequence[SweepEvidence], distances_m: Sequence[float | None], error_m: float
) -> _Axis:
    """Least squares for scale and bias, priors included."""
    pages = [(s, d) for s, d in zip(sweeps, distances_m, strict=True) if d is not None]
    rows = [[1.0, 0.0], [0.0, 1.0]]
    values, deviations = [1.0, 0.0], [SCALE_PRIOR_SD, BIAS_PRIOR_SD]
    for sweep, distance in pages:
        assert sweep.page_dioptres is not None
        rows.append([sweep.page_dioptres, 1.0])
        values.append(1 / distance)
        deviations.append(float(np.hypot(sweep.page_sd, error_m / distance**2)))
    seen = [s.page_dioptres for s, _ in pages if s.page_dioptres is not None]
    spread = max(seen) - min(seen) if seen else 0.0
    breathing = None if spread >= PAGE_SPREAD else _breathing_scale(sweeps)
    if breathing is not None:
        rows.append([1.0, 0.0])
        values.append(breathing[0])
        deviations.append(breathing[1])
    a, y, sd = np.array(rows), np.array(values), np.array(deviations)
    covariance = np.linalg.inv((a / sd[:, None]).T @ (a / sd[:, None]))
    mean = covariance @ (a.T @ (y / sd**2))
    _check(mean, (y - a @ mean) / sd, pages)
    scale_from = "assumed" if breathing is None else "breathing"
    return _Axis(
        mean,
        covariance,
        "pages" if spread >= PAGE_SPREAD else scale_from,
        "pages" if pages else "assumed",
    )


def _check(
    mean: np.ndarray, deviation: np.ndarray, pages: list[tuple[SweepEvidence, float]]
) -> None:
    """Raise when no believable axis passes through the pages."""
    scale, bias = float(mean[0]), float(mean[1])
    believable = SCALE_LIMITS[0] <= scale <= SCALE_LIMITS[1] and abs(bias) <= BIAS_LIMIT
    if believable and float(np.abs(deviation).max()) <= CONTRADICTION:
        return
    said = ", ".join(
        f"{s.name} is sharpest at a reported {1 / max(s.page_dioptres or 0, 1e-3):.2f} m "
        f"and said to be {d:g} m away"
        for s, d in pages
    )
    raise UserError(
        f"the distances contradict each other or the camera: {said or 'no page'}",
        "measure from the lens to the page again, one --distance per sweep in their order",
    )


def _breathing_scale(sweeps: Sequence[SweepEvidence]) -> tuple[float, float] | None:
    """Scale from focal breathing and its deviation; None where it tells nothing."""
    focal_m = sweeps[0].identity.focal_length_mm * 1e-3
    found = [s for s in sweeps if s.breathing is not None and not s.focal_guessed]
    if not found or focal_m * 1e3 > UNIT_FOCUSING_MM:
        return None
    scales = np.array([s.breathing / focal_m for s in found if s.breathing is not None])
    sd = np.array([max(s.breathing_sd, 1e-6) / focal_m for s in found])
    weight = 1 / sd**2
    mean = float((weight * scales).sum() / weight.sum())
    spread = float(np.hypot(1 / weight.sum() ** 0.5, BREATHING_SD * mean))
    if spread > SCALE_PRIOR_SD or not SCALE_LIMITS[0] <= mean <= SCALE_LIMITS[1]:
        return None
    return mean, spread


def _record(sweep: SweepEvidence, distance_m: float | None) -> dict[str, Any]:
    page = None if distance_m is None else sweep.page_dioptres
    return {
        "sweep": sweep.name,
        "frames": len(sweep.focus_dioptres),
        "tiles": sweep.tiles,
        "misfit": round(sweep.misfit, 6),
        "coc_px_per_reported_dioptre": round(sweep.k, 4),
        "image_long_side_px": sweep.identity.image_long_side_px,
        "distance_m": distance_m,
        "page_reported_dioptres": None if page is None else round(page, 4),
    }


def _doubts(profile: CameraProfile, distances_m: Sequence[float | None]) -> list[str]:
    found = []
    if profile.dioptres_sd > THIN_DIOPTRES:
        known = len({d for d in distances_m if d is not None})
        what = "no page at a known distance" if not known else "pages at one distance only"
        if known > 1:
            what = "the pages lie close together, or are little textured"
        found.append(
            f"the evidence for the focus distances is thin ({what}): they may be off by "
            f"{profile.dioptres_sd:.2f} D; sweep a flat page at two or more distances, e.g. "
            "0.4 and 1 m, with --distance"
        )
    if profile.coc_relative_sd > 0.06:
        found.append(
            f"K is known to {100 * profile.coc_relative_sd:.0f} % only: more sweeps of something "
            "richly textured would help"
        )
    return found
