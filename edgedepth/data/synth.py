"""What ``edgedepth synth`` does: sweeps or TFRecord shards, in parallel, resumable."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

from edgedepth.data.parallel import spread
from edgedepth.data.records import StackJob, begin, read_reports, write_shard
from edgedepth.data.sources import Source, open_source, scene_name
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


@lru_cache(maxsize=1)
def _opened(text: str) -> Source:
    return open_source(text)


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
    source = _opened(job.source)
    folders = {i: out / scene_name(source, i) for i in indices}
    todo = [i for i in indices if not folders[i].is_dir()]
    progress(len(indices) - len(todo))
    left_out = []
    for index, problem in spread(partial(_one_sweep, job, out), todo, workers):
        progress(1)
        if problem:
            left_out.append(f"{folders[index].name}: {problem}")
    names = tuple(folder.name for folder in folders.values() if folder.is_dir())
    return Outcome(names, tuple(sorted(left_out)))


def _one_sweep(job: SweepJob, out: Path, index: int) -> str:
    """Write one sweep; returns why it could not be, "" if it was."""
    source = _opened(job.source)
    try:
        sweep = render_sweep(source, index, job.camera, job.options)
    except UserError as error:
        if not job.skip_bad:
            raise
        return str(error)
    write_sweep(sweep, out / scene_name(source, index), job.quality, job.truth)
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
    if job.preset == "paper" and job.first + job.count > len(_opened(job.source)):
        raise UserError(
            f"{job.source} holds {len(_opened(job.source))} scenes", "lower --scenes or --seed"
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
