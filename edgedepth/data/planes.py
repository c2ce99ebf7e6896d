"""Which planes a training stack is focused at.

Most planes are drawn from the scene's own dioptre range, so that a stated share of its pixels
lies beyond the farthest plane and nearer than the nearest: a network that is mostly shown pixels
outside its planes learns to guess rather than to measure. But a phone sweeps what it can,
whatever is before it, and most of a room lies at the far end of that: a network that is never
shown such sweeps expects scenes as wide as the sweep and answers too near. Nor does a lens that
sweeps a room know of the table before it, most of which is nearer than all of its planes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgedepth import optics

Doubles = NDArray[np.float64]

LAYOUTS: dict[str, tuple[float, ...]] = {
    "phone": (0.35, 0.45, 0.6, 0.9, 1.6, 4.0),
    "dered": (1.0, 1.5, 2.5, 4.0, 6.0),
}
"""Metres. ``phone``: a phone's sweep; ``dered``: the literature's NYU planes (Si et al. 2023)."""

MIN_SPAN_DIOPTRES = 0.15

NEAREST_M, FARTHEST_M = (0.12, 0.8), (1.5, 12.0)
"""Ends of a sweep that knows nothing of its scene, log-uniform."""

MOST_BLUR_PX = 60.0
"""Of the scene's farthest part in the nearest plane of such a sweep."""

LEAST_BLUR_PX = 2.0
"""Between the ends of a layout that serves as such a sweep: the lens tells its planes apart."""

MOST_BEYOND, MOST_BEFORE = 0.6, 0.85
"""Share of a scene beyond the farthest plane, and of what is nearer than a layout's nearest."""


@dataclass(frozen=True)
class PlaneRecipe:
    """How planes are drawn.

    Attributes:
        blind_share: share of stacks whose planes know nothing of the scene.
        layout_share: share of both kinds that use one of ``LAYOUTS`` and extra planes.
        far_outside, near_outside: where a stack leaves pixels outside its planes, their share
            is uniform up to this.
        far_inside_share, near_inside_share: share of stacks that leave none outside.
        spread_weights: of planes even in dioptres, even with jitter, even in a power of the
            distance (towards metres, dense far away), and random.
        coc_for_phone: K above which the ``phone`` layout would only show blur.
    """

    blind_share: float = 0.6
    layout_share: float = 0.45
    far_outside: float = 0.5
    near_outside: float = 0.36
    far_inside_share: float = 0.25
    near_inside_share: float = 0.3
    spread_weights: tuple[float, float, float, float] = (0.3, 0.25, 0.25, 0.2)
    coc_for_phone: float = 30.0


@dataclass(frozen=True)
class Planes:
    """Drawn planes: (N,) dioptres, and what to multiply the scene's depth by to suit them."""

    focus_dioptres: NDArray[np.float32]
    depth_factor: float = 1.0


def draw_planes(
    recipe: PlaneRecipe,
    rng: np.random.Generator,
    scene_dioptres: NDArray[np.floating],
    count: int,
    coc_px_per_dioptre: float,
    rescalable: bool,
) -> Planes:
    """Draw ``count`` planes, in the order that a camera swept: near to far or far to near.

    Args:
        recipe: the ranges.
        rng: consumed.
        scene_dioptres: the scene's valid inverse depths, any shape.
        count: planes wanted.
        coc_px_per_dioptre: K of the camera.
        rescalable: the scene may be given another size to suit a layout.
    """
    values = np.sort(np.asarray(scene_dioptres, np.float64).ravel())
    far, near = _outside_shares(recipe, rng)
    planes = None
    if recipe.blind_share and rng.random() < recipe.blind_share:
        planes = Planes(_blind(recipe, rng, values, count, coc_px_per_dioptre))
    elif rng.random() < recipe.layout_share:
        planes = _layout(recipe, rng, values, count, (far, near), coc_px_per_dioptre, rescalable)
    if planes is None:
        planes = Planes(_relative(recipe, rng, values, count, (far, near)))
    ordered = np.sort(planes.focus_dioptres)
    return Planes(ordered if rng.random() < 0.5 else ordered[::-1].copy(), planes.depth_factor)


def _outside_shares(recipe: PlaneRecipe, rng: np.random.Generator) -> tuple[float, float]:
    far = 0.0 if rng.random() < recipe.far_inside_share else rng.uniform(0, recipe.far_outside)
    near = 0.0 if rng.random() < recipe.near_inside_share else rng.uniform(0, recipe.near_outside)
    return float(far), float(near)


