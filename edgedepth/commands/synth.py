"""``edgedepth synth``: focal sweeps rendered from scenes with depth."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgedepth.commands.parameters import Size
from edgedepth.errors import UserError

if TYPE_CHECKING:
    from edgedepth.data.sweep_writer import CameraPreset


def parse_focus(
    _context: click.Context, _parameter: click.Parameter, value: str | None
) -> tuple[float, ...] | None:
    """Metres, ``inf`` allowed, as dioptres."""
    if value is None:
        return None
    try:
        metres = [float(part) for part in value.split(",")]
    except ValueError:
        metres = []
    if not metres or not all(m >= 0.01 for m in metres):
        raise click.BadParameter("give metres from 0.01 on, e.g. 0.35,0.5,0.9,1.6,inf")
    if len(metres) > 64:
        raise click.BadParameter("at most 64 distances")
    return tuple(0.0 if math.isinf(m) else 1 / m for m in metres)


def parse_camera_option(
    _context: click.Context, _parameter: click.Parameter, value: str
) -> CameraPreset:
    """A camera preset or its three figures."""
    from edgedepth.data.sweep_writer import parse_camera

    try:
        return parse_camera(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.command()
@click.argument("source")
@click.option(
    "-o", "--out", required=True, type=click.Path(path_type=Path), help="Folder to write."
)
@click.option(
    "--camera",
    callback=parse_camera_option,
    default="pixel6pro",
    show_default=True,
    metavar="PRESET|F_MM,N,SENSOR_MM",
    help="pixel6pro, pixel3, dered, or focal length, f-number and sensor width.",
)
@click.option("--focus", callback=parse_focus, metavar="M,M,...", help="Focus distances in metres.")
@click.option("--size", type=Size(64, 8192, "1280x960"), metavar="WxH", help="Size of the frames.")
@click.option("--scenes", type=click.IntRange(1, 100_000), default=1, show_default=True)
@click.option(
    "--seed", type=click.IntRange(0, 2**40), default=0, show_default=True, help="First scene."
)
@click.option(
    "--renderer", type=click.Choice(["edgedepth", "paper"]), default="edgedepth", show_default=True
)
@click.option(
    "--shake", type=click.FloatRange(0, 100), default=0.0, help="Hand shake, pixels at most."
)
@click.option(
    "--noise", type=click.FloatRange(0, 0.5), default=0.004, show_default=True, help="Read noise."
)
@click.option("--quality", type=click.IntRange(30, 100), default=92, show_default=True)
@click.option("--truth/--no-truth", default=True, help="Write the true depth beside the frames.")
@click.option("--format", "form", type=click.Choice(["sweep"]), default="sweep", show_default=True)
def synth(
    source: str,
    out: Path,
    camera: CameraPreset,
    focus: tuple[float, ...] | None,
    size: tuple[int, int] | None,
    scenes: int,
    seed: int,
    renderer: str,
    shake: float,
    noise: float,
    quality: int,
    truth: bool,
    form: str,
) -> None:
    """Render focal sweeps from scenes with depth.

    SOURCE is procedural (scenes made from a seed), desk (the sample scene), rgbd:DIR (pairs
    NAME_rgb.png and NAME_depth_mm.png) or nyu:FILE.mat. The frames' EXIF holds focus distance
    and camera; the true depth goes into OUT/truth.

    \b
    edgedepth synth procedural -o my_sweep
    edgedepth synth procedural -o sweeps --scenes 20 --seed 100 --shake 3
    edgedepth synth desk -o desk --size 1280x960
    edgedepth synth rgbd:my_rgbd -o sweeps --scenes 5 --camera pixel3
    edgedepth synth "rgbd:scans?rgb=*_color.png&depth=*_d.png&scale=0.0002" -o sweep
    edgedepth synth procedural -o sweep --camera 50,8,7.68 --focus 1,1.5,2.5,4,6 --size 640x480

    With --scenes above 1, OUT gets a folder for each.
    """
    from tqdm import tqdm

    from edgedepth.data.sources import open_source
    from edgedepth.data.sweep_writer import SweepOptions, render_sweep, write_sweep

    opened = open_source(source)
    if seed + scenes > len(opened):
        raise UserError(
            f"{source} holds {len(opened)} scenes, not {seed + scenes}", "lower --scenes or --seed"
        )
    planes = focus or tuple(1 / m for m in camera.focus_m)
    options = SweepOptions(
        planes, size, "paper" if renderer == "paper" else "edgedepth", shake, noise, seed
    )
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out} exists and is not empty", "give another -o, or remove it first")
    for index in tqdm(range(seed, seed + scenes), unit="sweep", disable=scenes == 1):
        sweep = render_sweep(opened, index, camera, options)
        folder = out if scenes == 1 else out / sweep.scene
        write_sweep(sweep, folder, quality, truth)
    what = f"{len(planes)} frames" if scenes == 1 else f"{scenes} sweeps of {len(planes)} frames"
    click.echo(f"{out}: {what}, {sweep.coc_px_per_dioptre:.2f} px per dioptre")
    click.echo(f"next: edgedepth infer {out if scenes == 1 else out / sweep.scene}")
