"""How strongly each tile of each frame is blurred, read from spectra.

A tile of a focal stack shows one texture N times, each time through another blur. In the tile's
power spectrum the texture is a factor that all frames share, so it drops out of their ratios,
and what is left is the blur's transfer function (Pentland 1987; Subbarao 1988). Power spectra
do not mind a residual shift, and light is made linear first, since that is what a lens blurs.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from edgedepth.light import linear_gray
from edgedepth.stack import FocalStack, Frame

Doubles = NDArray[np.float64]

TILE = 64
STRIDE = 32
BANDS = 10
LOWEST, HIGHEST = 2.5 / TILE, 0.32
"""Band edges in cycles per pixel: above the window's own leakage, below where JPEG rules."""

LEAST_SIGNAL = 8.0
"""A tile's best frame must exceed the noise by this much, in power, in most bands."""

LEAST_NOISE = 0.01
"""Noise of a tile, as a share of its brightness, that rounding and JPEG leave at least: weaker
texture comes out as blocks."""

_NOISE_FROM = 0.4
_TABLE_STEP = 0.005
_TABLE_END = 12.0


@dataclass(frozen=True)
class TileSpectra:
    """Band amplitudes of the textured tiles of a stack.

    Attributes:
        amplitude: (T, N, B) root of the noise-free power; in each tile and band the sharpest
            frame has 1.
        noise: (T, B) noise power in the same unit.
        frequency: (B,) cycles per pixel.
        centre: (T, 2) row and column of the tiles' middles, pixels.
        size: (height, width) of the stack.
        tiles: how many tiles there were before those without texture were left out.
    """

    amplitude: Doubles
    noise: Doubles
    frequency: Doubles
    centre: Doubles
    size: tuple[int, int]
    tiles: int

    def __len__(self) -> int:
        return len(self.amplitude)

    def pick(self, which: NDArray[np.bool_] | NDArray[np.intp]) -> TileSpectra:
        """Some of the tiles."""
        return TileSpectra(
            self.amplitude[which],
            self.noise[which],
            self.frequency,
            self.centre[which],
            self.size,
            self.tiles,
        )


def tile_spectra(stack: FocalStack) -> TileSpectra:
    """Spectra of a stack's tiles, those without texture left out."""
    height, width = stack.size
    rows = range(0, height - TILE + 1, STRIDE)
    columns = range(0, width - TILE + 1, STRIDE)
    corners = np.array([(r, c) for r in rows for c in columns], np.intp).reshape(-1, 2)
    seen = np.ones(len(corners), bool)
    for frame in stack.frames:
        if frame.valid is not None:
            holes = cv2.integral((~frame.valid).astype(np.uint8))
            r, c = corners.T
            seen &= (
                holes[r + TILE, c + TILE] - holes[r, c + TILE] - holes[r + TILE, c] + holes[r, c]
            ) == 0
    corners = corners[seen]
    power = np.stack([_band_power(frame.rgb, corners) for frame in stack.frames], axis=1)
    centre = corners + (TILE - 1) / 2
    return _normalised(power, centre, stack.size)


def shrunk(stack: FocalStack, factor: float) -> FocalStack:
    """The same stack, ``factor`` times as large; 1 and more leave it as it is."""
    if factor >= 1:
        return stack
    height, width = (max(TILE, round(side * factor)) for side in stack.size)
    frames = []
    for frame in stack.frames:
        rgb = cv2.resize(frame.rgb, (width, height), interpolation=cv2.INTER_AREA)
        valid = frame.valid
        if valid is not None:
            share = cv2.resize(
                valid.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA
            )
            valid = share > 0.999
        frames.append(Frame(rgb, frame.focus_dioptres, valid, frame.name))
    return FocalStack(tuple(frames), stack.coc_px_per_dioptre * width / stack.size[1])


