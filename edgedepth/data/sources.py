"""Where scenes with depth come from; ``KINDS`` lists what there is.

A source is opened from the text that the user gives to ``--data``.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from edgedepth.data.desk import desk_world
from edgedepth.data.matterport import open_matterport
from edgedepth.data.nyu import open_nyu
from edgedepth.data.nyu_raw import open_nyu_raw
from edgedepth.data.photos import PhotoSource, open_photos
from edgedepth.data.rgbd import open_rgbd
from edgedepth.data.scenes import RgbdScene, make_world, render_world
from edgedepth.errors import UserError

KINDS = (
    "procedural, desk (the sample scene), rgbd:DIR, nyu:FILE.mat, nyu-raw:DIR, matterport3d:DIR "
    "and tfrecord:DIR; in training also photos:DIR"
)
SIZE = (480, 640)
"""(height, width) of a procedural scene when nobody asks for another."""

EVALUATION_SEED = 2**31
"""Procedural scenes from this seed on are never given to training."""


class Source(Protocol):
    """A collection of scenes with depth."""

    @property
    def name(self) -> str:
        """What the user typed."""
        ...

    @property
    def endless(self) -> bool:
        """Scenes are made from seeds, at any size."""
        ...

    def __len__(self) -> int: ...

    def scene(
        self,
        index: int,
        size: tuple[int, int] | None = None,
        tan_half_width: float | None = None,
    ) -> RgbdScene:
        """Scene ``index``. Endless sources render it at ``size`` (height, width), and as wide
        as ``tan_half_width`` says; the others have their own size and view."""
        ...

    def pick(self, rng: np.random.Generator) -> int:
        """Index of a random scene."""
        ...


@dataclass(frozen=True)
class ProceduralSource:
    """Scenes made from their index as seed; see :func:`edgedepth.data.scenes.make_world`.

    Attributes:
        supersample: rays per pixel along each side.
        tan_half_width: view where a scene is not asked for another; the world's own if None.
    """

    name: str = "procedural"
    endless: bool = True
    supersample: int = 2
    tan_half_width: float | None = None

    def __len__(self) -> int:
        return EVALUATION_SEED

    def scene(
        self,
        index: int,
        size: tuple[int, int] | None = None,
        tan_half_width: float | None = None,
    ) -> RgbdScene:
        """The scene of seed ``index``."""
        world, view = make_world(index), tan_half_width or self.tan_half_width
        if view is not None:
            world = replace(world, tan_half_width=view)
        return render_world(world, *(size or SIZE), self.supersample, f"procedural-{index}")

    def pick(self, rng: np.random.Generator) -> int:
        """Any seed alike."""
        return int(rng.integers(len(self)))


@dataclass(frozen=True)
class DeskSource:
    """The one scene of :mod:`edgedepth.data.desk`, at any size."""

    name: str = "desk"
    endless: bool = True
    supersample: int = 3

    def __len__(self) -> int:
        return 1

    def scene(
        self,
        index: int,
        size: tuple[int, int] | None = None,
        tan_half_width: float | None = None,
    ) -> RgbdScene:
        """The desk."""
        world = desk_world()
        if tan_half_width is not None:
            world = replace(world, tan_half_width=tan_half_width)
        return render_world(world, *(size or SIZE), self.supersample, self.name)

    def pick(self, rng: np.random.Generator) -> int:
        """The only one."""
        return 0


def scene_names(source: Source | PhotoSource, indices: Sequence[int]) -> list[str]:
    """Names of scenes before they are read."""
    names = getattr(source, "names", None)
    if names is None:
        return [f"{source.name}-{index}" for index in indices]
    known = names()
    return [str(known[index]) for index in indices]


def open_photo_source(
    text: str,
    include: Collection[str] | None = None,
    exclude: Collection[str] = (),
) -> PhotoSource | None:
    """Open ``photos:DIR``; None if the text says another kind.

    Raises:
        UserError: there is no picture in the folder.
    """
    kind, _, rest = text.partition(":")
    if kind != "photos" or not rest:
        return None
    return open_photos(text, Path(rest).expanduser(), include, exclude)


def open_for_training(
    texts: Sequence[str], exclude: Collection[str] = ()
) -> list[Source | PhotoSource]:
    """Open everything that training stacks are made of, in the order given.

    Args:
        texts: SOURCEs with depth, and ``photos:DIR`` for the surfaces of procedural scenes.
        exclude: names of scenes and pictures that are not used, ``*`` allowed.

    Raises:
        UserError: one cannot be opened, or there are photos and no procedural scene to cover.
    """
    opened: list[Source | PhotoSource] = []
    for text in texts:
        opened.append(
            open_photo_source(text, exclude=exclude) or open_source(text, exclude=exclude)
        )
    photos = [source for source in opened if isinstance(source, PhotoSource)]
    if photos and not any(source.endless for source in opened):
        raise UserError(
            f"{photos[0].name} gives no scenes, only surfaces for procedural ones",
            "add --data procedural",
        )
    return opened


def open_source(
    text: str,
    include: Collection[str] | None = None,
    exclude: Collection[str] = (),
) -> Source:
    """Open what the user calls a SOURCE.

    Args:
        text: one of ``KINDS``. ``nyu:FILE.mat?split=train`` takes a part, and with other file
            names ``rgbd:DIR?rgb=*_color.png&depth=*_depth.png&scale=0.001`` (metres per unit).
        include, exclude: names of scenes, ``*`` allowed; what remains is the source.

    Raises:
        UserError: there is no such source, or nothing in it.
    """
    kind, _, rest = text.partition(":")
    if kind == "procedural" and not rest:
        return ProceduralSource()
    if kind == "desk" and not rest:
        return DeskSource()
    if kind == "rgbd" and rest:
        return open_rgbd(text, rest, include, exclude)
    if kind == "nyu" and rest:
        return open_nyu(text, rest, include, exclude)
    path = Path(rest).expanduser()
    if kind == "nyu-raw" and rest:
        return open_nyu_raw(text, path, include, exclude)
    if kind == "matterport3d" and rest:
        return open_matterport(text, path, include, exclude)
    if kind == "tfrecord" and rest:
        from edgedepth.data.record_source import open_records  # it renders, so it needs sources

        return open_records(text, path, include, exclude)
    if kind == "photos" and rest:
        raise UserError(
            f"{text} has no depth, so it gives no scenes",
            "use it in training, beside --data procedural",
        )
    raise UserError(f"unknown data source {text!r}", f"sources are {KINDS}")
