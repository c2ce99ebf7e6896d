"""Sweeps without focus distances: put the frames in order of focus, near or far end guessed.

Lens positions decide where every frame has one. Otherwise the order is sought in which the
places that are sharp change least from frame to frame; the order of the files is kept when it
is about as good. A lens magnifies as it focuses nearer (focal breathing), which tells the near
end; where it does not breathe, the first frame is taken for the nearest.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edgedepth.capture.fusion import sharpness
from edgedepth.capture.register import RegisteredSweep
from edgedepth.capture.sweep import Sweep

FAR_DIOPTRES, NEAR_DIOPTRES = 0.5, 2.5
"""The range that the ordered frames are spread over, evenly; it means nothing in metres."""

_EXHAUSTIVE = 8
_KEEP_FILES = 1.1
_LEAST_BREATHING = 0.002


@dataclass(frozen=True)
class Ordering:
    """Frames put in order of focus.

    Attributes:
        dioptres: stand-in focus of each frame, evenly spaced; no metres follow from it.
        basis: what the order rests on.
        end_known: which end is near is measured, not assumed.
    """

    dioptres: tuple[float, ...]
    basis: str
    end_known: bool

    @property
    def warnings(self) -> list[str]:
        """What the user should know."""
        found = [f"depth is relative, without a unit: the frames are ordered by {self.basis}"]
        if not self.end_known:
            found.append("which end is near is assumed: the first frame")
        return found


def order_frames(sweep: Sweep, registered: RegisteredSweep) -> Ordering:
    """Order a sweep's frames by focus, far to near."""
    count = len(registered.reports)
    used = [i for i in range(count) if registered.reports[i].used]
    positions = [sweep.frames[i].words.lens_position for i in used]
    known = [p for p in positions if p is not None]
    if len(known) == len(used) and len(set(known)) == len(used):
        order, basis = list(np.argsort(known)), "lens position"
    else:
        order, by_file = order_by_sharpness(_profiles(registered))
        basis = "file name, which sharpness agrees with" if by_file else "sharpness"
    ranks = np.empty(len(used))
    ranks[order] = np.arange(len(used))
    scales = np.array([registered.reports[i].motion.scale for i in used])
    end_known = len(used) > 2 and float(np.ptp(scales)) > _LEAST_BREATHING
    if end_known:
        reverse = np.corrcoef(ranks, scales)[0, 1] < 0
    else:
        reverse = basis != "lens position" and ranks[0] < (len(used) - 1) / 2
    if reverse:
        ranks = len(used) - 1 - ranks
    step = (NEAR_DIOPTRES - FAR_DIOPTRES) / max(1, len(used) - 1)
    dioptres = [FAR_DIOPTRES] * count
    for i, rank in zip(used, ranks, strict=True):
        dioptres[i] = float(FAR_DIOPTRES + step * rank)
    return Ordering(tuple(dioptres), basis, end_known)


def relative_position(depth: NDArray[np.float32]) -> NDArray[np.float32]:
    """Depth that came of the stand-in focus as a position in the sweep: 0 far, 1 near.

    Args:
        depth: (H, W) reciprocal of stand-in dioptres, NaN where declined.
    """
    return ((1 / depth - FAR_DIOPTRES) / (NEAR_DIOPTRES - FAR_DIOPTRES)).astype(np.float32)


def _profiles(registered: RegisteredSweep) -> NDArray[np.float32]:
    """(N, tiles) how sharp each frame is in each tile, against the other frames there."""
    found = []
    for frame in registered.stack.frames:
        energy = sharpness(frame.rgb, frame.valid)
        found.append(np.log(cv2.resize(energy, (20, 15), interpolation=cv2.INTER_AREA).ravel()))
    profiles = np.stack(found)
    return profiles - profiles.mean(axis=0)


def order_by_sharpness(profiles: NDArray[np.float32]) -> tuple[list[int], bool]:
    """The shortest way through (N, tiles) profiles, and whether it is 0, 1, 2, ..."""
    apart = np.linalg.norm(profiles[:, None] - profiles[None], axis=-1)
    count = len(apart)

    def length(order: Iterable[int]) -> float:
        return float(sum(apart[a, b] for a, b in itertools.pairwise(order)))

    files = list(range(count))
    if count <= _EXHAUSTIVE:
        best = list(min(itertools.permutations(files), key=length))
    else:
        best = min((_greedy(apart, start) for start in files), key=length)
    if length(files) <= _KEEP_FILES * length(best):
        return files, True
    return best, False


def _greedy(apart: NDArray[np.floating], start: int) -> list[int]:
    """A path grown from ``start`` at whichever of its ends is nearer to the next frame."""
    path, left = [start], set(range(len(apart))) - {start}
    while left:
        at_end, end = min((apart[path[-1], i], i) for i in left)
        at_start, first = min((apart[path[0], i], i) for i in left)
        if at_end <= at_start:
            path.append(end)
            left.remove(end)
        else:
            path.insert(0, first)
            left.remove(first)
    return path
