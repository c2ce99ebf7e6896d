"""K from a sweep itself: how much larger it is than the camera's figures say.

Two gaps that share a plane measure the same depths, each by a blur that is K squared times
something known: only with the right K do they agree. So frames are their own calibration, which is
needed: focus distances and f-numbers that phones report are off by a tenth and more, and relative
blur draws depth to the middle between two planes, or away from it, where K is wrong.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edgedepth.capture.blur_ladder import Curves, Ladder
from edgedepth.guided import Plane

OCTAVE = 8
SCALES: NDArray[np.float64] = 2.0 ** (np.arange(-12, 13) / OCTAVE)
"""That are tried, of K squared."""

PLACES = 13
"""Depths between the middles of two gaps at which they are compared."""

PRIOR_GAP = 0.04
"""Standard deviation, in a gap, of the answers that depth is looked for around: enough to decide
where two frames differ by something else than defocus."""

DECIDES = 0.08
"""Log likelihood of a pixel by which the best scale is above the mean of all, where frames tell
depth at all. Noise alone gets 0.04."""

USUAL = 1.1
"""K squared that frames show where the camera's figures are right: a lens blurs by a disk, relative
blur is of Gaussians."""

DOUBT = 0.03
"""Log likelihood of each pixel of an answer that is against a factor of two from there: few pixels
between planes, in a picture of what lies beyond them, decide less."""

EVERY = 2
"""Pixels of the answer from one that is looked at to the next."""


def blur_scale(dioptres: Plane, ladders: Sequence[Ladder]) -> float | None:
    """By what K squared has to be multiplied; None where the frames do not say: fewer than three
    planes, or nothing but noise, or none of the scales tried.

    Args:
        dioptres: (h, w) a model's answer.
        ladders: of neighbouring frames, far to near.
    """
    answers = dioptres[::EVERY, ::EVERY]
    totals = np.zeros(len(SCALES))
    pixels = 0
    for far, near in itertools.pairwise(ladders):
        here = (answers > far.gap.middle) & (answers < near.gap.middle)
        if here.any():
            totals += _agreement(answers[here], far.of(here, EVERY), near.of(here, EVERY))
            pixels += int(here.sum())
    undecided = not pixels or totals.max() - totals.mean() < DECIDES * pixels
    totals -= DOUBT * answers.size * np.square(np.log2(SCALES / USUAL))
    best = int(totals.argmax())
    if undecided or not 0 < best < len(SCALES) - 1:
        return None
    before, top, after = totals[best - 1 : best + 2]
    past = 0.5 * (before - after) / (before + after - 2 * top)
    return float(SCALES[best] * 2 ** (past / OCTAVE))


def _agreement(answers: Plane, far: Curves, near: Curves) -> NDArray[np.float64]:
    """(scales,) what two gaps say together at the depth that suits both best, over all pixels."""
    spread = PRIOR_GAP * np.where(answers < far.gap.near, far.gap.width, near.gap.width)
    depths = np.linspace(far.gap.middle, near.gap.middle, PLACES)
    priors = np.stack([-np.square((depth - answers) / spread) / 2 for depth in depths])
    totals = []
    for scale in SCALES:
        said = far.at(depths, scale) + near.at(depths, scale) + priors
        totals.append(said.max(axis=0).sum(dtype=np.float64))
    return np.asarray(totals)
