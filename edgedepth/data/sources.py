"""Where scenes with depth come from: ``procedural``, ``desk``, ``rgbd:DIR``, ``nyu:FILE.mat``.

A source is opened from the text that the user gives to ``--data``.
"""

from __future__ import annotations

import fnmatch
import string
from collections import Counter, OrderedDict
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qsl

import cv2
import numpy as np
from numpy.typing import NDArray

from edgedepth.data.desk import desk_world
from edgedepth.data.nyu import open_nyu
from edgedepth.data.scenes import RgbdScene, make_world, render_world
from edgedepth.errors import UserError

KINDS = "procedural, desk (the sample scene), rgbd:DIR and nyu:FILE.mat"
SIZE = (480, 640)
"""(height, width) of a procedural scene when nobody asks for another."""

EVALUATION_SEED = 2**31
"""Procedural scenes from this seed on are never given to training."""

MIN_VALID_SHARE = 0.02
_CACHED_PAIRS = 64
_NO_DIGITS = str.maketrans("", "", string.digits)
_RGB_PATTERNS = ("*_rgb.png", "*_rgb.jpg", "*_rgb.jpeg")
_DEPTH_PATTERN = "*_depth_mm.png"
_MEDIAN_RANGE_M = (0.05, 100.0)
_USUAL_SCALES = (1e-4, 2e-4, 1e-3, 1e-2, 1.0)


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
    """Scenes made from their index as seed; see :func:`edgedepth.data.scenes.make_world`."""

    name: str = "procedural"
    endless: bool = True
    supersample: int = 2

    def __len__(self) -> int:
        return EVALUATION_SEED

    def scene(
        self,
        index: int,
        size: tuple[int, int] | None = None,
        tan_half_width: float | None = None,
    ) -> RgbdScene:
        """The scene of seed ``index``."""
        world = make_world(index)
        if tan_half_width is not None:
            world = replace(world, tan_half_width=tan_half_width)
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


@dataclass(frozen=True)
class Pair:
    """The two files of a scene."""

    name: str
    rgb: Path
    depth: Path


@dataclass(frozen=True)
class RgbdSource:
    """A folder of pictures with depth maps.

    Attributes:
        name: what the user typed.
        pairs: the scenes, in order of their names.
        scale_m: metres per unit of the depth files.
    """

    name: str
    pairs: tuple[Pair, ...]
    scale_m: float = 1e-3
    endless: bool = False
    _cache: OrderedDict[int, tuple[NDArray[np.uint8], NDArray[np.float32]]] = field(
        default_factory=OrderedDict, repr=False, compare=False
    )

    def __len__(self) -> int:
        return len(self.pairs)

    def scene(
        self,
        index: int,
        size: tuple[int, int] | None = None,
        tan_half_width: float | None = None,
    ) -> RgbdScene:
        """Scene ``index`` at its own size and view, whatever is asked for.

        Raises:
            UserError: a file cannot be read, or its depth is not plausible.
        """
        if index not in self._cache:
            self._cache[index] = read_pair(self.pairs[index], self.scale_m)
            while len(self._cache) > _CACHED_PAIRS:
                self._cache.popitem(last=False)
        rgb, depth = self._cache[index]
        return RgbdScene(
            rgb.astype(np.float32) / 255, depth.copy(), depth > 0, self.pairs[index].name
        )

    def pick(self, rng: np.random.Generator) -> int:
        """A scene, those of one series less often: pictures named alike look alike.

        Names that differ in digits only make a series; its weight is the root of its length.
        """
        series = [pair.name.translate(_NO_DIGITS) for pair in self.pairs]
        length = Counter(series)
        weights = np.array([length[name] ** -0.5 for name in series])
        return int(rng.choice(len(series), p=weights / weights.sum()))

    def names(self) -> list[str]:
        """The scenes' names."""
        return [pair.name for pair in self.pairs]


