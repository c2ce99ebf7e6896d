"""``edgedepth embed``: a scene's embedding and feature maps."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgedepth.commands.parameters import model_option, runtime_option
from edgedepth.errors import UserError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgedepth.capture.modelfile import ModelFile
    from edgedepth.stack import FocalStack

    Item = tuple[str, FocalStack, NDArray[Any] | None]

ENDLESS_SCENES = 10


@click.command()
@click.argument("what")
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), help="Folder to write.  [default: WHAT_embed]"
)
@model_option
@runtime_option
@click.option("--threads", type=click.IntRange(1, 64), default=2, show_default=True)
@click.option("--focus", metavar="M,M,...", help="A sweep's focus distances in metres.")
@click.option("--protocol", default="phone", show_default=True, help="A SOURCE's camera.")
@click.option(
    "--scenes", type=click.IntRange(1, 100_000), help="Of a SOURCE.  [default: all, or 10]"
)
@click.option("--json", "as_json", is_flag=True, help="Print embed.json.")
def embed(
    what: str,
    out: Path | None,
    model: Path | None,
    runtime: str,
    threads: int,
    focus: str | None,
    protocol: str,
    scenes: int | None,
    as_json: bool,
) -> None:
    """Write a scene's embedding and feature maps as .npy.

    WHAT is a folder of photos with focus distances, or a SOURCE of pictures with depth
    (procedural, rgbd:DIR, nyu:FILE.mat), whose focal stacks are rendered.

    \b
    edgedepth embed my_sweep/
    edgedepth embed procedural --scenes 40 -o features
    edgedepth embed "nyu:nyu_depth_v2_labeled.mat?split=test" -o nyu_features
    edgedepth embed my_sweep/ --model runs/first/model_fp16.tflite

    Writes embedding.npy (scenes, E), features_S.npy (scenes, h, w, C) for each stride S of the
    network, labels.npy where the source has labels, and embed.json, which says what each
    number is.
    """
    from edgedepth.capture.opencv import require_opencv

    require_opencv()
    import cv2

    from edgedepth.capture.modelfile import read_model_file
    from edgedepth.capture.runtimes import Runtime, choose
    from edgedepth.files import new_folder
    from edgedepth.learn.embed import Writer, extract

    cv2.setNumThreads(threads)
    source = not Path(what).is_dir()
    if focus is not None and source:
        raise click.UsageError("--focus is for a sweep; a SOURCE is rendered with --protocol")
    target = out or _default_output(what)
    file = read_model_file(model)
    engine = Runtime(file.path, choose(runtime), threads)
    count, items = _source(what, protocol, scenes) if source else (1, _sweep(what, focus, file))
    with new_folder(target) as folder:
        writer = Writer(folder, count)
        for name, stack, labels in items:
            writer.add(name, extract(stack, file, engine), labels)
        record = writer.finish(
            {
                "source": what,
                "protocol": protocol if source else None,
                "model": {"file": file.path.name, "precision": file.spec.precision},
                "runtime": f"{engine.name} {engine.version}",
                "input": [file.spec.height, file.spec.width],
            }
        )
    if as_json:
        click.echo(json.dumps(record, indent=1))
        return
    for name, entry in record["arrays"].items():
        parts = ", ".join(f"{p['name']} {p['from']}:{p['to']}" for p in entry.get("parts", []))
        click.echo(f"{name:<16} {entry['shape']} {entry['dtype']}  {parts}")
    click.echo(f"written  {target}/ ({count} scene{'s' if count != 1 else ''}, embed.json)")


def _default_output(what: str) -> Path:
    stem = what.partition("?")[0].partition(":")
    return Path(f"{Path(stem[2] or stem[0]).absolute().name}_embed")


def _sweep(folder: str, focus: str | None, model: ModelFile) -> Iterator[Item]:
    from edgedepth.capture.register import register_sweep
    from edgedepth.capture.sweep import read_sweep

    sweep = read_sweep(Path(folder), focus=focus)
    stack = register_sweep(sweep, (model.spec.height, model.spec.width)).stack
    if len(stack) < 3:
        raise UserError(
            f"{folder}: {len(stack)} usable frames are no sweep", "shoot three or more, better six"
        )
    yield sweep.folder.name, stack, None


def _source(text: str, protocol: str, scenes: int | None) -> tuple[int, Iterator[Item]]:
    """How many scenes a source gives, and their stacks with labels."""
    from edgedepth.data.sources import open_source
    from edgedepth.protocols import PROTOCOLS, make_case, rendered_stages

    if protocol not in PROTOCOLS:
        raise UserError(f"unknown protocol {protocol}", f"protocols are {', '.join(PROTOCOLS)}")
    camera, source = PROTOCOLS[protocol], open_source(text)
    count = scenes or (ENDLESS_SCENES if source.endless else len(source))
    if count > len(source):
        raise UserError(f"{text} has {len(source)} scenes", f"give --scenes {len(source)} or fewer")

    def items() -> Iterator[Item]:
        for stage in rendered_stages(camera, source, count):
            case = make_case(camera, stage, stage.shoot(camera))
            yield case.name, case.stack, stage.scene.labels

    return count, items()
