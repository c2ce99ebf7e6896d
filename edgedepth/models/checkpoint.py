"""From a run directory to a network ready for conversion."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from edgedepth.config import TrainConfig
from edgedepth.errors import UserError
from edgedepth.models.fakequant import Mode
from edgedepth.models.network import FocalNetwork
from edgedepth.models.presets import make_network, preset_spec
from edgedepth.rundir import RunDirectory

COLUMNS = ("mae_dioptres", "absrel", "rmse", "delta1")
"""Metrics of the validation that travel with a model."""

DEFAULT_SIZE = {"mobile": (240, 320)}
"""Size that a preset is converted at when nobody asks; others keep their training size."""


def load_run(
    run_dir: Path,
    *,
    quantized: bool,
    height: int | None = None,
    width: int | None = None,
    frames: int = 5,
    streaming: bool = False,
) -> FocalNetwork:
    """Load a trained network.

    Args:
        run_dir: of a finished ``edgedepth train``.
        quantized: with fake quantisation, the weights of the QAT phase; or folded in float,
            those of the float phase.
        height, width: input size; by default 240x320 for ``mobile``, as trained for ``paper``.
        frames: N of the unrolled graph, the all-in-focus frame included.
        streaming: size the combiner's memory for streaming.

    Raises:
        UserError: no run, no weights, weights of another preset or an impossible size.
    """
    run = RunDirectory(run_dir)
    config = run.config()
    h, w = DEFAULT_SIZE.get(config.preset, (config.height, config.width))
    h, w = height or h, width or w
    if config.preset == "paper" and (h, w) != (config.height, config.width):
        raise UserError(
            f"preset paper runs only at the size it was trained at, {config.width}x{config.height}",
            "leave --size out, or train at the size you need",
        )
    spec = replace(
        preset_spec(config.preset, h, w),
        frames=frames,
        streaming=streaming,
        training=training_summary(config, run),
    )
    spec.check()
    if quantized:
        network = make_network(spec, Mode.QUANTIZED)
        network.load_weights(run.load_weights("qat"), run.weights_path("qat"))
        return network
    network = make_network(spec, Mode.FOLDED)
    source = make_network(replace(spec, height=config.height, width=config.width), Mode.FLOAT)
    source.load_weights(run.load_weights("float"), run.weights_path("float"))
    network.copy_folded(source)
    return network


def training_summary(config: TrainConfig, run: RunDirectory) -> dict[str, Any]:
    """What the model's metadata says of its training."""
    return {
        "data": [_shareable(text) for text in config.data],
        "renderer": config.renderer,
        "recipe": config.recipe.digest(),
        "float_steps": config.float_steps,
        "qat_steps": config.qat_steps,
        "seed": config.seed,
        "validation": {
            name: {metric: round(row[metric], 4) for metric in COLUMNS}
            for name, row in run.summary().get("rows", {}).items()
        },
    }


def _shareable(source: str) -> str:
    """A SOURCE without the folders that only its owner has."""
    kind, _, rest = source.partition(":")
    return f"{kind}:{Path(rest.partition('?')[0]).name}" if rest else kind
