"""``edgedepth finetune``: a trained network learns from sweeps without depth truth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgedepth.commands.parameters import camera_option
from edgedepth.errors import UserError

if TYPE_CHECKING:
    from edgedepth.capture.sweep import Sweep
    from edgedepth.learn.finetune import Outcome


@click.command()
@click.argument("sweeps", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--run-dir", type=click.Path(path_type=Path), required=True, help="Where to put the result."
)
@click.option(
    "--start",
    type=click.Path(path_type=Path),
    help="Run directory to begin with; default: the shipped model's.",
)
@camera_option
@click.option(
    "--focus-from", type=click.Choice(["name"]), help="Take focus distances from the file names."
)
@click.option("--sensor-width-mm", type=float, help="Width of the camera's sensor.")
@click.option(
    "--steps", type=click.IntRange(1), default=400, show_default=True, help="Of each phase."
)
@click.option(
    "--learning-rate",
    type=click.FloatRange(0, 1, min_open=True),
    default=6e-4,
    show_default=True,
    help="At the start; it falls to a tenth.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of everything random.")
@click.option("--threads", type=click.IntRange(1, 64), default=2, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print the errors as JSON.")
def finetune(
    sweeps: tuple[Path, ...],
    run_dir: Path,
    start: Path | None,
    profile: Path | None,
    focus_from: str | None,
    sensor_width_mm: float | None,
    steps: int,
    learning_rate: float,
    seed: int,
    threads: int,
    as_json: bool,
) -> None:
    """Adapt a trained network to a camera or a kind of scene, without depth truth.

    SWEEPS are folders of photos by one camera with focus distances. The network learns from
    scenes rendered with that camera's blur, planes and noise, and from the photos: its depth is
    re-rendered at every focus distance and compared with them. One photo of each sweep and
    other rendered scenes are held out: an outcome that explains and measures these no better
    than before is not kept.

    \b
    edgedepth finetune sweep1/ sweep2/ sweep3/ --run-dir runs/mine
    edgedepth finetune sweep*/ --camera phone.json --run-dir runs/mine
    edgedepth finetune sweep*/ --start runs/mobile --run-dir runs/mine
    edgedepth convert runs/mine -o mine_int8.tflite

    Takes minutes on two cores; five sweeps or more of what you photograph are better than one.
    """
    from edgedepth.capture.opencv import require_opencv

    require_opencv()
    import cv2

    from edgedepth.learn.adapt import adapt, check_target, starting_run
    from edgedepth.learn.finetune import FinetuneConfig

    cv2.setNumThreads(threads)
    check_target(run_dir)
    begin = starting_run(start)
    read = [_read(folder, focus_from, sensor_width_mm, profile) for folder in sweeps]
    config = FinetuneConfig(steps=steps, learning_rate=learning_rate, seed=seed)
    say = (lambda _: None) if as_json else click.echo
    outcomes = adapt(begin, read, run_dir, config, threads, say)
    if as_json:
        click.echo(json.dumps({o.phase: o.record() for o in outcomes}, indent=2))
        return
    for outcome in outcomes:
        click.echo(_line(outcome))
    click.echo(f"written  {run_dir}")
    click.echo(f"next: edgedepth convert {run_dir}")


def _read(
    folder: Path, focus_from: str | None, sensor_width_mm: float | None, profile: Path | None
) -> Sweep:
    from edgedepth.capture.profile import apply_profile, read_profile
    from edgedepth.capture.sweep import read_sweep

    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder", "give one folder of photos for each sweep")
    sweep = read_sweep(
        folder, focus_from_name=focus_from == "name", sensor_width_mm=sensor_width_mm
    )
    if profile is None:
        return sweep
    return apply_profile(sweep, read_profile(profile), profile.name)


def _line(outcome: Outcome) -> str:
    kept = "" if outcome.better else "  NOT BETTER: left as it was"
    return f"{outcome.phase:<8} {outcome.told()}{kept}"
