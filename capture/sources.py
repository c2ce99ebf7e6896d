"""Focus distances of a whole sweep: ask every source, believe the first that answers.

Order: the sidecar, EXIF SubjectDistance, the maker note, XMP, Raspberry Pi metadata. What
the user gives (``--focus``, ``--focus-from name``) goes before all of them.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edgedepth.capture.exif import SUBJECT_DISTANCE, Exif, xmp_property
from edgedepth.capture.focus import FocusReading, declined, from_metres, from_ratio
from edgedepth.capture.makernotes import maker_note_readings
from edgedepth.capture.sidecar import Sidecar, raspberry_pi_reading
from edgedepth.capture.tiff import Ratio
from edgedepth.errors import UserError
from edgedepth.words import counted

SAME_DIOPTRES = 1e-4
_ADVICE = (
    "give the distances with --focus 0.35,0.5,... (metres, one per frame in order), "
    "take them from the file names with --focus-from name, "
    "or ask for relative depth with --uncalibrated"
)
_XMP_PROPERTIES = ("aux:ApproximateFocusDistance", "exif:SubjectDistance")


@dataclass(frozen=True)
class FrameWords:
    """All that was said about one frame's focus, in the order of belief."""

    name: str
    readings: tuple[FocusReading, ...]

    @property
    def lens_position(self) -> float | None:
        """First lens position that was said."""
        positions = (r.lens_position for r in self.readings if r.lens_position is not None)
        return next(positions, None)


def read_words(path: Path, exif: Exif, sidecar: Sidecar | None) -> FrameWords:
    """Ask every source about one frame."""
    found: list[FocusReading] = []
    if sidecar is not None and path.name in sidecar.focus:
        found.append(sidecar.focus[path.name])
    found.extend(exif_readings(exif))
    pi = raspberry_pi_reading(path)
    return FrameWords(path.name, (*found, *([] if pi is None else [pi])))


def exif_readings(exif: Exif) -> list[FocusReading]:
    """EXIF, maker note and XMP of one frame, in that order."""
    found = []
    ratio = exif.photo.ratio(SUBJECT_DISTANCE)
    if ratio is not None:
        found.append(from_ratio("EXIF SubjectDistance", ratio))
    found.extend(maker_note_readings(exif))
    for name in _XMP_PROPERTIES:
        value = xmp_property(exif.xmp, name)
        if value is not None:
            found.append(_from_xmp(f"XMP {name}", value))
    return found


def _from_xmp(source: str, value: str) -> FocusReading:
    match = re.fullmatch(r"(\d{1,12})(?:/(\d{1,12})|\.(\d{1,9}))?", value)
    if match is None:
        return declined(source, value, "not a distance")
    whole, denominator, decimals = match.groups()
    ratio = Ratio(int(whole + (decimals or "")), int(denominator or 10 ** len(decimals or "")))
    return replace(from_ratio(source, ratio), said=value)


def best_reading(words: FrameWords) -> FocusReading | None:
    """The first believable distance of one frame; an infinity mark only as a last resort."""
    usable = [r for r in words.readings if r.dioptres is not None]
    plain = [r for r in usable if not r.infinity_mark]
    return next(iter(plain or usable), None)


def settle(words: Sequence[FrameWords]) -> list[FocusReading]:
    """One believed focus distance for every frame of a sweep.

    A source that says the same of all frames is a constant and is not believed. An infinity
    mark (FFFFFFFF) is believed only where other frames of the sweep have real distances.

    Raises:
        UserError: a frame has no believable distance, or all distances are equal.
    """
    constants = _constant_sources(words)
    trimmed = [
        FrameWords(w.name, tuple(r for r in w.readings if r.source not in constants)) for w in words
    ]
    chosen = [best_reading(w) for w in trimmed]
    real = sum(1 for r in chosen if r is not None and not r.infinity_mark)
    good = [None if r is None or (r.infinity_mark and real < 2) else r for r in chosen]
    if any(r is None for r in good):
        raise UserError(_complaint(words, good, constants), _ADVICE)
    return [r for r in good if r is not None]


def _constant_sources(words: Sequence[FrameWords]) -> dict[str, str]:
    """Sources that say one and the same distance of every frame -> what they say."""
    if len(words) < 2:
        return {}
    said: dict[str, list[FocusReading]] = {}
    for frame in words:
        for reading in frame.readings:
            if reading.dioptres is not None:
                said.setdefault(reading.source, []).append(reading)
    return {
        source: readings[0].said
        for source, readings in said.items()
        if len(readings) == len(words)
        and _spread([r.dioptres or 0.0 for r in readings]) <= SAME_DIOPTRES
    }


def _spread(values: Sequence[float]) -> float:
    return max(values) - min(values)


