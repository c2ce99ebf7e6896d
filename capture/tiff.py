"""A small TIFF directory reader: bytes in, tag values out, bounded in time and memory.

EXIF blocks and most maker notes are TIFF directories (TIFF 6.0, section 2). Maker notes
differ in where their offsets count from, which is why the base is an argument. Nothing here
trusts a count or an offset: what does not fit is left out.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Literal, NamedTuple

Endian = Literal["<", ">"]

MAX_ENTRIES = 512
MAX_VALUE_BYTES = 1 << 17

_TYPES: dict[int, tuple[str, int]] = {
    1: ("B", 1),
    2: ("s", 1),
    3: ("H", 2),
    4: ("I", 4),
    5: ("II", 8),
    6: ("b", 1),
    7: ("s", 1),
    8: ("h", 2),
    9: ("i", 4),
    10: ("ii", 8),
    11: ("f", 4),
    12: ("d", 8),
    13: ("I", 4),
}
"""TIFF field type -> struct code of one value, its size in bytes."""


class Ratio(NamedTuple):
    """A rational as stored, not reduced: sentinels live in the numerator."""

    numerator: int
    denominator: int

    @property
    def value(self) -> float | None:
        """The number; ``inf`` for n/0, None for 0/0."""
        if self.denominator:
            return self.numerator / self.denominator
        return float("inf") if self.numerator else None

    def __str__(self) -> str:
        return f"{self.numerator}/{self.denominator}"


Value = tuple[int | float | Ratio, ...] | bytes


@dataclass(frozen=True)
class Directory:
    """One TIFF directory.

    Attributes:
        values: tag -> numbers, or bytes for text and opaque data.
        offsets: tag -> where its data lies in the block.
        following: offset of the next directory, 0 for none.
    """

    values: dict[int, Value]
    offsets: dict[int, int]
    following: int = 0

    def number(self, tag: int) -> float | None:
        """First number of a tag; None when absent, empty, 0/0 or not a number."""
        value = self.values.get(tag)
        if not value or isinstance(value, bytes):
            return None
        first = value[0]
        return first.value if isinstance(first, Ratio) else float(first)

    def ratio(self, tag: int) -> Ratio | None:
        """First rational of a tag as stored."""
        value = self.values.get(tag)
        if value and not isinstance(value, bytes) and isinstance(value[0], Ratio):
            return value[0]
        return None

    def numbers(self, tag: int) -> tuple[int | float | Ratio, ...]:
        """All numbers of a tag, empty when absent or opaque."""
        value = self.values.get(tag)
        return () if value is None or isinstance(value, bytes) else value

    def raw(self, tag: int) -> bytes:
        """Bytes of an opaque or text tag, empty when absent."""
        value = self.values.get(tag)
        return value if isinstance(value, bytes) else b""

    def text(self, tag: int) -> str:
        """A text tag, without padding."""
        return self.raw(tag).split(b"\0", 1)[0].decode("latin-1").strip()


EMPTY = Directory({}, {})


def header(block: bytes) -> tuple[Endian, int] | None:
    """Byte order and offset of the first directory, or None if this is no TIFF block."""
    order: Endian
    if block[:2] == b"II":
        order = "<"
    elif block[:2] == b"MM":
        order = ">"
    else:
        return None
    if len(block) < 8:
        return None
    (first,) = struct.unpack_from(order + "I", block, 4)
    return order, first


def read_directory(block: bytes, offset: int, order: Endian, base: int = 0) -> Directory:
    """Read the directory at ``base + offset``.

    Args:
        block: the bytes that all offsets lie in.
        offset: where the directory starts, relative to ``base``.
        order: byte order.
        base: where offsets count from, as an index into ``block`` (may be negative).

    Returns:
        Every entry that fits; an empty directory when none does.
    """
    start = base + offset
    if not 0 <= start <= len(block) - 2:
        return EMPTY
    (count,) = struct.unpack_from(order + "H", block, start)
    if count == 0 or count > MAX_ENTRIES:
        return EMPTY
    values: dict[int, Value] = {}
    offsets: dict[int, int] = {}
    for index in range(count):
        at = start + 2 + 12 * index
        if at + 12 > len(block):
            break
        tag, kind, length = struct.unpack_from(order + "HHI", block, at)
        if kind not in _TYPES or length > MAX_VALUE_BYTES:
            continue
        size = length * _TYPES[kind][1]
        data = at + 8
        if size > 4:
            data = base + struct.unpack_from(order + "I", block, at + 8)[0]
        if size > MAX_VALUE_BYTES or data < 0 or data + size > len(block):
            continue
        values[tag] = _unpack(block, data, kind, length, order)
        offsets[tag] = data
    end = start + 2 + 12 * count
    following = struct.unpack_from(order + "I", block, end)[0] if end + 4 <= len(block) else 0
    return Directory(values, offsets, following)


def _unpack(block: bytes, at: int, kind: int, length: int, order: Endian) -> Value:
    code = _TYPES[kind][0]
    if code == "s":
        return block[at : at + length]
    flat = struct.unpack_from(f"{order}{length * len(code)}{code[0]}", block, at)
    if len(code) == 1:
        return flat
    return tuple(Ratio(n, d) for n, d in zip(flat[0::2], flat[1::2], strict=True))
