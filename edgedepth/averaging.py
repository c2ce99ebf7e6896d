"""The mean of trained runs' weights (Wortsman et al. 2022).

Runs that part from one beginning with other data or losses each lean another way; in the mean of
their weights what they agree on stays. Runs that began apart have no such mean: their filters
are in another order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from edgedepth.errors import UserError
from edgedepth.files import new_folder, write_arrays
from edgedepth.rundir import RunDirectory

PHASES = ("float", "qat")

Weights = dict[str, np.ndarray]


def average_runs(
    runs: Sequence[Path], parts: Sequence[float], target: Path, phases: Sequence[str] = PHASES
) -> tuple[str, ...]:
    """Write a run directory with the mean of other runs' weights.

    Its configuration is that of the first run. Nothing is written unless all can be.

    Args:
        runs: run directories of one network.
        parts: of each run, positive; only their ratios matter.
        target: new directory.
        phases: whose weights are averaged where every run has them; the float ones each run must.

    Returns:
        the phases whose weights were written.

    Raises:
        UserError: no runs, runs of other networks, no float weights, or the target exists.
    """
    opened = [RunDirectory(path) for path in runs]
    configs = [run.config() for run in opened]
    config = replace(
        configs[0],
        start_from="",
        towards_classical=0.0,
        qat_start_from="",
        mean_of=tuple(
            f"{path.absolute()}:{part:g}" for path, part in zip(runs, parts, strict=True)
        ),
    )
    means: dict[str, Weights] = {}
    for phase in phases:
        if phase != "float" and not all(run.weights_path(phase).exists() for run in opened):
            continue
        means[phase] = mean_weights([run.load_weights(phase) for run in opened], parts, runs)
    with new_folder(target, "choose another --run-dir") as partial:
        new = RunDirectory(partial)
        new.create(config)
        for phase, weights in means.items():
            write_arrays(new.weights_path(phase), weights)
    return tuple(means)


def mean_weights(
    weights: Sequence[Weights], parts: Sequence[float], names: Sequence[Path]
) -> Weights:
    """Weighted mean of arrays of the same names and shapes.

    Raises:
        UserError: they are those of different networks.
    """
    first = {key: value.shape for key, value in weights[0].items()}
    for other, name in zip(weights[1:], names[1:], strict=True):
        if {key: value.shape for key, value in other.items()} != first:
            raise UserError(
                f"{name} holds weights of another network than {names[0]}",
                "average runs of one preset, trained by one version of edgedepth",
            )
    return {
        key: np.average([w[key] for w in weights], axis=0, weights=parts).astype(value.dtype)
        for key, value in weights[0].items()
    }