def _complaint(
    words: Sequence[FrameWords],
    good: Sequence[FocusReading | None],
    constants: dict[str, str],
) -> str:
    if constants and all(r is None for r in good):
        listed = ", ".join(f"{source} {said}" for source, said in constants.items())
        return f"all distances are equal in the {len(words)} frames ({listed}): not believed"
    grouped: dict[str, list[str]] = {}
    for frame, reading in zip(words, good, strict=True):
        if reading is None:
            grouped.setdefault(_what_it_said(frame), []).append(frame.name)
    parts = [
        f"{names[0]}{f' and {len(names) - 1} more' if len(names) > 1 else ''}: {said}"
        for said, names in grouped.items()
    ]
    shown = "; ".join(parts[:4]) + ("; ..." if len(parts) > 4 else "")
    missing = sum(1 for r in good if r is None)
    return f"no focus distance for {missing} of {len(words)} frames ({shown})"


def _what_it_said(frame: FrameWords) -> str:
    said = [f"{r.source} {r.said} ({r.problem or 'infinity or unknown'})" for r in frame.readings]
    return ", ".join(said) if said else "nothing in EXIF, maker note, XMP or a sidecar"


def from_option(text: str, names: Sequence[str]) -> list[FocusReading]:
    """``--focus``: metres separated by commas, ``inf`` allowed, one per frame.

    Raises:
        UserError: not as many distances as frames, or one that is none.
    """
    parts = [p.strip() for p in text.split(",") if p.strip()]
    found = [_user_metres("--focus", part, part) for part in parts]
    if len(parts) != len(names):
        raise UserError(
            f"--focus gives {counted(len(parts), 'distance')} for {counted(len(names), 'frame')}",
            f"give one per frame, in this order: {', '.join(names)}",
        )
    return found


def _user_metres(option: str, text: str, said: str, per_metre: float = 1.0) -> FocusReading:
    try:
        reading = from_metres(option, float(text) / per_metre, said, "user")
    except ValueError:
        reading = declined(option, said, "not a number")
    if reading.dioptres is None:
        raise UserError(
            f"{option}: {said} is no focus distance ({reading.problem})",
            "distances are in metres, e.g. 0.35, or inf",
        )
    return reading


_NUMBER = re.compile(
    r"(?<![a-z0-9.])(inf(?:inity)?|\d+(?:\.\d+)?)[ _]?(mm|cm|m|dpt|d)?(?![a-z0-9]|\.\d)", re.I
)
_PER_METRE = {"mm": 1000.0, "cm": 100.0, "m": 1.0, "": 1.0}


def from_names(names: Sequence[str]) -> list[FocusReading]:
    """``--focus-from name``: the last number in each file name, with a unit or in metres.

    Units: mm, cm, m, D; e.g. ``0.35m.jpg``, ``shot_35cm.jpg``, ``IMG_2.5D.jpg``, ``x_inf.jpg``.

    Raises:
        UserError: a name holds no number, or the numbers are only a running count.
    """
    found = []
    for name in names:
        matches = _NUMBER.findall(Path(name).stem)
        if not matches:
            raise UserError(
                f"--focus-from name: {name} holds no distance",
                "name the files like 0.35m.jpg, or use --focus 0.35,0.5,...",
            )
        found.append((matches[-1][0], matches[-1][1].lower()))
    if _is_count(found):
        raise UserError(
            f"--focus-from name: the numbers in {names[0]} ... {names[-1]} only count the frames",
            "name the files like 0.35m.jpg, or use --focus 0.35,0.5,...",
        )
    return [_from_name(text, unit) for text, unit in found]


def against_the_names(readings: Sequence[FocusReading], words: Sequence[FrameWords]) -> list[str]:
    """A warning where the user gives the distances of the file names, but to other frames.

    Args:
        readings: what ``--focus`` gives, one per frame.
        words: the frames, for their names.
    """
    try:
        named = [r.dioptres or 0.0 for r in from_names([w.name for w in words])]
    except UserError:
        return []
    given = [r.dioptres or 0.0 for r in readings]
    if _same(given, named) or not _same(sorted(given), sorted(named)):
        return []
    frame, said = next(
        (w.name, r.said)
        for w, r, d in zip(words, readings, named, strict=True)
        if not _same([r.dioptres or 0.0], [d])
    )
    return [
        f"--focus gives {frame} the distance {said}, the file names have the same distances "
        "in another order: if the names are right, use --focus-from name"
    ]


def _same(some: Sequence[float], others: Sequence[float]) -> bool:
    return all(abs(a - b) <= SAME_DIOPTRES for a, b in zip(some, others, strict=True))


def _is_count(found: Sequence[tuple[str, str]]) -> bool:
    if len(found) < 2 or any(unit or not text.isdigit() for text, unit in found):
        return False
    numbers = [int(text) for text, _ in found]
    return all(b - a == 1 for a, b in itertools.pairwise(numbers))


def _from_name(text: str, unit: str) -> FocusReading:
    source, said = "file name", f"{text}{unit}"
    if unit in ("d", "dpt"):
        value = float(text)
        metres = math.inf if value == 0 else 1 / value
        return _user_metres(source, repr(metres), said)
    return _user_metres(source, text, said, _PER_METRE[unit])
