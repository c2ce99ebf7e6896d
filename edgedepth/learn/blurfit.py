"""Blur over the planes of a stack: where each tile lies, and how fast its blur grows.

The model is ``c = K |D - s|``: K shared by all tiles, a depth D for each, and for every tile and
band an unknown texture amplitude that scales all frames alike. For a given K and D the best
amplitude is a projection, so the misfit of a band is ``1 - cos^2`` between the amplitudes seen
and those the blur allows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgedepth.learn.spectra import (
    Doubles,
    TileSpectra,
    disk_response,
    gaussian_response,
    soft_disk_response,
)

Response = Callable[[Doubles], Doubles]
SHAPES: tuple[Response, ...] = (disk_response, soft_disk_response, gaussian_response)
"""Blur shapes between which a real lens lies."""

SEEN_FROM, SEEN_FULLY = 0.3, 0.5
"""Amplitudes below the first count nothing, above the second wholly: strong blur is where a
lens differs most from a disk, and where noise and JPEG rule."""

UNSEEN_WEIGHT = 0.1
"""What is left to them: a hypothesis under which they would be plain to see must pay for it."""

DEPTH_STEPS = 81
OUTSIDE = 0.25
"""Tiles may lie this share of the planes' span beyond the planes."""

K_STEP = 1.05
COST_FLOOR = 2e-4
BLOCKS = 6
BOOTSTRAPS = 200


@dataclass(frozen=True)
class BlurFit:
    """K and the tiles' depths for known planes.

    Attributes:
        k: pixels per unit of the planes, mean of what the blur shapes give.
        scatter: relative standard deviation of ``k`` over the parts of the picture.
        shape: relative standard deviation of ``k`` for want of knowing the blur's shape.
        depth: (T,) in the planes' unit.
        misfit: (T,) 1 - cos^2 of the tiles, 0 perfect.
    """

    k: float
    scatter: float
    shape: float
    depth: Doubles
    misfit: Doubles


def cell_weights(spectra: TileSpectra) -> Doubles:
    """(T, N, B) how much each amplitude counts."""
    seen = np.clip((spectra.amplitude - SEEN_FROM) / (SEEN_FULLY - SEEN_FROM), 0, 1)
    return np.maximum(seen, UNSEEN_WEIGHT) / (1 + 10 * spectra.noise[:, None, :])


def depth_grid(planes: Doubles) -> Doubles:
    """(V,) depths to try for planes of any unit."""
    low, high = float(planes.min()), float(planes.max())
    margin = OUTSIDE * (high - low)
    return np.linspace(low - margin, high + margin, DEPTH_STEPS)


def misfits(spectra: TileSpectra, coc: Doubles, response: Response) -> Doubles:
    """(T, V) misfit of every tile for V hypotheses of the frames' blur.

    Args:
        coc: (V, N) blur diameters in pixels.
        response: transfer function of diameter times frequency.
    """
    weight = cell_weights(spectra)
    weighted = weight * spectra.amplitude
    total = np.zeros((len(spectra), len(coc)))
    for band, frequency in enumerate(spectra.frequency):
        model = response(coc * frequency)
        along = weighted[:, :, band] @ model.T
        length = weight[:, :, band] @ np.square(model).T
        power = (weighted[:, :, band] * spectra.amplitude[:, :, band]).sum(1)
        total += 1 - np.square(along) / np.maximum(power[:, None] * length, 1e-12)
    return np.maximum(total / len(spectra.frequency), 0)


def fit_depth(
    spectra: TileSpectra, planes: Doubles, k: float, response: Response
) -> tuple[Doubles, Doubles]:
    """(T,) depth of each tile for a known K, and its misfit."""
    grid = depth_grid(planes)
    cost = misfits(spectra, k * np.abs(grid[:, None] - planes), response)
    best = cost.argmin(axis=1)
    middle = np.clip(best, 1, len(grid) - 2)
    rows = np.arange(len(cost))
    before, here, after = (cost[rows, middle + i] for i in (-1, 0, 1))
    bend = before - 2 * here + after
    shift = np.where(bend > 1e-12, (before - after) / np.maximum(2 * bend, 1e-12), 0)
    shift = np.where(best == middle, np.clip(shift, -0.5, 0.5), 0)
    return grid[best] + shift * (grid[1] - grid[0]), cost[rows, best]


