"""``edgedepth infer``: a folder of photos in, a depth map out."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgedepth.commands.parameters import Size, camera_option, model_option, runtime_option
from edgedepth.words import counted

if TYPE_CHECKING:
    from edgedepth.capture.inference import DepthResult
    from edgedepth.capture.outputs import Writer
    from edgedepth.capture.sweep import Sweep

STARTED = time.perf_counter()


@click.command()
@click.argument("sweep", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-o", "--out", type=click.Path(path_type=Path), help="Folder to write.")
@model_option
@runtime_option
@click.option(
    "--size", type=Size(16, 16384, "1280x960"), metavar="WxH", help="Size of the depth map."
)
@click.option("--threads", type=click.IntRange(1, 64), default=2, show_default=True)
@click.option("--focus", metavar="M,M,...", help="Focus distances in metres; inf is allowed.")
@click.option("--focus-from", type=click.Choice(["name"]), help="Take them from the file names.")
@click.option(
    "--uncalibrated", is_flag=True, help="Do without focus distances: relative depth, no metres."
)
@click.option("--sensor-width-mm", type=float, help="Width of the camera's sensor.")
@camera_option
@click.option(
    "--min-confidence",
    type=click.FloatRange(0, 1),
    help="Leave out depth below this confidence.  [default: 0.1]",
)
@click.option("--ply", is_flag=True, help="Also write cloud.ply: coloured points in metres.")
@click.option("--viewer", is_flag=True, help="Also write viewer.html: tap to refocus, offline.")
@click.option("--no-align", is_flag=True, help="Take the frames as they are (tripod).")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def infer(
    sweep: tuple[Path, ...],
    out: Path | None,
    model: Path | None,
    runtime: str,
    size: tuple[int, int] | None,
    threads: int,
    focus: str | None,
    focus_from: str | None,
    uncalibrated: bool,
    sensor_width_mm: float | None,
    profile: Path | None,
    min_confidence: float | None,
    ply: bool,
    viewer: bool,
    no_align: bool,
    as_json: bool,
) -> None:
    """Turn a focal sweep into a metric depth map.

    SWEEP is a folder of photos of one scene, each focused at another distance (or the
    photos themselves). Their focus distances come from sweep.json, EXIF or maker notes.

    \b
    edgedepth infer my_sweep/
    edgedepth infer my_sweep/ -o result --size 1280x960
    edgedepth infer my_sweep/ --viewer --ply           a page and a point cloud as well
    edgedepth infer my_sweep/ --focus 0.35,0.5,0.9,1.6,inf
    edgedepth infer my_sweep/ --focus-from name        (files like 0.35m.jpg)
    edgedepth infer my_sweep/ --uncalibrated           relative depth, in no unit
    edgedepth infer my_sweep/ --camera phone.json      with what calibrate learnt of it
    edgedepth infer my_sweep/ --model runs/first/first-int8.tflite --runtime tflite-runtime

    Writes depth.npy (float32 metres), depth_mm.png, depth_color.png, confidence.png,
    all_in_focus.jpg and report.json into SWEEP_depth/.
    """
    if (focus is not None) + (focus_from is not None) + uncalibrated > 1:
        raise click.UsageError("--focus, --focus-from and --uncalibrated exclude each other")
    if profile is not None and uncalibrated:
        raise click.UsageError("--camera corrects focus distances, which --uncalibrated has not")
    if ply and uncalibrated:
        raise click.UsageError("--ply needs metres, which --uncalibrated has not")
    from edgedepth.capture.opencv import require_opencv

    require_opencv()
    import cv2

    from edgedepth.capture import inference, modelfile, outputs
    from edgedepth.capture import sweep as sweeps

    cv2.setNumThreads(threads)
    folder = sweep[0] if len(sweep) == 1 and sweep[0].is_dir() else sweep[0].absolute().parent
    target = outputs.default_output(folder) if out is None else out
    file = modelfile.read_model_file(model)
    read = sweeps.read_sweep(
        sweep,
        focus=focus,
        focus_from_name=focus_from == "name",
        sensor_width_mm=sensor_width_mm,
        uncalibrated=uncalibrated,
    )
    if profile is not None:
        from edgedepth.capture.profile import apply_profile, read_profile

        read = apply_profile(read, read_profile(profile), profile.name)
    outputs.check_output(target, folder)
    read_seconds = time.perf_counter() - STARTED
    result = inference.infer_depth(
        read,
        file,
        runtime=runtime,
        threads=threads,
        size=size,
        min_confidence=(
            inference.DEFAULT_MIN_CONFIDENCE if min_confidence is None else min_confidence
        ),
        align=not no_align,
    )
    result.seconds["read"] = read_seconds
    start = time.perf_counter()
    report = outputs.write_result(result, target, _extras(ply, viewer))
    result.seconds["write"] = time.perf_counter() - start
    if as_json:
        click.echo(json.dumps({"out": str(target), **report}, indent=2))
    else:
        _print(read, result, report, target)


def _extras(ply: bool, viewer: bool) -> dict[str, Writer]:
    """Files beyond the usual ones: name -> what writes it."""
    extras: dict[str, Writer] = {}
    if ply:
        from edgedepth.capture.cloud import write_ply

        extras["cloud.ply"] = write_ply
    if viewer:
        from edgedepth.capture.viewer import write_viewer

        extras["viewer.html"] = write_viewer
    return extras


def _print(read: Sweep, result: DepthResult, report: dict[str, Any], target: Path) -> None:
    camera = report["camera"]
    frames = counted(len(read), "frame")
    click.echo(f"{read.folder}: {frames} of {read.size_px[1]}x{read.size_px[0]}")
    width = max(len(f["file"]) for f in report["frames"])
    for frame in report["frames"]:
        click.echo("  " + _frame_line(frame, width))
    k = result.registered.stack.coc_px_per_dioptre
    click.echo(
        f"camera   {camera['model'] or 'unknown'}: {camera['focal_length_mm']:g} mm "
        f"f/{camera['f_number']:g}, sensor {camera['sensor_width_mm']:.2f} mm wide "
        f"({camera['sources']['sensor_width_mm']})"
    )
    click.echo(f"blur     {k:.2f} px per dioptre at {result.registered.stack.size[1]} px")
    model = report["model"]
    click.echo(f"model    {model['file']} ({model['preset']}, {model['precision']})")
    click.echo(f"runtime  {report['runtime']}, {model['signature']}")
    depth = report["depth"]
    if depth["median_m"] is not None:
        click.echo(
            f"depth    {depth['nearest_m']:.2f} to {depth['farthest_m']:.2f} m, median "
            f"{depth['median_m']:.2f} m, {100 * depth['valid_share']:.0f} % of the picture"
        )
    elif result.metric:
        click.echo("depth    none is certain enough")
    stages = ", ".join(f"{name} {value:.2f}" for name, value in result.seconds.items())
    click.echo(f"seconds  {stages}; together {time.perf_counter() - STARTED:.2f}")
    for warning in result.warnings:
        click.echo(f"warning  {warning}")
    click.echo(f"written  {target}/ ({', '.join(report['files'].values())}, report.json)")


def _frame_line(frame: dict[str, Any], width: int) -> str:
    line = f"{frame['file']:<{width}}  "
    if frame["source"] is not None:
        metres = "infinity" if frame["focus_m"] is None else f"{frame['focus_m']:.3g} m"
        line += f"{metres:>8}  {frame['source']} ({frame['trust']})  "
    line += frame["verdict"]
    if frame["verdict"] == "aligned":
        right, down = frame["shift_px"]
        line += f": scale {frame['scale']:.4f}, shift {right:+.1f} {down:+.1f} px, "
        line += f"turn {frame['rotation_deg']:+.2f} deg, residual {frame['residual_px']:.1f} px"
    elif frame["reason"]:
        line += f": {frame['reason']}"
    return line
