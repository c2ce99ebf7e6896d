"""What speaks against a sweep's focus distances; ``inspect`` and ``infer`` say the same."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from edgedepth.capture.blur_scale import USUAL
from edgedepth.capture.focus import FocusReading

if TYPE_CHECKING:
    from edgedepth.capture.register import FrameReport

LOOKED_AT_PX = 640
SMALLEST_BLUR_PX = 1.0
"""Growth of blur over a whole sweep at :data:`LOOKED_AT_PX`, below which it tells no depth: a
difference of two frames shows from half a pixel up."""

FAR_M = 10.0
LEAST_BREATHING = 0.006
OPPOSITE = -0.7

USUAL_COC_RATIO = math.sqrt(USUAL)
"""K that frames show, over the true one."""

DOUBTFUL_COC_RATIO = 1.2
"""Farther than this factor from the usual, the figures of a sweep are not those of its frames;
stacks of known K lie within 1.15."""


class Doubt(NamedTuple):
    """Something that is doubtful, and what to do about it."""

    text: str
    todo: str

    def __str__(self) -> str:
        return f"{self.text}: {self.todo}"


def about_unit(readings: Sequence[FocusReading], k: float) -> Doubt | None:
    """Distances that the user gave without a unit and that are centimetres, by the look of them.

    A telephoto lens may sweep from 10 m on; a phone's sees no difference there.

    Args:
        readings: one per frame.
        k: pixels per dioptre at :data:`LOOKED_AT_PX`.
    """
    by_hand = all(r.trust == "user" and re.fullmatch(r"[\d.]+|[a-z]+", r.said) for r in readings)
    planes = [r.dioptres or 0.0 for r in readings]
    if not by_hand or max(planes) <= 0 or max(planes) > 1 / FAR_M:
        return None
    low = min(planes) if len(planes) > 1 else 0.0
    blur_px = k * (max(planes) - low)
    if blur_px >= SMALLEST_BLUR_PX:
        return None
    divisor = 100 if max(planes) > 1 / 200 else 1000
    unit = "centimetres" if divisor == 100 else "millimetres"
    metres = ",".join("inf" if d == 0 else f"{1 / d / divisor:.4g}" for d in planes)
    return Doubt(
        f"the nearest distance is {1 / max(planes):g} m, and from there on this lens's blur "
        f"changes by {blur_px:.1g} px, which tells no depth",
        f"are these {unit}? In metres they are --focus {metres}",
    )


def about_breathing(reports: Sequence[FrameReport], focus: Sequence[float]) -> Doubt | None:
    """A lens magnifies as it focuses nearer: distances in the wrong order betray themselves.

    Args:
        reports: of the aligned frames, rejected ones too.
        focus: dioptres, one per report.
    """
    scales = np.array([r.motion.scale for r in reports if r.used])
    planes = np.array([d for d, r in zip(focus, reports, strict=True) if r.used])
    if len(planes) < 3 or np.ptp(scales) < LEAST_BREATHING or np.ptp(planes) == 0:
        return None
    agreement = float(np.corrcoef(scales, planes)[0, 1])
    if math.isnan(agreement) or agreement > OPPOSITE:
        return None
    return Doubt(
        "the picture grows as the distances say it focuses farther",
        "check that the distances belong to these frames and are not reversed",
    )


def about_blur(coc_ratio: float | None) -> Doubt | None:
    """Frames that blur faster or more slowly than distances and camera say.

    Args:
        coc_ratio: K that the frames show, over that of these figures; None where they show none.
    """
    if coc_ratio is None:
        return None
    ratio = coc_ratio / USUAL_COC_RATIO
    if abs(math.log(ratio)) <= math.log(DOUBTFUL_COC_RATIO):
        return None
    return Doubt(
        f"the frames blur {ratio:.2f} times as fast as their focus distances and the camera's "
        "figures say",
        "if it is the distances that are off, so is depth; edgedepth calibrate measures a camera",
    )
