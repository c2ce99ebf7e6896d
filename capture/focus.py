"""What one source says about one frame's focus distance, and how far to trust it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from edgedepth.capture.tiff import Ratio

Trust = Literal["measured", "range", "order only", "user", "none"]
"""``measured``: a distance; ``range``: the middle of a range or one bound of it;
``order only``: lens units, good for ordering; ``user``: given by the user; ``none``: no use."""

NEAREST_M = 0.01
FARTHEST_M = 1e4
"""Distances outside are no distances: closer than any lens, or a maker's way to say unknown."""

UNKNOWN_MARK = 0xFFFF0000
INFINITY_MARK = 0xFFFFFFFF
"""EXIF 2.32, SubjectDistance: numerator FFFFFFFF means infinity. Cameras also write it, and
numbers just below, when they do not know."""


@dataclass(frozen=True)
class FocusReading:
    """One source's word on one frame.

    Attributes:
        source: e.g. ``"EXIF SubjectDistance"``.
        said: the value as the file has it, for messages.
        trust: see :data:`Trust`.
        dioptres: focus, 0 for infinity; None when nothing usable was said.
        span_dioptres: (far, near) of a range.
        lens_position: position in lens units, when that is all there is; larger is nearer.
        problem: why the value is not believed, "" if it is.
        infinity_mark: it says infinity in the way that also means unknown.
    """

    source: str
    said: str
    trust: Trust
    dioptres: float | None = None
    span_dioptres: tuple[float, float] | None = None
    lens_position: float | None = None
    problem: str = ""
    infinity_mark: bool = False

    @property
    def metres(self) -> float | None:
        """Focus distance in metres, ``inf`` for infinity."""
        if self.dioptres is None:
            return None
        return math.inf if self.dioptres == 0 else 1 / self.dioptres


def declined(source: str, said: str, problem: str) -> FocusReading:
    """A value that is there but is not believed."""
    return FocusReading(source, said, "none", problem=problem)


def from_metres(source: str, metres: float, said: str, trust: Trust = "measured") -> FocusReading:
    """A distance in metres; ``inf`` is infinity. Impossible values are declined."""
    if math.isnan(metres):
        return declined(source, said, "not a number")
    if math.isinf(metres) and metres > 0:
        return FocusReading(source, said, trust, 0.0)
    if metres == 0:
        return declined(source, said, "0 means unknown")
    if metres < NEAREST_M:
        return declined(source, said, "no lens focuses there")
    if metres > FARTHEST_M:
        return declined(source, said, "a mark for unknown or infinity, not a distance")
    return FocusReading(source, said, trust, 1 / metres)


def marks_infinity(ratio: Ratio) -> bool:
    """FFFFFFFF over a power of ten, reduced or not: 4294967295, 4294967.295, ..."""
    if ratio.numerator == INFINITY_MARK:
        return True
    return ratio.denominator > 0 and any(
        ratio.numerator * 10**k == INFINITY_MARK * ratio.denominator for k in range(7)
    )


def from_ratio(source: str, ratio: Ratio, metres: float | None = None) -> FocusReading:
    """A rational in metres, or one whose meaning in ``metres`` the caller worked out."""
    said = str(ratio)
    if marks_infinity(ratio):
        return FocusReading(source, said, "measured", 0.0, infinity_mark=True)
    if ratio.numerator >= UNKNOWN_MARK or ratio.numerator < 0:
        return declined(source, said, "junk")
    if ratio.denominator == 0:
        return declined(source, said, "a zero denominator means unknown")
    return from_metres(source, ratio.value or 0.0 if metres is None else metres, said)


def from_range(source: str, one_m: float, other_m: float) -> FocusReading:
    """A range of distances in metres, ``inf`` allowed; its middle in dioptres is taken."""
    near, far = sorted((one_m, other_m))
    said = f"{near:g}-{far:g} m"
    if not NEAREST_M <= near < FARTHEST_M:
        return declined(source, said, "not a range of distances")
    span = (0.0 if far > FARTHEST_M else 1 / far, 1 / near)
    return FocusReading(source, said, "range", sum(span) / 2, span)


def from_lens_position(source: str, position: float) -> FocusReading:
    """A position in lens units: good for ordering, not for distances."""
    return FocusReading(
        source,
        f"{position:g} lens units",
        "order only",
        lens_position=position,
        problem="lens units, not metres",
    )
