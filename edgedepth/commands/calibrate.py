"""``edgedepth calibrate``: what a camera really does, from sweeps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgedepth.errors import UserError

if TYPE_CHECKING:
    from edgedepth.capture.profile import CameraProfile


def parse_distances(
    _context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]
) -> tuple[float | None, ...]:
    """Metres, ``-`` for unknown, repeated or with commas between."""
    found: list[float | None] = []
    for word in ",".join(values).split(",") if values else []:
        if word.strip() == "-":
            found.append(None)
            continue
        try:
            metres = float(word)
        except ValueError:
            metres = 0.0
        if not 0.03 <= metres <= 100:
            raise click.BadParameter(f"{word!r}: give metres from 0.03 to 100, or - for unknown")
        found.append(metres)
    return tuple(found)


@click.command()
@click.argument("sweeps", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--distance",
    "distances",
    multiple=True,
    callback=parse_distances,
    metavar="M[,M...]",
    help="Metres from the lens to the flat page in each sweep, in their order; - if unknown.",
)
@click.option(
    "--distance-error-mm",
    type=click.FloatRange(0.1, 1000),
    default=3.0,
    show_default=True,
    help="How well you measured.",
)
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    default=Path("camera.json"),
    show_default=True,
    help="Profile to write.",
)
@click.option("--sensor-width-mm", type=float, help="Width of the camera's sensor.")
@click.option("--threads", type=click.IntRange(1, 64), default=2, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print the profile as JSON.")
def calibrate(
    sweeps: tuple[Path, ...],
    distances: tuple[float | None, ...],
    distance_error_mm: float,
    out: Path,
    sensor_width_mm: float | None,
    threads: int,
    as_json: bool,
) -> None:
    """Measure a camera: how fast it blurs, how true its focus distances are.

    SWEEPS are folders of photos by one camera, each of one scene with reported focus
    distances. Anything textured gives K. Flat pages, square to the camera, at two or more
    known distances also give the scale and bias of the reported distances.

    \b
    edgedepth calibrate page_near/ page_far/ --distance 0.4,1.0 -o phone.json
    edgedepth calibrate sweep1/ sweep2/ -o phone.json      K only: no distance is known
    edgedepth calibrate page/ desk/ --distance 0.5,-       a page and something else
    edgedepth infer my_sweep/ --camera phone.json          use it

    Every figure comes with its standard deviation, and thin evidence is called thin.
    """
    if len(distances) not in (0, 1, len(sweeps)):
        raise click.UsageError(
            f"{len(distances)} distances for {len(sweeps)} sweeps: give one for each, "
            "or one for all"
        )
    from edgedepth.capture.opencv import require_opencv

    require_opencv()
    import cv2

    from edgedepth.capture.sweep import read_sweep
    from edgedepth.files import write_text
    from edgedepth.learn.calibrate import calibrate as solve
    from edgedepth.learn.evidence import gather

    cv2.setNumThreads(threads)
    _check_output(out)
    known = list(distances) or [None]
    if len(known) == 1:
        known = known * len(sweeps)
    gathered = []
    for folder, distance in zip(sweeps, known, strict=True):
        sweep = read_sweep(folder, sensor_width_mm=sensor_width_mm)
        gathered.append(gather(sweep, distance is not None, threads))
        if not as_json:
            click.echo(_line(gathered[-1], distance))
    profile = solve(gathered, known, distance_error_mm * 1e-3)
    write_text(out, json.dumps(profile.record(), indent=2) + "\n", "choose another place with -o")
    if as_json:
        click.echo(json.dumps(profile.record(), indent=2))
    else:
        _print(profile, out)


def _check_output(out: Path) -> None:
    if out.is_dir():
        raise UserError(f"{out} is a folder", "name a file with -o, e.g. phone.json")
    if not out.absolute().parent.is_dir():
        raise UserError(f"{out.absolute().parent} does not exist", "choose another place with -o")


def _line(found: Any, distance: float | None) -> str:
    line = (
        f"{found.name}: {len(found.focus_dioptres)} frames, {found.tiles} places, "
        f"{found.k:.2f} px per reported dioptre"
    )
    if distance is not None and found.page_dioptres is not None:
        line += f", page sharpest at a reported {found.page_dioptres:.3f} D"
        line += f" ({1 / distance:.3f} D are said to be true)"
    return line


def _print(profile: CameraProfile, out: Path) -> None:
    identity = profile.identity
    click.echo(
        f"K        {profile.coc_px_per_dioptre:.2f} px per dioptre at "
        f"{identity.image_long_side_px} px, +- {100 * profile.coc_relative_sd:.1f} %"
    )
    click.echo(
        f"scale    {profile.dioptre_scale:.3f} +- {profile.scale_sd:.3f} ({profile.scale_from})"
    )
    click.echo(
        f"bias     {profile.dioptre_bias:+.3f} +- {profile.bias_sd:.3f} D ({profile.bias_from})"
    )
    low, high = profile.reported_dioptres
    click.echo(
        f"focus    good to {profile.dioptres_sd:.3f} D within the reported "
        f"{low:.2f} to {high:.2f} D"
    )
    for warning in profile.warnings:
        click.echo(f"warning  {warning}")
    click.echo(f"written  {out}")
    click.echo(f"next: edgedepth infer SWEEP --camera {out}")
