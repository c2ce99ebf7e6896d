"""A model's answer weighed against the relative blur of frames.

The answer is the prior, relative blur (:mod:`.blur_ladder`) the likelihood, and depth the mean of
what follows. A network sees how sharp each frame is where it looks, which tells the planes between
which something lies; relative blur compares the frames pixel by pixel, which tells where between
them, and how far beyond the last.

What follows settles along the picture and is the prior of another round, of which less is doubted:
where relative blur says little, a pixel takes on the depth of what it belongs to, and where it
says much, it takes its own depth back. It settles along the all-in-focus composite: the reference
frame is focused at one distance, and at the edges of anything else its colours run together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgedepth.capture.blur_ladder import UNEXPLAINED_SHARE, Gap, Ladder, Planes, ladders
from edgedepth.capture.blur_scale import blur_scale
from edgedepth.capture.refine import settle
from edgedepth.guided import Plane
from edgedepth.stack import FocalStack

PRIOR_GAP = 0.3
"""Standard deviation of an answer between two planes, in the distance between these."""

PRIOR_BEYOND, PRIOR_BEFORE = 0.25, 0.1
"""Of an answer beyond the farthest plane and before the nearest one, in the answer itself."""

ROUNDS = (1.2, 0.7, 0.5)
"""Those standard deviations in each round, over what is said above."""

WIDE_COUNTS = 2.0
"""What frames farther apart say together counts as much as so many pairs of neighbours."""

LEAST_SPREAD = 1e-4
"""Dioptres."""

FAR_OFF = 1.4
"""K squared, from here on, that hypotheses placed for the camera's figures do not fit."""


@dataclass(frozen=True)
class Posterior:
    """What follows from answers and relative blur.

    Attributes:
        dioptres: float32 (h, w) mean.
        spread: float32 (h, w) standard deviation; infinite where relative blur says nothing.
        told: float32 (h, w) share of the answers' standard deviation that is gone.
    """

    dioptres: Plane
    spread: Plane
    told: Plane

    def settled(self, confidence: Plane | None, sharp: NDArray[np.uint8]) -> Plane:
        """The mean, settled; sure is what the model or relative blur is sure of."""
        if confidence is not None:
            unsure = (np.float32(1) - confidence) * (np.float32(1) - self.told)
            confidence = np.float32(1) - unsure
        return settle(self.dioptres, confidence, sharp, self.spread)


@dataclass(frozen=True)
class Weighed:
    """An answer after relative blur, settled.

    Attributes:
        dioptres: float32 (h, w).
        coc_ratio: K that the frames show, over the stack's; None where they show none, and
            relative blur has no part in the answer.
    """

    dioptres: Plane
    coc_ratio: float | None = None


def by_relative_blur(
    dioptres: Plane,
    confidence: Plane | None,
    stack: FocalStack,
    sharp: NDArray[np.uint8],
    threads: int = 2,
) -> Weighed | None:
    """A model's answer, moved to where the frames' relative blur says that depth is, and settled.

    None with fewer than three planes, and where no K explains the frames' blur. What is out of
    reach of all hypotheses only settles.

    Args:
        dioptres, confidence: (h, w) answer that covers the frames.
        stack: aligned frames of known focus, and K.
        sharp: uint8 (H, W, 3) their all-in-focus composite.
        threads: CPU threads.
    """
    height, width = dioptres.shape
    k = stack.coc_px_per_dioptre * width / stack.size[1]
    planes = Planes(stack, (height, width), threads)
    compared = planes.neighbours()
    found = ladders(compared, k, threads)
    scale = blur_scale(dioptres, found)
    if scale is None:
        return None
    ratio = float(np.sqrt(scale))
    if abs(np.log(scale)) > np.log(FAR_OFF):
        k, scale = k * ratio, 1.0
        found = ladders(compared, k, threads)
    found = [ladder.tempered() for ladder in found]
    far_apart = ladders(planes.wide(k), k, threads)
    wide = [ladder.tempered(UNEXPLAINED_SHARE) for ladder in far_apart]
    for doubt in ROUNDS:
        after = posterior(dioptres, found, wide, scale, doubt)
        dioptres = after.settled(confidence, sharp)
    return Weighed(dioptres, ratio)


def weighed_and_settled(
    dioptres: Plane,
    confidence: Plane | None,
    stack: FocalStack,
    sharp: NDArray[np.uint8],
    relative_blur: bool = True,
    threads: int = 2,
) -> Weighed:
    """As :func:`by_relative_blur`; only settled where that says nothing or is not wanted."""
    weighed = None
    if relative_blur:
        weighed = by_relative_blur(dioptres, confidence, stack, sharp, threads)
    return Weighed(settle(dioptres, confidence, sharp)) if weighed is None else weighed


def posterior(
    dioptres: Plane, found: Sequence[Ladder], wide: Sequence[Ladder], scale: float, doubt: float
) -> Posterior:
    """Answers (h, w), weighed against ladders.

    Args:
        found: of neighbouring frames, tempered.
        wide: of frames farther apart, likewise.
        scale: by what K squared is multiplied.
        doubt: by what the answers' standard deviation is.
    """
    moved = dioptres.copy()
    spread, told = np.full_like(dioptres, np.inf), np.zeros_like(dioptres)
    for ladder in found:
        here = ladder.gap.speaks_for(dioptres)
        if here.any():
            before = np.float32(doubt) * _spread(dioptres[here], ladder.gap)
            places = ladder.scaled(scale)
            logs = ladder.logs[:, here] + _said_by(wide, ladder.gap, places, scale, here)
            moved[here], after = _moments(dioptres[here], before, places, logs)
            spread[here], told[here] = after, np.clip(1 - after / before, 0, 1)
    return Posterior(moved, spread, told)


def _said_by(
    wide: Sequence[Ladder],
    gap: Gap,
    places: NDArray[np.float64],
    scale: float,
    here: NDArray[np.bool_],
) -> Plane | np.float32:
    """(n, pixels) what those of frames farther apart that cover a gap say of its places."""
    said = [ladder.of(here).at(places, scale) for ladder in wide if ladder.gap.covers(gap)]
    if not said:
        return np.float32(0)
    total: Plane = np.float32(WIDE_COUNTS / len(said)) * np.sum(said, axis=0)
    return total


def _moments(
    answers: Plane, spread: Plane, places: NDArray[np.float64], logs: Plane
) -> tuple[Plane, Plane]:
    """(n,) means and standard deviations of the places, weighed by likelihood and answers."""
    at = places.astype(np.float32)[:, None]
    share = np.gradient(places).astype(np.float32)[:, None]
    logs = logs - np.square((at - answers) / spread) / 2
    weights = np.exp(logs - logs.max(axis=0)) * share
    weights /= weights.sum(axis=0)
    mean: Plane = (weights * at).sum(axis=0)
    variance = (weights * np.square(at - mean)).sum(axis=0)
    return mean, np.sqrt(variance) + np.float32(LEAST_SPREAD)


def _spread(answers: Plane, gap: Gap) -> Plane:
    """(n,) standard deviation of answers."""
    beyond = np.where(answers < gap.far, PRIOR_BEYOND * answers, PRIOR_GAP * gap.width)
    spread: Plane = np.where(answers > gap.near, PRIOR_BEFORE * answers, beyond)
    return spread
