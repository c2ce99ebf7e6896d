"""How much blurrier one frame is than another: hypotheses of depth and their likelihood.

How much blur turns the sharper of two frames into the other tells depth, between their planes and
beyond them. With blur circles of diameter c = K |D - F|, disks of variance c^2 / 16 along a side,
the difference of the variances is linear in depth: K^2 (F1 - F0) (D - (F0 + F1) / 2) / 8 for planes
at F0 and F1 dioptres. So equal steps of diffusion are equal steps in dioptres (Favaro, Osher,
Soatto and Vese 2008, "Shape from defocus via diffusion"), and every step is a hypothesis. What it
leaves of the difference, over what noise leaves, is its likelihood, smoothed along the picture's
edges (cost volumes: Hosni et al. 2013).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from edgedepth.capture.flow import laid_over
from edgedepth.cues import resized
from edgedepth.guided import GuidedFilter, Plane
from edgedepth.light import linear_gray
from edgedepth.stack import FocalStack, Frame

FINER = 2
"""Pixels of the frames to one of the answer, along a side."""

INNER_STEPS, OUTER_STEPS = 12, 20
"""Hypotheses from the middle between two planes to half a gap past one of them, and to the end
of the range past the first or the last."""

FARTHEST = 1 / 12
"""Dioptres of the farthest hypothesis."""

NEAREST = 2.0
"""The nearest one, as a multiple of the nearest plane's dioptres."""

SAMPLES = 60.0
"""Independent measurements that a smoothed likelihood is worth."""

FLOOR = 1e-6
"""Squared difference, of linear light, that no measurement is better than."""

QUIETEST = 0.05
NOISE_FLOOR = 10.0
"""Nor better than so many times what remains in the quietest pixels, which is noise: where there
is nothing else, the difference that blur makes to it is chance."""

WINDOW = 3
"""Side of the box in which differences are averaged before their logarithm is taken, in pixels of
the answer: single ones are as likely as not to favour any step."""

SMOOTHING_RADIUS, SMOOTHING_EPSILON = 3, 1e-3
TOLERANCE_PX = 0.3
"""Shift between two frames at which what they say counts 1/e."""

UNEXPLAINED_PX2 = 0.02
"""Standard deviation of a difference in variance that is not defocus: aberrations, sharpening,
compression and interpolation differ from frame to frame. In squared pixels."""

UNEXPLAINED_SHARE = 0.3
"""The same as a share of the difference, for frames that are no neighbours: a lens blurs by a disk
and not by a Gaussian, and K is known to a few percent."""

WIDE_PX = 2.0
"""Blur circle, of one frame at the other's plane, up to which frames that are no neighbours are
compared, in pixels of the frames: what neighbours say of less is lost in what is not defocus, and
what K and the shape of the disk are off draws depth with more."""

LEAST_GAP = 1e-3
"""Dioptres between frames that can be compared."""

SOFT = np.array([0.25, 0.5, 0.25], np.float32)
"""Smooths all frames: the finest detail is blurred by a pixel's own shape and by sampling."""

NARROW = 0.4
"""Variance up to which three taps are a kernel."""


@dataclass(frozen=True)
class Gap:
    """Two planes, and the answers that they speak for.

    Attributes:
        far, near: focus in dioptres.
        first, last: nothing was focused farther than ``far``, nearer than ``near``.
    """

    far: float
    near: float
    first: bool
    last: bool

    @property
    def width(self) -> float:
        return self.near - self.far

    @property
    def middle(self) -> float:
        """Where both frames are equally blurred, whatever K is."""
        return (self.near + self.far) / 2

    @property
    def farthest(self) -> float:
        """The farthest hypothesis."""
        return min(FARTHEST, self.far) if self.first else self.far - self.width / 2

    @property
    def nearest(self) -> float:
        """The nearest hypothesis."""
        return NEAREST * self.near if self.last else self.near + self.width / 2

    def covers(self, other: Gap) -> bool:
        """The other gap lies within this one."""
        return self.far <= other.far and other.near <= self.near

    def speaks_for(self, dioptres: Plane) -> NDArray[np.bool_]:
        """(h, w) which answers lie between the planes, or beyond the first or the last."""
        least = self.farthest if self.first else self.far
        most = self.nearest if self.last else self.near
        return (dioptres >= least) & (dioptres < most)