def open_source(
    text: str,
    include: Collection[str] | None = None,
    exclude: Collection[str] = (),
) -> Source:
    """Open what the user calls a SOURCE.

    Args:
        text: ``procedural``, ``desk``, ``nyu:FILE.mat`` or ``rgbd:DIR``; with other file names,
            ``rgbd:DIR?rgb=*_color.png&depth=*_depth.png&scale=0.001`` (metres per unit).
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
        return _open_rgbd(text, rest, include, exclude)
    if kind == "nyu" and rest:
        return open_nyu(text, Path(rest).expanduser(), include, exclude)
    raise UserError(f"unknown data source {text!r}", f"sources are {KINDS}")


def _open_rgbd(
    text: str, rest: str, include: Collection[str] | None, exclude: Collection[str]
) -> RgbdSource:
    path, _, query = rest.partition("?")
    options = dict(parse_qsl(query, keep_blank_values=True))
    unknown = set(options) - {"rgb", "depth", "scale"}
    if unknown:
        raise UserError(
            f"{text}: unknown option {sorted(unknown)[0]!r}", "options are rgb, depth and scale"
        )
    folder = Path(path).expanduser()
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder", "give rgbd: a folder of pictures with depth")
    rgb_patterns = (options["rgb"],) if "rgb" in options else _RGB_PATTERNS
    depth_pattern = options.get("depth", _DEPTH_PATTERN)
    for pattern in (*rgb_patterns, depth_pattern):
        if pattern.count("*") != 1 or "/" in pattern:
            raise UserError(
                f"{text}: the file pattern {pattern!r} is not one name with one *",
                "write it like *_rgb.png",
            )
    pairs = _find_pairs(folder, rgb_patterns, depth_pattern)
    if not pairs:
        raise UserError(
            f"{folder} holds no pair of {' or '.join(rgb_patterns)} and {depth_pattern}",
            "name the files with rgbd:DIR?rgb=*_color.png&depth=*_depth.png&scale=0.001",
        )
    kept = [
        pair
        for pair in pairs
        if (include is None or _named(pair.name, include)) and not _named(pair.name, exclude)
    ]
    if not kept:
        raise UserError(
            f"{folder}: none of {len(pairs)} scenes is left", "check the names to keep or leave out"
        )
    return RgbdSource(text, tuple(kept), _scale(text, options))


def _scale(text: str, options: dict[str, str]) -> float:
    try:
        scale = float(options.get("scale", "0.001"))
    except ValueError:
        scale = 0.0
    if not (np.isfinite(scale) and scale > 0):
        raise UserError(
            f"{text}: scale={options['scale']} is not a positive number",
            "give metres per unit, e.g. scale=0.001 for millimetres",
        )
    return scale


def _named(name: str, patterns: Collection[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _find_pairs(folder: Path, rgb_patterns: tuple[str, ...], depth_pattern: str) -> list[Pair]:
    found: dict[str, Pair] = {}
    for pattern in rgb_patterns:
        head, tail = pattern.split("*")
        for rgb in folder.glob(pattern):
            stem = rgb.name[len(head) : len(rgb.name) - len(tail)]
            depth = folder / depth_pattern.replace("*", stem)
            if stem not in found and depth.is_file():
                found[stem] = Pair(stem, rgb, depth)
    return [found[stem] for stem in sorted(found)]


def read_pair(pair: Pair, scale_m: float) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Read a picture and its depth at the depth map's size.

    Returns:
        uint8 (H, W, 3) RGB, float32 (H, W) metres with 0 for unknown.

    Raises:
        UserError: a file is unreadable, the shapes disagree, or the depth is not plausible.
    """
    bgr = _read(pair.rgb, cv2.IMREAD_COLOR)
    raw = _read(pair.depth, cv2.IMREAD_UNCHANGED)
    if raw.ndim != 2:
        raise UserError(
            f"{pair.depth} is a colour picture, not a depth map", "give one-channel depth files"
        )
    (h, w), (dh, dw) = bgr.shape[:2], raw.shape
    if (h, w) != (dh, dw):
        if abs(w * dh - dw * h) > 0.01 * w * dh:
            raise UserError(
                f"{pair.rgb.name} is {w}x{h} but {pair.depth.name} is {dw}x{dh}",
                "picture and depth must cover the same view",
            )
        shrinks = w > dw
        bgr = cv2.resize(
            bgr, (dw, dh), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        )
    depth = np.nan_to_num(raw.astype(np.float32), nan=0, posinf=0, neginf=0) * np.float32(scale_m)
    depth[depth < 0] = 0
    _check_depth(pair.depth, depth, scale_m)
    return np.ascontiguousarray(bgr[..., ::-1]), depth


def _read(path: Path, mode: int) -> NDArray:
    try:
        data = np.frombuffer(path.read_bytes(), np.uint8)
        image = cv2.imdecode(data, mode) if data.size else None
    except (OSError, cv2.error):
        image = None
    if image is None:
        raise UserError(f"{path} cannot be read as a picture", "replace or remove the file")
    return image


def _check_depth(path: Path, depth_m: NDArray[np.float32], scale_m: float) -> None:
    known = depth_m[depth_m > 0]
    if known.size < MIN_VALID_SHARE * depth_m.size:
        raise UserError(f"{path} has hardly any depth", "remove the pair from the folder")
    median = float(np.median(known))
    low, high = _MEDIAN_RANGE_M
    if low <= median <= high:
        return
    units = median / scale_m
    likely = min(_USUAL_SCALES, key=lambda scale: abs(np.log(units * scale / 2)))
    advice = (
        f"scale={likely:g} would make it {units * likely:.3g} m"
        if 0.3 < units * likely < 30
        else "give the metres per unit as scale="
    )
    raise UserError(f"{path}: median depth would be {median:.3g} m", advice)
