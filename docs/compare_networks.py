"""What each part of the network is worth: variants trained with the same seed, stacks and steps.

    edgedepth train --run-dir runs/any ... --pool POOL            renders a pool of stacks
    python docs/compare_networks.py --pool POOL --data rgbd:DIR --out runs/compare

Every variant is the shipped network with something taken away: planes of its input, the recurrent
cell, or the start at the classical answer. All see the same batches in the same order, in float.
They are scored at 320x240 on the scenes of the development set, which the pool must not hold,
beside the classical answer. Stopped and started again, the script goes on. docs/make_results.py
puts what it writes, docs/results/comparison.json, on the page.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

from edgedepth import evaluate, protocols
from edgedepth.bench import environment, record
from edgedepth.config import TrainConfig
from edgedepth.data.pool import BatchConfig, Pool, stack_path
from edgedepth.data.sources import open_source
from edgedepth.distributed import make_team
from edgedepth.errors import UserError
from edgedepth.files import write_text
from edgedepth.models.backend import keras, tf
from edgedepth.models.fakequant import Mode, Tensor
from edgedepth.models.layers import Conv
from edgedepth.models.mobile import DEPTH, UNITS, VERTEX, MobileNetwork, default_spec
from edgedepth.rundir import RunDirectory, training_hours
from edgedepth.spec import ModelSpec
from edgedepth.train import Trainer
from edgedepth.validation import ValidationStack, score, validation_stacks

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "docs" / "results" / "comparison.json"
SCHEMA = "edgedepth-comparison/1"
RGB = 3
GREY = 0.5
SIZE = (240, 320)

Mask = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""(frames, optics) as a variant's network sees them."""


def _everything(frames: Tensor, optics: Tensor) -> tuple[Tensor, Tensor]:
    return frames, optics


def _without_rgb(frames: Tensor, optics: Tensor) -> tuple[Tensor, Tensor]:
    return tf.concat([tf.fill(frames[..., :RGB].shape, GREY), frames[..., RGB:]], -1), optics


def _rgb_alone(frames: Tensor, optics: Tensor) -> tuple[Tensor, Tensor]:
    return tf.concat([frames[..., :RGB], tf.fill(frames[..., RGB:].shape, GREY)], -1), optics


def _without_evidence(frames: Tensor, optics: Tensor) -> tuple[Tensor, Tensor]:
    grey = tf.fill(frames[..., RGB:VERTEX].shape, GREY)
    return tf.concat([frames[..., :RGB], grey, frames[..., VERTEX:]], -1), optics


def _vertex_for_depth(frames: Tensor, optics: Tensor) -> tuple[Tensor, Tensor]:
    vertex = frames[..., VERTEX : VERTEX + 1]
    rest = tf.fill(frames[..., DEPTH + 1 :].shape, GREY)
    return tf.concat([frames[..., :DEPTH], vertex, rest], -1), optics


def _without_optics(frames: Tensor, optics: Tensor) -> tuple[Tensor, Tensor]:
    return frames, tf.fill(optics.shape, GREY)


@dataclass(frozen=True)
class Variant:
    """The network with something taken away.

    Attributes:
        name: of its row and its run directory.
        mask: what is left of its input.
        remembers: has the recurrent cell.
        starts_classical: begins at the classical answer; else at random.
    """

    name: str
    mask: Mask = _everything
    remembers: bool = True
    starts_classical: bool = True


VARIANTS = (
    Variant("as shipped"),
    Variant("random start", starts_classical=False),
    Variant("vertex for depth so far", _vertex_for_depth),
    Variant("no evidence planes", _without_evidence),
    Variant("RGB alone", _rgb_alone),
    Variant("no RGB", _without_rgb),
    Variant("no recurrent cell", remembers=False),
    Variant("lens unknown", _without_optics),
)


class NoMemory(tf.Module):
    """Stands where the recurrent cell was and says nothing."""

    def __call__(self, x: Tensor, state: Any, training: bool = False) -> tuple[Tensor, Tensor]:
        silence = tf.zeros((*x.shape[:-1], UNITS))
        return silence, silence


class VariantNetwork(MobileNetwork):
    """The shipped network as a variant has it."""

    def __init__(self, spec: ModelSpec, mode: Mode, variant: Variant) -> None:
        self.variant = variant
        super().__init__(spec, mode)
        if not variant.remembers:
            self.cell = NoMemory()

    def _start_classical(self, moves: dict[Conv, np.ndarray]) -> None:
        if self.variant.starts_classical:
            super()._start_classical(moves)
        else:  # planes are still brought to their places, but nothing says what they are for
            self.answers.load(moves[self.answers], np.zeros(self.answers.filters))

    def forward(
        self, frames: Tensor, focus: Tensor, optics: Tensor, training: bool = False
    ) -> dict[str, Tensor]:
        frames, optics = self.variant.mask(frames, optics)
        return super().forward(frames, focus, optics, training)


def stacks_of(pool: Path) -> int:
    """How many stacks a pool holds without a gap.

    Raises:
        UserError: none.
    """
    count = 0
    while stack_path(pool, count).exists():
        count += 1
    if not count:
        raise UserError(f"{pool} holds no stacks", "render some: edgedepth train ... --pool DIR")
    return count