def _blind(
    recipe: PlaneRecipe,
    rng: np.random.Generator,
    values: Doubles,
    count: int,
    k: float,
) -> NDArray[np.float32]:
    """Planes of a sweep that would be the same before any scene that it can be used for."""
    farthest = float(np.quantile(values, 0.02))
    if rng.random() < recipe.layout_share:
        layouts = map(optics.metres_to_dioptres, LAYOUTS.values())
        serving = [planes for planes in layouts if _serves(planes, values, farthest, k)]
        if serving:
            return _filled(rng, serving[int(rng.integers(len(serving)))], count)
    near, far = (1 / np.exp(rng.uniform(*np.log(ends))) for ends in (NEAREST_M, FARTHEST_M))
    low = min(float(far), float(np.quantile(values, MOST_BEYOND)))
    high = max(min(float(near), farthest + MOST_BLUR_PX / k), low + MIN_SPAN_DIOPTRES)
    return _spread(recipe, rng, low, high, count)


def _serves(planes: Doubles, values: Doubles, farthest: float, k: float) -> bool:
    """Whether a lens may sweep a scene with a layout's planes without knowing the scene."""
    low, high = planes.min(), planes.max()
    tells_apart = k * (high - low) >= LEAST_BLUR_PX and k * (high - farthest) < MOST_BLUR_PX
    return bool(tells_apart and np.mean(values > high) <= MOST_BEFORE)


def _filled(rng: np.random.Generator, planes: Doubles, count: int) -> NDArray[np.float32]:
    """``count`` of a layout's planes, or all of them and others between."""
    if count < len(planes):
        return rng.choice(planes, count, replace=False).astype(np.float32)
    extra = rng.uniform(planes.min(), planes.max(), count - len(planes))
    return np.concatenate([planes, extra]).astype(np.float32)


def _relative(
    recipe: PlaneRecipe,
    rng: np.random.Generator,
    values: Doubles,
    count: int,
    outside: tuple[float, float],
) -> NDArray[np.float32]:
    far, near = outside
    low = float(np.quantile(values, far)) if far else float(values[0]) * rng.uniform(0.6, 1.0)
    high = float(np.quantile(values, 1 - near)) if near else float(values[-1]) * rng.uniform(1, 1.2)
    if high - low < MIN_SPAN_DIOPTRES:
        middle = (low + high) / 2
        low = max(middle - MIN_SPAN_DIOPTRES / 2, 0.02)
        high = low + MIN_SPAN_DIOPTRES
    return _spread(recipe, rng, low, high, count)


def _spread(
    recipe: PlaneRecipe, rng: np.random.Generator, low: float, high: float, count: int
) -> NDArray[np.float32]:
    """``count`` planes from ``low`` to ``high`` dioptres."""
    kind = int(rng.choice(4, p=recipe.spread_weights))
    if count == 1:
        return np.array([rng.uniform(low, high)], np.float32)
    even = np.arange(count) / (count - 1)
    if kind == 1:
        even = (np.arange(count) + rng.uniform(0, 1, count)) / count
    elif kind == 3:
        even = np.sort(rng.uniform(0, 1, count))
    even = (even - even[0]) / (even[-1] - even[0])
    if kind == 2:
        power = rng.uniform(-1.0, 0.6)  # -1: even in metres, 1: even in dioptres
        if abs(power) < 1e-3:
            power = 1e-3
        planes = (low**power + even * (high**power - low**power)) ** (1 / power)
    else:
        planes = low + even * (high - low)
    return planes.astype(np.float32)


def _layout(
    recipe: PlaneRecipe,
    rng: np.random.Generator,
    values: Doubles,
    count: int,
    outside: tuple[float, float],
    k: float,
    rescalable: bool,
) -> Planes | None:
    """A named layout with extra planes between; None where none suits the scene."""
    names = [name for name in LAYOUTS if name != "phone" or k <= recipe.coc_for_phone]
    names = [str(name) for name in rng.permutation(names)]
    far, near = outside
    match_far = rng.random() < 0.65
    for name in names:
        planes = optics.metres_to_dioptres(LAYOUTS[name])
        low, high = float(planes.min()), float(planes.max())
        factor = 1.0
        if rescalable:
            wanted, found = (
                (low, np.quantile(values, far))
                if match_far
                else (high, np.quantile(values, 1 - near))
            )
            factor = float(found / wanted)
        seen = values / factor
        if (
            np.mean(seen < low) > max(far, 0.1) + 0.15
            or np.mean(seen > high) > max(near, 0.1) + 0.15
        ):
            continue
        return Planes(_filled(rng, planes, count), factor)
    return None
