"""``edgedepth train``."""

from __future__ import annotations

import glob
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from edgedepth.commands.parameters import MODEL_SIZE
from edgedepth.errors import UserError


@click.command()
@click.option("--run-dir", type=click.Path(path_type=Path), required=True, help="Where to work.")
@click.option(
    "--preset",
    type=click.Choice(["mobile", "paper"]),
    default="mobile",
    show_default=True,
    help="The network.",
)
@click.option(
    "--data",
    multiple=True,
    metavar="SOURCE",
    help="procedural (default), rgbd:DIR, nyu:FILE.mat, nyu-raw:DIR, matterport3d:DIR, "
    "tfrecord:DIR, or photos:DIR: pictures for the surfaces of procedural scenes; may be given "
    "again.",
)
@click.option(
    "--hold-out",
    multiple=True,
    metavar="NAME",
    help="Scenes of an rgbd source kept for validation; * allowed; may be given again.",
)
@click.option(
    "--single-image",
    is_flag=True,
    help="Preset paper on all-in-focus pictures alone: the baseline without focus.",
)
@click.option("--quick", is_flag=True, help="About two minutes through every stage.")
@click.option(
    "--steps",
    type=click.IntRange(0),
    help="Steps of the float phase; 0, with --start-from, takes its weights as they are.",
)
@click.option("--qat-steps", type=click.IntRange(1), help="Steps of the quantization-aware phase.")
@click.option("--pool-size", type=click.IntRange(1), help="Stacks to render in all.")
@click.option("--pool-start", type=click.IntRange(1), help="Stacks to render before step 1.")
@click.option(
    "--learning-rate",
    type=click.FloatRange(0, 1, min_open=True),
    help="Peak of the float phase's schedule  [default: 0.002; preset paper 0.001]",
)
@click.option(
    "--qat-learning-rate",
    type=click.FloatRange(0, 1, min_open=True),
    help="Peak of the quantization-aware phase's schedule  [default: 0.0005; preset paper 0.0001]",
)
@click.option(
    "--frames-per-batch",
    type=click.IntRange(1, 1000),
    help="Frames over all stacks of a batch, about: it has 3 to 10 stacks, small ones three times "
    "as many  [default: 40; preset paper 20, with --single-image 4]",
)
@click.option(
    "--relative-error",
    type=click.FloatRange(0, 100),
    metavar="WEIGHT",
    help="What relative errors count in the loss, an error in dioptres counting 1; preset mobile "
    "only  [default: 2]",
)
@click.option(
    "--frozen-share",
    type=click.FloatRange(0, 1),
    metavar="SHARE",
    help="Part of the float phase, its end, in which batch norms keep their statistics; preset "
    "mobile only  [default: 0.25]",
)
@click.option("--size", type=MODEL_SIZE, metavar="WxH", help="Input size in training.")
@click.option(
    "--renderer",
    type=click.Choice(["edgedepth", "paper"]),
    default=None,
    help="Lens model: ours, or the paper's 256-layer Gaussian blur.",
)
@click.option(
    "--focus-jitter",
    type=click.FloatRange(0, 0.5),
    default=0.0,
    help="Spread of the relative error of the focus distances that stacks report.",
)
@click.option("--seed", type=int, help="Seed of everything random.")
@click.option("--checkpoint-every", type=click.IntRange(1), help="Steps between checkpoints.")
@click.option(
    "--shares",
    type=click.IntRange(1),
    help="Batches drawn in each step; by default one per GPU or worker.",
)
@click.option(
    "--start-from",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Begin with the float weights of another run.",
)
@click.option(
    "--qat-start-from",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Begin the quantization-aware phase with the 8-bit weights of another run; by default "
    "with the float phase's, folded.",
)
@click.option(
    "--towards-classical",
    type=click.FloatRange(0, 1, min_open=True),
    metavar="SHARE",
    help="Learn the answers of --start-from instead of the truth, moved by this share towards the "
    "classical ones where blur says little.",
)
@click.option(
    "--skip-bad", is_flag=True, help="Look at every scene first; leave out and list the bad ones."
)
@click.option("--resume", is_flag=True, help="Go on with the run in --run-dir.")
@click.option(
    "--workers", type=click.IntRange(1), default=1, show_default=True, help="Rendering processes."
)
@click.option(
    "--pool",
    "pool_dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of rendered stacks, shared between runs with the same data options.",
)
def train(
    run_dir: Path,
    preset: str,
    data: tuple[str, ...],
    hold_out: tuple[str, ...],
    single_image: bool,
    quick: bool,
    steps: int | None,
    qat_steps: int | None,
    pool_size: int | None,
    pool_start: int | None,
    learning_rate: float | None,
    qat_learning_rate: float | None,
    frames_per_batch: int | None,
    relative_error: float | None,
    frozen_share: float | None,
    size: tuple[int, int] | None,
    renderer: str | None,
    focus_jitter: float,
    seed: int | None,
    checkpoint_every: int | None,
    shares: int | None,
    start_from: Path | None,
    qat_start_from: Path | None,
    towards_classical: float | None,
    skip_bad: bool,
    resume: bool,
    workers: int,
    pool_dir: Path | None,
) -> None:
    """Train a network: a float phase, then quantization-aware training.

    \b
    edgedepth train --run-dir runs/first --quick
    edgedepth train --run-dir runs/mobile --data procedural --data rgbd:my_scenes
    edgedepth train --run-dir runs/nyu --data "nyu:labeled.mat?split=train" --skip-bad
    edgedepth train --run-dir runs/paper --preset paper --renderer paper
    edgedepth train --run-dir runs/single --preset paper --single-image
    edgedepth train --run-dir runs/mobile --resume

    Watch it with: tensorboard --logdir RUN_DIR/tensorboard
    """
    context = click.get_current_context()
    if resume:
        _refuse_options(context)
    if towards_classical and (start_from is None or preset != "mobile"):
        raise click.UsageError("--towards-classical needs --start-from and preset mobile")
    if steps == 0 and (start_from is None or towards_classical):
        raise click.UsageError("--steps 0 needs --start-from, whose float weights stay as they are")
    if preset != "mobile":
        _refuse_of_mobile({"relative-error": relative_error, "frozen-share": frozen_share})
    from edgedepth.distributed import PeerLostError, restart
    from edgedepth.train import StoppedError
    from edgedepth.train import train as run_training

    config = _config(preset, single_image, quick, size, focus_jitter)
    if frames_per_batch is not None:
        batch = replace(config.batch, frames_per_batch=frames_per_batch)
        config = replace(config, batch=batch)
    if relative_error is not None:
        config = replace(config, loss=replace(config.loss, relative=relative_error))
    changes: dict[str, Any] = {
        "data": data or None,
        "hold_out": hold_out or None,
        "float_steps": steps,
        "qat_steps": qat_steps,
        "pool_size": pool_size,
        "pool_start": _first_stacks(config.pool_start, pool_start, pool_size),
        "learning_rate": learning_rate,
        "qat_learning_rate": qat_learning_rate,
        "frozen_share": frozen_share,
        "renderer": renderer,
        "seed": seed,
        "checkpoint_every": checkpoint_every,
        "shares": shares,
        "start_from": str(start_from.absolute()) if start_from else None,
        "qat_start_from": str(qat_start_from.absolute()) if qat_start_from else None,
        "towards_classical": towards_classical,
    }
    config = replace(config, **{k: v for k, v in changes.items() if v is not None})
    if skip_bad:
        config = replace(config, left_out=_bad_scenes(config.data))
    again = f"edgedepth train --run-dir {run_dir} --resume"
    # A shell ignores SIGINT for its background jobs, and schedulers stop a job with SIGTERM.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        run_training(
            config, run_dir, resume=resume, workers=workers, pool_dir=pool_dir, say=click.echo
        )
    except StoppedError as stopped:
        raise UserError(str(stopped), f"go on with: {again}") from None
    except PeerLostError as lost:
        click.echo(f"{lost.problem}; going on from the last checkpoint when it is back")
        restart(_resume_arguments(run_dir, workers, pool_dir))
    click.echo(f"\nnext: edgedepth convert {run_dir}")