@dataclass(frozen=True)
class Ladder:
    """What two frames say.

    Attributes:
        gap: between their planes.
        places: (n,) hypotheses in dioptres, ascending, if K is what it is said to be.
        logs: float32 (n, h, w) log likelihood of each.
        variances: (n,) squared pixels by which the farther frame is blurrier.
    """

    gap: Gap
    places: NDArray[np.float64]
    logs: Plane
    variances: NDArray[np.float64]

    def scaled(self, scale: float) -> NDArray[np.float64]:
        """(n,) the places if K squared is ``scale`` times as large."""
        return self.gap.middle + (self.places - self.gap.middle) / scale

    def tempered(self, share: float = 0.0) -> Ladder:
        """The same with differences that are uncertain by ``UNEXPLAINED_PX2`` and by a share of
        themselves."""
        unexplained = np.hypot(UNEXPLAINED_PX2, share * self.variances)
        apart = (self.variances[:, None] - self.variances) / unexplained[:, None]
        mixing = np.exp(-np.square(apart) / 2) * np.gradient(self.variances)
        mixing = (mixing / mixing.sum(axis=1, keepdims=True)).astype(np.float32)
        top = self.logs.max(axis=0)
        likely = np.exp(self.logs - top).reshape(len(mixing), -1)
        mixed = np.log(mixing @ likely + np.float32(1e-30))
        return replace(self, logs=mixed.reshape(self.logs.shape))

    def of(self, here: NDArray[np.bool_], every: int = 1) -> Curves:
        """What is said of some pixels.

        Args:
            here: (h, w) those, of every ``every``-th along a side.
        """
        return Curves(self.gap, self.places, self.logs[:, ::every, ::every][:, here])


@dataclass(frozen=True)
class Curves:
    """What two frames say of some pixels, at any depth.

    Attributes:
        gap, places: of the ladder.
        logs: float32 (n, pixels) log likelihood of each place.
    """

    gap: Gap
    places: NDArray[np.float64]
    logs: Plane

    def at(self, depths: NDArray[np.float64], scale: float) -> Plane:
        """(m, pixels) log likelihood of depths, between the places.

        Args:
            depths: (m,) dioptres.
            scale: by what K squared is multiplied.
        """
        places = self.gap.middle + (depths - self.gap.middle) * scale
        number = np.interp(places, self.places, np.arange(len(self.places)))
        below = np.minimum(number.astype(int), len(self.places) - 2)
        past = (number - below).astype(np.float32)[:, None]
        between: Plane = (1 - past) * self.logs[below] + past * self.logs[below + 1]
        return between


@dataclass(frozen=True)
class Pair:
    """Two frames in linear light, laid over each other: the same whatever K is.

    Attributes:
        gap: between their planes.
        beyond, before: the farther and the nearer frame, ``FINER`` pixels to one of the answer.
        trust: float32 (h, w) what they are to count, 1 at most.
        floor: squared difference that no measurement is better than.
        smooth: along the picture's edges.
    """

    gap: Gap
    beyond: Plane
    before: Plane
    trust: Plane
    floor: np.float32
    smooth: GuidedFilter

    def climb(self, k: float) -> Ladder:
        """Blur one frame step by step until it is the other, and the other way.

        Args:
            k: pixels of the answer per dioptre.
        """
        gap = self.gap
        to_far, to_near = (OUTER_STEPS if end else INNER_STEPS for end in (gap.first, gap.last))
        farther = np.linspace(gap.middle, gap.farthest, to_far + 1)
        nearer = np.linspace(gap.middle, gap.nearest, to_near + 1)
        places = np.concatenate([farther[::-1], nearer[1:]])
        variances = (FINER * k) ** 2 * gap.width * (places - gap.middle) / 8
        farther_px2, nearer_px2 = np.diff(variances)[[to_far - 1, to_far]]
        lows = list(self._steps(self.beyond, self.before, farther_px2, to_far))
        highs = list(self._steps(self.before, self.beyond, nearer_px2, to_near))
        return Ladder(gap, places, np.stack([*lows[::-1], *highs[1:]]) * self.trust, variances)

    def _steps(
        self, sharper: Plane, blurrier: Plane, variance: float, count: int
    ) -> Iterator[Plane]:
        """Log likelihood (h, w) after 0, 1 ... ``count`` steps that blur the sharper frame."""
        kernel = diffusion(variance)
        spread = SOFT
        least = np.square(np.square(SOFT).sum())
        for step in range(count + 1):
            if step:
                sharper = cv2.sepFilter2D(sharper, -1, kernel, kernel)
                spread = np.convolve(spread, kernel)
            noise = np.float32(1 + np.square(np.square(spread).sum()) / least)
            left = _unlike(sharper, blurrier) / noise
            yield self.smooth(np.float32(-SAMPLES / 2) * cv2.log(left + self.floor))


