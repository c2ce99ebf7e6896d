"""``edgedepth average``: one network from several trained ones."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--run-dir", type=click.Path(path_type=Path), required=True, help="Where to put the result."
)
@click.option(
    "--part",
    "parts",
    multiple=True,
    type=click.FloatRange(0, min_open=True),
    help="How much of a run to take; once for each, in their order  [default: equal]",
)
@click.option(
    "--float-only",
    is_flag=True,
    help="Leave the 8-bit weights out; `train --resume` then learns them anew.",
)
def average(
    runs: tuple[Path, ...], run_dir: Path, parts: tuple[float, ...], float_only: bool
) -> None:
    """Average the weights of runs that grew out of one: often better than each of them.

    Train on from one run (--start-from) with other data, sizes or seeds, and average where they
    ended. Runs that each began from nothing cannot be averaged to any good.

    \b
    edgedepth average runs/a runs/b --run-dir runs/mean
    edgedepth average runs/a runs/b --part 0.6 --part 0.4 --run-dir runs/mean
    edgedepth average runs/a runs/b --float-only --run-dir runs/mean
    edgedepth train --resume --run-dir runs/mean      scores it; learns what is left out

    Score it as any run: edgedepth eval runs/mean runs/a runs/b
    """
    if len(runs) < 2:
        raise click.UsageError("give two runs or more")
    if parts and len(parts) != len(runs):
        raise click.UsageError(f"{len(parts)} --part for {len(runs)} runs; give one for each")
    from edgedepth.averaging import PHASES, average_runs

    wanted = ("float",) if float_only else PHASES
    written = average_runs(runs, parts or (1.0,) * len(runs), run_dir, wanted)
    click.echo(f"{run_dir}: mean of {len(runs)} runs, {' and '.join(written)} weights")
    if "qat" in written:
        click.echo(f"next: edgedepth eval {run_dir}, then edgedepth convert {run_dir}")
    else:
        click.echo(f"next: edgedepth train --resume --run-dir {run_dir}  (the 8-bit weights)")
