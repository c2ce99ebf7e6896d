"""An all-in-focus composite of an aligned stack."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edgedepth.stack import FocalStack

_SHARPNESS_SIDE = 640
_POWER = 4.0


def all_in_focus(stack: FocalStack) -> NDArray[np.uint8]:
    """Blend the frames by local sharpness (Laplacian energy to the fourth power).

    From near to far, whatever order they come in: each step of blending rounds.

    Returns:
        uint8 (H, W, 3) at the stack's size.
    """
    if len(stack) == 1:
        return stack.reference.rgb
    frames = [stack.frames[i] for i in np.argsort(-stack.focus_dioptres, kind="stable")]
    weights = np.stack([sharpness(f.rgb, f.valid) for f in frames])
    weights = (weights / weights.max(axis=0)) ** _POWER
    weights /= weights.sum(axis=0)
    height, width = stack.size
    blended, so_far = frames[0].rgb, weights[0]
    for frame, weight in zip(frames[1:], weights[1:], strict=True):
        share = weight / (so_far + weight + np.float32(1e-9))
        new = cv2.resize(share, (width, height), interpolation=cv2.INTER_LINEAR)
        blended = cv2.blendLinear(blended, frame.rgb, 1 - new, new)
        so_far = so_far + weight
    return blended


def sharpness(rgb: NDArray[np.uint8], valid: NDArray[np.bool_] | None) -> NDArray[np.float32]:
    """Local Laplacian energy of a frame, float32 with a long side of at most 640; 0.001 where
    the frame has no pixels."""
    gray = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    energy = np.abs(cv2.Laplacian(gray, cv2.CV_16S)).astype(np.float32)
    scale = min(1.0, _SHARPNESS_SIDE / max(gray.shape))
    size = (max(1, round(gray.shape[1] * scale)), max(1, round(gray.shape[0] * scale)))
    energy = cv2.blur(cv2.resize(energy, size, interpolation=cv2.INTER_AREA), (9, 9)) + 0.5
    if valid is not None:
        share = cv2.resize(valid.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        energy[share < 0.99] = 1e-3
    return energy