def _refuse_of_mobile(given: dict[str, Any]) -> None:
    """The paper's loss has one term, its network no batch norms."""
    for name, value in given.items():
        if value is not None:
            raise click.UsageError(f"--{name} goes with preset mobile only")


def _first_stacks(usual: int, asked: int | None, most: int | None) -> int | None:
    """Stacks that wait for the first step, or None for the usual number."""
    if asked is not None and most is not None and asked > most:
        raise click.UsageError(f"--pool-start {asked} is more than --pool-size {most}")
    return asked if asked is not None else min(usual, most) if most else None


def _config(
    preset: str, single: bool, quick: bool, size: tuple[int, int] | None, focus_jitter: float
) -> Any:
    from edgedepth.config import preset_config, single_image
    from edgedepth.config import quick as shorten

    config = preset_config(preset)
    config = single_image(config) if single else config
    config = replace(config, recipe=replace(config.recipe, focus_jitter=focus_jitter))
    if size is not None:
        height, width = size
        scale = config.recipe.height // config.height
        recipe = replace(config.recipe, height=height * scale, width=width * scale)
        config = replace(config, height=height, width=width, recipe=recipe)
    return shorten(config) if quick else config


def _bad_scenes(sources: tuple[str, ...]) -> tuple[str, ...]:
    """Patterns of the names of scenes that cannot be read, which the user is told."""
    from tqdm import tqdm

    from edgedepth.data.sources import open_for_training
    from edgedepth.data.survey import countable, unreadable

    opened = open_for_training(sources)
    count = countable(opened)
    with tqdm(total=count, unit="scene", desc="looking at the data", disable=not count) as bar:
        bad = unreadable(opened, bar.update)
    click.echo(f"left out {len(bad)} of {count} scenes{':' if bad else ''}")
    for name, problem in bad.items():
        click.echo(f"  {name}: {problem}")
    return tuple(glob.escape(name) for name in sorted(bad))


def _resume_arguments(run_dir: Path, workers: int, pool_dir: Path | None) -> list[str]:
    """Options that go on with a run, for a process like this one."""
    shared = [] if pool_dir is None else ["--pool", str(pool_dir)]
    return ["--run-dir", str(run_dir), "--resume", "--workers", str(workers), *shared]


def _refuse_options(context: click.Context) -> None:
    """A resumed run takes its own configuration; saying otherwise would be ignored."""
    allowed = {"run_dir", "resume", "workers", "pool_dir"}
    given = [
        name
        for name in context.params
        if name not in allowed
        and context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
    ]
    if given:
        option = "--" + given[0].replace("_", "-")
        raise click.UsageError(f"{option} cannot be given with --resume: the run keeps its own")