def _normalised(power: Doubles, centre: Doubles, size: tuple[int, int]) -> TileSpectra:
    """From (T, N, B + 1) power, whose last band measures noise, to amplitudes."""
    rounding = LEAST_NOISE**2 * float(np.square(_window()).sum())
    noise = np.maximum(power[:, :, -1].min(axis=1), rounding)
    signal = np.maximum(power[:, :, :-1] - noise[:, None, None], 0)
    best = signal.max(axis=1)
    textured = (best > LEAST_SIGNAL * noise[:, None]).mean(axis=1) > 0.5
    best, noise = np.maximum(best[textured], 1e-12), noise[textured]
    return TileSpectra(
        np.sqrt(signal[textured] / best[:, None]),
        noise[:, None] / best,
        band_frequencies(),
        centre[textured],
        size,
        len(power),
    )


def _band_power(rgb: NDArray[np.uint8], corners: NDArray[np.intp]) -> Doubles:
    """(T, B + 1) mean power per band of a frame's tiles, relative to their brightness."""
    gray = linear_gray(rgb)
    window = _window()
    index, counts = _band_index()
    power = np.empty((len(corners), len(counts)))
    for start in range(0, len(corners), 256):
        part = corners[start : start + 256]
        tiles = np.stack([gray[r : r + TILE, c : c + TILE] for r, c in part])
        mean = (tiles * window).sum((1, 2), keepdims=True) / window.sum()
        tiles = (tiles / np.maximum(mean, 1e-3) - 1) * window
        spectrum = np.abs(np.fft.rfft2(tiles)) ** 2
        flat = spectrum.reshape(len(part), -1)
        for band, members in enumerate(index):
            power[start : start + len(part), band] = flat[:, members].mean(axis=1)
    return power


@lru_cache(maxsize=1)
def _window() -> NDArray[np.float32]:
    hann = np.hanning(TILE + 2)[1:-1]
    return np.outer(hann, hann).astype(np.float32)


@lru_cache(maxsize=1)
def _radii() -> Doubles:
    y = np.fft.fftfreq(TILE)[:, None]
    x = np.fft.rfftfreq(TILE)[None]
    return np.hypot(y, x).ravel()


@lru_cache(maxsize=1)
def _band_index() -> tuple[tuple[NDArray[np.intp], ...], tuple[int, ...]]:
    """Members of each band among the half-spectrum's bins; the last band measures noise."""
    radius = _radii()
    edges = np.geomspace(LOWEST, HIGHEST, BANDS + 1)
    members = [np.flatnonzero((radius >= a) & (radius < b)) for a, b in itertools.pairwise(edges)]
    members.append(np.flatnonzero((radius >= _NOISE_FROM) & (radius < 0.5)))
    return tuple(members), tuple(len(m) for m in members)


def band_frequencies() -> Doubles:
    """(B,) mean frequency of each band, cycles per pixel."""
    radius = _radii()
    return np.array([float(radius[m].mean()) for m in _band_index()[0][:-1]])


@lru_cache(maxsize=1)
def _disk_table() -> Doubles:
    """|2 J1(x) / x| on a grid, J1 by its integral over half a turn."""
    x = np.arange(0, math.pi * _TABLE_END, math.pi * _TABLE_STEP)[:, None]
    angle = (np.arange(256) + 0.5)[None] * (math.pi / 256)
    j1 = np.cos(angle - x * np.sin(angle)).mean(axis=1)
    table = np.ones(len(x))
    table[1:] = np.abs(2 * j1[1:] / x[1:, 0])
    return table


def disk_response(cycles: Doubles) -> Doubles:
    """Transfer of a disk, ``|2 J1(pi c f) / (pi c f)|``, for diameter times frequency ``c f``."""
    table = _disk_table()
    place = np.minimum(np.abs(cycles) * (1 / _TABLE_STEP), len(table) - 1.001)
    low = place.astype(np.intp)
    share = place - low
    return table[low] * (1 - share) + table[low + 1] * share


def soft_disk_response(cycles: Doubles) -> Doubles:
    """Transfer of a disk of half the variance, softened by a Gaussian of the other half."""
    return disk_response(cycles * math.sqrt(0.5)) * gaussian_response(cycles * math.sqrt(0.5))


def gaussian_response(cycles: Doubles) -> Doubles:
    """Transfer of the Gaussian of the disk's variance, c^2 / 16 along each side."""
    return np.exp(-(math.pi**2 / 8) * np.square(cycles))
