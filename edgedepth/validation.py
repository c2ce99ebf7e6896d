"""Scores of a run on stacks it never trains on, beside the mean depth and the classical answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgedepth import baselines, preprocess
from edgedepth.config import TrainConfig
from edgedepth.data.pairs import wanted
from edgedepth.data.pool import Batch, assemble, pack
from edgedepth.data.recipe import random_stack
from edgedepth.data.sources import Source, open_photo_source, open_source, scene_names
from edgedepth.errors import UserError
from edgedepth.metrics import depth_metrics, mean_metrics
from edgedepth.spec import ModelSpec

FIRST_SEED = 10**9
"""Validation stacks are drawn from seeds that no training stack has."""

FRAMES = 5

Row = dict[str, float]


@dataclass(frozen=True)
class ValidationStack:
    """A held-out stack, ready for the network, and the classical answer on it.

    Attributes:
        batch: of one stack.
        sharp: uint8 (h, w, 3) reference picture on the model's grid.
        truth_m: (h, w) metres, NaN where unknown.
        classical_m: (h, w) metres.
    """

    batch: Batch
    sharp: NDArray[np.uint8]
    truth_m: NDArray[np.float32]
    classical_m: NDArray[np.float32]


def held_out_sources(config: TrainConfig) -> list[Source]:
    """What validation draws from: the endless sources and the held-out scenes of the others.

    Photos have no part in it, so that runs with and without them are scored on the same stacks,
    nor have sources none of whose scenes is held out.

    Raises:
        UserError: nothing is held out, or names are that no source has.
    """
    found: list[Source] = []
    unnamed = False
    for text in config.data:
        if open_photo_source(text) is not None:
            continue
        source = open_source(text)
        if source.endless:
            found.append(source)
        elif any(
            wanted(name, config.hold_out, config.left_out)
            for name in scene_names(source, range(len(source)))
        ):
            found.append(open_source(text, include=config.hold_out, exclude=config.left_out))
        else:
            unnamed = True
    if config.hold_out and unnamed and all(source.endless for source in found):
        raise UserError(
            "no scene is left for validation: --hold-out names none of the scenes",
            "check the names; `edgedepth data check SOURCE` lists them",
        )
    if not found:
        raise UserError(
            "no scene is left for validation", "hold some out, e.g. --hold-out 'scene_1*'"
        )
    return found


def validation_stacks(config: TrainConfig, spec: ModelSpec) -> list[ValidationStack]:
    """Render the held-out stacks: every one with ``FRAMES`` planes spread over its sweep, for a
    network of single images the all-in-focus picture alone."""
    sources = held_out_sources(config)
    stacks = []
    for index in range(config.validation_stacks):
        sample = random_stack(config.recipe, FIRST_SEED + index, sources, config.renderer)
        order = np.argsort(sample.focus_dioptres, kind="stable")
        chosen = order[np.linspace(0, len(order) - 1, FRAMES).round().astype(int)]
        classical, _ = baselines.depth_from_focus(
            sample.frames[chosen], sample.focus_dioptres[chosen], sample.frame_valid[chosen]
        )
        packed = pack(sample, spec, spec.height, spec.width)
        first = 1 if spec.all_in_focus_first else 0
        planes = chosen[:0] if config.single_image else chosen
        packed = packed.picked(np.concatenate([np.zeros(first, int), planes + first]))
        step = classical.shape[0] // spec.height
        grid = slice(step // 2, None, step)
        truth = np.where(packed.valid, 1 / np.maximum(packed.inverse_depth, 1e-3), np.nan)
        stacks.append(
            ValidationStack(
                assemble([packed], spec),
                np.ascontiguousarray(sample.sharp[grid, grid][: spec.height, : spec.width]),
                truth.astype(np.float32),
                classical[grid, grid][: spec.height, : spec.width],
            )
        )
    return stacks


def network_depth(
    stack: ValidationStack, predict: Callable[[Batch], NDArray[np.float32]], spec: ModelSpec
) -> NDArray[np.float32]:
    """(h, w) metres that a network answers, at most ``MAX_METRES``."""
    batch = stack.batch
    sweep = preprocess.SweepRange(float(batch.low[0]), float(batch.span[0]))
    dioptres = preprocess.depth_from_output(predict(batch)[0, ..., 0], sweep, spec)
    return 1 / np.maximum(dioptres, np.float32(1 / preprocess.MAX_METRES))


def score(depths_m: Sequence[NDArray[np.float32]], stacks: Sequence[ValidationStack]) -> Row:
    """Mean metrics of depth maps over the stacks."""
    return mean_metrics(
        [
            depth_metrics(np.minimum(depth, preprocess.MAX_METRES), stack.truth_m)
            for depth, stack in zip(depths_m, stacks, strict=True)
        ]
    )


def baseline_rows(stacks: Sequence[ValidationStack], mean_dioptres: float) -> dict[str, Row]:
    """The rows that every result is printed beside."""
    constant = baselines.mean_depth(stacks[0].truth_m.shape, mean_dioptres)
    return {
        "mean depth": score([constant] * len(stacks), stacks),
        "classical": score([s.classical_m for s in stacks], stacks),
    }


COLUMNS = ("mae_dioptres", "absrel", "rmse", "delta1", "delta2")


def table(rows: dict[str, Row], title: str) -> str:
    """Rows as text, a line each."""
    lines = [title, f"{'':16}" + "".join(f"{c:>14}" for c in COLUMNS)]
    lines += [
        f"{name:16}" + "".join(f"{row[c]:14.3f}" for c in COLUMNS) for name, row in rows.items()
    ]
    return "\n".join(lines)
