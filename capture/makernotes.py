"""Focus distances from maker notes, decoded from their bytes.

Tag numbers and units are those documented by ExifTool's tag tables
(https://exiftool.org/TagNames/). Panasonic and Sony document no focus distance in the notes
of their JPEGs, and Nikon encrypts it from LensData 0201 on: those say so.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable

from edgedepth.capture import tiff
from edgedepth.capture.exif import Exif
from edgedepth.capture.focus import (
    FocusReading,
    declined,
    from_lens_position,
    from_metres,
    from_range,
    from_ratio,
)
from edgedepth.capture.tiff import Directory, Endian


def maker_note_readings(exif: Exif) -> list[FocusReading]:
    """What the maker note says about focus, most telling first; [] if nothing is known."""
    note = exif.maker_note
    if not note:
        return []
    if note.startswith(b"Apple iOS\0"):
        return _apple(note)
    if note.startswith(b"Nikon\0"):
        return _nikon(note)
    if note.startswith((b"OLYMPUS\0", b"OLYMP\0")):
        return _olympus(exif, note)
    for start, reader in _BY_MAKE.items():
        if exif.make.lower().startswith(start):
            return reader(exif)
    return []


def _apple(note: bytes) -> list[FocusReading]:
    order: Endian = "<" if note[12:14] == b"II" else ">"
    tags = tiff.read_directory(note, 14, order)
    found = []
    ends = [r.value for r in tags.numbers(0x000C) if isinstance(r, tiff.Ratio)]
    if len(ends) == 2 and ends[0] is not None and ends[1] is not None:
        found.append(from_range("Apple FocusDistanceRange", ends[0], ends[1]))
    position = tags.number(0x002F)
    if position is not None:
        found.append(from_lens_position("Apple FocusPosition", position))
    return found


def _canon(exif: Exif) -> list[FocusReading]:
    """Upper and lower bound in centimetres, 65535 for infinity, 0 for unknown."""
    tags = tiff.read_directory(exif.block, exif.maker_note_offset, exif.order)
    bounds = [
        ("Canon FileInfo FocusDistance", tags.numbers(0x0093)[20:22]),
        ("Canon ShotInfo FocusDistance", tags.numbers(0x0004)[19:21]),
    ]
    found = []
    for source, pair in bounds:
        values = [int(v) & 0xFFFF for v in pair if not isinstance(v, tiff.Ratio)]
        if len(values) != 2:
            continue
        upper, lower = (math.inf if v > 65534 else v / 100 for v in values)
        if upper and lower:
            found.append(from_range(source, lower, upper))
        elif upper or lower:
            said = f"upper {upper:g} m, lower {lower:g} m"
            if math.isinf(upper + lower):
                found.append(declined(source, said, "infinity without the other bound"))
            else:
                found.append(from_metres(source, upper + lower, said, "range"))
        else:
            found.append(declined(source, "0", "0 means unknown"))
    return found


def _nikon(note: bytes) -> list[FocusReading]:
    """LensData 0100 and 0101: distance code at byte 9, 0.01 m x 10^(code / 40)."""
    source = "Nikon LensData FocusDistance"
    head = tiff.header(note[10:])
    if head is None:
        return []
    tags = tiff.read_directory(note, head[1], head[0], base=10)
    lens = tags.raw(0x0098)
    if lens[:4] in (b"0100", b"0101") and len(lens) > 9:
        if lens[:4] == b"0100" or lens[9] == 0:
            return [declined(source, str(lens[9]), "holds no distance")]
        metres = 0.01 * 10 ** (lens[9] / 40)
        return [from_metres(source, metres, f"{metres:.2f} m")]
    if lens[:2].isdigit():
        version = lens[:4].decode("latin-1")
        return [declined(source, f"LensData {version}", "encrypted by the camera")]
    return []


def _olympus(exif: Exif, note: bytes) -> list[FocusReading]:
    """FocusInfo (0x2050) FocusDistance: millimetres in the numerator, whatever the rest."""
    source = "Olympus FocusDistance"
    if note.startswith(b"OLYMPUS\0"):
        block, order = note, tiff.header(note[8:12] + bytes(4))
        if order is None:
            return []
        endian, start = order[0], 12
    else:
        block, endian, start = exif.block, exif.order, exif.maker_note_offset + 8
    info = _sub_directory(tiff.read_directory(block, start, endian), 0x2050, block, endian)
    ratio = info.ratio(0x0305)
    if ratio is None:
        return []
    return [from_ratio(source, ratio, metres=ratio.numerator / 1000)]


def _sub_directory(tags: Directory, tag: int, block: bytes, order: Endian) -> Directory:
    """A directory that a tag points to (a number) or holds (opaque bytes)."""
    pointer = tags.number(tag)
    at = tags.offsets.get(tag) if pointer is None else int(pointer)
    return tiff.EMPTY if at is None else tiff.read_directory(block, at, order)


def _minolta(exif: Exif) -> list[FocusReading]:
    """Camera settings: big-endian longs, number 19 is the distance in mm, 0 for infinity."""
    source = "Minolta FocusDistance"
    tags = tiff.read_directory(exif.block, exif.maker_note_offset, exif.order)
    settings = tags.raw(0x0003) or tags.raw(0x0001)
    if len(settings) < 80:
        return []
    (millimetres,) = struct.unpack_from(">I", settings, 76)
    if millimetres == 0:
        return [declined(source, "0", "infinity or unknown")]
    return [from_metres(source, millimetres / 1000, f"{millimetres} mm")]


_BY_MAKE: dict[str, Callable[[Exif], list[FocusReading]]] = {
    "canon": _canon,
    "minolta": _minolta,
    "konica minolta": _minolta,
}
