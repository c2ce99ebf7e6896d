"""What ``edgedepth synth`` does: sweeps or TFRecord shards, in parallel, resumable."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from edgedepth.data.parallel import spread
from edgedepth.data.records import StackJob, begin, opened, read_reports, write_shard
from edgedepth.data.sources import scene_names
from edgedepth.data.sweep_writer import CameraPreset, SweepOptions, render_sweep, write_sweep
from edgedepth.errors import UserError

Progress = Callable[[int], None]
"""Told how many more scenes are done."""


@dataclass(frozen=True)
class SweepJob:
    """Sweeps to render.

    Attributes:
        source: SOURCE text.
        camera, options: how they are taken.
        quality: of the JPEGs.
        truth: write the true depth beside the frames.
        skip_bad: leave out scenes that cannot be read.
    """

    source: str
    camera: CameraPreset
    options: SweepOptions
    quality: int = 92
    truth: bool = True
    skip_bad: bool = False


@dataclass(frozen=True)
class Outcome:
    """Names of what was written or was there, and why the rest is missing."""

    names: tuple[str, ...]
    left_out: tuple[str, ...] = ()


def write_sweeps(
    job: SweepJob, indices: range, out: Path, workers: int, resume: bool, progress: Progress
) -> Outcome:
    """Render a folder for each scene.

    Raises:
        UserError: the folder is in use, a scene cannot be read, or the disk is full.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())) and not resume:
        raise UserError(f"{out} exists and is not empty", "add --resume, or give another -o")
    for unfinished in out.glob(".*.part-*") if resume else ():
        shutil.rmtree(unfinished, ignore_errors=True)
    source = opened(job.source)
    scenes = list(zip(indices, scene_names(source, indices), strict=True))
    todo = [scene for scene in scenes if not (out / scene[1]).is_dir()]
    progress(len(scenes) - len(todo))
    left_out = []
    for (_, name), problem in spread(partial(_one_sweep, job, out), todo, workers):
        progress(1)
        if problem:
            left_out.append(f"{name}: {problem}")
    written = tuple(name for _, name in scenes if (out / name).is_dir())
    return Outcome(written, tuple(sorted(left_out)))


def _one_sweep(job: SweepJob, out: Path, scene: tuple[int, str]) -> str:
    """Write the sweep of a scene (number, name); returns why it could not be, "" if it was."""
    index, name = scene
    try:
        sweep = render_sweep(opened(job.source), index, job.camera, job.options)
    except UserError as error:
        if not job.skip_bad:
            raise
        return str(error)
    write_sweep(sweep, out / name, job.quality, job.truth)
    return ""


def write_stacks(
    job: StackJob,
    out: Path,
    workers: int,
    resume: bool,
    progress: Progress,
    beam_options: str | None = None,
) -> Outcome:
    """Render the shards of a job that are not there yet, here or as an Apache Beam pipeline.

    Raises:
        UserError: the folder is in use, a scene cannot be read, or the disk is full.
    """
    if job.preset == "paper" and job.first + job.count > len(opened(job.source)):
        raise UserError(
            f"{job.source} holds {len(opened(job.source))} scenes", "lower --scenes or --seed"
        )
    todo = begin(job, out, resume)
    progress(job.count - sum(len(job.indices(shard)) for shard in todo))
    if beam_options is not None:
        from edgedepth.data.beam import run_pipeline

        run_pipeline(job, out, todo, beam_options)
        progress(sum(len(job.indices(shard)) for shard in todo))
    else:
        for shard, _ in spread(partial(write_shard, job, out), todo, workers):
            progress(len(job.indices(shard)))
    reports = read_reports(job, out)
    left_out = (
        f"scene {i}: {problem}" for report in reports for i, problem in report.left_out.items()
    )
    return Outcome(tuple(n for r in reports for n in r.names), tuple(left_out))
