"""Pictures with depth that lie in files: how a pair is read and checked, and a source of pairs."""

from __future__ import annotations

import fnmatch
import string
from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgedepth.data.scenes import RgbdScene
from edgedepth.errors import UserError
from edgedepth.files import whole_file

MIN_VALID_SHARE = 0.02
MEDIAN_RANGE_M = (0.05, 100.0)
"""A median depth outside is taken for a wrong unit."""

USUAL_SCALES = (1e-4, 2e-4, 2.5e-4, 1e-3, 1e-2, 1.0)
"""Metres per unit of common depth files."""

_CACHED_BYTES = 150e6
_NO_DIGITS = str.maketrans("", "", string.digits)

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Pair:
    """The two files of a scene."""

    name: str
    rgb: Path
    depth: Path


Reader = Callable[[Pair], tuple[Bytes, Floats]]
"""Reads a pair: uint8 (H, W, 3) RGB and float32 (H, W) metres, 0 for unknown."""


@dataclass(frozen=True)
class PairSource:
    """Scenes that lie in pairs of files.

    Attributes:
        name: what the user typed.
        pairs: the scenes, in order of their names.
        read: how a pair is read.
    """

    name: str
    pairs: tuple[Pair, ...]
    read: Reader
    endless: bool = False
    _cache: OrderedDict[int, tuple[Bytes, Floats]] = field(
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
            self._cache[index] = self.read(self.pairs[index])
            each = sum(part.nbytes for part in self._cache[index])
            while len(self._cache) > max(1.0, _CACHED_BYTES / each):
                self._cache.popitem(last=False)
        rgb, depth = self._cache[index]
        return RgbdScene(
            rgb.astype(np.float32) / 255, depth.copy(), depth > 0, self.pairs[index].name
        )

    def pick(self, rng: np.random.Generator) -> int:
        """A scene, those of one series less often: pictures named alike look alike.

        Names that differ in digits only make a series; its weight is the root of its length.
        """
        return int(rng.choice(len(self.pairs), p=self._weights))

    @cached_property
    def _weights(self) -> NDArray[np.float64]:
        series = [pair.name.translate(_NO_DIGITS) for pair in self.pairs]
        length = Counter(series)
        weights = np.array([length[name] ** -0.5 for name in series])
        return weights / weights.sum()

    def names(self) -> list[str]:
        """The scenes' names."""
        return [pair.name for pair in self.pairs]


def chosen(
    pairs: Sequence[Pair],
    include: Collection[str] | None,
    exclude: Collection[str],
    where: Path,
) -> tuple[Pair, ...]:
    """The pairs whose names match ``include`` and not ``exclude``.

    Raises:
        UserError: none is left.
    """
    kept = tuple(pair for pair in pairs if wanted(pair.name, include, exclude))
    if not kept:
        raise UserError(
            f"{where}: none of {len(pairs)} scenes is left", "check the names to keep or leave out"
        )
    return kept


def wanted(name: str, include: Collection[str] | None, exclude: Collection[str]) -> bool:
    """Whether a name matches ``include``, where given, and not ``exclude``."""
    return (include is None or named(name, include)) and not named(name, exclude)


def named(name: str, patterns: Collection[str]) -> bool:
    """Whether a name matches one of the patterns, ``*`` allowed."""
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def read_pair(pair: Pair, scale_m: float) -> tuple[Bytes, Floats]:
    """Read a picture and its depth, ``scale_m`` metres per unit, at the depth map's size.

    Returns:
        uint8 (H, W, 3) RGB, float32 (H, W) metres with 0 for unknown.

    Raises:
        UserError: a file is unreadable, the shapes disagree, or the depth is not plausible.
    """
    bgr = read_picture(pair.rgb, cv2.IMREAD_COLOR)
    raw = read_picture(pair.depth, cv2.IMREAD_UNCHANGED)
    if raw.ndim != 2:
        raise UserError(
            f"{pair.depth} is a colour picture, not a depth map", "give one-channel depth files"
        )
    bgr = _at_size_of(raw, bgr, pair)
    depth = np.nan_to_num(raw.astype(np.float32), nan=0, posinf=0, neginf=0) * np.float32(scale_m)
    depth[depth < 0] = 0
    check_depth(pair.depth, depth, scale_m)
    return np.ascontiguousarray(bgr[..., ::-1]), depth


def _at_size_of(raw: NDArray, bgr: NDArray, pair: Pair) -> NDArray:
    (h, w), (dh, dw) = bgr.shape[:2], raw.shape
    if (h, w) == (dh, dw):
        return bgr
    if abs(w * dh - dw * h) > 0.01 * w * dh:
        raise UserError(
            f"{pair.rgb.name} is {w}x{h} but {pair.depth.name} is {dw}x{dh}",
            "picture and depth must cover the same view",
        )
    method = cv2.INTER_AREA if w > dw else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(bgr, (dw, dh), interpolation=method))


