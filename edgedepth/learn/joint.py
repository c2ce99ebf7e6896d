"""Focus positions, K and depth together, from a stack whose planes nobody knows.

The blur of tile t in frame i is ``c = k |v_t - u_i|``. Any stretch, shift or reversal of the
dioptre axis that moves planes and depths alike leaves every blur as it is, so depth comes out up
to those three: here ``u`` runs from 0 to 1 and ``k`` is the blur over the whole span. The idea
is that of Suwajanakorn et al. (2015), on tiles in place of flow and with spectra in place of
pixels: a bundle adjustment in which each step finds the tiles' depths by search and moves the
planes by Gauss-Newton.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgedepth.learn.blurfit import (
    BlurFit,
    Response,
    cell_weights,
    fit_depth,
    fit_k,
)
from edgedepth.learn.spectra import Doubles, TileSpectra, gaussian_response

LEAST_TILES = 24
LEAST_FRAMES = 3
MOST_TILES = 400
ITERATIONS = 25
_SMALLEST_STEP = 2e-4
_DAMPING = 1e-3
_NUDGE = 1e-3
LEAST_DEPTH_SPREAD = 0.12
"""Range of the tiles' depths, outliers aside, as a share of the sweep, below which the scene is
one depth: then a plane before it and one behind it look alike."""

WORST_MISFIT = 0.02
_SPANS_PX = (2.0, 4.0, 8.0, 16.0)
_OUTLIER = 3.0


@dataclass(frozen=True)
class JointSolution:
    """A stack's planes without a unit.

    Attributes:
        positions: (N,) of the frames, 0 and 1 at the ends of the sweep; which end is near is
            not known here.
        span_px: blur in pixels from one end of the sweep to the other.
        depth: (T,) of the tiles on the same axis.
        misfit: median misfit of the tiles, see :func:`edgedepth.learn.blurfit.misfits`.
    """

    positions: Doubles
    span_px: float
    depth: Doubles
    misfit: float


def solve(spectra: TileSpectra, starts: list[Doubles]) -> JointSolution | None:
    """Planes and depths of a stack.

    Args:
        spectra: of its tiles.
        starts: (N,) positions to start from, the likeliest first; a later one must fit
            clearly better to win.

    Returns:
        None when there is too little texture, there are fewer than three frames, all lies at
        one depth or no planes explain the blur.
    """
    if len(spectra) < LEAST_TILES or spectra.amplitude.shape[1] < LEAST_FRAMES:
        return None
    if len(spectra) > MOST_TILES:
        spectra = spectra.pick(np.linspace(0, len(spectra) - 1, MOST_TILES).astype(np.intp))
    best: JointSolution | None = None
    for start in starts:
        found = _refine(spectra, _unit(start))
        if best is None or found.misfit < 0.8 * best.misfit:
            best = found
    if best is None or best.misfit > WORST_MISFIT:
        return None
    low, high = np.quantile(best.depth, [0.05, 0.95])
    return best if high - low >= LEAST_DEPTH_SPREAD else None


def _unit(positions: Doubles) -> Doubles:
    low, high = float(positions.min()), float(positions.max())
    return (positions - low) / max(high - low, 1e-9)


def _refine(spectra: TileSpectra, positions: Doubles) -> JointSolution:
    spans = [(_cost(spectra, positions, span)[0], span) for span in _SPANS_PX]
    cost, span = min(spans)
    damping = _DAMPING
    for _ in range(ITERATIONS):
        step = _step(spectra, positions, span, damping)
        trial, trial_span = _moved(positions, span, step)
        trial_cost = _cost(spectra, trial, trial_span)[0]
        if trial_cost >= cost:
            damping *= 10
            if damping > 1e3:
                break
            continue
        small = max(np.abs(trial - positions).max(), abs(trial_span / span - 1)) < _SMALLEST_STEP
        positions, span, cost = trial, trial_span, trial_cost
        damping = max(damping / 5, 1e-6)
        if small:
            break
    fit: BlurFit = fit_k(spectra, positions, span, reach=1.3)
    return JointSolution(positions, fit.k, fit.depth, float(np.median(fit.misfit)))


def _moved(positions: Doubles, span: float, step: Doubles) -> tuple[Doubles, float]:
    """Positions and span after a step, brought back to 0 ... 1."""
    moved = positions + np.clip(step[:-1], -0.1, 0.1)
    grown = span * float(np.exp(np.clip(step[-1], -0.3, 0.3)))
    return _unit(moved), grown * float(np.ptp(moved))


def _cost(spectra: TileSpectra, positions: Doubles, span: float) -> tuple[float, Doubles, Doubles]:
    """Total log misfit, and each tile's depth and misfit."""
    depth, misfit = fit_depth(spectra, positions, span, gaussian_response)
    return float(np.log(misfit + 2e-4).mean()), depth, misfit


