"""A model's answer weighed against the relative blur of neighbouring frames.

The answer is the prior, relative blur (:mod:`.blur_ladder`) the likelihood, and depth the mean of
what follows. A network sees how sharp each frame is where it looks, which tells the planes between
which something lies; relative blur compares the frames pixel by pixel, which tells where between
them, and how far beyond the last.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edgedepth.capture.blur_ladder import Gap, Ladder, ladders
from edgedepth.capture.blur_scale import blur_scale
from edgedepth.guided import Plane
from edgedepth.stack import FocalStack

PRIOR_GAP = 0.3
"""Standard deviation of an answer between two planes, in the distance between these."""

PRIOR_BEYOND, PRIOR_BEFORE = 0.15, 0.1
"""Of an answer beyond the farthest plane and before the nearest one, in the answer itself."""


FAR_OFF = 1.4
"""K squared, from here on, that hypotheses placed for the camera's figures do not fit."""


def by_relative_blur(dioptres: Plane, stack: FocalStack, threads: int = 2) -> Plane:
    """A model's answer, moved to where the frames' relative blur says that depth is.

    It stays as it is with fewer than three planes, where no K explains the frames' blur, and where
    it is out of reach of all hypotheses.

    Args:
        dioptres: (h, w) answer that covers the frames.
        stack: aligned frames of known focus, and K.
        threads: CPU threads.

    Returns:
        float32 (h, w) dioptres.
    """
    height, width = dioptres.shape
    found = ladders(stack, (height, width), threads)
    scale = blur_scale(dioptres, found)
    if scale is None:
        return dioptres
    if abs(np.log(scale)) > np.log(FAR_OFF):
        k = stack.coc_px_per_dioptre * float(np.sqrt(scale))
        found = ladders(replace(stack, coc_px_per_dioptre=k), (height, width), threads)
        scale = 1.0
    moved = dioptres.copy()
    for ladder in found:
        here = ladder.gap.speaks_for(dioptres)
        if here.any():
            moved[here] = _posterior(dioptres[here], here, ladder, scale)
    return moved


def _posterior(
    answers: Plane, here: NDArray[np.bool_], ladder: Ladder, scale: float
) -> NDArray[np.float32]:
    """(n,) means of the places, weighed by likelihood and by how near they are to the answers."""
    places = ladder.scaled(scale)
    at = places.astype(np.float32)[:, None]
    share = np.gradient(places).astype(np.float32)[:, None]
    prior = np.square((at - answers) / _spread(answers, ladder.gap)) / 2
    logs = ladder.tempered(here) - prior
    weights = np.exp(logs - logs.max(axis=0)) * share
    mean: NDArray[np.float32] = (weights * at).sum(axis=0) / weights.sum(axis=0)
    return mean


def _spread(answers: Plane, gap: Gap) -> Plane:
    """(n,) standard deviation of answers."""
    beyond = np.where(answers < gap.far, PRIOR_BEYOND * answers, PRIOR_GAP * gap.width)
    spread: Plane = np.where(answers > gap.near, PRIOR_BEFORE * answers, beyond)
    return spread
