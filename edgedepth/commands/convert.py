"""``edgedepth convert``: a trained run as .tflite files that say what they are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from edgedepth.commands.parameters import MODEL_SIZE
from edgedepth.errors import UserError
from edgedepth.spec import MAX_FRAMES, Precision

if TYPE_CHECKING:
    from edgedepth.convert.pipeline import Conversion, Options

PRECISIONS: tuple[Precision, ...] = get_args(Precision)


@click.command()
@click.argument("run_dir", type=click.Path(path_type=Path))
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), help="File to write; with --all a folder."
)
@click.option(
    "--frames", type=click.IntRange(1, MAX_FRAMES), help="Frames of `infer`  [default: 5]"
)
@click.option(
    "--size", type=MODEL_SIZE, metavar="WxH", help="Input size  [default: 320x240, or as trained]"
)
@click.option(
    "--precision",
    type=click.Choice(PRECISIONS),
    default="int8",
    show_default=True,
    help="int8 for CPUs, fp16 for GPUs, fp32 as the reference.",
)
@click.option("--all", "every", is_flag=True, help="All four precisions.")
@click.option(
    "--streaming/--no-streaming",
    default=None,
    help="Also take frames one by one, any number of them  [default: on for mobile]",
)
@click.option(
    "--io",
    "boundary",
    type=click.Choice(["int8", "float"]),
    default="int8",
    show_default=True,
    help="Inputs and outputs of an int8 file.",
)
@click.option("--strict", is_flag=True, help="Hold the file to tighter limits of agreement.")
@click.option("--keep-failed", is_flag=True, help="Write a file that fails as FILE.rejected.")
def convert(
    run_dir: Path,
    out: Path | None,
    frames: int | None,
    size: tuple[int, int] | None,
    precision: Precision,
    every: bool,
    streaming: bool | None,
    boundary: str,
    strict: bool,
    keep_failed: bool,
) -> None:
    """Convert a trained run to TFLite, its recurrent combiner unrolled, and prove the result.

    \b
    edgedepth convert runs/first
    edgedepth convert runs/first -o depth.tflite --frames 7 --size 480x352
    edgedepth convert runs/first --precision fp16
    edgedepth convert runs/first --all -o models/

    The file is audited and compared with the training graph on rendered focal stacks; it is
    written only if it passes, else the exit code is 1.
    """
    from edgedepth.convert.pipeline import Options

    height, width = size or (None, None)
    options = Options(
        frames=frames,
        height=height,
        width=width,
        streaming=streaming,
        boundary="float" if boundary == "float" else "int8",
        strict=strict,
    )
    chosen = PRECISIONS if every else (precision,)
    paths = {p: _target(run_dir, out, p, every) for p in chosen}
    done = {p: _one(run_dir, p, options, paths[p], keep_failed) for p in chosen}
    if every:
        click.echo("")
        _print_table(done)
    good = [p for p, conversion in done.items() if not conversion.failures]
    if good:
        click.echo(f"\nnext: edgedepth infer SWEEP --model {paths[good[0]]}")
    if len(good) < len(done):
        raise click.exceptions.Exit(1)


def _target(run_dir: Path, out: Path | None, precision: str, every: bool) -> Path:
    name = f"{run_dir.resolve().name}-{precision}.tflite"
    if out is None:
        return run_dir / name
    folder = out if every else out.parent
    if every and out.suffix == ".tflite":
        raise click.BadParameter(f"{out} is a file; --all needs a folder", param_hint="-o")
    if out.is_dir() and not every:
        return out / name
    if every:
        out.mkdir(parents=True, exist_ok=True)
    elif not folder.is_dir():
        raise UserError(f"cannot write {out} (no folder {folder})", "make the folder first")
    return out / name if every else out


def _one(
    run_dir: Path, precision: Precision, options: Options, path: Path, keep_failed: bool
) -> Conversion:
    from edgedepth.convert import flatbuffer
    from edgedepth.convert.pipeline import convert_network, load_network

    net = load_network(run_dir, precision, options)
    click.echo(f"{precision}: converting, auditing and comparing (about a minute) ...", err=True)
    conversion = convert_network(net, precision, options)
    _print_conversion(conversion)
    if not conversion.failures:
        flatbuffer.write(path, conversion.exported.data)
        click.echo(f"wrote {path}")
        return conversion
    for line in conversion.failures:
        click.echo(f"  FAILED: {line}", err=True)
    if keep_failed:
        rejected = path.with_name(f"{path.name}.rejected")
        flatbuffer.write(rejected, conversion.exported.data)
        click.echo(f"wrote {rejected} for inspection", err=True)
    else:
        click.echo(f"nothing written to {path}; --keep-failed writes it anyway", err=True)
    return conversion


def _print_conversion(conversion: Conversion) -> None:
    spec = conversion.spec
    streaming = ", streaming" if spec.streaming else ""
    click.echo(
        f"{spec.preset} {spec.precision}, {spec.width}x{spec.height}, "
        f"{spec.frames} frames{streaming}: {len(conversion.exported.data) / 1e3:.0f} kB"
    )
    for graph in conversion.audit.graphs:
        taken = conversion.partitions.get(graph.name)
        pieces = f", {taken.partitions} XNNPACK partitions" if taken else ""
        click.echo(
            f"  {graph.name:12} {sum(graph.operators.values())} operators, "
            f"{graph.macs / 1e6:.1f} MMAC{pieces}"
        )
    agreed = conversion.agreement
    click.echo("  agreement with the training graph on rendered stacks, the worst (shares: all):")
    click.echo("    output          max LSB   within 1 LSB   PSNR dB   correlation")
    for name, o in agreed.outputs.items():
        correlation = "flat" if o.correlation is None else f"{o.correlation:.5f}"
        click.echo(
            f"    {name:14} {o.max_lsb:8.2f} {100 * o.share_within_1_lsb:12.2f} % "
            f"{o.psnr_db:9.1f}   {correlation:>11}"
        )
    click.echo(
        f"    MAE {agreed.mae_dioptres[0]:.4f} -> {agreed.mae_dioptres[1]:.4f} D, "
        f"delta1 {agreed.delta1[0]:.4f} -> {agreed.delta1[1]:.4f} (graph -> file)"
    )
    if agreed.streaming is not None:
        same = "the same bits" if agreed.streaming == 0 else f"within {agreed.streaming:.2g}"
        unit = f" {agreed.streaming_unit}" if agreed.streaming else ""
        click.echo(f"    streaming against infer: {same}{unit}")
    click.echo(f"  infer takes {conversion.milliseconds:.1f} ms on one thread here")


def _print_table(done: dict[Precision, Conversion]) -> None:
    click.echo("precision      kB   operators   partitions    MMAC   max LSB   delta1      ms")
    for precision, c in done.items():
        main = next(iter(o for n, o in c.agreement.outputs.items() if n != "confidence"))
        verdict = "" if not c.failures else "   FAILED"
        click.echo(
            f"{precision:10} {len(c.exported.data) / 1e3:6.0f} {c.operators:11d} "
            f"{c.partitions['infer'].partitions:12d} {c.audit.graph('infer').macs / 1e6:7.0f} "
            f"{main.max_lsb:9.2f} {c.agreement.delta1[1]:8.4f} {c.milliseconds:7.1f}{verdict}"
        )
