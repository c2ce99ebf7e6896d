"""Aperture supervision: how well a depth map explains the frames that were really taken.

The network's depth and the composite of a sweep are re-rendered at every focus distance and
compared with the frames (Srinivasan et al. 2018).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edgedepth.learn.material import Material
from edgedepth.learn.render_tf import dissimilarity, render, smoothness
from edgedepth.models.backend import tf

Tensor = Any

TRUSTED_COC_PX = 8.0
"""Blur at which a frame's say at a pixel falls to a third."""

REACH_PX = 15
"""How far the blur of a neighbour is reckoned with."""


def frame_weights(material: Material, position: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N + 1, r H, r W) how much each frame counts, the held-out one last.

    Little where it is far out of focus, since there blur crosses depth edges and the lens's
    exact shape rules.

    Args:
        position: (H, W) depth by which blur is judged.
    """
    dioptres = material.inputs.sweep.dioptres(position)
    size = material.pictures.shape[2], material.pictures.shape[1]
    fine = cv2.resize(dioptres, size, interpolation=cv2.INTER_LINEAR)
    masks = [*material.masks, material.held_mask]
    weights = []
    for focus, mask in zip([*material.focus, material.held_focus], masks, strict=True):
        coc = cv2.dilate(material.k * np.abs(fine - focus), np.ones((REACH_PX, REACH_PX)))
        weights.append(mask * np.exp(-np.square(coc / TRUSTED_COC_PX)))
    return np.stack(weights).astype(np.float32)


@dataclass(frozen=True)
class Window:
    """A part (h, w) of a model's grid, from its first row and column."""

    top: int
    left: int
    height: int
    width: int

    @classmethod
    def random(
        cls, grid: tuple[int, int], size: tuple[int, int], rng: np.random.Generator
    ) -> Window:
        """Anywhere on a grid of (height, width)."""
        top, left = (
            int(rng.integers(0, max(1, whole - part + 1)))
            for whole, part in zip(grid, size, strict=True)
        )
        return cls(top, left, *size)

    def slices(self, scale: int = 1) -> tuple[slice, slice]:
        """Of an array ``scale`` times as fine as the grid."""
        return (
            slice(self.top * scale, (self.top + self.height) * scale),
            slice(self.left * scale, (self.left + self.width) * scale),
        )


def crop(material: Material, weights: NDArray[np.float32], window: Window) -> dict[str, Tensor]:
    """A part of a sweep as tensors for :func:`aperture_loss`.

    Args:
        weights: from :func:`frame_weights`.
    """
    grid, fine = window.slices(), window.slices(material.scale)
    return {
        "frames": tensor(material.inputs.frames[(slice(None), *grid)][None]) / 255,
        "positions": tensor(material.inputs.focus[None]),
        "optics": tensor(material.inputs.optics[None]),
        "low": tensor(material.inputs.sweep.low),
        "span": tensor(material.inputs.sweep.span),
        "k": tensor(material.k),
        "focus": tensor(material.focus),
        "diameters": tensor(material.diameters),
        "levels": tensor(material.levels[(slice(None), *fine)]),
        "pictures": tensor(material.pictures[(slice(None), *fine)]) / 255,
        "weights": tensor(weights[(slice(0, -1), *fine)]),
        "guide": tensor(material.levels[0][fine][:: material.scale, :: material.scale]),
    }


def aperture_loss(position: Tensor, part: dict[str, Tensor], smooth: float) -> Tensor:
    """What a depth map leaves unexplained of a part's frames.

    Args:
        position: (h, w) in the sweep's range.
        part: from :func:`crop`.
        smooth: weight of edge-aware smoothness.
    """
    dioptres = tf.maximum(part["low"] + part["span"] * position, 0.0)
    size = part["pictures"].shape[1:3]
    fine = tf.image.resize(dioptres[..., None], size)[..., 0]
    focus = part["focus"]
    rendered = render(part["levels"], part["diameters"], fine, focus, focus, part["k"])
    explained = tf.reduce_mean(dissimilarity(rendered, part["pictures"], part["weights"]))
    return explained + smooth * smoothness(position, part["guide"])


def rendering_errors(
    material: Material, weights: NDArray[np.float32], position: NDArray[np.float32]
) -> tuple[float, float]:
    """(fitted, held-out) dissimilarity between re-rendered and real frames of a sweep."""
    dioptres = tensor(material.inputs.sweep.dioptres(position))
    fine = tf.image.resize(dioptres[..., None], material.pictures.shape[1:3])[..., 0]
    focus = np.append(material.focus, material.held_focus)
    rendered = render(
        tensor(material.levels),
        tensor(material.diameters),
        fine,
        tensor(focus),
        tensor(material.focus),
        tensor(material.k),
    )
    real = np.concatenate([material.pictures, material.held_picture[None]])
    found = dissimilarity(rendered, tensor(real) / 255, tensor(weights)).numpy()
    return float(found[:-1].mean()), float(found[-1])


def mean_errors(
    material: Sequence[Material],
    weights: Sequence[NDArray[np.float32]],
    positions: Sequence[NDArray[np.float32]],
) -> tuple[float, float]:
    """(fitted, held-out) :func:`rendering_errors`, mean over sweeps."""
    pairs = [
        rendering_errors(m, w, p) for m, w, p in zip(material, weights, positions, strict=True)
    ]
    fitted, held = np.mean(pairs, axis=0)
    return float(fitted), float(held)


def tensor(value: Any) -> Tensor:
    """A float32 constant."""
    return tf.constant(np.asarray(value, np.float32))
