"""Sweeps without focus distances: order and spacing of the planes from the pictures.

Where there is texture at several depths, positions, K and depth are solved together
(:mod:`edgedepth.learn.joint`). Lens positions, where every frame has one, fix the order. Where
the pictures do not suffice only an order remains, in which the places that are sharp change least
from frame to frame; that of the files is kept when it is about as good, and the planes are spread
evenly. A lens magnifies as it focuses nearer (focal breathing), which tells the near end; where it
does not breathe, the first frame is taken for the nearest.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from edgedepth.capture.fusion import sharpness
from edgedepth.capture.register import RegisteredSweep
from edgedepth.capture.sweep import Sweep
from edgedepth.errors import UserError
from edgedepth.learn.joint import JointSolution, solve, start_by_component, start_by_order
from edgedepth.learn.spectra import TileSpectra, shrunk, tile_spectra

FAR_DIOPTRES, NEAR_DIOPTRES = 0.5, 2.5
"""The range that the frames are spread over; it means nothing in metres."""

SOLVE_BLUR_PX = 6.0
"""Blur over the sweep, in pixels, of the pictures that the planes are solved from."""

SOLVE_SIDE = 640
_SMALLEST_SIDE = 256
LEAST_FRAMES = 3
LEAST_PLACES = 4
"""Textured places below which a picture shows nothing that could be in or out of focus."""

_EXHAUSTIVE = 8
_KEEP_FILES = 1.1
_LEAST_BREATHING = 0.002
_SURE_MISFIT = 0.004
_AGREES = 0.7


@dataclass(frozen=True)
class Ordering:
    """Planes without metres.

    Attributes:
        dioptres: stand-in focus of each captured frame; no metres follow from it.
        basis: what the order rests on.
        end_known: which end is near is measured, not assumed.
        span_px: blur from one end of the sweep to the other, at the registered width, where
            positions were solved; None where the planes are spread evenly.
    """

    dioptres: tuple[float, ...]
    basis: str
    end_known: bool
    span_px: float | None = None

    @property
    def positions(self) -> tuple[float, ...]:
        """Of each captured frame: 0 at the farthest plane, 1 at the nearest."""
        span = NEAR_DIOPTRES - FAR_DIOPTRES
        return tuple((d - FAR_DIOPTRES) / span for d in self.dioptres)

    @property
    def warnings(self) -> list[str]:
        """What the user should know, the ambiguity above all."""
        found = [f"depth is relative, without a unit: the frames are ordered by {self.basis}"]
        if self.span_px is None:
            found.append("only the order of depths counts: the planes are spread evenly by guess")
        else:
            found.append("true dioptres are a + b times the answer; nothing here tells a and b")
        if not self.end_known:
            found.append("which end is near is assumed: the first frame")
        return found

    def applied(self, registered: RegisteredSweep) -> RegisteredSweep:
        """The sweep with its stand-in focus, and with the blur that was solved for."""
        focused = registered.with_focus(self.dioptres)
        if self.span_px is None:
            return focused
        k = self.span_px / (NEAR_DIOPTRES - FAR_DIOPTRES)
        return replace(focused, stack=replace(focused.stack, coc_px_per_dioptre=k))


def order_frames(sweep: Sweep, registered: RegisteredSweep) -> Ordering:
    """Order a sweep's frames by focus, far to near, and space them where that can be told.

    Raises:
        UserError: fewer than three frames, or pictures without texture.
    """
    count = len(registered.reports)
    used = [i for i in range(count) if registered.reports[i].used]
    spectra = _spectra(registered, SOLVE_SIDE)
    _check(sweep.folder.name, len(used), spectra)
    lens = [sweep.frames[i].words.lens_position for i in used]
    known = [p for p in lens if p is not None]
    by_lens = len(known) == len(used) and len(set(known)) == len(used)
    if by_lens:
        order, basis = list(np.argsort(known)), "lens position"
    else:
        order, by_file = order_by_sharpness(_profiles(registered))
        basis = "file name, which sharpness agrees with" if by_file else "sharpness"
    places = start_by_order(order)
    scales = np.array([registered.reports[i].motion.scale for i in used])
    starts = [np.array(known)] if by_lens else [places, *_grown(scales)]
    solution = _solved(registered, spectra, places, starts, by_lens)
    if solution is not None:
        if not np.array_equal(np.argsort(solution.positions), np.argsort(places)):
            basis = "blur"
        places = solution.positions
    end_known = len(used) > 2 and float(np.ptp(scales)) > _LEAST_BREATHING
    if end_known:
        reverse = np.corrcoef(places, scales)[0, 1] < 0
    else:
        reverse = basis != "lens position" and places[0] < 0.5
    if reverse:
        places = 1 - places
    dioptres = [FAR_DIOPTRES] * count
    for i, place in zip(used, places, strict=True):
        dioptres[i] = float(FAR_DIOPTRES + (NEAR_DIOPTRES - FAR_DIOPTRES) * place)
    return Ordering(
        tuple(dioptres), basis, end_known, None if solution is None else solution.span_px
    )


def _check(name: str, frames: int, spectra: TileSpectra) -> None:
    if frames < LEAST_FRAMES:
        raise UserError(
            f"{name}: {frames} usable frames without focus distances tell nothing of depth",
            f"shoot at least {LEAST_FRAMES}, better six or more, or give distances with --focus",
        )
    if spectra.tiles and len(spectra) < LEAST_PLACES:
        raise UserError(
            f"{name} has too little texture: {len(spectra)} of {spectra.tiles} places show any",
            "photograph something detailed, or give the focus distances with --focus",
        )


def _spectra(registered: RegisteredSweep, side: int) -> TileSpectra:
    """Of the sweep's tiles, its long side at most ``side`` pixels."""
    return tile_spectra(shrunk(registered.stack, side / max(registered.stack.size)))


