"""``edgedepth convert``: a trained run as .tflite files that say what they are."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

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
    "--size",
    type=MODEL_SIZE,
    metavar="WxH",
    help="Input size  [default: 320x240, or as trained]",
)
@click.option(
    "--precision",
    type=click.Choice(PRECISIONS),
    default="int8",
    show_default=True,
    help="int8 for CPUs, fp16 for GPUs, fp32 as the reference.",
)
@click.option("--all", "every", is_flag=True, help="All four precisions, and a table of them.")
@click.option(
    "--streaming/--no-streaming",
    default=None,
    help="Also take frames one by one, any number of them  [default: on for mobile]",
)
@click.option("--separate", is_flag=True, help="A file for each signature, for delegates.")
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
@click.option(
    "--faithful", is_flag=True, help="Preset paper as plain Keras layers: how not to export."
)
@click.option("--json", "as_json", is_flag=True, help="Print what was measured as JSON.")
def convert(
    run_dir: Path,
    out: Path | None,
    frames: int | None,
    size: tuple[int, int] | None,
    precision: Precision,
    every: bool,
    streaming: bool | None,
    separate: bool,
    boundary: str,
    strict: bool,
    keep_failed: bool,
    faithful: bool,
    as_json: bool,
) -> None:
    """Convert a trained run to TFLite, its recurrent combiner unrolled, and prove the result.

    \b
    edgedepth convert runs/first
    edgedepth convert runs/first -o depth.tflite --frames 7 --size 480x352
    edgedepth convert runs/first --precision fp16
    edgedepth convert runs/first --all -o models/
    edgedepth convert runs/first --separate      depth-infer, -encode_step and -decode.tflite

    The file is audited and compared with the training graph on rendered focal stacks; it is
    written only if it passes, else the exit code is 1.
    """
    if faithful and (every or separate or streaming or strict or as_json):
        raise click.UsageError("--faithful goes with -o, --frames, --size and --precision only")
    from edgedepth.convert.pipeline import Options, load_network

    height, width = size or (None, None)
    options = Options(
        frames=frames,
        height=height,
        width=width,
        streaming=streaming,
        boundary="float" if boundary == "float" else "int8",
        strict=strict,
    )
    if faithful:
        _faithful(
            run_dir, _target(run_dir, out, f"faithful-{precision}", False), precision, options
        )
        return
    chosen = PRECISIONS if every else (precision,)
    paths = {p: _target(run_dir, out, p, every) for p in chosen}
    networks = {p: load_network(run_dir, p, options) for p in chosen}
    done: dict[Precision, Conversion] = {}
    wrote: dict[Precision, list[Path]] = {}
    for p in chosen:
        done[p] = _convert(networks[p], p, options, as_json)
        paths[p].parent.mkdir(parents=True, exist_ok=True)
        wrote[p] = _write(done[p], paths[p], separate, keep_failed)
        for path in wrote[p]:
            click.echo(f"wrote {path}", err=as_json)
    if as_json:
        _print_json(done, wrote)
    elif every:
        click.echo("")
        _print_table(done)
    good = [p for p in chosen if not done[p].failures]
    if good and not as_json:
        click.echo(f"\nnext: edgedepth infer SWEEP --model {wrote[good[0]][0]}")
    if len(good) < len(done):
        raise click.exceptions.Exit(1)


def _target(run_dir: Path, out: Path | None, kind: str, every: bool) -> Path:
    name = f"{run_dir.resolve().name}-{kind}.tflite"
    if out is None:
        return run_dir / name
    if every and (out.suffix == ".tflite" or out.is_file()):
        raise click.BadParameter(f"{out} is a file; --all needs a folder", param_hint="-o")
    if out.is_dir() and not every:
        return out / name
    if not every and not out.parent.is_dir():
        raise UserError(f"cannot write {out} (no folder {out.parent})", "make the folder first")
    return out / name if every else out


def _convert(net: Any, precision: Precision, options: Options, as_json: bool) -> Conversion:
    from edgedepth.convert.pipeline import convert_network

    click.echo(f"{precision}: converting, auditing and comparing (about a minute) ...", err=True)
    conversion = convert_network(net, precision, options)
    if not as_json:
        _print_conversion(conversion)
    return conversion


def _write(conversion: Conversion, path: Path, separate: bool, keep_failed: bool) -> list[Path]:
    """Write what passed, or say why not; returns the files written for use."""
    from edgedepth.convert import flatbuffer
    from edgedepth.convert import separate as parts

    data = conversion.exported.data
    if not conversion.failures:
        if separate:
            paths = parts.write_parts(path, parts.separate(data, conversion.spec))
        else:
            flatbuffer.write(path, data)
            paths = [path]
        return paths
    for line in conversion.failures:
        click.echo(f"  FAILED: {line}", err=True)
    if keep_failed:
        rejected = path.with_name(f"{path.name}.rejected")
        flatbuffer.write(rejected, data)
        click.echo(f"wrote {rejected} for inspection", err=True)
    else:
        click.echo(f"nothing written to {path}; --keep-failed writes it anyway", err=True)
    return []


def _faithful(run_dir: Path, path: Path, precision: Precision, options: Options) -> None:
    from edgedepth.convert import flatbuffer
    from edgedepth.convert.faithful import convert_faithful, load_faithful

    flatbuffer.write(path, convert_faithful(load_faithful(run_dir, options), precision))
    click.echo(f"wrote {path}: an example of what not to ship, without metadata")
    click.echo(f"\nnext: edgedepth check {path}")


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
    acted = [f"{name} {count}" for name, count in conversion.exported.passes.items() if count]
    click.echo(f"  passes: {', '.join(acted) or 'nothing to do'}")
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


def _print_table(done: Mapping[Precision, Conversion]) -> None:
    click.echo(
        "precision      kB   operators   partitions    MMAC   max LSB   within 1 LSB   "
        "PSNR dB   delta1      ms"
    )
    for precision, c in done.items():
        row = c.row()
        verdict = "" if not c.failures else "   FAILED"
        click.echo(
            f"{precision:10} {row['bytes'] / 1e3:6.0f} {row['operators']:11d} "
            f"{row['partitions']:12d} {row['mmac']:7.0f} {row['max_lsb']:9.2f} "
            f"{100 * row['share_within_1_lsb']:12.2f} % {row['psnr_db']:9.1f} "
            f"{row['delta1']:8.4f} {row['milliseconds']:7.1f}{verdict}"
        )
    click.echo(
        "operators, partitions (XNNPACK's), MMAC and ms (one thread) are of `infer`; max LSB, "
        "share within\n1 LSB and PSNR compare its depth with the training graph's on rendered "
        "stacks; delta1 is the file's there"
    )


def _print_json(
    done: Mapping[Precision, Conversion], wrote: Mapping[Precision, list[Path]]
) -> None:
    rows = [
        {
            **{name: _finite(value) for name, value in c.row().items()},
            "files": [str(path) for path in wrote[p]],
            "failures": list(c.failures),
        }
        for p, c in done.items()
    ]
    click.echo(json.dumps(rows, indent=2))


def _finite(value: Any) -> Any:
    """A figure, or None where it is infinite, like the PSNR of equal numbers: JSON has no such."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
