"""``edgedepth data``: what a data source holds."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgedepth.commands.parameters import Size
from edgedepth.errors import UserError
from edgedepth.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from edgedepth.data.photos import PhotoSource
    from edgedepth.data.sources import Source
    from edgedepth.data.survey import SceneFacts

SHEET_SCENES = 16


@click.group()
def data() -> None:
    """Look at a data source before training on it, or make one.

    SOURCE is procedural, desk, rgbd:DIR, nyu:FILE.mat, nyu-raw:DIR, matterport3d:DIR,
    tfrecord:DIR or photos:DIR (pictures for the surfaces of procedural scenes).

    \b
    edgedepth data check rgbd:my_rgbd
    edgedepth data check "rgbd:scans?rgb=*_color.png&depth=*_d.png&scale=0.0002" --json
    edgedepth data preview procedural -o scenes.png
    edgedepth data pathtrace my_scenes --scenes 200
    """


@data.command()
@click.argument("source")
@click.option("--scenes", type=click.IntRange(min=1), help="Look at the first so many only.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON record.")
@click.option(
    "--sheet",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Draw the first usable scenes and their depth into this PNG.",
)
@click.option("--skip-bad", is_flag=True, help="Count and list scenes that cannot be used.")
def check(
    source: str, scenes: int | None, as_json: bool, sheet: Path | None, skip_bad: bool
) -> None:
    """Read every scene of SOURCE and say what is in it.

    \b
    edgedepth data check rgbd:my_rgbd
    edgedepth data check nyu:nyu_depth_v2_labeled.mat --sheet nyu.png
    edgedepth data check procedural --scenes 5 --json

    Exit code 1 if a scene cannot be used; with --skip-bad only if none can.
    """
    from edgedepth.data.sources import open_photo_source, open_source
    from edgedepth.data.survey import split_counts, survey

    opened = open_photo_source(source) or open_source(source)
    found = []
    for fact in survey(opened, scenes):
        found.append(fact)
        if as_json:
            continue
        if fact.problem:
            click.echo(f"  {fact.name}: {fact.problem}")
        elif not fact.valid_share:
            click.echo(f"  {fact.name:24s} {fact.width}x{fact.height}")
        else:
            click.echo(
                f"  {fact.name:24s} {fact.width}x{fact.height}  depth in {fact.valid_share:4.0%}  "
                f"{fact.near_m:.2f} - {fact.far_m:.2f} m, median {fact.median_m:.2f} m"
            )
    bad = [fact for fact in found if fact.problem]
    good = [(index, fact) for index, fact in enumerate(found) if not fact.problem]
    split = split_counts(opened)
    if as_json:
        checked = [asdict(fact) for fact in found]
        record = {"source": source, "scenes": len(opened), "split": split, "checked": checked}
        click.echo(json.dumps(record, indent=2))
    else:
        held = counted(len(opened), "scene")
        usable = f"{len(good)} usable, {len(bad)} unusable"
        click.echo(f"{source}: {len(found)} of {held} looked at, {usable}")
        click.echo(_summary([fact for _, fact in good], split))
    if sheet is not None and good:
        _write_png(_sheet(opened, [index for index, _ in good[:SHEET_SCENES]]), sheet)
    if bad and (not skip_bad or not good):
        looked_at = counted(len(found), "scene")
        raise UserError(f"{len(bad)} of {looked_at} cannot be used", "see the list")


def _summary(facts: list[SceneFacts], split: dict[str, int]) -> str:
    """Range, valid share and split of all scenes in a line."""
    if not any(f.valid_share for f in facts):
        return "no depth"
    near, far = min(f.near_m for f in facts), max(f.far_m for f in facts)
    share = sum(f.valid_share for f in facts) / len(facts)
    parts = "".join(f", {count} {name}" for name, count in split.items())
    return f"depth {near:.2f} to {far:.2f} m, known in {share:.0%} of the pixels{parts}"


@data.command()
@click.argument("source")
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("preview.png"),
    show_default=True,
)
@click.option("--scenes", type=click.IntRange(1, 64), default=8, show_default=True)
@click.option("--first", type=click.IntRange(min=0), default=0, help="Number of the first scene.")
@click.option(
    "--augment", is_flag=True, help="Draw what training does to the first scene, kind by kind."
)
def preview(source: str, out: Path, scenes: int, first: int, augment: bool) -> None:
    """Draw scenes of SOURCE and their depth on one sheet.

    \b
    edgedepth data preview procedural -o scenes.png
    edgedepth data preview rgbd:my_rgbd -o scenes.png --scenes 16
    edgedepth data preview rgbd:my_rgbd -o training.png --augment
    """
    from edgedepth.data.photos import PhotoSource
    from edgedepth.data.sources import open_photo_source, open_source

    opened = open_photo_source(source) or open_source(source)
    last = min(first + scenes, len(opened))
    if first >= last:
        raise UserError(f"{source} holds {counted(len(opened), 'scene')} only", "lower --first")
    if augment:
        if isinstance(opened, PhotoSource):
            raise UserError(f"{source} has no depth, so it gives no scenes", "leave --augment out")
        from edgedepth.data.augmentation_sheet import augmentation_sheet

        last = first + 1
        sheet = augmentation_sheet(opened.scene(first))
    else:
        sheet = _sheet(opened, range(first, last))
    _write_png(sheet, out)
    click.echo(f"{out}: {counted(last - first, 'scene')}")


@data.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--scenes", type=click.IntRange(1, 2**31), default=100, show_default=True)
@click.option("--first", type=click.IntRange(0, 2**31 - 1), default=0, help="Seed of the first.")
@click.option("--size", type=Size(64, 4096, "480x360"), default="480x360", metavar="WxH")
@click.option(
    "--samples", type=click.IntRange(1, 4096), default=16, show_default=True, help="Rays per pixel."
)
@click.option(
    "--photos",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of pictures that cover six of ten surfaces.",
)
@click.option(
    "--meshes",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of OBJ files that stand in for half of the solids.",
)
def pathtrace(
    folder: Path,
    scenes: int,
    first: int,
    size: tuple[int, int],
    samples: int,
    photos: Path | None,
    meshes: Path | None,
) -> None:
    """Path-trace made scenes into FOLDER, to be trained on as rgbd:FOLDER.

    \b
    edgedepth data pathtrace scenes
    edgedepth data pathtrace scenes --scenes 500 --photos textures --meshes objects
    edgedepth train --data procedural --data rgbd:scenes --run-dir runs/new

    Light bounces, shadows are soft, some surfaces shine; furniture, vases, stones and your meshes
    stand in rooms and on tables. What FOLDER has is kept, so that the same command goes on where
    it was stopped, and one with more --scenes adds to it. Needs the extra pathtrace.
    """
    from tqdm import tqdm

    from edgedepth.data.pairs import pair_paths, write_pair
    from edgedepth.data.pathtraced import PathScene, scene_name
    from edgedepth.data.photos import open_photos
    from edgedepth.data.sources import EVALUATION_SEED

    if first + scenes > EVALUATION_SEED:
        raise UserError(f"seeds from {EVALUATION_SEED} are for eval", "lower --first or --scenes")
    surfaces = open_photos(f"photos:{photos}", photos, None, ()) if photos else None
    objects = _obj_files(meshes) if meshes else []
    todo = [
        seed
        for seed in range(first, first + scenes)
        if not all(path.is_file() for path in pair_paths(folder, scene_name(seed)))
    ]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make {folder} ({error.strerror})", "give another") from None
    for seed in tqdm(todo, unit="scene", disable=None, leave=False):
        write_pair(folder, PathScene(seed, surfaces, objects).sharp(*size, samples))
    made = counted(len(todo), "scene")
    click.echo(f"{folder}: {made} made, {scenes - len(todo)} there already")


def _obj_files(folder: Path) -> list[Path]:
    """Those of a folder, each read once: a bad one would else be met hours later."""
    from edgedepth.data.meshes import read_obj

    found = sorted(folder.glob("*.obj"))
    if not found:
        raise UserError(f"{folder} holds no .obj file", "give --meshes a folder with some")
    for path in found:
        read_obj(path)
    return found


def _sheet(source: Source | PhotoSource, indices: Iterable[int]) -> Any:
    """Scenes above their depth, or photos."""
    from edgedepth.data.photos import PhotoSource
    from edgedepth.data.survey import contact_sheet, picture_sheet

    if isinstance(source, PhotoSource):
        return picture_sheet([source.picture(index) for index in indices])
    return contact_sheet([source.scene(index) for index in indices])


def _write_png(sheet: Any, out: Path) -> None:
    from PIL import Image

    from edgedepth.files import whole_file

    with whole_file(out, "give another -o") as partial:
        Image.fromarray(sheet).save(partial, "PNG")
