"""``nyu-raw:DIR``: the raw recordings of NYU Depth v2, 407,024 frames in 464 scenes.

A scene is a folder of ``r-TIME-TICK.ppm`` (colour), ``d-TIME-TICK.pgm`` (Kinect disparity, 11
bits of 16) and accelerometer dumps. Colour and depth run unsynchronised at 20 to 30 Hz and are
paired by time; they come from two cameras and are registered with the published calibration
(Silberman et al., toolbox ``camera_params.m`` and ``project_depth_map.m``).
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edgedepth.data.pairs import Bytes, Floats, Pair, PairSource, check_depth, chosen, read_picture
from edgedepth.errors import UserError

MAX_GAP_S = 0.1
"""Frames farther apart in time are no pair."""

NO_DISPARITY = 2047
"""What the Kinect writes where it sees nothing; also the largest value of 11 bits."""

LEAST_DISPARITY = 600
"""Undistortion leaves smaller values at outlines; the toolbox drops them too."""

FARTHEST_M = 10.0

_FRAME = re.compile(r"(?P<kind>[rd])-(?P<time>\d+\.\d+)-\d+\.(ppm|pgm)$")


@dataclass(frozen=True)
class Intrinsics:
    """A pinhole camera in pixels with OpenCV's distortion (k1, k2, p1, p2, k3)."""

    fx: float
    fy: float
    cx: float
    cy: float
    distortion: tuple[float, float, float, float, float]

    @property
    def matrix(self) -> NDArray[np.float64]:
        """(3, 3) camera matrix."""
        return np.array([[self.fx, 0, self.cx], [0, self.fy, self.cy], [0, 0, 1]])


COLOUR = Intrinsics(
    518.85790117450188,
    519.46961112127485,
    325.58244941119034,
    253.73616633400465,
    (
        0.20796615318809061,
        -0.58613825163911781,
        7.2231363135888329e-04,
        1.0479627195765181e-03,
        0.49856986684705107,
    ),
)
DEPTH = Intrinsics(
    582.62448167737955,
    582.69103270988637,
    313.04475870804731,
    238.44389626620386,
    (
        -0.099897236553084481,
        0.39065324602765344,
        1.9290592870229277e-03,
        -1.9422022475975055e-03,
        -0.51031725053400578,
    ),
)
ROTATION = np.array(
    [
        [9.9997798940829263e-01, 5.0518419386157446e-03, 4.3011152014118693e-03],
        [-5.0359919480810989e-03, 9.9998051861143999e-01, -3.6879781309514218e-03],
        [-4.3196624923060242e-03, 3.6662365748484798e-03, 9.9998394948385538e-01],
    ]
)
TRANSLATION_M = np.array([2.5031875059141302e-02, -2.9342312935846411e-04, 6.6238747008330102e-04])
"""A point p of the depth camera is at ``ROTATION.T @ p - TRANSLATION_M`` of the colour one."""


def open_nyu_raw(
    text: str, folder: Path, include: Collection[str] | None, exclude: Collection[str]
) -> PairSource:
    """Open one scene's folder, or a folder of scenes.

    A frame's name is ``SCENE_TIME`` with the depth frame's time; ``SCENE_*`` is a whole scene.

    Raises:
        UserError: no such folder, or no frames that belong together.
    """
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder", "give nyu-raw: the folder of the raw scenes")
    places = [folder, *sorted(path for path in folder.iterdir() if path.is_dir())]
    pairs = [pair for place in places for pair in pair_by_time(place)]
    if not pairs:
        raise UserError(
            f"{folder} holds no r-*.ppm with a d-*.pgm of the same time",
            "unpack the raw scenes: folders like bedroom_0001 with r-, d- and a- files",
        )
    return PairSource(text, chosen(pairs, include, exclude, folder), read_frame)


def pair_by_time(folder: Path) -> list[Pair]:
    """Each depth frame with the colour frame nearest in time, in order of time."""
    frames: dict[str, list[tuple[float, Path]]] = {"r": [], "d": []}
    for path in folder.iterdir():
        match = _FRAME.match(path.name)
        if match is not None:
            frames[match["kind"]].append((float(match["time"]), path))
    colours = sorted(frames["r"])
    times = [time for time, _ in colours]
    pairs = []
    for time, depth in sorted(frames["d"]):
        after = bisect_left(times, time)
        near = [i for i in (after - 1, after) if 0 <= i < len(times)]
        if not near:
            continue
        best = min(near, key=lambda i: abs(times[i] - time))
        if abs(times[best] - time) <= MAX_GAP_S:
            pairs.append(Pair(f"{folder.name}_{time:.6f}", colours[best][1], depth))
    return pairs


