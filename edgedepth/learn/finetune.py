"""Adapting a trained network to a camera whose sweeps nobody measured.

It learns from scenes rendered as that camera takes them, whose truth is known, and from the
sweeps themselves by aperture supervision. One frame of each sweep is kept out of everything and
decides, with other rendered scenes, whether the outcome is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from edgedepth.config import LossWeights
from edgedepth.data.pool import Batch, PackedStack, assemble, vary
from edgedepth.errors import UserError
from edgedepth.learn.aperture import (
    ApertureWeights,
    FirstAnswer,
    answer,
    aperture_loss,
    mean_errors,
    random_part,
)
from edgedepth.learn.material import Material
from edgedepth.losses import sweep_loss
from edgedepth.models.backend import keras, tf
from edgedepth.models.fakequant import Mode
from edgedepth.models.network import FocalNetwork
from edgedepth.models.presets import make_network
from edgedepth.rundir import RunDirectory
from edgedepth.spec import ModelSpec
from edgedepth.training_step import tensors

PHASES = {"qat": Mode.QUANTIZED, "float": Mode.FLOAT}
"""Weights of a run: those with fake quantisation make int8 files, the others the rest."""

LESSON_SIZE = (128, 160)
"""(height, width) of the model's grid that a rendered stack covers."""

LESSON_BATCH = 3

SLACK = 1.01
"""A judge's error may grow by this factor without telling against an outcome."""

SURE = 2.0
"""So may that on rendered scenes by so many standard errors of its change."""


@dataclass(frozen=True)
class FinetuneConfig:
    """How a network is adapted.

    Attributes:
        steps: of each phase.
        learning_rate: of Adam, peak; it falls to a tenth.
        lessons: rendered stacks to learn from; 0 for none.
        photos: weight of the sweeps beside them; 0 for rendered stacks alone.
        exam_stacks: rendered as the camera takes them, to measure on; 0 for none.
        seed: of everything random.
    """

    steps: int = 400
    learning_rate: float = 6e-4
    lessons: int = 128
    photos: float = 10.0
    exam_stacks: int = 16
    seed: int = 0

    @property
    def drawn_lessons(self) -> int:
        """``lessons``, but no more than the steps can draw."""
        return min(self.lessons, LESSON_BATCH * self.steps)


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
        exam_chance: standard error of its change.
    """

    phase: str
    weights: dict[str, NDArray[Any]]
    fitted: tuple[float, float]
    held_out: tuple[float, float]
    exam: tuple[float, float] | None = None
    exam_chance: float = 0.0

    def told(self) -> str:
        """The errors in words."""
        (fit, fitted), (held, holds) = self.fitted, self.held_out
        said = (
            f"re-rendering error: fitted {fit:.4f} -> {fitted:.4f}, "
            f"held out {held:.4f} -> {holds:.4f}"
        )
        if self.exam is None:
            return said
        return (
            f"{said}; rendered scenes {self.exam[0]:.3f} -> {self.exam[1]:.3f} D "
            f"(chance {self.exam_chance:.3f})"
        )

    def record(self) -> dict[str, float | bool]:
        """What summary.json and ``--json`` say of it."""
        exam = {}
        if self.exam is not None:
            names = "exam_before", "exam_after", "exam_chance"
            exam = dict(zip(names, (*self.exam, self.exam_chance), strict=True))
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
        """One of the judges, held-out frames and rendered scenes, is better satisfied than
        before, and neither clearly worse."""
        (held, holds), exam = self.held_out, self.exam or (0.0, 0.0)
        allowed = max((SLACK - 1) * exam[0], SURE * self.exam_chance)
        worse = holds > SLACK * held or exam[1] > exam[0] + allowed
        return (holds < held or exam[1] < exam[0]) and not worse


def finetune_phase(
    run: RunDirectory,
    phase: str,
    material: Sequence[Material],
    lessons: Sequence[PackedStack],
    exam: Sequence[Batch],
    spec: ModelSpec,
    config: FinetuneConfig,
) -> Outcome:
    """Adapt one phase's weights of a run.

    Args:
        run: a finished one; it is only read.
        material: of every sweep, prepared for ``spec``.
        lessons: rendered stacks of the same camera for :func:`lesson_spec`; may be empty.
        exam: others, each a batch of one on the whole grid; may be empty.
        spec: of the network at its full size.

    Raises:
        UserError: the run has no such weights.
    """
    keras.utils.set_random_seed(config.seed)
    weights = run.load_weights(phase)
    network = make_network(lesson_spec(spec), PHASES[phase])
    network.load_weights(weights, run.weights_path(phase))
    whole = make_network(spec, PHASES[phase])
    whole.load_weights(weights, run.weights_path(phase))
    firsts = [FirstAnswer.of(m, answer(whole, m.inputs)) for m in material]
    before = mean_errors(material, firsts, [first.position for first in firsts])
    failed = exam_errors(whole, exam)
    _fit(network, _Teaching(material, firsts, lessons, config), config, phase)
    adapted = network.weights()
    whole.load_weights(adapted)
    found = [answer(whole, m.inputs)["inverse_depth"] for m in material]
    after = mean_errors(material, firsts, found)
    outcome = Outcome(phase, adapted, (before[0], after[0]), (before[1], after[1]))
    if not len(failed):
        return outcome
    fails = exam_errors(whole, exam)
    chance = float(np.std(fails - failed) / np.sqrt(len(failed)))
    return replace(outcome, exam=(float(failed.mean()), float(fails.mean())), exam_chance=chance)


def lesson_spec(spec: ModelSpec) -> ModelSpec:
    """Spec of a network that sees crops of the model's grid."""
    return replace(spec, height=LESSON_SIZE[0], width=LESSON_SIZE[1])


