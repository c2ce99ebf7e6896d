"""``edgedepth inspect``: what a sweep holds and what is wrong with it."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgedepth.errors import UserError
from edgedepth.words import counted

if TYPE_CHECKING:
    from edgedepth.capture.inspection import Inspection


@click.command()
@click.argument("sweep", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-o", "--out", type=click.Path(path_type=Path), help="Write a contact sheet.")
@click.option("--focus", metavar="M,M,...", help="Focus distances in metres; inf is allowed.")
@click.option("--focus-from", type=click.Choice(["name"]), help="Take them from the file names.")
@click.option("--sensor-width-mm", type=float, help="Width of the camera's sensor.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def inspect(
    sweep: tuple[Path, ...],
    out: Path | None,
    focus: str | None,
    focus_from: str | None,
    sensor_width_mm: float | None,
    as_json: bool,
) -> None:
    """Say what a sweep holds, what depth it can resolve and what is wrong with it.

    \b
    edgedepth inspect my_sweep/
    edgedepth inspect my_sweep/ -o sheet.jpg          thumbnails and planes in one picture
    edgedepth inspect my_sweep/ --json
    """
    if focus is not None and focus_from is not None:
        raise click.UsageError("--focus and --focus-from exclude each other")
    if out is not None and out.suffix.lower() not in (".jpg", ".jpeg", ".png"):
        raise click.BadParameter(f"{out} must end in .jpg or .png", param_hint="-o")
    from edgedepth.capture.opencv import require_opencv

    require_opencv()
    from edgedepth.capture import inspection

    found = inspection.inspect_sweep(
        sweep,
        focus=focus,
        focus_from_name=focus_from == "name",
        sensor_width_mm=sensor_width_mm,
    )
    if out is not None:
        _write_sheet(found, out)
    if as_json:
        click.echo(json.dumps(inspection.to_record(found), indent=2))
        return
    _print(found)
    if out is not None:
        click.echo(f"written  {out}")


def _write_sheet(found: Inspection, out: Path) -> None:
    import cv2

    from edgedepth.capture.contact_sheet import contact_sheet
    from edgedepth.files import write_bytes

    good, data = cv2.imencode(out.suffix.lower(), contact_sheet(found))
    if not good:
        raise UserError(f"{out} cannot be encoded", "use .jpg or .png")
    write_bytes(out, data.tobytes(), "choose another place with -o")


def _distance(metres: float | None) -> str:
    if metres is None:
        return "?"
    return "infinity" if math.isinf(metres) else f"{metres:.3g} m"


def _print(found: Inspection) -> None:
    sweep = found.sweep
    camera = sweep.camera.camera
    frames = counted(len(sweep), "frame")
    click.echo(f"{sweep.folder}: {frames} of {sweep.size_px[1]}x{sweep.size_px[0]}")
    rows = [("frame", "focus", "source", "trust", "aligned", "sharpest", "clipped")]
    for frame, report, facts in zip(
        sweep.frames, found.registered.reports, found.facts, strict=True
    ):
        reading = frame.focus
        metres = None if reading is None else reading.metres
        rows.append(
            (
                frame.name,
                _distance(metres),
                "-" if reading is None else reading.source,
                "-" if reading is None else reading.trust,
                report.motion.verdict,
                f"{100 * facts.sharpest_share:.0f} %",
                f"{100 * (facts.clipped_bright + facts.clipped_dark):.0f} %",
            )
        )
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  " + "  ".join(cells).rstrip())
    click.echo(
        f"camera   {sweep.camera.model or 'unknown'}: {camera.focal_length_mm:g} mm "
        f"f/{camera.f_number:g}, sensor {camera.sensor_width_mm:.2f} mm wide "
        f"({sweep.camera.sources['sensor_width_mm']})"
    )
    click.echo(
        f"blur     {camera.coc_px_per_dioptre():.2f} px per dioptre as captured, "
        f"{camera.coc_px_per_dioptre(640):.2f} at 640 px"
    )
    for finding in found.findings:
        click.echo(f"{finding.level:<8} {finding.text}")
        if finding.todo:
            click.echo(f"         {finding.todo}")