def _grown(scales: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Positions to start from by focal breathing, where there is any."""
    return [scales] if len(scales) > 2 and float(np.ptp(scales)) > _LEAST_BREATHING else []


def _solved(
    registered: RegisteredSweep,
    spectra: TileSpectra,
    places: NDArray[np.float64],
    starts: list[NDArray[np.float64]],
    by_lens: bool,
) -> JointSolution | None:
    """Positions that explain the blur and agree with what is known of the order.

    Args:
        spectra: at ``SOLVE_SIDE``.
        places: (N,) even positions in the order found so far.
        starts: positions to start from, the likeliest first.
        by_lens: the order is the lens's own and not to be doubted.
    """
    long_side = max(registered.stack.size)
    side = min(SOLVE_SIDE, long_side)
    solution, at = None, side
    for _ in range(2):
        free = [] if by_lens or not len(spectra) else [start_by_component(spectra)]
        found = solve(spectra, [*starts, *free])
        if found is None:
            break
        solution, at = found, side
        side = int(np.clip(side * SOLVE_BLUR_PX / found.span_px, _SMALLEST_SIDE, long_side))
        if 0.7 < side / at < 1.4:
            break
        spectra = _spectra(registered, side)
    if solution is None:
        return None
    agrees = float(np.corrcoef(_ranks(solution.positions), _ranks(places))[0, 1])
    if by_lens and abs(agrees) < 1 - 1e-9:
        return None
    if abs(agrees) < _AGREES and solution.misfit > _SURE_MISFIT:
        return None
    positions = 1 - solution.positions if agrees < 0 else solution.positions
    return replace(solution, positions=positions, span_px=solution.span_px * long_side / at)


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.argsort(np.argsort(values)).astype(np.float64)


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
        best: Sequence[int] = min(itertools.permutations(files), key=length)
    else:
        best = min((_greedy(apart, start) for start in files), key=length)
    if length(files) <= _KEEP_FILES * length(best):
        return files, True
    return list(best), False


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