def best_misfit(spectra: TileSpectra, planes: Doubles, guess: float, reach: float = 5.0) -> Doubles:
    """(T,) misfit of each tile at the K, of either blur shape, that suits it best.

    A tile in which several depths meet fits none.
    """
    ks = _coarse(guess, reach)
    lowest = [_curve(spectra, planes, ks, response).min(axis=0) for response in SHAPES]
    return np.asarray(np.exp(np.min(lowest, axis=0)) - COST_FLOOR, np.float64)


def fit_k(spectra: TileSpectra, planes: Doubles, guess: float, reach: float = 5.0) -> BlurFit:
    """K and depths for known planes, from ``guess / reach`` to ``guess * reach``.

    Args:
        planes: (N,) focus of the frames in any unit in which blur is linear.
        guess: K in pixels per that unit.
    """
    found, scatters = [], []
    for response in SHAPES:
        k, scatter = _fit_shape(spectra, planes, guess, reach, response)
        found.append(k)
        scatters.append(scatter)
    k = float(np.mean(found))
    shape = float(np.std(found)) / k
    depth, misfit = mean_depth(spectra, planes, k)
    return BlurFit(k, float(np.mean(scatters)), shape, depth, misfit)


def mean_depth(spectra: TileSpectra, planes: Doubles, k: float) -> tuple[Doubles, Doubles]:
    """(T,) depth of each tile, mean over the blur shapes, and its lowest misfit."""
    each = [fit_depth(spectra, planes, k, response) for response in SHAPES]
    return np.mean([e[0] for e in each], axis=0), np.min([e[1] for e in each], axis=0)


def _fit_shape(
    spectra: TileSpectra, planes: Doubles, guess: float, reach: float, response: Response
) -> tuple[float, float]:
    """K for one blur shape and its relative scatter over the picture."""
    coarse = _coarse(guess, reach)
    middle = coarse[int(_curve(spectra, planes, coarse, response).sum(axis=1).argmin())]
    fine = middle * K_STEP ** np.arange(-3.0, 3.5, 0.5)
    curve = _curve(spectra, planes, fine, response)
    block = _blocks(spectra)
    sums = np.stack([curve[:, block == b].sum(axis=1) for b in range(block.max() + 1)])
    rng = np.random.default_rng(0)
    picks = rng.integers(0, len(sums), (BOOTSTRAPS, len(sums)))
    spread = np.array([_vertex(fine, sums[p].sum(axis=0)) for p in picks])
    k = _vertex(fine, sums.sum(axis=0))
    return k, float(np.std(np.log(spread)))


def _coarse(guess: float, reach: float) -> Doubles:
    steps = int(np.ceil(np.log(reach) / np.log(K_STEP**2)))
    return np.asarray(guess * K_STEP ** (2.0 * np.arange(-steps, steps + 1)), np.float64)


def _curve(spectra: TileSpectra, planes: Doubles, ks: Doubles, response: Response) -> Doubles:
    """(K, T) log misfit of each tile at its best depth: the likelihood of unknown noise."""
    grid = depth_grid(planes)
    apart = np.abs(grid[:, None] - planes)
    return np.stack(
        [np.log(misfits(spectra, k * apart, response).min(axis=1) + COST_FLOOR) for k in ks]
    )


def _blocks(spectra: TileSpectra) -> NDArray[np.intp]:
    """(T,) number of the part of the picture that a tile lies in, numbers without gaps."""
    height, width = spectra.size
    row = (spectra.centre[:, 0] * BLOCKS / height).astype(np.intp)
    column = (spectra.centre[:, 1] * BLOCKS / width).astype(np.intp)
    return np.asarray(np.unique(row * BLOCKS + column, return_inverse=True)[1], np.intp)


def _vertex(ks: Doubles, cost: Doubles) -> float:
    """K at the parabola through the lowest point and its neighbours, in log K."""
    i = int(np.clip(cost.argmin(), 1, len(ks) - 2))
    before, here, after = cost[i - 1 : i + 2]
    bend = before - 2 * here + after
    shift = 0.0 if bend <= 0 else float(np.clip((before - after) / (2 * bend), -1, 1))
    return float(ks[i] * (ks[1] / ks[0]) ** shift)