class _Teaching:
    """What the steps of a phase are taught with.

    Args:
        material, firsts: the sweeps and what the network first said of them.
        lessons: rendered stacks.
    """

    def __init__(
        self,
        material: Sequence[Material],
        firsts: Sequence[FirstAnswer],
        lessons: Sequence[PackedStack],
        config: FinetuneConfig,
    ) -> None:
        self.sweeps = list(zip(material, firsts, strict=True)) if config.photos else []
        self.lessons = lessons
        self.rng = np.random.default_rng(config.seed)

    def part(self) -> dict[str, Any]:
        """Of a random sweep."""
        material, first = self.sweeps[int(self.rng.integers(len(self.sweeps)))]
        return random_part(material, first, self.rng)

    def batch(self, spec: ModelSpec) -> dict[str, Any]:
        """Random rendered stacks, all their frames."""
        count = min(LESSON_BATCH, len(self.lessons))
        drawn = [self.lessons[int(i)] for i in self.rng.choice(len(self.lessons), count, False)]
        frames = min(len(stack.rgb) for stack in drawn)
        return tensors(assemble([vary(s, frames, spec, self.rng) for s in drawn], spec))


def _fit(network: FocalNetwork, teaching: _Teaching, config: FinetuneConfig, phase: str) -> None:
    optimizer = keras.optimizers.Adam(config.learning_rate, clipnorm=1.0)
    variables = network.trainable_variables

    @tf.function(reduce_retracing=False)  # the network wants to know how many frames come
    def update(part: dict[str, Any] | None, batch: dict[str, Any] | None) -> Any:
        with tf.GradientTape() as tape:
            loss = tf.constant(0.0)
            if part is not None:
                said = network.forward(part["frames"], part["positions"], part["optics"])
                loss += config.photos * aperture_loss(said, part, ApertureWeights())
            if batch is not None:
                said = network.forward(batch["frames"], batch["focus"], batch["optics"])
                loss += sweep_loss(said, batch, LossWeights())
        found = tape.gradient(loss, variables, unconnected_gradients="zero")
        optimizer.apply_gradients(zip(found, variables, strict=True))
        return loss

    for step in tqdm(range(config.steps), desc=phase, unit="step", disable=None):
        share = step / max(1, config.steps)
        warm = min(1.0, (step + 1) / 10)
        optimizer.learning_rate.assign(config.learning_rate * warm * (1 - 0.9 * share))
        part = teaching.part() if teaching.sweeps else None
        batch = teaching.batch(network.spec) if teaching.lessons else None
        loss = float(update(part, batch))
        if not np.isfinite(loss):
            raise UserError(
                f"fine-tuning diverged at step {step} of the {phase} phase",
                "try a lower --learning-rate",
            )


def exam_errors(network: FocalNetwork, exam: Sequence[Batch]) -> NDArray[np.float64]:
    """Mean absolute error in dioptres of each stack."""
    found = []
    for stack in map(tensors, exam):
        said = network.forward(stack["frames"], stack["focus"], stack["optics"])
        position = said["inverse_depth"][0, ..., 0]
        error = tf.abs(stack["low"][0] + stack["span"][0] * position - stack["inverse_depth"][0])
        valid = stack["valid"][0]
        found.append(float(tf.reduce_sum(error * valid) / tf.maximum(tf.reduce_sum(valid), 1.0)))
    return np.array(found)
