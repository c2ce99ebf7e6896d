"""Depth that no sensor saw."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def fill_missing(values: Floats, valid: NDArray[np.bool_]) -> Floats:
    """Give each missing pixel of (H, W) ``values`` that of the nearest valid one.

    Raises:
        ValueError: no pixel is valid.
    """
    if valid.all():
        return values
    if not valid.any():
        raise ValueError("no pixel has a depth")
    missing = (~valid).astype(np.uint8)
    _, label = cv2.distanceTransformWithLabels(
        missing, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    table = np.zeros(int(label.max()) + 1, values.dtype)
    table[label[valid]] = values[valid]
    return table[label]