class Planes:
    """Frames of a stack in linear light, far to near; of those focused alike the first.

    Args:
        stack: aligned frames of known focus.
        size: (h, w) of the answer that covers them.
        threads: of what is made at a time.
    """

    def __init__(self, stack: FocalStack, size: tuple[int, int], threads: int = 2) -> None:
        guide = cv2.cvtColor(stack.reference.rgb, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
        small = cv2.resize(guide, size[::-1], interpolation=cv2.INTER_AREA)
        self._smooth = GuidedFilter(small, SMOOTHING_RADIUS, SMOOTHING_EPSILON)
        self._frames: list[Frame] = []
        for index in np.argsort(stack.focus_dioptres, kind="stable"):
            frame = stack.frames[index]
            before = self._frames[-1].focus_dioptres if self._frames else -np.inf
            if frame.focus_dioptres - before >= LEAST_GAP:
                self._frames.append(frame)
        self._size, self._threads = size, threads
        with ThreadPoolExecutor(threads) as side_by_side:
            self._lights = list(
                side_by_side.map(lambda frame: linear_light(frame.rgb, size), self._frames)
            )

    def neighbours(self) -> list[Pair]:
        """Each two neighbouring frames, far to near."""
        return self._pairs([(far, far + 1) for far in range(len(self._frames) - 1)])

    def wide(self, k: float) -> list[Pair]:
        """Frames that are no neighbours, each with the farthest that ``WIDE_PX`` lets it have.

        Args:
            k: pixels of the answer per dioptre.
        """
        focus = [frame.focus_dioptres for frame in self._frames]
        return self._pairs(far_apart(focus, WIDE_PX / (FINER * k)))

    def _pairs(self, ends: Sequence[tuple[int, int]]) -> list[Pair]:
        with ThreadPoolExecutor(self._threads) as side_by_side:
            return list(side_by_side.map(lambda pair: self._laid_over(*pair), ends))

    def _laid_over(self, far: int, near: int) -> Pair:
        ends = self._frames[far], self._frames[near]
        gap = Gap(
            ends[0].focus_dioptres,
            ends[1].focus_dioptres,
            far == 0,
            near == len(self._frames) - 1,
        )
        beyond = self._lights[far]
        before, apart = laid_over(beyond, self._lights[near], self._size)
        trust = np.exp(-np.square(apart / np.float32(TOLERANCE_PX)))
        for frame in ends:
            if frame.valid is not None:
                known = frame.valid.astype(np.float32)
                trust = trust * cv2.resize(known, self._size[::-1], interpolation=cv2.INTER_AREA)
        quietest = float(np.quantile(_unlike(beyond, before) / np.float32(2), QUIETEST))
        floor = np.float32(max(FLOOR, NOISE_FLOOR * quietest))
        return Pair(gap, beyond, before, trust, floor, self._smooth)


def far_apart(focus: Sequence[float], reach: float) -> list[tuple[int, int]]:
    """Pairs of planes with others between them, as far apart as may be, none within another.

    Args:
        focus: (n,) dioptres, ascending.
        reach: dioptres that two may be apart.
    """
    found: list[tuple[int, int]] = []
    for far, dioptres in enumerate(focus):
        near = int(np.searchsorted(focus, dioptres + reach, side="right")) - 1
        if near > far + 1 and (not found or near > found[-1][1]):
            found.append((far, near))
    return found


def ladders(pairs: Sequence[Pair], k: float, threads: int = 2) -> list[Ladder]:
    """What pairs say where K is ``k`` pixels of the answer per dioptre, ``threads`` at a time."""
    with ThreadPoolExecutor(threads) as side_by_side:
        return list(side_by_side.map(lambda pair: pair.climb(k), pairs))


def _unlike(one: Plane, other: Plane) -> Plane:
    """(h, w) mean squared difference of planes that have ``FINER`` pixels to one."""
    height, width = one.shape
    size = (width // FINER, height // FINER)
    squares = cv2.resize(np.square(one - other), size, interpolation=cv2.INTER_AREA)
    mean: Plane = cv2.blur(squares, (WINDOW, WINDOW))
    return mean


def linear_light(rgb: NDArray[np.uint8], size: tuple[int, int]) -> Plane:
    """Softened brightness in linear light, ``FINER`` pixels to one of (h, w) ``size`` a side."""
    light = resized(linear_gray(rgb), FINER * size[1], FINER * size[0])
    return cv2.sepFilter2D(light, -1, SOFT, SOFT)


def diffusion(variance: float) -> NDArray[np.float32]:
    """A kernel of odd length that sums to 1 and has this variance, in squared pixels."""
    if variance <= NARROW:
        return np.array([variance / 2, 1 - variance, variance / 2], np.float32)
    reach = int(np.ceil(3.5 * np.sqrt(variance)))
    weights = np.exp(-np.square(np.arange(-reach, reach + 1)) / (2 * variance))
    return (weights / weights.sum()).astype(np.float32)
