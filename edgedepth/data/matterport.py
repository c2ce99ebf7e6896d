"""``matterport3d:DIR``: the undistorted pictures and depth of Matterport3D.

Chang et al., "Matterport3D: Learning from RGB-D Data in Indoor Environments", 3DV 2017. A scan
holds ``undistorted_color_images/UUID_iC_Y.jpg`` and ``undistorted_depth_images/UUID_dC_Y.png``,
1280x1024, for camera C and yaw Y. Depth is uint16 in units of 0.25 mm, 0 for unknown.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import partial
from pathlib import Path

from edgedepth.data.pairs import Pair, PairSource, chosen, read_pair
from edgedepth.errors import UserError

SCALE_M = 0.25e-3
COLOUR_FOLDER, DEPTH_FOLDER = "undistorted_color_images", "undistorted_depth_images"

_COLOUR_NAME = re.compile(r"(?P<uuid>.+)_i(?P<place>\d_\d)\.(jpg|jpeg|png)$")


def open_matterport(
    text: str, folder: Path, include: Collection[str] | None, exclude: Collection[str]
) -> PairSource:
    """Open one scan, or a folder of scans at any depth below it.

    A scene's name is ``SCAN_UUID_C_Y``; ``SCAN_*`` leaves out a whole building.

    Raises:
        UserError: no such folder, no picture in it, or none of them has its depth map.
    """
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder", "give matterport3d: a scan or folder of scans")
    colours = [folder] if folder.name == COLOUR_FOLDER else sorted(folder.rglob(COLOUR_FOLDER))
    pairs = [pair for colour in colours for pair in _pairs(colour)]
    if not pairs:
        raise UserError(
            f"{folder} holds no {COLOUR_FOLDER} with {DEPTH_FOLDER} beside it",
            "unpack undistorted_color_images.zip and undistorted_depth_images.zip of each scan",
        )
    kept = chosen(pairs, include, exclude, folder)
    return PairSource(text, kept, partial(read_pair, scale_m=SCALE_M))


def _pairs(colours: Path) -> list[Pair]:
    found = []
    for path in sorted(colours.iterdir()):
        match = _COLOUR_NAME.match(path.name)
        if match is None:
            continue
        uuid, place = match["uuid"], match["place"]
        depth = colours.parent / DEPTH_FOLDER / f"{uuid}_d{place}.png"
        if depth.is_file():
            found.append(Pair(f"{colours.parent.name}_{uuid}_{place}", path, depth))
    return found