def read_frame(pair: Pair) -> tuple[Bytes, Floats]:
    """Undistort a colour frame and bring the depth frame into its view.

    Returns:
        uint8 (480, 640, 3) RGB, float32 (480, 640) metres along the colour camera's axis,
        0 for unknown.

    Raises:
        UserError: a file is damaged, or they are not of one size.
    """
    bgr = read_picture(pair.rgb, cv2.IMREAD_COLOR)
    raw = read_disparity(pair.depth)
    if bgr.shape[:2] != raw.shape:
        (h, w), (dh, dw) = bgr.shape[:2], raw.shape
        raise UserError(
            f"{pair.rgb.name} is {w}x{h} but {pair.depth.name} is {dw}x{dh}",
            "both should be 640x480; unpack the scene again",
        )
    rgb = cv2.undistort(bgr, COLOUR.matrix, np.array(COLOUR.distortion))[..., ::-1]
    depth = project(depth_from_disparity(undistorted(raw)))
    check_depth(pair.depth, depth)
    return np.ascontiguousarray(rgb), depth


def read_disparity(path: Path) -> NDArray[np.uint16]:
    """A depth frame's raw values in the right byte order.

    PGM is big-endian, but the dump's recorder wrote most frames the other way round. Eleven
    bits tell which: values beyond ``NO_DISPARITY`` are swapped ones.
    """
    raw = read_picture(path, cv2.IMREAD_UNCHANGED)
    if raw.ndim != 2 or raw.dtype != np.uint16:
        raise UserError(f"{path} is not a 16-bit PGM", "unpack the scene again")
    swapped = raw.byteswap()
    wrong, wrong_swapped = (np.count_nonzero(v > NO_DISPARITY) for v in (raw, swapped))
    if min(wrong, wrong_swapped) > 0.001 * raw.size:
        raise UserError(f"{path} holds no 11-bit disparities", "unpack the scene again")
    return np.asarray(raw if wrong <= wrong_swapped else swapped, np.uint16)


def undistorted(raw: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """(H, W) disparity without the depth lens's distortion; never mixes two surfaces."""
    size = (raw.shape[1], raw.shape[0])
    maps = cv2.initUndistortRectifyMap(
        DEPTH.matrix, np.array(DEPTH.distortion), None, DEPTH.matrix, size, cv2.CV_32FC1
    )
    straight = cv2.remap(
        raw, *maps, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=NO_DISPARITY
    )
    return np.asarray(straight, np.uint16)


def depth_from_disparity(raw: NDArray[np.uint16]) -> Floats:
    """Metres by the published ``351.3 / (1092.5 - raw)``; 0 where unknown or beyond 10 m."""
    known = (raw >= LEAST_DISPARITY) & (raw < 1092)
    depth = 351.3 / (1092.5 - np.where(known, raw, 0).astype(np.float32))
    return np.where(known & (depth <= FARTHEST_M), depth, 0).astype(np.float32)


def project(depth_m: Floats) -> Floats:
    """Bring depth (H, W) from the depth camera's view into the colour camera's, nearest first."""
    height, width = depth_m.shape
    v, u = np.nonzero(depth_m)
    z = depth_m[v, u].astype(np.float64)
    points = np.stack([(u - DEPTH.cx) * z / DEPTH.fx, (v - DEPTH.cy) * z / DEPTH.fy, z])
    x, y, z = ROTATION.T @ points - TRANSLATION_M[:, None]
    column = np.rint(x * COLOUR.fx / z + COLOUR.cx).astype(np.int64)
    row = np.rint(y * COLOUR.fy / z + COLOUR.cy).astype(np.int64)
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height) & (z > 0)
    nearest = np.zeros(height * width)
    np.maximum.at(nearest, row[inside] * width + column[inside], 1 / z[inside])
    seen = nearest > 0
    out = np.zeros(height * width, np.float32)
    out[seen] = 1 / nearest[seen]
    return out.reshape(height, width)
