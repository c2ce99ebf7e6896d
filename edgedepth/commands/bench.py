"""``edgedepth bench``: latency figures with what is needed to believe them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgedepth.errors import UserError

if TYPE_CHECKING:
    from edgedepth.bench.inputs import Pictures
    from edgedepth.bench.measure import Measured, Plan
    from edgedepth.capture.modelfile import ModelFile

KERNELS = {"on": (True,), "off": (False,), "both": (True, False)}


def threads_option(_context: click.Context, _parameter: click.Parameter, value: str) -> list[int]:
    """``1,2`` as numbers."""
    from edgedepth.bench.cells import parse_threads

    try:
        return parse_threads(value)
    except ValueError:
        raise click.BadParameter("give whole numbers from 1 to 64, e.g. 1,2") from None


@click.command()
@click.argument("models", nargs=-1, type=click.Path(path_type=Path), metavar="[MODEL]...")
@click.option("--sweep", type=click.Path(path_type=Path), help="Feed this sweep's frames.")
@click.option("--threads", callback=threads_option, default="1", show_default=True, metavar="N,N")
@click.option(
    "--runtime",
    default="auto",
    show_default=True,
    metavar="NAME,NAME",
    help="Of litert, tflite-runtime, tensorflow.",
)
@click.option("--xnnpack", type=click.Choice(list(KERNELS)), default="on", show_default=True)
@click.option(
    "--runs", type=int, default=200, show_default=True, help="Of each combination, over all rounds."
)
@click.option("--rounds", type=click.IntRange(1, 1000), default=15, show_default=True)
@click.option(
    "--warmup", type=click.IntRange(1, 1000), default=5, show_default=True, help="Runs not counted."
)
@click.option(
    "--sustained",
    type=click.FloatRange(0, 24 * 60, min_open=True),
    metavar="MINUTES",
    help="Afterwards run the first combination without a pause.",
)
@click.option("--cross-check", is_flag=True, help="Let LiteRT's own tool measure beside us.")
@click.option(
    "--accuracy", metavar="SOURCE", help="Score the models too: procedural, rgbd:DIR, ..."
)
@click.option("--scenes", type=click.IntRange(1), default=8, show_default=True, help="To score.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="File for the result.")
@click.option("--picture", type=click.Path(path_type=Path), help="PNG of the distributions.")
@click.option(
    "--compare",
    nargs=2,
    type=click.Path(path_type=Path),
    metavar="A.json B.json",
    help="Compare two results instead of measuring.",
)
def bench(
    models: tuple[Path, ...],
    sweep: Path | None,
    threads: list[int],
    runtime: str,
    xnnpack: str,
    runs: int,
    rounds: int,
    warmup: int,
    sustained: float | None,
    cross_check: bool,
    accuracy: str | None,
    scenes: int,
    json_file: Path | None,
    picture: Path | None,
    compare: tuple[Path, Path] | None,
) -> None:
    """Measure how fast models run, with what is needed to believe the figures.

    \b
    edgedepth bench                                     the shipped model, one thread
    edgedepth bench int8.tflite fp32.tflite --threads 1,2
    edgedepth bench model.tflite --sweep my_sweep/ --runtime litert,tflite-runtime
    edgedepth bench model.tflite --xnnpack both --json result.json --picture result.png
    edgedepth bench model.tflite --sustained 10         does it slow down when hot?
    edgedepth bench *.tflite --accuracy procedural      error against latency and size
    edgedepth bench --compare before.json after.json    is the difference more than noise?

    Every combination of model, runtime, kernels and threads is measured once per round, each
    time in a new process and in an order drawn anew. The interval is that of the median, from
    resampling whole rounds. A model with both gets both: the unrolled graph and streaming.
    """
    if compare is not None:
        if models or sweep or sustained or cross_check or accuracy or json_file or picture:
            raise click.UsageError("--compare takes two results and nothing else")
        _compare(*compare)
        return
    if runs < 1:
        raise UserError(f"--runs {runs} measures nothing", "give 1 or more, e.g. --runs 200")
    from edgedepth.capture.opencv import require_opencv

    require_opencv()
    from edgedepth.bench import record as records
    from edgedepth.bench import table
    from edgedepth.bench.accuracy import score
    from edgedepth.bench.cells import parse_runtimes, require_distinct
    from edgedepth.bench.measure import Plan
    from edgedepth.capture.modelfile import read_model_file
    from edgedepth.data.sources import open_source

    chosen = tuple(parse_runtimes(runtime))
    files = tuple(read_model_file(path) for path in models) or (read_model_file(),)
    require_distinct(file.path for file in files)
    _check_outputs(json_file, picture)
    plan = Plan(
        files,
        chosen,
        KERNELS[xnnpack],
        tuple(threads),
        runs,
        min(rounds, runs),
        warmup,
        60 * (sustained or 0.0),
        cross_check,
    )
    pictures = _pictures(sweep, files, max(threads))
    source = open_source(accuracy) if accuracy else None
    measured = _measure(plan, pictures)
    scores = score(files, source, accuracy or "", scenes) if source else None
    record = records.make_record(measured, _options(plan, xnnpack), scores)
    if json_file is not None:
        records.write_record(json_file, record)
    click.echo(table.terminal(record))
    if picture is not None:
        from edgedepth.bench.picture import write_picture

        write_picture(picture, record)
    for path in (json_file, picture):
        if path is not None:
            click.echo(f"written  {path}")


def _compare(first: Path, second: Path) -> None:
    from edgedepth.bench import compare, record

    a, b = record.read_record(first), record.read_record(second)
    click.echo(compare.report(a, b, (first, second)))


def _check_outputs(*paths: Path | None) -> None:
    """Say so before an hour of measuring, not after it."""
    for path in paths:
        if path is not None and not path.absolute().parent.is_dir():
            raise UserError(f"the folder of {path} does not exist", "make it, or name another file")
        if path is not None and path.is_dir():
            raise UserError(f"{path} is a folder", "name a file")


def _pictures(sweep: Path | None, models: tuple[ModelFile, ...], threads: int) -> Pictures:
    from edgedepth.bench.inputs import Pictures, default_pictures

    if sweep is None:
        return default_pictures(models, threads)
    return Pictures(sweep, threads)


def _measure(plan: Plan, pictures: Pictures) -> Measured:
    from tqdm import tqdm

    from edgedepth.bench.measure import require_models, run_plan, steps

    require_models(plan.models)
    with tqdm(total=steps(plan, pictures), unit="turn", disable=None, leave=False) as bar:

        def tick(what: str) -> None:
            bar.set_description(what)
            bar.update()

        return run_plan(plan, pictures, tick)


def _options(plan: Plan, xnnpack: str) -> dict[str, Any]:
    return {
        "threads": list(plan.threads),
        "runtimes": list(plan.runtimes),
        "xnnpack": xnnpack,
        "runs": plan.runs,
        "rounds": plan.rounds,
        "warmup": plan.warmup,
        "sustained_minutes": plan.sustain_s / 60,
    }
