"""``rgbd:DIR``: a folder of pictures with depth maps, found by their names."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from pathlib import Path
from urllib.parse import parse_qsl

import numpy as np

from edgedepth.data.pairs import Pair, PairSource, chosen, read_pair
from edgedepth.errors import UserError

_RGB_PATTERNS = ("*_rgb.png", "*_rgb.jpg", "*_rgb.jpeg")
_DEPTH_PATTERN = "*_depth_mm.png"


def open_rgbd(
    text: str, rest: str, include: Collection[str] | None, exclude: Collection[str]
) -> PairSource:
    """Open ``DIR`` or ``DIR?rgb=*_color.png&depth=*_depth.png&scale=0.001``.

    Args:
        text: what the user typed.
        rest: the same without its kind.
        include, exclude: names of scenes, ``*`` allowed.

    Raises:
        UserError: no such folder, no pairs in it, or a bad option.
    """
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
    if "scale" not in options and "_mm" not in depth_pattern:
        raise UserError(
            f"{text}: the unit of {depth_pattern} is not known",
            "add the metres per unit, e.g. &scale=0.001 for millimetres",
        )
    read = partial(read_pair, scale_m=_scale(text, options))
    return PairSource(text, chosen(pairs, include, exclude, folder), read)


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
