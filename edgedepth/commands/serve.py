"""``edgedepth serve``: a page for the phone's browser that runs the same model."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgedepth.commands.parameters import camera_option

if TYPE_CHECKING:
    from edgedepth.capture.inference import DepthResult
    from edgedepth.serve.resources import Resources

SAMPLE = Path(__file__).resolve().parent.parent / "samples" / "desk"
LOCAL = ("127.0.0.1", "localhost", "::1")


@click.command()
@click.argument("sweep", required=False, type=click.Path(path_type=Path))
@click.option(
    "--model",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A .tflite, may be repeated; default: the shipped int8 and fp16 files.",
)
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True)
@click.option("--host", default="127.0.0.1", show_default=True, help="0.0.0.0: the whole network.")
@click.option("--cert", type=click.Path(path_type=Path), help="PEM certificate, for https.")
@click.option("--key", type=click.Path(path_type=Path), help="PEM key of the certificate.")
@click.option("-o", "--out", type=click.Path(path_type=Path), help="Write the page, do not serve.")
@click.option("--focus", metavar="M,M,...", help="Focus distances in metres; inf is allowed.")
@click.option("--focus-from", type=click.Choice(["name"]), help="Take them from the file names.")
@click.option("--uncalibrated", is_flag=True, help="Do without focus distances: relative depth.")
@click.option("--sensor-width-mm", type=float, help="Width of the camera's sensor.")
@camera_option
@click.option("--threads", type=click.IntRange(1, 64), default=2, show_default=True)
def serve(
    sweep: Path | None,
    model: tuple[Path, ...],
    port: int,
    host: str,
    cert: Path | None,
    key: Path | None,
    out: Path | None,
    focus: str | None,
    focus_from: str | None,
    uncalibrated: bool,
    sensor_width_mm: float | None,
    profile: Path | None,
    threads: int,
) -> None:
    """Serve a page that runs the model in a browser, a phone's for instance.

    SWEEP is a folder of photos; without it the sample is taken. Aligning and preparing
    happens here, the model runs in the browser: on WebGPU where there is one, else on wasm.

    \b
    edgedepth serve my_sweep/
    edgedepth serve my_sweep/ --host 0.0.0.0          for every device in the network
    edgedepth serve my_sweep/ --model depth_fp16.tflite
    edgedepth serve my_sweep/ -o page                 as files, for any web server

    Browsers offer WebGPU and keep pages offline only over https or from localhost. For a
    phone on a cable: adb reverse tcp:8000 tcp:8000, then http://localhost:8000 there. Over
    the air: --cert and --key. Plain http works too, on wasm, while the page stays open.
    """
    if (focus is not None) + (focus_from is not None) + uncalibrated > 1:
        raise click.UsageError("--focus, --focus-from and --uncalibrated exclude each other")
    if profile is not None and uncalibrated:
        raise click.UsageError("--camera corrects focus distances, which --uncalibrated has not")
    if (cert is None) != (key is None):
        raise click.UsageError("--cert and --key go together")
    from edgedepth.capture.opencv import require_opencv

    require_opencv()
    from edgedepth.capture.sweep import read_sweep
    from edgedepth.serve import scene, site
    from edgedepth.serve.resources import Resources

    read = read_sweep(
        SAMPLE if sweep is None else sweep,
        focus=focus,
        focus_from_name=focus_from == "name",
        sensor_width_mm=sensor_width_mm,
        uncalibrated=uncalibrated,
    )
    if profile is not None:
        from edgedepth.capture.profile import apply_profile, read_profile

        read = apply_profile(read, read_profile(profile), profile.name)
    models = scene.models_for_the_page(model)
    resources = Resources()
    site.add_runtime(resources)
    record, result = scene.build_scene(read, models, threads, resources)
    site.add_pages(resources, record)
    for line in _summary(result, [m.path.name for m in models]):
        click.echo(line)
    if out is not None:
        site.write_site(resources, out)
        click.echo(f"written  {out}/ ({len(resources.files)} files)")
        return
    _serve(resources, host, port, None if cert is None or key is None else (cert, key))


def _summary(result: DepthResult, models: list[str]) -> list[str]:
    used = len(result.registered.stack)
    lines = [f"sweep    {result.sweep.folder}: {used} frames", f"models   {', '.join(models)}"]
    return lines + [f"warning  {warning}" for warning in result.warnings]


def _serve(
    resources: Resources, host: str, port: int, certificate: tuple[Path, Path] | None
) -> None:
    from edgedepth.serve.server import listening, own_address

    with listening(resources, host, port, certificate) as server:
        port = server.server_address[1]
        scheme = "http" if certificate is None else "https"
        name = host
        if host in LOCAL:
            name = "localhost"
        elif host in ("0.0.0.0", "::"):
            name = own_address()
        click.echo(f"page     {scheme}://{name}:{port}/")
        if host in LOCAL:
            click.echo(f"phone    adb reverse tcp:{port} tcp:{port}, then the same address there")
        else:
            click.echo("note     everyone in this network can see the pictures")
            if certificate is None:
                click.echo("note     plain http: no WebGPU there, and nothing is kept offline")
        click.echo("Ctrl-C stops it.")
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()
