"""Where to focus next time: planes even in dioptres over what the scene turned out to hold."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

FEWEST, MOST = 5, 10
END_SHARE = 0.4
"""With so much of the detail sharpest in the first or last plane, the scene goes on beyond it."""

NEAREST_DIOPTRES = 10.0
UNEVEN = 0.35
"""Share of a step by which planes may be off before they are worth placing anew."""


def planes_for_next_time(
    focus_dioptres: Sequence[float], sharpest_shares: Sequence[float]
) -> NDArray[np.float64] | None:
    """Planes for another sweep of the same scene; None where these serve.

    Args:
        focus_dioptres: the planes of this sweep.
        sharpest_shares: share of the detail that is sharpest in each.

    Returns:
        (N,) dioptres, near to far.
    """
    order = np.argsort(focus_dioptres)
    planes = np.asarray(focus_dioptres, np.float64)[order]
    shares = np.asarray(sharpest_shares, np.float64)[order]
    if len(planes) < 2 or np.ptp(planes) <= 0:
        return None
    step = float(np.ptp(planes)) / (len(planes) - 1)
    low, high = float(planes[0]), float(planes[-1])
    if shares[0] > END_SHARE:
        low = max(0.0, low - step)
    if shares[-1] > END_SHARE:
        high = max(high, min(NEAREST_DIOPTRES, high + step))
    count = int(np.clip(len(planes), FEWEST, MOST))
    wanted = np.linspace(low, high, count)
    if count == len(planes) and np.abs(wanted - planes).max() <= UNEVEN * step:
        return None
    return wanted[::-1]