@dataclass(frozen=True)
class Match:
    """What all variants have in common.

    Attributes:
        config: of the training.
        pool: folder of stacks.
        held_out: validation stacks.
        cases: what is scored, by protocol.
        out: folder of the run directories.
    """

    config: TrainConfig
    pool: Path
    held_out: list[ValidationStack]
    cases: dict[str, list[protocols.Case]]
    out: Path


def train_variant(variant: Variant, match: Match) -> tuple[VariantNetwork, dict[str, Any]]:
    """A variant's network after training, and what its log says."""
    config = match.config
    run = RunDirectory(match.out / variant.name.replace(" ", "-"))
    if not (run.path / "config.json").exists():
        run.create(config)
    elif run.config() != config:
        raise UserError(f"{run.path} was trained otherwise", "give another --out, or delete it")
    keras.utils.set_random_seed(config.seed)
    spec = default_spec(config.height, config.width)
    network = VariantNetwork(spec, Mode.FLOAT, variant)
    pool = Pool(config.pool, spec, match.pool, workers=0)
    trainer = Trainer(run, config, spec, pool, match.held_out, print, make_team())
    trainer.fit("float", network, 0, config.float_steps, config.learning_rate)
    last = run.load_state() or {}  # the mean over steps is mostly of the first ones in so few
    network.load_weights({name: last[name] for name in network.named_variables()}, run.path)
    records = run.records()
    return network, {
        "name": variant.name,
        "hours": training_hours(records)[-1],
        "validation": trainer.validate(network),
    }


def contestant(network: VariantNetwork, variant: Variant) -> evaluate.Contestant:
    """The trained network at the size that it ships in."""
    spec = replace(network.spec, height=SIZE[0], width=SIZE[1])
    folded = VariantNetwork(spec, Mode.FOLDED, variant)
    folded.copy_folded(network)
    return evaluate.network_contestant(variant.name, folded)


def compare(variants: Sequence[Variant], match: Match) -> dict[str, Any]:
    """Train and score the variants.

    Returns:
        what is written to comparison.json.
    """
    trained = [(variant, *train_variant(variant, match)) for variant in variants]
    contestants = [evaluate.classical(), *(contestant(n, v) for v, n, _ in trained)]
    reports = []
    for name, cases in match.cases.items():
        result = evaluate.evaluate(cases, contestants)
        gains = {row: vars(gain) for row, gain in result.gains.items()}
        reports.append(
            {"protocol": name, "scenes": result.scenes, "rows": result.rows, "gains": gains}
        )
    config = match.config
    classical = score([stack.classical_m for stack in match.held_out], match.held_out)
    return {
        "schema": SCHEMA,
        "commit": environment.commit(),
        "steps": config.float_steps,
        "frames_per_batch": config.batch.frames_per_batch,
        "size": [config.height, config.width],
        "stacks": config.pool_size,
        "seed": config.seed,
        "classical": classical,
        "variants": [log for _, _, log in trained],
        "reports": reports,
    }


def dev_cases(data: str, limit: int) -> dict[str, list[protocols.Case]]:
    """The development set through all protocols."""
    source = open_source(data, include=protocols.DEV_RGBD)
    return {
        name: list(protocols.rendered_cases(protocol, source, limit))
        for name, protocol in protocols.PROTOCOLS.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pool", type=Path, required=True, help="folder of rendered stacks")
    parser.add_argument("--data", required=True, help="SOURCE with the development scenes")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run directories")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--frames-per-batch", type=int, default=40)
    parser.add_argument("--limit", type=int, default=12, help="scenes per protocol")
    parser.add_argument("--only", action="append", choices=[v.name for v in VARIANTS])
    parser.add_argument("--result", type=Path, default=RESULT, help="file to write")
    given = parser.parse_args()
    tf.config.experimental.enable_op_determinism()
    config = configuration(given.pool, given.steps, given.frames_per_batch)
    spec = default_spec(config.height, config.width)
    match = Match(
        config, given.pool, validation_stacks(config, spec), dev_cases(given.data, given.limit),
        given.out,
    )  # fmt: skip
    chosen = [v for v in VARIANTS if not given.only or v.name in given.only]
    found = compare(chosen, match)
    write_text(given.result, record.to_json(record.rounded(found, 5)))
    print(json.dumps({r["protocol"]: _errors(r["rows"]) for r in found["reports"]}, indent=1))


def configuration(pool: Path, steps: int, frames_per_batch: int) -> TrainConfig:
    """The training that all variants share."""
    count = stacks_of(pool)
    return TrainConfig(
        float_steps=steps,
        qat_steps=0,
        batch=BatchConfig((5, 3), (0.7, 0.3), frames_per_batch),
        pool_start=count,
        pool_size=count,
        validate_every=steps,
        checkpoint_every=steps,
    )


def _errors(rows: dict[str, dict[str, float]]) -> dict[str, float]:
    return {name: round(row["mae_dioptres"], 4) for name, row in rows.items()}


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"compare_networks.py: {error}")
