"""TrainConfig: everything that decides a training run. It travels with the weights."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any

from edgedepth.data.pool import BatchConfig, PoolConfig
from edgedepth.data.recipe import Recipe, Renderer
from edgedepth.errors import UserError

SCHEMA = "edgedepth-run/1"


@dataclass(frozen=True)
class LossWeights:
    """Weights of the loss's terms, see :func:`edgedepth.losses.sweep_loss`.

    Attributes:
        dioptres: error in dioptres, weighted by K.
        relative: error of the logarithm of the dioptres.
        gradient: difference of the error between neighbouring pixels.
        focus_only: error of each running mean of the focus position.
        confidence: cross-entropy of the confidence.
    """

    dioptres: float = 1.0
    relative: float = 2.0
    gradient: float = 0.5
    focus_only: float = 0.1
    confidence: float = 0.05


@dataclass(frozen=True)
class TrainConfig:
    """A training run.

    Attributes:
        preset, height, width: the network and the size of its input in training. The mobile
            preset is convolutional, so it may be converted at another size.
        data: SOURCE texts; hold_out: patterns of scene names kept for validation.
        renderer: lens model of the training stacks.
        float_steps, qat_steps: steps of the two phases.
        frozen_share: part of the float phase, its end, in which batch norms keep their statistics.
        learning_rate, qat_learning_rate: peaks of the cosine schedules.
        loss: what the terms of the loss count; the paper's loss has one term and no weights.
        batch: how batches are drawn from the pool.
        pool_start, pool_size: rendered stacks at the first step and at most; the pool grows
            over the first half of the float phase, or of the other where that has no steps.
        coarse_every: see :class:`edgedepth.data.pool.PoolConfig`.
        validation_stacks: held-out stacks that are scored.
        validate_every, checkpoint_every: in steps.
        seed: of everything random.
        shares: batches drawn in each step, one or more for each replica that trains.
        left_out: patterns of names of scenes that could not be read and are not to be used.
        start_from: run directory whose float weights the float phase begins with, or "".
        towards_classical: where it is not 0, the float phase learns the answers of ``start_from``
            instead of the truth, moved by this share towards the classical ones where blur says
            little (:func:`edgedepth.losses.towards_classical`).
        qat_start_from: run directory whose 8-bit weights the quantization-aware phase begins
            with, or "" for the float phase's, folded.
        mean_of: run directories, each with its part, whose mean the weights are, or none.
    """

    preset: str = "mobile"
    height: int = 128
    width: int = 160
    data: tuple[str, ...] = ("procedural",)
    hold_out: tuple[str, ...] = ()
    renderer: Renderer = "edgedepth"
    recipe: Recipe = field(default_factory=Recipe)
    float_steps: int = 20000
    qat_steps: int = 3000
    frozen_share: float = 0.25
    learning_rate: float = 2e-3
    qat_learning_rate: float = 5e-4
    weight_decay: float = 1e-4
    loss: LossWeights = field(default_factory=LossWeights)
    batch: BatchConfig = field(default_factory=BatchConfig)
    pool_start: int = 400
    pool_size: int = 8000
    coarse_every: int = 4
    validation_stacks: int = 24
    validate_every: int = 1000
    checkpoint_every: int = 250
    seed: int = 0
    shares: int = 1
    left_out: tuple[str, ...] = ()
    start_from: str = ""
    towards_classical: float = 0.0
    qat_start_from: str = ""
    mean_of: tuple[str, ...] = ()

    @property
    def single_image(self) -> bool:
        """The network sees the all-in-focus picture alone, no focal planes."""
        return max(self.batch.frame_counts) == 0

    @property
    def pool(self) -> PoolConfig:
        """The pool of this run."""
        steps = self.float_steps or self.qat_steps
        growth = (self.pool_size - self.pool_start) / max(1, steps / 2)
        return PoolConfig(
            self.data,
            self.hold_out + self.left_out,
            self.recipe,
            self.seed,
            self.pool_start,
            self.pool_size,
            growth,
            self.coarse_every,
            self.renderer,
        )

    def to_json(self) -> str:
        """All fields with the schema version."""
        return json.dumps({"schema": SCHEMA, **dataclasses.asdict(self)}, indent=1)

    @classmethod
    def from_json(cls, text: str, source: str) -> TrainConfig:
        """Read what :meth:`to_json` wrote.

        Raises:
            UserError: another schema, or fields of another version.
        """
        advice = "train again with this version of edgedepth, or use the one that wrote it"
        try:
            record: dict[str, Any] = json.loads(text)
            if record.pop("schema") != SCHEMA:
                raise UserError(f"{source} is not of schema {SCHEMA}", advice)
            recipe = Recipe.from_json(json.dumps(record.pop("recipe")))
            batch = BatchConfig(**_tuples(record.pop("batch")))
            # Runs of before the weights were kept go on with today's.
            loss = LossWeights(**record.pop("loss", {}))
            return cls(**_tuples(record), recipe=recipe, batch=batch, loss=loss)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(f"{source} is not a run's configuration ({error})", advice) from None


def _tuples(record: dict[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in record.items()}


def preset_config(preset: str) -> TrainConfig:
    """The full-length configuration of a preset."""
    if preset == "paper":
        return TrainConfig(
            preset="paper",
            height=240,
            width=320,
            recipe=Recipe(height=240, width=320),
            float_steps=4000,
            qat_steps=600,
            learning_rate=1e-3,
            qat_learning_rate=1e-4,
            batch=BatchConfig(frame_counts=(5,), frame_weights=(1.0,), frames_per_batch=20),
            pool_size=4000,
            coarse_every=0,
            validate_every=500,
        )
    return TrainConfig(preset=preset)


SINGLE_IMAGES = BatchConfig(frame_counts=(0,), frame_weights=(1.0,), frames_per_batch=4)
"""Batches of as many scenes as the paper's network gets with its five planes."""


def single_image(config: TrainConfig) -> TrainConfig:
    """The paper's network on all-in-focus pictures alone: what depth costs without focus.

    Raises:
        UserError: a preset that has no all-in-focus picture.
    """
    if config.preset != "paper":
        raise UserError(
            f"--single-image does not go with --preset {config.preset}: it has no all-in-focus "
            "picture to learn from alone",
            "add --preset paper, the baseline of the literature",
        )
    return dataclasses.replace(config, batch=SINGLE_IMAGES)


def quick(config: TrainConfig) -> TrainConfig:
    """A run of about two minutes that exercises every stage and learns next to nothing."""
    mobile = config.preset == "mobile"
    count = 0 if config.single_image else 5
    return dataclasses.replace(
        config,
        float_steps=60 if mobile else 12,
        qat_steps=20 if mobile else 4,
        batch=dataclasses.replace(config.batch, frame_counts=(count,), frame_weights=(1.0,)),
        pool_start=16 if mobile else 8,
        pool_size=24 if mobile else 8,
        validation_stacks=4 if mobile else 2,
        validate_every=40 if mobile else 12,
        checkpoint_every=20 if mobile else 6,
    )
