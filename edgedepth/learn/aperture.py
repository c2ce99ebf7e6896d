"""Aperture supervision: what a sweep's photos say of a depth map that nobody measured.

Depth and the composite of a sweep are re-rendered at every focus distance and compared with the
frames that were really taken (Srinivasan et al. 2018). Where there is no texture to compare, the
network's own first answer holds.
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
from edgedepth.models.network import FocalNetwork
from edgedepth.preprocess import ModelInputs

TEXTURE = 0.02
"""Local contrast of the composite (standard deviation) from which on it teaches fully."""

TRUSTED_COC_PX = 8.0
"""Blur at which a frame's say at a pixel falls to a third."""

REACH_PX = 15
"""How far the blur of a neighbour is reckoned with."""

CROP = (64, 96)
"""(height, width) of the model's grid that a step sees of a sweep."""


@dataclass(frozen=True)
class ApertureWeights:
    """Weights beside the re-rendering.

    Attributes:
        smooth: edge-aware smoothness.
        stay: keeping to the first answer where there is no texture.
        confidence: keeping the confidence.
    """

    smooth: float = 0.001
    stay: float = 0.003
    confidence: float = 0.01


@dataclass(frozen=True)
class FirstAnswer:
    """What a network said of a sweep before it was adapted.

    Attributes:
        position, confidence: (H, W).
        weights: (N + 1, r H, r W) how much a frame counts, the held-out one last: little where
            it is far out of focus, since there blur crosses depth edges and the lens's exact
            shape rules.
    """

    position: NDArray[np.float32]
    confidence: NDArray[np.float32]
    weights: NDArray[np.float32]

    @classmethod
    def of(cls, material: Material, said: dict[str, NDArray[np.float32]]) -> FirstAnswer:
        dioptres = material.inputs.sweep.dioptres(said["inverse_depth"])
        size = material.pictures.shape[2], material.pictures.shape[1]
        fine = cv2.resize(dioptres, size, interpolation=cv2.INTER_LINEAR)
        masks = [*material.masks, material.held_mask]
        weights = []
        for focus, mask in zip([*material.focus, material.held_focus], masks, strict=True):
            coc = cv2.dilate(material.k * np.abs(fine - focus), np.ones((REACH_PX, REACH_PX)))
            weights.append(mask * np.exp(-np.square(coc / TRUSTED_COC_PX)))
        stacked = np.stack(weights).astype(np.float32)
        return cls(said["inverse_depth"], said["confidence"], stacked)


def aperture_loss(answer: dict[str, Any], batch: dict[str, Any], w: ApertureWeights) -> Any:
    """How badly a network's answer explains part of a sweep.

    Args:
        answer: ``inverse_depth`` and ``confidence`` (1, h, w, 1).
        batch: of :func:`random_part`.
    """
    position = answer["inverse_depth"][0, ..., 0]
    dioptres = tf.maximum(batch["low"] + batch["span"] * position, 0.0)
    scale = batch["sharp"].shape[0] // position.shape[0]
    fine = tf.image.resize(dioptres[..., None], batch["sharp"].shape[:2])[..., 0]
    rendered = render(
        batch["levels"], batch["diameters"], fine, batch["focus"], batch["focus"], batch["k"]
    )
    explained = tf.reduce_mean(dissimilarity(rendered, batch["pictures"], batch["weights"]))
    guide = batch["sharp"][::scale, ::scale]
    moved = tf.reduce_mean((1 - batch["texture"]) * tf.abs(position - batch["first"]))
    trust = tf.reduce_mean(tf.abs(answer["confidence"][0, ..., 0] - batch["first_confidence"]))
    return (
        explained + w.smooth * smoothness(position, guide) + w.stay * moved + w.confidence * trust
    )


