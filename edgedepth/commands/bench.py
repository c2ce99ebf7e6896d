"""``edgedepth bench``: latency figures with what is needed to believe them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgedepth.errors import UserError

if TYPE_CHECKING:
    from edgedepth.adb import Phone
    from edgedepth.bench.cells import Delegate
    from edgedepth.bench.inputs import Pictures
    from edgedepth.bench.measure import Measured, Plan
    from edgedepth.capture.modelfile import ModelFile

KERNELS = {"on": (True,), "off": (False,), "both": (True, False)}
HERE_ONLY = ("runtime", "xnnpack", "cross_check", "profile", "accuracy")
"""Options that a phone has no use for."""


def threads_option(_context: click.Context, _parameter: click.Parameter, value: str) -> list[int]:
    """``1,2`` as numbers."""
    from edgedepth.bench.cells import parse_threads

    try:
        return parse_threads(value)
    except ValueError:
        raise click.BadParameter("give whole numbers from 1 to 64, e.g. 1,2") from None


def delegates_option(
    _context: click.Context, _parameter: click.Parameter, value: str | None
) -> list[Delegate]:
    """``cpu,gpu`` as a list, empty when not given."""
    from edgedepth.bench.cells import parse_delegates

    try:
        return parse_delegates(value) if value is not None else []
    except ValueError:
        raise click.BadParameter("give cpu, gpu or cpu,gpu") from None


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
@click.option("--profile", is_flag=True, help="Tell the time per kind of operator.")
@click.option("--cross-check", is_flag=True, help="Let LiteRT's own tool measure beside us.")
@click.option(
    "--accuracy", metavar="SOURCE", help="Score the models too: procedural, rgbd:DIR, ..."
)
@click.option("--scenes", type=click.IntRange(1), default=8, show_default=True, help="To score.")
@click.option("--adb", is_flag=True, help="Measure on a phone, through the demo app.")
@click.option(
    "--serial", "serials", multiple=True, metavar="SERIAL", help="Which phone; may be given again."
)
@click.option(
    "--delegate",
    "delegates",
    callback=delegates_option,
    metavar="cpu,gpu",
    help="On a phone; cpu by default.",
)
@click.option(
    "--json",
    "json_file",
    type=click.Path(path_type=Path),
    help="File for the result; of several phones, each gets its serial number added.",
)
@click.option("--picture", type=click.Path(path_type=Path), help="PNG of the distributions.")
@click.option(
    "--compare",
    nargs=2,
    type=click.Path(path_type=Path),
    metavar="A.json B.json",
    help="Compare two results instead of measuring.",
)
@click.pass_context
def bench(
    context: click.Context,
    models: tuple[Path, ...],
    sweep: Path | None,
    threads: list[int],
    runtime: str,
    xnnpack: str,
    runs: int,
    rounds: int,
    warmup: int,
    sustained: float | None,
    profile: bool,
    cross_check: bool,
    accuracy: str | None,
    scenes: int,
    adb: bool,
    serials: tuple[str, ...],
    delegates: list[Delegate],
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
    edgedepth bench model.tflite --profile              where does the time go?
    edgedepth bench *.tflite --accuracy procedural      error against latency and size
    edgedepth bench --compare before.json after.json    is the difference more than noise?

    The 95 % interval of the median resamples whole rounds, is widened for their small number and
    reaches as far as the median moved between the two halves of the measurement, but not below
    the fastest run.

    \b
    On phones with the demo app and USB debugging:
    edgedepth bench --adb int8.tflite fp16.tflite --delegate cpu,gpu --threads 1,2,4
    edgedepth bench --adb --serial A1 --serial B2 --json phones.json

    Every combination of model, runtime, kernels and threads is measured once per round, each
    time in a new process and in an order drawn anew. The interval is that of the median, from
    resampling whole rounds. A model with both gets both: the unrolled graph and streaming.
    """
    if compare is not None:
        if models or sweep or sustained or cross_check or accuracy or json_file or picture or adb:
            raise click.UsageError("--compare takes two results and nothing else")
        _compare(*compare)
        return
    _check_place(context, adb, bool(serials or delegates))
    if runs < 1:
        raise UserError(f"--runs {runs} measures nothing", "give 1 or more, e.g. --runs 200")
    from edgedepth.capture.opencv import require_opencv

    require_opencv()
    from edgedepth.bench.cells import parse_runtimes, require_distinct
    from edgedepth.bench.measure import Plan
    from edgedepth.capture.modelfile import read_model_file

    chosen: tuple[str, ...] = () if adb else tuple(parse_runtimes(runtime))
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
        profile,
    )
    if adb:
        _on_phones(plan, serials, delegates or ["cpu"], sweep, json_file, picture)
        return
    from edgedepth.bench.accuracy import score
    from edgedepth.data.sources import open_source

    pictures = _pictures(sweep, files, max(threads))
    source = open_source(accuracy) if accuracy else None
    measured = _measure(plan, pictures)
    scores = score(files, source, accuracy or "", scenes) if source else None
    _report(measured, plan, xnnpack, scores, json_file, picture)


def _check_place(context: click.Context, adb: bool, for_phones: bool) -> None:
    """Refuse options that belong to the other place."""
    if not adb and for_phones:
        raise click.UsageError("--serial and --delegate go with --adb")
    given = [
        name
        for name in HERE_ONLY
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
    ]
    if adb and given:
        raise click.UsageError(f"--{given[0].replace('_', '-')} does not go with --adb")


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


def _on_phones(
    plan: Plan,
    serials: tuple[str, ...],
    delegates: list[Delegate],
    sweep: Path | None,
    json_file: Path | None,
    picture: Path | None,
) -> None:
    """One phone after the other, each with a result of its own."""
    from edgedepth.adb import choose
    from edgedepth.capture.sweep import read_sweep

    if sweep is not None:
        read_sweep(sweep)
    phones = choose(serials)
    for number, phone in enumerate(phones):
        measured = _measure_on(phone, plan, delegates, sweep)
        files = (_of_phone(path, phone, len(phones)) for path in (json_file, picture))
        if number:
            click.echo()
        _report(measured, measured.plan, "on", None, *files)


def _of_phone(path: Path | None, phone: Phone, phones: int) -> Path | None:
    if path is None or phones == 1:
        return path
    serial = "".join(c if c.isalnum() else "-" for c in phone.serial)
    return path.with_name(f"{path.stem}-{serial}{path.suffix}")


def _measure_on(
    phone: Phone, plan: Plan, delegates: list[Delegate], sweep: Path | None
) -> Measured:
    from tqdm import tqdm

    from edgedepth.bench.device import run_on_phone, steps

    with tqdm(total=steps(plan, delegates), unit="turn", disable=None, leave=False) as bar:

        def tick(what: str) -> None:
            bar.set_description(what)
            bar.update()

        return run_on_phone(phone, plan, delegates, sweep, tick)


def _report(
    measured: Measured,
    plan: Plan,
    xnnpack: str,
    scores: dict[str, Any] | None,
    json_file: Path | None,
    picture: Path | None,
) -> None:
    from edgedepth.bench import record as records
    from edgedepth.bench import table

    record = records.make_record(measured, _options(plan, xnnpack), scores)
    if json_file is not None:
        records.write_record(json_file, record)
    click.echo(table.terminal(record))
    if picture is not None:
        from edgedepth.bench.drawing import write_png
        from edgedepth.bench.picture import draw

        write_png(picture, draw(record))
    for path in (json_file, picture):
        if path is not None:
            click.echo(f"written  {path}")


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
