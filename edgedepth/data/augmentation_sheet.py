"""A picture of what training does to a scene, a row for each kind of variation.

The rows are made by the very functions that training uses, with one kind switched on at a time.
"""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
from numpy.typing import NDArray

from edgedepth import optics
from edgedepth.data.degrade import DegradeRecipe, degrade, to_bytes
from edgedepth.data.missing import fill_missing
from edgedepth.data.pool import PackedStack, vary
from edgedepth.data.recipe import Recipe, one_crop, recolour, reported_focus
from edgedepth.data.renderer import render_stack
from edgedepth.data.scenes import RgbdScene
from edgedepth.spec import ModelSpec

Bytes = NDArray[np.uint8]

TILES = 5
TILE = (256, 320)
"""(height, width) of a tile, which is a crop's size."""

WIDEST_PX = 16.0
"""Blur of the nearest plane when the farthest is in focus."""

_BAR = 18
_NOTHING = DegradeRecipe(
    read_noise=(1e-6, 1.1e-6),
    shot_noise=(1e-9, 1.1e-9),
    jpeg_share=0,
    drift_share=0,
    misaligned_share=0,
    vignetting_share=0,
    shrunk_share=0,
)
_SPEC = ModelSpec("mobile", 128, 160, 0, focus_encoding="sweep", output="sweep")


def augmentation_sheet(scene: RgbdScene, seed: int = 0) -> Bytes:
    """Rows of ``TILES`` pictures, each with a line that says what was done.

    Args:
        scene: at least about as large as a tile.
        seed: of all that is drawn.

    Returns:
        uint8 (H, W, 3) RGB.
    """
    rng = np.random.default_rng([seed, 41])
    recipe = Recipe(height=TILE[0], width=TILE[1], frames=TILES)
    crop = one_crop(recipe, rng, scene)
    near, far = np.quantile(1 / crop.depth_m[crop.valid], [0.95, 0.05])
    focus = np.linspace(near, far, TILES).astype(np.float32)
    depth = fill_missing(crop.depth_m, crop.valid)
    k = WIDEST_PX / max(float(np.ptp(focus)), 1e-3)
    frames = np.clip(render_stack(crop.rgb, 1 / depth, focus, k), 0, 1)
    sharp = np.repeat(crop.rgb[None], TILES, 0)
    rows = [
        _row("crop and flip", [to_bytes(one_crop(recipe, rng, scene).rgb) for _ in range(TILES)]),
        _row("colour", [to_bytes(recolour(recipe, rng, crop.rgb)) for _ in range(TILES)]),
        _row("focal stack", [to_bytes(f) for f in frames], [_metres(f) for f in focus]),
        _row("exposure", _spoilt(sharp, focus, rng, drift_share=1.0, drift=0.25)),
        _row("noise, JPEG", _spoilt(sharp, focus, rng, **_grainy())),
        _row("vignetting", _spoilt(sharp, focus, rng, vignetting_share=1.0)),
        _row("misalignment", _moved(sharp, focus, rng)),
        *_choices(frames, focus, rng),
        _jittered(frames, focus, seed),
    ]
    return np.vstack(rows)


def _row(title: str, pictures: list[Bytes], notes: list[str] | None = None) -> Bytes:
    """Tiles side by side, under each the title and its note."""
    tiles = []
    for i in range(TILES):
        picture = pictures[i] if i < len(pictures) else np.zeros((*TILE, 3), np.uint8)
        bar = np.full((_BAR, TILE[1], 3), 32, np.uint8)
        text = f"{title}: {notes[i]}" if notes and i < len(notes) else title
        if i < len(pictures):
            cv2.putText(
                bar, text, (4, 13), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (255,) * 3, 1, cv2.LINE_AA
            )
        tiles.append(np.vstack([picture, bar]))
    return np.hstack(tiles)


def _metres(dioptres: float) -> str:
    return f"{float(optics.dioptres_to_metres(np.float32(dioptres))):.2f} m"


def _grainy() -> dict[str, object]:
    most = DegradeRecipe()
    noise, shot = most.read_noise[1], most.shot_noise[1]
    return {"read_noise": (noise, noise), "shot_noise": (shot, shot), "jpeg_share": 1.0}


def _spoilt(
    pictures: NDArray[np.float32],
    focus: NDArray[np.float32],
    rng: np.random.Generator,
    **changes: object,
) -> list[Bytes]:
    recipe = dataclasses.replace(_NOTHING, **changes)  # type: ignore[arg-type]
    return list(degrade(recipe, rng, pictures, focus)[0])


def _moved(
    pictures: NDArray[np.float32], focus: NDArray[np.float32], rng: np.random.Generator
) -> list[Bytes]:
    """Ten times what training does, or one would not see it; borders no pixel reached are red."""
    usual = DegradeRecipe()
    recipe = dataclasses.replace(
        _NOTHING, misaligned_share=1.0, shift_px=10 * usual.shift_px, scale=10 * usual.scale
    )
    frames, valid = degrade(recipe, rng, pictures, focus)
    frames[~valid] = (200, 0, 0)
    return list(frames)


def _choices(
    frames: NDArray[np.float32], focus: NDArray[np.float32], rng: np.random.Generator
) -> list[Bytes]:
    """Two choices of three frames in either direction, as batches draw them."""
    stack = PackedStack(
        np.stack([to_bytes(f) for f in frames]),
        None,
        None,
        focus,
        1.0,
        np.ones(TILE, np.float32),
        np.ones(TILE, bool),
    )
    rows: dict[bool, Bytes] = {}
    while len(rows) < 2:
        chosen = vary(stack, 3, _SPEC, rng)
        nearing = bool(chosen.focus_dioptres[-1] > chosen.focus_dioptres[0])
        notes = [_metres(f) for f in chosen.focus_dioptres]
        rows[nearing] = _row("dropout, order", list(chosen.rgb), notes)
    return [rows[False], rows[True]]


def _jittered(frames: NDArray[np.float32], focus: NDArray[np.float32], seed: int) -> Bytes:
    told = reported_focus(dataclasses.replace(Recipe(), focus_jitter=0.05), seed, focus)
    notes = [f"{_metres(a)}, told {_metres(b)}" for a, b in zip(focus, told, strict=True)]
    return _row("jitter", [to_bytes(f) for f in frames], notes)
