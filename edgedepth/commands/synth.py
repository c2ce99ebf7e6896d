"""``edgedepth synth``: focal sweeps rendered from scenes with depth."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgedepth.commands.parameters import Size
from edgedepth.errors import UserError

if TYPE_CHECKING:
    from edgedepth.data.blur import Aperture
    from edgedepth.data.recipe import Recipe, Renderer
    from edgedepth.data.records import Preset, StackJob
    from edgedepth.data.sweep_writer import CameraPreset
    from edgedepth.data.synth import Outcome, SweepJob


def parse_focus(
    _context: click.Context, _parameter: click.Parameter, value: str | None
) -> tuple[float, ...] | None:
    """Metres, ``inf`` allowed, as dioptres."""
    if value is None:
        return None
    try:
        metres = [float(part) for part in value.split(",")]
    except ValueError:
        metres = []
    if not metres or not all(m >= 0.01 for m in metres):
        raise click.BadParameter("give metres from 0.01 on, e.g. 0.35,0.5,0.9,1.6,inf")
    if len(metres) > 64:
        raise click.BadParameter("at most 64 distances")
    return tuple(0.0 if math.isinf(m) else 1 / m for m in metres)


def parse_camera_option(
    _context: click.Context, _parameter: click.Parameter, value: str
) -> CameraPreset:
    """A camera preset or its three figures."""
    from edgedepth.data.sweep_writer import parse_camera

    try:
        return parse_camera(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.command()
@click.argument("source")
@click.option(
    "-o", "--out", required=True, type=click.Path(path_type=Path), help="Folder to write."
)
@click.option(
    "--camera",
    callback=parse_camera_option,
    default="pixel6pro",
    show_default=True,
    metavar="PRESET|F_MM,N,SENSOR_MM",
    help="pixel6pro, pixel3, dered, or focal length, f-number and sensor width.",
)
@click.option("--focus", callback=parse_focus, metavar="M,M,...", help="Focus distances in metres.")
@click.option("--size", type=Size(64, 8192, "1280x960"), metavar="WxH", help="Size of the frames.")
@click.option("--scenes", type=click.IntRange(1, 10_000_000), default=1, show_default=True)
@click.option(
    "--seed", type=click.IntRange(0, 2**40), default=0, show_default=True, help="First scene."
)
@click.option(
    "--renderer", type=click.Choice(["edgedepth", "paper"]), default="edgedepth", show_default=True
)
@click.option(
    "--aperture",
    type=click.Choice(["disk", "gaussian", "polygon"]),
    default="disk",
    show_default=True,
    help="Shape of the blur; polygon is a hexagon.",
)
@click.option(
    "--shake", type=click.FloatRange(0, 100), default=0.0, help="Hand shake, pixels at most."
)
@click.option(
    "--noise", type=click.FloatRange(0, 0.5), default=0.004, show_default=True, help="Read noise."
)
@click.option("--quality", type=click.IntRange(30, 100), default=92, show_default=True)
@click.option("--truth/--no-truth", default=True, help="Write the true depth beside the frames.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["sweep", "tfrecord"]),
    default="sweep",
    show_default=True,
    help="Photos with EXIF, or training stacks in TFRecord shards.",
)
@click.option(
    "--preset",
    type=click.Choice(["training", "paper"]),
    default="training",
    show_default=True,
    help="TFRecord stacks: everything random as in training, or the paper's settings.",
)
@click.option("--shards", type=click.IntRange(1, 99_999), help="TFRecord files; default 1 per 100.")
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True, help="Processes.")
@click.option("--resume", is_flag=True, help="Go on with what the same command has begun.")
@click.option(
    "--skip-bad", is_flag=True, help="Leave out scenes that cannot be read, and list them."
)
@click.option(
    "--beam", metavar="OPTIONS", help="Render shards with Apache Beam, e.g. --runner=DirectRunner."
)
def synth(
    source: str,
    out: Path,
    camera: CameraPreset,
    focus: tuple[float, ...] | None,
    size: tuple[int, int] | None,
    scenes: int,
    seed: int,
    renderer: Renderer,
    aperture: Aperture,
    shake: float,
    noise: float,
    quality: int,
    truth: bool,
    form: str,
    preset: Preset,
    shards: int | None,
    workers: int,
    resume: bool,
    skip_bad: bool,
    beam: str | None,
) -> None:
    """Render focal sweeps from scenes with depth.

    SOURCE is procedural (scenes made from a seed), desk (the sample scene), rgbd:DIR (pairs
    NAME_rgb.png and NAME_depth_mm.png), nyu:FILE.mat, nyu-raw:DIR or matterport3d:DIR. The
    frames' EXIF holds focus distance and camera; the true depth goes into OUT/truth.

    \b
    edgedepth synth procedural -o my_sweep
    edgedepth synth procedural -o sweeps --scenes 20 --seed 100 --shake 3 --workers 2
    edgedepth synth desk -o desk --size 1280x960
    edgedepth synth rgbd:my_rgbd -o sweeps --scenes 5 --camera pixel3
    edgedepth synth "rgbd:scans?rgb=*_color.png&depth=*_d.png&scale=0.0002" -o sweep
    edgedepth synth procedural -o sweep --camera 50,8,7.68 --focus 1,1.5,2.5,4,6 --size 640x480

    With --scenes above 1, OUT gets a folder for each. --format tfrecord writes random training
    stacks into shards that `edgedepth train --data tfrecord:OUT` reads:

    \b
    edgedepth synth "nyu:labeled.mat?split=train" -o stacks --format tfrecord --scenes 795
    edgedepth synth nyu:labeled.mat -o paper --format tfrecord --preset paper --scenes 1449
    edgedepth synth nyu-raw:raw -o raw --format tfrecord --scenes 407024 --skip-bad --workers 16
    edgedepth synth nyu-raw:raw -o raw --format tfrecord --scenes 407024 --beam=--runner=FlinkRunner
    """
    context = click.get_current_context()
    if form == "sweep":
        _refuse(context, ("preset", "shards", "beam"), "tfrecord")
        from edgedepth.data.sweep_writer import SweepOptions
        from edgedepth.data.synth import SweepJob

        if renderer == "paper":
            _refuse(context, ("aperture",), "sweep --renderer edgedepth")
        planes = focus or tuple(1 / m for m in camera.focus_m)
        options = SweepOptions(planes, size, renderer, aperture, shake, noise, seed)
        job = SweepJob(source, camera, options, quality, truth, skip_bad)
        _sweeps(job, range(seed, seed + scenes), out, workers, resume)
        return
    _refuse(context, ("camera", "focus", "aperture", "shake", "noise", "quality", "truth"), "sweep")
    if preset == "paper":
        _refuse(context, ("renderer", "size"), "sweep or --preset training")
    from edgedepth.data.records import StackJob

    recipe = _recipe(size)
    files = shards or -(-scenes // 100)
    stacks = StackJob(source, seed, scenes, min(files, scenes), preset, recipe, renderer, skip_bad)
    _stacks(stacks, out, workers, resume, beam)


def _recipe(size: tuple[int, int] | None) -> Recipe:
    from dataclasses import replace

    from edgedepth.data.recipe import Recipe

    return Recipe() if size is None else replace(Recipe(), height=size[0], width=size[1])


def _refuse(context: click.Context, names: tuple[str, ...], form: str) -> None:
    """Options of the other format would be ignored."""
    for name in names:
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            raise click.UsageError(f"--{name} is for --format {form}")


def _sweeps(job: SweepJob, indices: range, out: Path, workers: int, resume: bool) -> None:
    from tqdm import tqdm

    from edgedepth.data.sources import open_source
    from edgedepth.data.sweep_writer import render_sweep, write_sweep
    from edgedepth.data.synth import Outcome, write_sweeps

    opened = open_source(job.source)
    if indices.stop > len(opened):
        raise UserError(
            f"{job.source} holds {len(opened)} scenes, not {indices.stop}",
            "lower --scenes or --seed",
        )
    planes, example = len(job.options.focus_dioptres), out
    if len(indices) == 1 and not job.skip_bad:
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise UserError(f"{out} exists and is not empty", "give another -o, or remove it first")
        sweep = render_sweep(opened, indices.start, job.camera, job.options)
        write_sweep(sweep, out, job.quality, job.truth)
        outcome, what = Outcome((sweep.scene,)), f"{planes} frames"
    else:
        with tqdm(total=len(indices), unit="sweep") as bar:
            outcome = write_sweeps(job, indices, out, workers, resume, bar.update)
        what = f"{len(outcome.names)} sweeps of {planes} frames"
        example = out / outcome.names[0] if outcome.names else out
    click.echo(f"{out}: {what}")
    _tell_left_out(outcome)
    click.echo(f"next: edgedepth infer {example}")


def _stacks(job: StackJob, out: Path, workers: int, resume: bool, beam: str | None) -> None:
    from tqdm import tqdm

    from edgedepth.data.synth import write_stacks

    with tqdm(total=job.count, unit="stack") as bar:
        outcome = write_stacks(job, out, workers, resume, bar.update, beam)
    click.echo(f"{out}: {len(outcome.names)} stacks in {job.shards} shards")
    _tell_left_out(outcome)
    click.echo(f"next: edgedepth train --data tfrecord:{out} --run-dir runs/new")


def _tell_left_out(outcome: Outcome) -> None:
    """Count and list what could not be read."""
    if outcome.left_out:
        click.echo(f"left out {len(outcome.left_out)} scenes:")
        for line in outcome.left_out:
            click.echo(f"  {line}")
    if not outcome.names:
        raise UserError("no scene could be read", "look at SOURCE with edgedepth data check")
