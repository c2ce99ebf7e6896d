"""``edgedepth demo``: the Android app."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from edgedepth.demo.build import Built


@click.group()
def demo() -> None:
    """The Android app: build it, put it on a phone, fetch what it captured.

    \b
    edgedepth demo build          an APK, from sources, on this machine
    edgedepth demo install        onto the phone at the end of the cable
    edgedepth demo pull           its sweeps into this folder, checked
    """


@demo.command()
@click.option("-o", "--out", type=click.Path(path_type=Path), help="The APK to write.")
@click.option(
    "--abi",
    "abis",
    multiple=True,
    type=click.Choice(["arm64-v8a", "armeabi-v7a", "x86_64", "x86"]),
    help="Processors to bring code for.  [default: arm64-v8a, x86_64]",
)
@click.option("--keystore", type=click.Path(path_type=Path), help="PKCS #12 file of the debug key.")
@click.option("--source", type=click.Path(path_type=Path), help="A checkout, or its android_demo.")
def build(
    out: Path | None, abis: tuple[str, ...], keystore: Path | None, source: Path | None
) -> None:
    """Build the app: signed, aligned, the same bytes from the same sources.

    \b
    edgedepth demo build
    edgedepth demo build -o depth.apk --abi arm64-v8a      smaller: phones only
    edgedepth demo build --keystore team.p12               the same key on several machines

    Needs a JDK, Maven, aapt2, zipalign and apksigner (Debian has them; `make tools` brings
    them) and no Android SDK. What it is made from is fetched once, about 250 MB, and checked
    against pinned SHA-256. The key is made on first use and stays on this machine.
    """
    from edgedepth.demo.build import ABIS
    from edgedepth.demo.build import build as build_app
    from edgedepth.demo.project import open_project

    project = open_project(source)
    built = build_app(
        project,
        out or project.apk,
        abis or ABIS,
        keystore,
        lambda step: click.echo(f"{step} ...", err=True),
    )
    _print(built)


def _print(built: Built) -> None:
    from edgedepth.demo.apkfile import PAGE_BYTES

    click.echo(f"written  {built.apk}")
    parts = ", ".join(
        f"{name} {size / 1e6:.2f}" for name, size in sorted(built.parts_bytes.items())
    )
    click.echo(f"size     {built.apk_bytes / 1e6:.1f} MB ({parts})")
    click.echo(f"sha256   {built.content_sha256} before signing")
    click.echo(f"signed   {', '.join(built.signature.schemes)} by {built.signature.certificate}")
    coarse = min(built.segment_bytes.values())
    click.echo(f"aligned  native code to {PAGE_BYTES >> 10} KB in the file")
    if coarse < PAGE_BYTES:
        click.echo(
            f"warning  its segments are aligned to {coarse >> 10} KB only: phones with 16 KB pages "
            "run it in their compatibility mode, if at all"
        )
    click.echo("next     edgedepth demo install")


@demo.command()
@click.argument("apk", required=False, type=click.Path(path_type=Path))
@click.option("--serial", help="The phone, as `adb devices` names it.")
@click.option("--source", type=click.Path(path_type=Path), help="A checkout, or its android_demo.")
def install(apk: Path | None, serial: str | None, source: Path | None) -> None:
    """Put the app on a phone over adb.

    \b
    edgedepth demo install
    edgedepth demo install depth.apk
    edgedepth demo install --serial R58M123ABC        when several phones are plugged in
    """
    from edgedepth.adb import choose
    from edgedepth.demo import phone as phones
    from edgedepth.demo.project import open_project

    project = open_project(source)
    (phone,) = choose([serial] if serial else [])
    phones.install(phone, apk or project.apk, project.min_sdk)
    click.echo(f"installed on {phone.name}: start Edge Depth there")
    click.echo("next     take a sweep, then `edgedepth demo pull`")


@demo.command()
@click.argument("sweeps", nargs=-1)
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    default="sweeps",
    show_default=True,
    help="Folder to put them in.",
)
@click.option("--again", is_flag=True, help="Also those that are here already.")
@click.option("--serial", help="The phone, as `adb devices` names it.")
def pull(sweeps: tuple[str, ...], out: Path, again: bool, serial: str | None) -> None:
    """Fetch captured sweeps from a phone and check them as `edgedepth inspect` does.

    \b
    edgedepth demo pull                               all that are not here yet, into sweeps/
    edgedepth demo pull sweep_20261123_101500 -o kitchen
    edgedepth demo pull --again
    """
    from edgedepth.adb import choose
    from edgedepth.capture.opencv import require_opencv
    from edgedepth.demo import phone as phones

    require_opencv()
    (phone,) = choose([serial] if serial else [])
    pulled = phones.pull(
        phone, out, sweeps, again, lambda name: click.echo(f"{name} ...", err=True)
    )
    if not pulled:
        click.echo(f"nothing new on {phone.name}; --again fetches what is here already")
        return
    for sweep in pulled:
        click.echo(f"{sweep.folder}: {f'{sweep.frames} frames' if sweep.frames else 'unusable'}")
        if sweep.error:
            click.echo(f"problem  {sweep.error}")
        for finding in sweep.findings:
            click.echo(f"{finding.level:<8} {finding.text}")
    good = [sweep for sweep in pulled if not sweep.error]
    if good:
        click.echo(f"next     edgedepth infer {good[0].folder}")
    if len(good) < len(pulled):
        click.get_current_context().exit(1)
