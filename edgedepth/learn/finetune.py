"""A trained network adapts to a camera from sweeps that nobody measured.

Each step teaches two things. Aperture supervision: the network's depth, re-rendered at every
focus distance, must match the frames that were really taken. Rehearsal: stacks rendered as this
camera takes them, with truth. One frame of each sweep and some rehearsed stacks are kept out of
everything and decide whether the outcome is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from edgedepth.errors import UserError
from edgedepth.learn.aperture import (
    Window,
    aperture_loss,
    crop,
    frame_weights,
    mean_errors,
    tensor,
)
from edgedepth.learn.material import Material
from edgedepth.learn.rehearsal import Rehearsal
from edgedepth.losses import LossWeights, sweep_loss
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


@dataclass(frozen=True)
class FinetuneConfig:
    """How a network is adapted.

    Attributes:
        steps: of each phase.
        learning_rate: of Adam, peak; it falls to a tenth.
        height, width: crop of the model's grid that a step sees.
        aperture, smooth: weights of the re-rendering error and of edge-aware smoothness.
        rehearsal: weight of the rehearsed stacks' loss.
        stacks: to rehearse, those held out included; 0 for none.
        stacks_per_step: of them.
        seed: of everything random.
    """

    steps: int = 150
    learning_rate: float = 2e-3
    height: int = 64
    width: int = 96
    aperture: float = 1.0
    smooth: float = 0.001
    rehearsal: float = 1.0
    stacks: int = 120
    stacks_per_step: int = 3
    seed: int = 0


@dataclass(frozen=True)
class Outcome:
    """What fine-tuning one phase did.

    Attributes:
        phase: ``"qat"`` or ``"float"``.
        weights: the adapted ones.
        fitted, held_out: (before, after) re-rendering errors of the frames that were fitted
            and of those that were not.
        rehearsed: (before, after) mean absolute error in dioptres on rendered stacks that taught
            nothing; None without rehearsal.
    """

    phase: str
    weights: dict[str, NDArray[Any]]
    fitted: tuple[float, float]
    held_out: tuple[float, float]
    rehearsed: tuple[float, float] | None = None

    def told(self) -> str:
        """The errors in words."""
        (fit, fitted), (held, holds) = self.fitted, self.held_out
        said = (
            f"re-rendering error: fitted {fit:.4f} -> {fitted:.4f}, "
            f"held out {held:.4f} -> {holds:.4f}"
        )
        if self.rehearsed is None:
            return said
        return f"{said}; rehearsed stacks {self.rehearsed[0]:.3f} -> {self.rehearsed[1]:.3f} D"

    def record(self) -> dict[str, float | bool]:
        """What summary.json and ``--json`` say of it."""
        rehearsed = {}
        if self.rehearsed is not None:
            rehearsed = dict(
                zip(("rehearsed_before", "rehearsed_after"), self.rehearsed, strict=True)
            )
        return {
            "fitted_before": self.fitted[0],
            "fitted_after": self.fitted[1],
            "held_out_before": self.held_out[0],
            "held_out_after": self.held_out[1],
            **rehearsed,
            "kept": self.better,
        }

    @property
    def better(self) -> bool:
        """The held-out frames are explained better than before, and rehearsed stacks are not
        measured worse."""
        worse = self.rehearsed is not None and self.rehearsed[1] > self.rehearsed[0]
        return self.held_out[1] < self.held_out[0] and not worse


def finetune_phase(
    run: RunDirectory,
    phase: str,
    material: Sequence[Material],
    rehearsal: Rehearsal | None,
    spec: ModelSpec,
    config: FinetuneConfig,
) -> Outcome:
    """Adapt one phase's weights of a run.

    Args:
        run: a finished one; it is only read.
        material: of every sweep, prepared for ``spec``.
        rehearsal: stacks of the same camera, None for aperture supervision alone.
        spec: of the network at its full size.

    Raises:
        UserError: the run has no such weights, or the weights diverge.
    """
    keras.utils.set_random_seed(config.seed)
    weights = run.load_weights(phase)
    small = replace(spec, height=config.height, width=config.width)
    network = make_network(small, PHASES[phase])
    network.load_weights(weights, run.weights_path(phase))
    whole = make_network(spec, PHASES[phase])
    whole.load_weights(weights, run.weights_path(phase))
    first = [answer(whole, m.inputs)["inverse_depth"] for m in material]
    counts = [frame_weights(m, f) for m, f in zip(material, first, strict=True)]
    before = mean_errors(material, counts, first)
    exam = None if rehearsal is None else tensors(rehearsal.exam(small))
    exam_before = None if exam is None else _exam_error(network, exam)
    _fit(network, material, counts, rehearsal, config, phase)
    exam_after = None if exam is None else _exam_error(network, exam)
    adapted = network.weights()
    whole.load_weights(adapted)
    found = [answer(whole, m.inputs)["inverse_depth"] for m in material]
    after = mean_errors(material, counts, found)
    rehearsed = None
    if exam_before is not None and exam_after is not None:
        rehearsed = exam_before, exam_after
    return Outcome(phase, adapted, (before[0], after[0]), (before[1], after[1]), rehearsed)


def _fit(
    network: FocalNetwork,
    material: Sequence[Material],
    counts: Sequence[NDArray[np.float32]],
    rehearsal: Rehearsal | None,
    config: FinetuneConfig,
    phase: str,
) -> None:
    optimizer = keras.optimizers.Adam(config.learning_rate, clipnorm=1.0)
    variables = network.trainable_variables

    @tf.function(reduce_retracing=False)  # the network wants to know how many frames come
    def update(part: dict[str, Any] | None, batch: dict[str, Any] | None) -> Any:
        with tf.GradientTape() as tape:
            loss = 0.0
            if part is not None:
                said = network.forward(part["frames"], part["positions"], part["optics"])
                position = said["inverse_depth"][0, ..., 0]
                loss += config.aperture * aperture_loss(position, part, config.smooth)
            if batch is not None:
                said = network.forward(batch["frames"], batch["focus"], batch["optics"])
                loss += config.rehearsal * sweep_loss(said, batch, LossWeights())
        found = tape.gradient(loss, variables, unconnected_gradients="zero")
        optimizer.apply_gradients(zip(found, variables, strict=True))
        return loss

    rng = np.random.default_rng(config.seed)
    grid = material[0].inputs.frames.shape[1:3]
    for step in tqdm(range(config.steps), desc=phase, unit="step", disable=None):
        share = step / max(1, config.steps)
        warm = min(1.0, (step + 1) / 10)
        optimizer.learning_rate.assign(config.learning_rate * warm * (1 - 0.9 * share))
        index = int(rng.integers(len(material)))
        window = Window.random(grid, (config.height, config.width), rng)
        part = crop(material[index], counts[index], window) if config.aperture else None
        batch = None
        if rehearsal is not None:
            batch = tensors(rehearsal.batch(config.stacks_per_step, network.spec, rng))
        loss = float(update(part, batch))
        if not np.isfinite(loss):
            raise UserError(
                f"fine-tuning diverged at step {step} of the {phase} phase",
                "try a lower --learning-rate",
            )


def _exam_error(network: FocalNetwork, batch: dict[str, Any]) -> float:
    """Mean absolute error in dioptres over a batch's valid pixels."""
    total = weight = 0.0
    for i in range(batch["frames"].shape[0]):
        frames, focus, optics = (batch[n][i : i + 1] for n in ("frames", "focus", "optics"))
        position = network.forward(frames, focus, optics)["inverse_depth"][0, ..., 0]
        error = tf.abs(batch["low"][i] + batch["span"][i] * position - batch["inverse_depth"][i])
        total += float(tf.reduce_sum(error * batch["valid"][i]))
        weight += float(tf.reduce_sum(batch["valid"][i]))
    return total / max(weight, 1.0)


def answer(network: FocalNetwork, inputs: ModelInputs) -> dict[str, NDArray[np.float32]]:
    """The network's (H, W) ``inverse_depth`` and ``confidence`` for a whole sweep."""
    found = network.forward(
        tensor(inputs.frames[None]) / 255, tensor(inputs.focus[None]), tensor(inputs.optics[None])
    )
    return {name: found[name][0, ..., 0].numpy() for name in ("inverse_depth", "confidence")}