def read_picture(path: Path, mode: int) -> NDArray:
    """Decode a picture with OpenCV.

    Raises:
        UserError: it cannot be read.
    """
    try:
        data = np.frombuffer(path.read_bytes(), np.uint8)
        image = cv2.imdecode(data, mode) if data.size else None
    except (OSError, cv2.error):
        image = None
    if image is None:
        raise unreadable_picture(path)
    return np.asarray(image)


def millimetres(depth_m: Floats) -> NDArray[np.uint16]:
    """Depth as depth maps are stored; what is beyond 65.535 m counts as that."""
    return np.rint(np.clip(depth_m * 1000, 0, 65535)).astype(np.uint16)


def pair_paths(folder: Path, name: str) -> tuple[Path, Path]:
    """Picture and depth of a scene as ``rgbd:DIR`` finds them."""
    return folder / f"{name}_rgb.png", folder / f"{name}_depth_mm.png"


def write_pair(folder: Path, scene: RgbdScene) -> None:
    """Write a scene as ``rgbd:DIR`` reads it; the picture, by which it is found, last.

    Raises:
        UserError: it cannot be written.
    """
    rgb = np.rint(scene.rgb * 255).astype(np.uint8)
    depth = millimetres(np.where(scene.valid, scene.depth_m, np.float32(0)))
    rgb_path, depth_path = pair_paths(folder, scene.name)
    for path, pixels in ((depth_path, depth), (rgb_path, rgb)):
        with whole_file(path, "give another folder") as partial:
            Image.fromarray(pixels).save(partial, "PNG")


def unreadable_picture(path: Path) -> UserError:
    """What the user is told of a file that is no picture."""
    return UserError(f"{path} cannot be read as a picture", "replace or remove the file")


def check_depth(place: Path | str, depth_m: Floats, scale_m: float | None = None) -> None:
    """Refuse a depth map that is empty or in another unit than was said.

    Args:
        place: for the message.
        depth_m: (H, W) metres, 0 for unknown.
        scale_m: metres per unit, where the user could have given it wrongly.

    Raises:
        UserError: hardly any depth, or an implausible one, with a likely scale.
    """
    known = depth_m[depth_m > 0]
    if known.size < MIN_VALID_SHARE * depth_m.size:
        raise UserError(
            f"{place} has hardly any depth", "remove the scene, or leave it out with --skip-bad"
        )
    median = float(np.median(known))
    low, high = MEDIAN_RANGE_M
    if low <= median <= high:
        return
    problem = f"{place}: median depth would be {median:.3g} m"
    if scale_m is None:
        raise UserError(problem, "is this the kind of data that the source's name says?")
    units = median / scale_m
    likely = min(USUAL_SCALES, key=lambda scale: abs(np.log(units * scale / 2)))
    advice = (
        f"scale={likely:g} would make it {units * likely:.3g} m"
        if 0.3 < units * likely < 30
        else "give the metres per unit as scale="
    )
    raise UserError(problem, advice)