def random_part(
    material: Material,
    first: FirstAnswer,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """A random crop of a sweep and all that :func:`aperture_loss` wants, as tensors."""
    height, width = material.inputs.frames.shape[1:3]
    top = int(rng.integers(0, max(1, height - CROP[0] + 1)))
    left = int(rng.integers(0, max(1, width - CROP[1] + 1)))
    grid = slice(top, top + CROP[0]), slice(left, left + CROP[1])
    r = material.scale
    fine = tuple(slice(g.start * r, g.stop * r) for g in grid)
    sharp = material.levels[0][fine]
    return {
        "frames": _tensor(material.inputs.frames[(slice(None), *grid)][None]) / 255,
        "positions": _tensor(material.inputs.focus[None]),
        "optics": _tensor(material.inputs.optics[None]),
        "low": _tensor(material.inputs.sweep.low),
        "span": _tensor(material.inputs.sweep.span),
        "k": _tensor(material.k),
        "focus": _tensor(material.focus),
        "diameters": _tensor(material.diameters),
        "levels": _tensor(material.levels[(slice(None), *fine)]),
        "pictures": _tensor(material.pictures[(slice(None), *fine)]) / 255,
        "weights": _tensor(first.weights[(slice(0, -1), *fine)]),
        "sharp": _tensor(sharp),
        "texture": _tensor(_texture(sharp, r)),
        "first": _tensor(first.position[grid]),
        "first_confidence": _tensor(first.confidence[grid]),
    }


def _texture(sharp: NDArray[np.float32], scale: int) -> NDArray[np.float32]:
    """(h, w) in [0, 1] at the model's grid: how much a composite has for depth to show in."""
    gray = sharp.mean(-1)
    height, width = (side // scale for side in gray.shape)
    blocks = gray.reshape(height, scale, width, scale)
    around = [np.roll(blocks.mean((1, 3)), shift, axis) for shift in (-1, 1) for axis in (0, 1)]
    spread = np.std(np.stack([*around, blocks.mean((1, 3))]), axis=0)
    return np.clip(spread / TEXTURE, 0, 1).astype(np.float32)


def _tensor(value: Any) -> Any:
    return tf.constant(np.asarray(value, np.float32))


def answer(network: FocalNetwork, inputs: ModelInputs) -> dict[str, NDArray[np.float32]]:
    """The network's (H, W) ``inverse_depth`` and ``confidence`` for a whole sweep."""
    found = network.forward(
        _tensor(inputs.frames[None]) / 255,
        _tensor(inputs.focus[None]),
        _tensor(inputs.optics[None]),
    )
    return {name: found[name][0, ..., 0].numpy() for name in ("inverse_depth", "confidence")}


def rendering_errors(
    material: Material, weights: NDArray[np.float32], position: NDArray[np.float32]
) -> tuple[float, float]:
    """(fitted, held-out) dissimilarity between re-rendered and real frames of a sweep."""
    dioptres = _tensor(material.inputs.sweep.dioptres(position))
    fine = tf.image.resize(dioptres[..., None], material.pictures.shape[1:3])[..., 0]
    focus = np.append(material.focus, material.held_focus)
    rendered = render(
        _tensor(material.levels),
        _tensor(material.diameters),
        fine,
        _tensor(focus),
        _tensor(material.focus),
        _tensor(material.k),
    )
    real = np.concatenate([material.pictures, material.held_picture[None]])
    found = dissimilarity(rendered, _tensor(real) / 255, _tensor(weights)).numpy()
    return float(found[:-1].mean()), float(found[-1])


def mean_errors(
    material: Sequence[Material],
    firsts: Sequence[FirstAnswer],
    positions: Sequence[NDArray[np.float32]],
) -> tuple[float, float]:
    """:func:`rendering_errors`, the mean over sweeps."""
    pairs = [
        rendering_errors(m, s.weights, p)
        for m, s, p in zip(material, firsts, positions, strict=True)
    ]
    fitted, held = np.mean(pairs, axis=0)
    return float(fitted), float(held)