def _step(spectra: TileSpectra, positions: Doubles, span: float, damping: float) -> Doubles:
    """(N + 1,) Gauss-Newton step of the positions and of log span.

    Each tile's own unknowns, its depth and its textures, are projected out of its residuals
    (variable projection, Golub & Pereyra 1973).
    """
    _, depth, misfit = _cost(spectra, positions, span)
    count = len(positions)
    root = np.sqrt(cell_weights(spectra))
    seen = root * spectra.amplitude

    def model(where: Doubles, tiles: Doubles, k: float, response: Response) -> Doubles:
        coc = k * np.abs(tiles[:, None] - where)
        return root * response(coc[..., None] * spectra.frequency)

    at = model(positions, depth, span, gaussian_response)
    texture = (seen * at).sum(1) / np.maximum(np.square(at).sum(1), 1e-12)
    residual = seen - texture[:, None] * at

    def derivative(where: Doubles, tiles: Doubles, k: float) -> Doubles:
        moved = model(where, tiles, k, gaussian_response)
        return texture[:, None] * (moved - at) / _NUDGE

    own = _project(at, derivative(positions, depth + _NUDGE, span))
    along = [derivative(positions + _NUDGE * np.eye(count)[i], depth, span) for i in range(count)]
    along.append(derivative(positions, depth, span * float(np.exp(_NUDGE))))
    # Residuals are orthogonal to the textures already; only the planes' columns need it.
    columns = np.stack([_without(own, at, a) for a in along], axis=-1)
    weight = _robust(misfit)
    flat = columns.reshape(len(columns), -1, count + 1)
    errors = _without(own, at, residual).reshape(len(columns), -1)
    normal = np.einsum("t,tmp,tmq->pq", weight, flat, flat, optimize=True)
    right = np.einsum("t,tmp,tm->p", weight, flat, errors, optimize=True)
    ridge = damping * np.diag(normal).max() * np.eye(count + 1)
    return np.linalg.lstsq(normal + ridge, right, rcond=1e-9)[0]


def _project(at: Doubles, column: Doubles) -> Doubles:
    """A depth column with the textures' part removed, of unit length per tile."""
    free = _off_texture(at, column)
    length = np.sqrt(np.square(free).sum((1, 2), keepdims=True))
    return free / np.maximum(length, 1e-9)


def _without(own: Doubles, at: Doubles, column: Doubles) -> Doubles:
    """A (T, N, B) column with the tile's own unknowns removed."""
    free = _off_texture(at, column)
    return free - own * (own * free).sum((1, 2), keepdims=True)


def _off_texture(at: Doubles, column: Doubles) -> Doubles:
    """Each band's textures scale all frames alike: remove that direction, band by band."""
    share = (at * column).sum(1) / np.maximum(np.square(at).sum(1), 1e-12)
    return column - share[:, None] * at


def _robust(misfit: Doubles) -> Doubles:
    """(T,) weights: a tile counts by its own noise, one that fits no model little."""
    scale = np.median(misfit) + 2e-4
    return np.where(misfit < _OUTLIER * scale, 1, _OUTLIER * scale / misfit) / (misfit + scale)


def start_by_component(spectra: TileSpectra) -> Doubles:
    """(N,) positions from the first principal component of the log amplitudes.

    For small blur the log amplitude is ``-(v - u)^2`` up to factors; with each tile's mean over
    the frames removed only ``v`` times something linear in ``u`` varies from tile to tile.
    """
    logs = np.log(spectra.amplitude + 0.05).mean(axis=2)
    logs = logs - logs.mean(axis=1, keepdims=True)
    logs = logs - logs.mean(axis=0, keepdims=True)
    return np.asarray(np.linalg.svd(logs, full_matrices=False)[2][0], np.float64)


def start_by_order(order: list[int] | NDArray[np.intp]) -> Doubles:
    """(N,) even positions of frames that are in focus order ``order``."""
    positions = np.empty(len(order))
    positions[np.asarray(order)] = np.linspace(0, 1, len(order))
    return positions
