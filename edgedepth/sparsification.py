"""Whether confidence means something: the error that is left when the least certain pixels go.

Sparsification curves and their area against the oracle's, AUSE: Ilg et al., Uncertainty estimates
and multi-hypotheses networks for optical flow, ECCV 2018. The error is that in dioptres.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

REMOVED = tuple(round(0.05 * i, 2) for i in range(20))
"""Shares of the pixels that are taken away."""


@dataclass(frozen=True)
class Sparsification:
    """Mean errors over those of all pixels, at each share of :data:`REMOVED`.

    Attributes:
        error: the least confident pixels removed.
        oracle: the worst pixels removed: no confidence can do better.
    """

    error: tuple[float, ...]
    oracle: tuple[float, ...]

    @property
    def ause(self) -> float:
        """Mean distance of the two curves: 0 for the best order; a random one keeps the error
        at 1, which is what the oracle's curve is then away from."""
        return float(np.mean(np.subtract(self.error, self.oracle)))


def sparsify(
    depth_m: NDArray[np.floating], confidence: NDArray[np.floating], truth_m: NDArray[np.floating]
) -> Sparsification:
    """Curves of one depth map.

    Pixels of equal confidence are removed together with each other, in proportion: their order in
    memory says nothing.

    Args:
        depth_m, confidence, truth_m: (H, W); scored where the truth is finite and positive.

    Raises:
        ValueError: no pixel can be scored.
    """
    known = np.isfinite(truth_m) & (truth_m > 0)
    if not known.any():
        raise ValueError("no valid pixel to score")
    errors = np.abs(1 / depth_m[known].astype(np.float64) - 1 / truth_m[known].astype(np.float64))
    return Sparsification(_curve(_tied(errors, confidence[known])), _curve(np.sort(errors)[::-1]))


def _tied(errors: NDArray[np.float64], confidence: NDArray[np.floating]) -> NDArray[np.float64]:
    """Errors from the least to the most confident pixel, each as its group's mean."""
    order = np.argsort(confidence, kind="stable")
    _, first, group = np.unique(confidence[order], return_index=True, return_inverse=True)
    means = np.add.reduceat(errors[order], first) / np.bincount(group)
    found: NDArray[np.float64] = means[group]
    return found


def _curve(errors: NDArray[np.float64]) -> tuple[float, ...]:
    """Mean of what is left over the mean of all, the first ones removed first."""
    left = np.cumsum(errors[::-1])[::-1]
    count = len(errors)
    whole = left[0] / count
    if whole == 0:
        return (0.0,) * len(REMOVED)
    starts = [min(int(share * count), count - 1) for share in REMOVED]
    return tuple(float(left[at] / (count - at) / whole) for at in starts)


def mean_curves(found: Sequence[Sparsification]) -> Sparsification:
    """Mean over scenes, each counting once.

    Raises:
        ValueError: there are none.
    """
    if not found:
        raise ValueError("no scenes were scored")
    return Sparsification(
        tuple(np.mean([one.error for one in found], axis=0).tolist()),
        tuple(np.mean([one.oracle for one in found], axis=0).tolist()),
    )
