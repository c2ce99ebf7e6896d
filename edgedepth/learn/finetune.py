"""Aperture supervision: a trained network learns from sweeps that nobody measured.

The network's depth and the composite of a sweep are re-rendered at every focus distance and
compared with the frames that were really taken (Srinivasan et al. 2018). Where there is no
texture to compare, the network's own first answer holds. One frame of each sweep is kept out of
everything and decides, with rendered stacks whose truth is known, whether the outcome is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from edgedepth.data.pool import Batch
from edgedepth.errors import UserError
from edgedepth.learn.material import Material
from edgedepth.learn.render_tf import dissimilarity, render, smoothness
from edgedepth.models.backend import keras, tf
from edgedepth.models.layers import Mode
from edgedepth.models.network import FocalNetwork
from edgedepth.models.presets import make_network
from edgedepth.preprocess import ModelInputs
from edgedepth.rundir import RunDirectory
from edgedepth.spec import ModelSpec
from edgedepth.train import tensors

PHASES = {"qat": Mode.QUANTIZED, "float": Mode.FLOAT}
"""Weights of a run: those with fake quantisation make int8 files, the others the rest."""

TEXTURE = 0.02
"""Local contrast of the composite (standard deviation) from which on it teaches fully."""

TRUSTED_COC_PX = 8.0
"""Blur at which a frame's say at a pixel falls to a third."""

EXAM_SLACK = 1.01
"""So little worse on a few rendered scenes is chance."""

REACH_PX = 15
"""How far the blur of a neighbour is reckoned with."""


@dataclass(frozen=True)
class FinetuneConfig:
    """How a network is adapted.

    Attributes:
        steps: of each phase.
        learning_rate: of Adam, peak; it falls to a tenth.
        height, width: crop of the model's grid that a step sees.
        smooth, stay, confidence: weights beside the re-rendering: edge-aware smoothness;
            keeping to the first answer where there is no texture; keeping the confidence.
        exam_stacks: rendered as the camera takes them, to measure on; 0 for none.
        seed: of everything random.
    """

    steps: int = 150
    learning_rate: float = 2e-3
    height: int = 64
    width: int = 96
    smooth: float = 0.001
    stay: float = 0.003
    confidence: float = 0.01
    exam_stacks: int = 6
    seed: int = 0


@dataclass(frozen=True)
class Outcome:
    """What fine-tuning one phase did.

    Attributes:
        phase: ``"qat"`` or ``"float"``.
        weights: the adapted ones.
        fitted, held_out: (before, after) re-rendering errors of the frames that were fitted
            and of those that were not.
        exam: (before, after) mean absolute error in dioptres on rendered stacks of this camera;
            None without.
    """

    phase: str
    weights: dict[str, NDArray[Any]]
    fitted: tuple[float, float]
    held_out: tuple[float, float]
    exam: tuple[float, float] | None = None

    def told(self) -> str:
        """The errors in words."""
        (fit, fitted), (held, holds) = self.fitted, self.held_out
        said = (
            f"re-rendering error: fitted {fit:.4f} -> {fitted:.4f}, "
            f"held out {held:.4f} -> {holds:.4f}"
        )
        if self.exam is None:
            return said
        return f"{said}; rendered scenes {self.exam[0]:.3f} -> {self.exam[1]:.3f} D"

    def record(self) -> dict[str, float | bool]:
        """What summary.json and ``--json`` say of it."""
        exam = {}
        if self.exam is not None:
            exam = dict(zip(("exam_before", "exam_after"), self.exam, strict=True))
        return {
            "fitted_before": self.fitted[0],
            "fitted_after": self.fitted[1],
            "held_out_before": self.held_out[0],
            "held_out_after": self.held_out[1],
            **exam,
            "kept": self.better,
        }

    @property
    def better(self) -> bool:
        """The frames that were held out are explained better than before, and rendered scenes
        are not measured worse."""
        worse = self.exam is not None and self.exam[1] > EXAM_SLACK * self.exam[0]
        return self.held_out[1] < self.held_out[0] and not worse


