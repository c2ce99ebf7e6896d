"""Procedural surface textures, evaluated only where a surface is seen.

Every pattern is a lookup into a few tileable noise images (made once per process from fixed
seeds) plus arithmetic, so that a hundred thousand points cost milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

TILE = 512
"""Side of a noise tile in texels; a tile spans one unit of texture coordinates."""

KINDS = (
    "fractal",
    "checker",
    "stripes",
    "speckle",
    "wood",
    "brick",
    "text",
    "cells",
    "weave",
    "gradient",
    "plain",
)
_WEIGHTS = np.array([0.22, 0.07, 0.09, 0.13, 0.11, 0.08, 0.09, 0.08, 0.05, 0.04, 0.04])


@dataclass(frozen=True)
class Material:
    """What a surface looks like.

    Attributes:
        kind: one of ``KINDS``.
        scale: texture units per metre; a unit holds a few of the pattern's features.
        colours: (3, 3) gamma-encoded RGB that the pattern runs through.
        contrast: 0 (plain) to 1.
        grain: strength of the fine grain laid over the pattern.
        offset, angle: where the pattern starts, and its turn in radians.
        variant: which noise tile.
    """

    kind: str
    scale: float
    colours: tuple[tuple[float, float, float], ...]
    contrast: float
    grain: float
    offset: tuple[float, float]
    angle: float
    variant: int


def random_material(rng: np.random.Generator, distance_m: float) -> Material:
    """A material whose features are a few to a few dozen pixels wide at ``distance_m``."""
    kind = str(rng.choice(KINDS, p=_WEIGHTS / _WEIGHTS.sum()))
    base = rng.uniform(0.05, 0.95, 3)
    chroma = rng.uniform(0.05, 0.65)
    grey = base.mean()
    first = grey + (base - grey) * chroma
    second = np.clip(first + rng.normal(0, 0.33, 3) * chroma + rng.normal(0, 0.3), 0.02, 0.98)
    third = np.clip(0.5 * (first + second) + rng.normal(0, 0.15, 3), 0.02, 0.98)
    return Material(
        kind=kind,
        scale=float(np.exp(rng.uniform(np.log(0.7), np.log(4.0))) / max(distance_m, 0.1)),
        colours=tuple((float(r), float(g), float(b)) for r, g, b in (first, third, second)),
        contrast=float(rng.uniform(0.35, 1.0)),
        grain=float(np.exp(rng.uniform(np.log(0.02), np.log(0.25)))),
        offset=(float(rng.uniform(0, 8)), float(rng.uniform(0, 8))),
        angle=float(rng.choice([0.0, np.pi / 2]) + rng.normal(0, 0.15)),
        variant=int(rng.integers(4)),
    )


def colour_at(material: Material, u: Floats, v: Floats) -> Floats:
    """Gamma-encoded albedo of a surface.

    Args:
        u, v: (n,) surface coordinates in metres.

    Returns:
        float32 (n, 3) in [0, 1].
    """
    c, s = np.float32(np.cos(material.angle)), np.float32(np.sin(material.angle))
    k = np.float32(material.scale)
    x = (c * u + s * v) * k + np.float32(material.offset[0])
    y = (c * v - s * u) * k + np.float32(material.offset[1])
    t = _pattern(material, x, y)
    if material.kind != "plain":
        t = t + np.float32(material.grain) * (_look(_speckle(), x * 1.7, y * 1.7) - 0.5)
    t = np.clip(0.5 + np.float32(material.contrast) * (t - 0.5), 0, 1)
    low, mid, high = (np.array(colour, np.float32) for colour in material.colours)
    first = np.minimum(t * 2, 1)[:, None]
    second = np.maximum(t * 2 - 1, 0)[:, None]
    return low + (mid - low) * first + (high - mid) * second


def _pattern(material: Material, x: Floats, y: Floats) -> Floats:
    noise = _fractal(material.variant)
    if material.kind == "fractal":
        return _look(noise, x, y)
    if material.kind == "checker":
        odd = (np.floor(x * 6) + np.floor(y * 6)) % 2
        return (0.15 + 0.7 * odd + 0.25 * (_look(noise, x, y) - 0.5)).astype(np.float32)
    if material.kind == "stripes":
        bend = _look(noise, x * 0.3, y * 0.3)
        return (0.5 + 0.5 * np.sin(2 * np.pi * (x * 9 + bend))).astype(np.float32)
    if material.kind == "speckle":
        return 0.5 + 1.3 * (_look(_speckle(), x, y) - 0.5)
    if material.kind == "wood":
        rings = _look(noise, x * 0.12, y * 0.9) * 9
        fibre = _look(_speckle(), x * 0.12, y * 2.5)
        return (0.6 * (rings - np.floor(rings)) + 0.4 * fibre).astype(np.float32)
    if material.kind == "brick":
        return _bricks(noise, x, y)
    if material.kind == "text":
        return _look(_print(material.variant), x * 0.8, y * 0.8)
    if material.kind == "cells":
        return _look(_cells(material.variant), x * 0.8, y * 0.8)
    if material.kind == "weave":
        thread = np.sin(x * 110) * np.sin(y * 110)
        return (0.5 + 0.3 * thread + 0.5 * (_look(noise, x, y) - 0.5)).astype(np.float32)
    if material.kind == "gradient":
        return 0.5 + 0.7 * (_look(_smooth(), x * 0.15, y * 0.15) - 0.5)
    return 0.5 + 0.1 * (_look(noise, x, y) - 0.5)


def _bricks(noise: Floats, x: Floats, y: Floats) -> Floats:
    row = np.floor(y * 8)
    along = x * 4 + 0.5 * (row % 2)
    column = np.floor(along)
    joint = (along - column < 0.06) | (y * 8 - row < 0.12)
    tone = np.sin(row * 12.9898 + column * 78.233) * 43758.547
    tone = 0.35 + 0.45 * (tone - np.floor(tone)) + 0.4 * (_look(noise, x, y) - 0.5)
    return np.where(joint, 0.05, tone).astype(np.float32)


def _look(tile: Floats, x: Floats, y: Floats) -> Floats:
    """Bilinear lookup of (n,) texture coordinates in a tile that repeats."""
    side = np.float32(tile.shape[0])
    n = x.size
    row = 1024  # OpenCV's remap wants both sides of its maps below 32768
    maps = np.zeros((2, -(-n // row), row), np.float32)
    for target, value in zip(maps, (x, y), strict=True):
        target.reshape(-1)[:n] = (value - np.floor(value)) * side
    found = cv2.remap(tile, maps[0], maps[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    return found.reshape(-1)[:n]


def _stretch(tile: Floats, spread: float) -> Floats:
    """Shift to mean 0.5 and to a standard deviation of ``spread``, clipped to [0, 1]."""
    tile = (tile - tile.mean()) / max(float(tile.std()), 1e-6)
    return np.clip(0.5 + spread * tile, 0, 1).astype(np.float32)


def _octave(rng: np.random.Generator, cells: int) -> Floats:
    """Tileable band of noise with ``cells`` features along each side."""
    grid = rng.random((cells, cells), dtype=np.float32)
    margin = 3
    wide = np.pad(grid, margin, mode="wrap")
    factor = TILE // cells
    if factor == 1:
        return grid
    big = cv2.resize(wide, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    edge = margin * factor
    return big[edge : edge + TILE, edge : edge + TILE]


@lru_cache(maxsize=8)
def _fractal(variant: int) -> Floats:
    rng = np.random.default_rng(1000 + variant)
    roughness = (0.55, 0.7, 0.85, 1.0)[variant]
    total = np.zeros((TILE, TILE), np.float32)
    for octave in range(2, 9):
        total += np.float32(roughness**octave) * _octave(rng, 2**octave)
    return _stretch(total, 0.22)


@lru_cache(maxsize=1)
def _speckle() -> Floats:
    rng = np.random.default_rng(2000)
    return _stretch(_octave(rng, TILE // 2) + 0.6 * _octave(rng, TILE // 4), 0.25)


@lru_cache(maxsize=1)
def _smooth() -> Floats:
    rng = np.random.default_rng(3000)
    return _stretch(_octave(rng, 4) + 0.4 * _octave(rng, 8), 0.25)


@lru_cache(maxsize=4)
def _print(variant: int) -> Floats:
    """A printed page: lines of glyphs in several sizes, some boxes, tileable."""
    rng = np.random.default_rng(4000 + variant)
    side = 2 * TILE
    page = np.full((side, side), 235, np.uint8)
    glyphs = np.array(list("abcdefghijklmnopqrstuvwxyzABCDEFGHKLMNPRSTUXZ0123456789 &%?.,:"))
    y = 0
    while y < side - 12:
        size = float(rng.choice([0.4, 0.5, 0.7, 1.1, 2.2], p=[0.35, 0.3, 0.2, 0.1, 0.05]))
        line = "".join(rng.choice(glyphs, int(side / (18 * size))))
        y += int(26 * size) + 3
        ink = int(rng.integers(0, 90))
        face = int(rng.choice([0, 2, 3, 4]))
        cv2.putText(page, line, (8, y), face, size, ink, 1 + int(size > 0.6), cv2.LINE_AA)
    for _ in range(5):
        a, b = rng.integers(0, side - 160, 2)
        w, h = rng.integers(60, 160, 2)
        box = page[b : b + h, a : a + w]
        box[:] = np.clip(rng.normal(130, 45, (h // 4 + 1, w // 4 + 1)), 0, 255).astype(np.uint8)[
            np.ix_(np.arange(h) // 4, np.arange(w) // 4)
        ]
    return page.astype(np.float32) / 255


@lru_cache(maxsize=4)
def _cells(variant: int) -> Floats:
    """Crazy paving: Voronoi cells of random tone with dark joints, tileable."""
    rng = np.random.default_rng(5000 + variant)
    side, count = 2 * TILE, (60, 150, 350, 700)[variant]
    seeds = rng.random((count, 2)) * side
    mask = np.full((2 * side, 2 * side), 1, np.uint8)  # twice the tile, so that it wraps
    ticket = np.zeros((2 * side, 2 * side), np.int32)
    for i in range(count):
        for dx in (0, side):
            for dy in (0, side):
                x, y = int(seeds[i, 0]) + dx, int(seeds[i, 1]) + dy
                mask[y, x], ticket[y, x] = 0, i
    _, label = cv2.distanceTransformWithLabels(mask, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    of_label = np.zeros(int(label.max()) + 1, np.int32)
    of_label[label[mask == 0]] = ticket[mask == 0]
    half = side // 2
    cell = of_label[label[half : half + side, half : half + side]]
    tone = rng.random(count).astype(np.float32)[cell]
    joint = (cell != np.roll(cell, 2, 0)) | (cell != np.roll(cell, 2, 1))
    return np.where(joint, np.float32(0), 0.2 + 0.8 * tone).astype(np.float32)
