"""What a data source holds, in figures and in a picture."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edgedepth.data.nyu import SCENES, NyuSource, test_split
from edgedepth.data.photos import PhotoSource
from edgedepth.data.scenes import RgbdScene
from edgedepth.data.sources import Source, scene_names
from edgedepth.errors import UserError

ENDLESS_SCENES = 12
"""Scenes of an endless source that are looked at."""


@dataclass(frozen=True)
class SceneFacts:
    """One scene in figures.

    Attributes:
        name: of the scene.
        width, height: pixels.
        valid_share: part of the pixels that have depth; 0 for photos, which have none.
        near_m, median_m, far_m: 2nd, 50th and 98th percentile of depth; 0 without depth.
        problem: why it cannot be used, "" if it can.
    """

    name: str
    width: int = 0
    height: int = 0
    valid_share: float = 0.0
    near_m: float = 0.0
    median_m: float = 0.0
    far_m: float = 0.0
    problem: str = ""


def survey(source: Source | PhotoSource, most: int | None = None) -> Iterator[SceneFacts]:
    """Look at the scenes of a source one by one; unreadable ones are reported, not raised.

    Args:
        source: what to look at.
        most: scenes; by default all, or a dozen of an endless source.
    """
    count = min(len(source), ENDLESS_SCENES) if source.endless else len(source)
    for index in range(count if most is None else min(most, len(source))):
        try:
            yield _look(source, index)
        except UserError as error:
            yield SceneFacts(scene_names(source, [index])[0], problem=str(error))


def _look(source: Source | PhotoSource, index: int) -> SceneFacts:
    if not isinstance(source, PhotoSource):
        return facts(source.scene(index))
    height, width, _ = source.picture(index).shape
    return SceneFacts(source.files[index].stem, width, height)


def countable(sources: Sequence[Source | PhotoSource]) -> int:
    """Scenes and photos of the sources that have an end."""
    return sum(len(source) for source in sources if not source.endless)


def unreadable(
    sources: Sequence[Source | PhotoSource], progress: Callable[[], object]
) -> dict[str, str]:
    """Read every scene and photo of the sources that have an end: names of those that cannot be
    used, and why. ``progress`` is called after each."""
    bad = {}
    for source in sources:
        for fact in survey(source) if not source.endless else ():
            progress()
            if fact.problem:
                bad[fact.name] = fact.problem
    return bad


def split_counts(source: Source | PhotoSource) -> dict[str, int]:
    """Scenes in each part of a data set's official split, empty where it has none."""
    if not isinstance(source, NyuSource) or source.held != SCENES:
        return {}
    held = test_split()
    test = sum(index in held for index in source.indices)
    return {"train": len(source) - test, "test": test}


def facts(scene: RgbdScene) -> SceneFacts:
    """Measure one scene."""
    height, width = scene.depth_m.shape
    known = scene.depth_m[scene.valid]
    if not known.size:
        return SceneFacts(scene.name, width, height, problem=f"{scene.name} has no depth")
    near, median, far = (float(v) for v in np.percentile(known, [2, 50, 98]))
    return SceneFacts(scene.name, width, height, float(scene.valid.mean()), near, median, far)


def contact_sheet(scenes: list[RgbdScene], tile_width: int = 320) -> NDArray[np.uint8]:
    """Pictures above their depth (near is red, unknown black), two rows for every four scenes.

    Returns:
        uint8 (H, W, 3) RGB.
    """
    tile = (tile_width, tile_width * 3 // 4)
    return _laid_out([_cell(scene, tile) for scene in scenes])


def picture_sheet(pictures: list[NDArray[np.uint8]], tile_width: int = 320) -> NDArray[np.uint8]:
    """Pictures in rows of four.

    Returns:
        uint8 (H, W, 3) RGB.
    """
    tile = (tile_width, tile_width * 3 // 4)
    return _laid_out([cv2.resize(p, tile, interpolation=cv2.INTER_AREA) for p in pictures])


def _laid_out(cells: list[Any]) -> NDArray[np.uint8]:
    columns = min(4, len(cells))
    blank = np.zeros_like(cells[0])
    cells += [blank] * (-len(cells) % columns)
    rows = [np.hstack(cells[i : i + columns]) for i in range(0, len(cells), columns)]
    return np.vstack(rows)


def _cell(scene: RgbdScene, tile: tuple[int, int]) -> NDArray[np.uint8]:
    picture = cv2.resize((scene.rgb * 255).astype(np.uint8), tile, interpolation=cv2.INTER_AREA)
    inverse = np.where(scene.valid, 1 / np.maximum(scene.depth_m, 1e-3), 0).astype(np.float32)
    known = inverse[scene.valid]
    low, high = np.percentile(known, [1, 99]) if known.size else (0.0, 1.0)
    level = np.clip((inverse - low) / max(high - low, 1e-6), 0, 1)
    colour = cv2.applyColorMap((level * 255).astype(np.uint8), cv2.COLORMAP_TURBO)[..., ::-1]
    colour = np.where(scene.valid[..., None], colour, 0).astype(np.uint8)
    depth = cv2.resize(colour, tile, interpolation=cv2.INTER_NEAREST)
    return np.vstack([picture, depth])