def finetune_phase(
    run: RunDirectory,
    phase: str,
    material: Sequence[Material],
    exam: Sequence[Batch],
    spec: ModelSpec,
    config: FinetuneConfig,
) -> Outcome:
    """Adapt one phase's weights of a run.

    Args:
        run: a finished one; it is only read.
        material: of every sweep, prepared for ``spec``.
        exam: rendered stacks of the same camera, each a batch of one; may be empty.
        spec: of the network at its full size.

    Raises:
        UserError: the run has no such weights.
    """
    keras.utils.set_random_seed(config.seed)
    weights = run.load_weights(phase)
    small = replace(spec, height=config.height, width=config.width)
    network = make_network(small, PHASES[phase])
    network.load_weights(weights, run.weights_path(phase))
    whole = make_network(spec, PHASES[phase])
    whole.load_weights(weights, run.weights_path(phase))
    starts = [_Start.of(m, answer(whole, m.inputs)) for m in material]
    before = _errors(material, starts, [s.position for s in starts])
    failed = exam_error(whole, exam)
    _fit(network, material, starts, config, phase)
    adapted = network.weights()
    whole.load_weights(adapted)
    found = [answer(whole, m.inputs)["inverse_depth"] for m in material]
    after = _errors(material, starts, found)
    marks = None if failed is None else (failed, exam_error(whole, exam) or 0.0)
    return Outcome(phase, adapted, (before[0], after[0]), (before[1], after[1]), marks)


@dataclass(frozen=True)
class _Start:
    """What the network first said of a sweep.

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
    def of(cls, material: Material, said: dict[str, NDArray[np.float32]]) -> _Start:
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


def _fit(
    network: FocalNetwork,
    material: Sequence[Material],
    starts: Sequence[_Start],
    config: FinetuneConfig,
    phase: str,
) -> None:
    optimizer = keras.optimizers.Adam(config.learning_rate, clipnorm=1.0)
    variables = network.trainable_variables

    @tf.function(reduce_retracing=False)  # the network wants to know how many frames come
    def update(batch: dict[str, Any]) -> Any:
        with tf.GradientTape() as tape:
            answer = network.forward(batch["frames"], batch["positions"], batch["optics"])
            loss = _loss(answer, batch, config)
        found = tape.gradient(loss, variables, unconnected_gradients="zero")
        optimizer.apply_gradients(zip(found, variables, strict=True))
        return loss

    rng = np.random.default_rng(config.seed)
    for step in tqdm(range(config.steps), desc=phase, unit="step", disable=None):
        share = step / max(1, config.steps)
        warm = min(1.0, (step + 1) / 10)
        optimizer.learning_rate.assign(config.learning_rate * warm * (1 - 0.9 * share))
        index = int(rng.integers(len(material)))
        loss = float(update(_crop(material[index], starts[index], config, rng)))
        if not np.isfinite(loss):
            raise UserError(
                f"fine-tuning diverged at step {step} of the {phase} phase",
                "try a lower --learning-rate",
            )


def _loss(answer: dict[str, Any], batch: dict[str, Any], config: FinetuneConfig) -> Any:
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
        explained
        + config.smooth * smoothness(position, guide)
        + config.stay * moved
        + config.confidence * trust
    )


def _crop(
    material: Material,
    start: _Start,
    config: FinetuneConfig,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """A random part of a sweep as tensors."""
    height, width = material.inputs.frames.shape[1:3]
    top = int(rng.integers(0, max(1, height - config.height + 1)))
    left = int(rng.integers(0, max(1, width - config.width + 1)))
    grid = slice(top, top + config.height), slice(left, left + config.width)
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
        "weights": _tensor(start.weights[(slice(0, -1), *fine)]),
        "sharp": _tensor(sharp),
        "texture": _tensor(_texture(sharp, r)),
        "first": _tensor(start.position[grid]),
        "first_confidence": _tensor(start.confidence[grid]),
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


def exam_error(network: FocalNetwork, exam: Sequence[Batch]) -> float | None:
    """Mean absolute error in dioptres over all valid pixels; None without stacks."""
    total = weight = 0.0
    for stack in map(tensors, exam):
        said = network.forward(stack["frames"], stack["focus"], stack["optics"])
        position = said["inverse_depth"][0, ..., 0]
        error = tf.abs(stack["low"][0] + stack["span"][0] * position - stack["inverse_depth"][0])
        total += float(tf.reduce_sum(error * stack["valid"][0]))
        weight += float(tf.reduce_sum(stack["valid"][0]))
    return total / weight if weight else None


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


def _errors(
    material: Sequence[Material],
    starts: Sequence[_Start],
    positions: Sequence[NDArray[np.float32]],
) -> tuple[float, float]:
    pairs = [
        rendering_errors(m, s.weights, p)
        for m, s, p in zip(material, starts, positions, strict=True)
    ]
    fitted, held = np.mean(pairs, axis=0)
    return float(fitted), float(held)
