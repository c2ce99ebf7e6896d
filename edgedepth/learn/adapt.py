"""From a run directory and sweeps to an adapted run directory."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from edgedepth.capture.sweep import Sweep
from edgedepth.cards import SHIPPED
from edgedepth.errors import UserError
from edgedepth.files import new_folder, write_arrays
from edgedepth.learn.camera_scenes import exam, lessons
from edgedepth.learn.finetune import (
    PHASES,
    FinetuneConfig,
    Outcome,
    finetune_phase,
    lesson_spec,
)
from edgedepth.learn.material import one_camera, prepare
from edgedepth.models.checkpoint import DEFAULT_SIZE
from edgedepth.models.presets import preset_spec
from edgedepth.rundir import RunDirectory
from edgedepth.spec import ModelSpec

Say = Callable[[str], None]
SHIPPED_RUN = "edgedepth-mobile-run"
"""Folder beside the shipped models that holds the weights they were converted from."""


def starting_run(path: Path | None) -> RunDirectory:
    """The run to begin with, the shipped model's by default.

    Raises:
        UserError: this installation has none.
    """
    if path is not None:
        return RunDirectory(path)
    shipped = SHIPPED / SHIPPED_RUN
    if not shipped.is_dir():
        raise UserError(
            "this installation has no trainable weights of the shipped model",
            "begin with a run of your own: --start RUN_DIR of an `edgedepth train`",
        )
    return RunDirectory(shipped)


def check_target(target: Path) -> None:
    """Raise UserError unless ``target`` is a place for a new run directory."""
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UserError(f"{target} is not an empty folder", "choose another --run-dir")
    parent = target.absolute().parent
    while not parent.exists():
        parent = parent.parent
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise UserError(f"{target} cannot be written", "choose another --run-dir")


def adapt(
    start: RunDirectory,
    sweeps: Sequence[Sweep],
    target: Path,
    config: FinetuneConfig,
    threads: int = 2,
    say: Say = print,
) -> list[Outcome]:
    """Adapt both phases' weights of a run to sweeps and write the outcome.

    Args:
        start: a finished run.
        sweeps: of one camera.
        target: run directory to write.
        say: told which frames are held out.

    Raises:
        UserError: a sweep that cannot teach, sweeps of several cameras, or no phase that
            became better (:attr:`Outcome.better`); nothing is written then.
    """
    spec = starting_spec(start)
    for phase in PHASES:
        start.load_weights(phase)  # whichever is missing is missed now, not after minutes
    one_camera(sweeps)
    material = []
    for sweep in sweeps:
        material.append(prepare(sweep, spec, threads))
        say(
            f"{material[-1].name}: {len(material[-1].focus)} frames to fit, "
            f"one held out ({material[-1].held_focus:.2f} D)"
        )
    say(f"rendering {config.drawn_lessons} scenes as this camera takes them")
    taught = lessons(material, lesson_spec(spec), config.drawn_lessons, config.seed, threads)
    asked = exam(material, spec, config.exam_stacks, config.seed, threads)
    outcomes = [finetune_phase(start, p, material, taught, asked, spec, config) for p in PHASES]
    if not any(o.better for o in outcomes):
        said = ", ".join(f"{o.phase}: {o.told()}" for o in outcomes)
        raise UserError(
            f"fine-tuning did not help ({said}); nothing is written",
            "give more sweeps, calibrate the camera first, or lower --learning-rate",
        )
    write_run(start, target, outcomes, [m.name for m in material])
    return outcomes


def starting_spec(run: RunDirectory, size: tuple[int, int] | None = None) -> ModelSpec:
    """Spec of the network that a run trained, at the size that its files will have.

    Raises:
        UserError: its answer is not one that this supervision can improve.
    """
    config = run.config()
    height, width = size or DEFAULT_SIZE.get(config.preset, (config.height, config.width))
    spec = preset_spec(config.preset, height, width)
    if spec.output != "sweep":
        raise UserError(
            f"preset {config.preset} answers without confidence and cannot be fine-tuned",
            "start from a run of --preset mobile",
        )
    return spec


def write_run(
    start: RunDirectory, target: Path, outcomes: Sequence[Outcome], sweeps: Sequence[str]
) -> None:
    """Write a run directory that `edgedepth convert` takes, whole or not at all.

    A phase that did not become better keeps the weights it started from.

    Args:
        sweeps: names, which join the training data in the model's metadata.

    Raises:
        UserError: the target cannot be written.
    """
    config = start.config()
    with new_folder(target, "choose another --run-dir") as partial:
        run = RunDirectory(partial)
        run.create(replace(config, data=(*config.data, *(f"sweep:{name}" for name in sweeps))))
        for outcome in outcomes:
            kept = outcome.weights if outcome.better else start.load_weights(outcome.phase)
            write_arrays(run.weights_path(outcome.phase), kept)
        run.save_summary({"rows": {}, "finetuned": {o.phase: o.record() for o in outcomes}})
