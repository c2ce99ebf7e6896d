"""Make an Android x86-64 or arm64 shared library loadable by glibc.

Two things stand in the way: its symbols carry bionic's version ``LIBC``, which glibc's do not
bear, and some functions differ or are missing. In a copy of the library the version tables are
taken out of the dynamic section, and the differing functions are renamed so that they bind to
``bionic_shim.c``. Code and data stay as they are.

    python adapt_elf.py IN.so OUT.so

prints the renamed functions.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SHIM_INITIAL = b"Z"
SHIMMED = frozenset(
    b"__errno __sF __strlen_chk __system_property_get __android_log_vprint"
    b" android_set_abort_message strerror_r sysconf"
    b" fclose fflush fileno fputc fread fwrite fprintf vfprintf".split()
)
"""Undefined symbols that ``bionic_shim.c`` answers, there with another first letter."""

_PT_LOAD, _PT_DYNAMIC = 1, 2
_DT_STRTAB, _DT_SYMTAB, _DT_HASH = 5, 6, 4
_VERSION_TAGS = {0x6FFFFFF0, 0x6FFFFFFC, 0x6FFFFFFD, 0x6FFFFFFE, 0x6FFFFFFF}
_DT_IGNORED = 0x6FFFFE00  # a tag of the OS range that no loader knows


@dataclass(frozen=True)
class _Segment:
    kind: int
    offset: int
    address: int
    size: int


class AndroidLibrary:
    """A 64-bit little-endian shared library being adapted.

    Raises:
        ValueError: it is something else.
    """

    def __init__(self, data: bytes) -> None:
        if data[:6] != b"\x7fELF\x02\x01":
            raise ValueError("not a 64-bit little-endian ELF file")
        self.data = bytearray(data)
        start, count = self._unpack("<Q", 32)[0], self._unpack("<H", 56)[0]
        self._segments = []
        for i in range(count):
            kind, _, offset, address, _, size = self._unpack("<IIQQQQ", start + 56 * i)
            self._segments.append(_Segment(kind, offset, address, size))
        self._dynamic = dict(self._tags().values())

    def _unpack(self, layout: str, offset: int) -> tuple[int, ...]:
        return struct.unpack_from(layout, self.data, offset)

    def _tags(self) -> dict[int, tuple[int, int]]:
        """File offset -> (tag, value) of the dynamic section."""
        segment = next(s for s in self._segments if s.kind == _PT_DYNAMIC)
        places = range(segment.offset, segment.offset + segment.size, 16)
        return {place: self._unpack("<QQ", place) for place in places}  # type: ignore[misc]

    def _at(self, tag: int) -> int:
        """File offset of the table that a tag points to."""
        address = self._dynamic[tag]
        for s in self._segments:
            if s.kind == _PT_LOAD and s.address <= address < s.address + s.size:
                return address - s.address + s.offset
        raise ValueError(f"dynamic tag {tag} points outside the file")

    def _symbols(self) -> Iterator[tuple[int, bool]]:
        """(file offset of the name, whether the symbol is undefined) of each dynamic symbol."""
        count = self._unpack("<II", self._at(_DT_HASH))[1]
        names, table = self._at(_DT_STRTAB), self._at(_DT_SYMTAB)
        for i in range(1, count):
            name, _, _, section = self._unpack("<IBBH", table + 24 * i)
            yield names + name, section == 0

    def _name(self, place: int) -> bytes:
        return bytes(self.data[place : self.data.index(0, place)])

    def drop_versions(self) -> None:
        """Hide the version tables from the loader."""
        for place, (tag, _) in self._tags().items():
            if tag in _VERSION_TAGS:
                struct.pack_into("<Q", self.data, place, _DT_IGNORED + (tag & 0xF))

    def rename(self, wanted: frozenset[bytes] = SHIMMED) -> set[bytes]:
        """Point undefined symbols at the shim; returns the names that were found.

        Raises:
            ValueError: a name shares its bytes with one that must stay.
        """
        before = {place: self._name(place) for place, _ in self._symbols()}
        undefined = {place for place, missing in self._symbols() if missing}
        chosen = {place for place in undefined if before[place] in wanted}
        for place in chosen:
            self.data[place : place + 1] = SHIM_INITIAL
        for place in before.keys() - chosen:
            if self._name(place) != before[place]:
                raise ValueError(f"{before[place]!r} shares its bytes with a renamed symbol")
        return {before[place] for place in chosen}


def adapt(source: Path, target: Path) -> set[bytes]:
    """Write an adapted copy; returns the symbols that now bind to the shim."""
    library = AndroidLibrary(source.read_bytes())
    library.drop_versions()
    found = library.rename()
    target.write_bytes(library.data)
    return found


if __name__ == "__main__":
    print("\n".join(sorted(n.decode() for n in adapt(Path(sys.argv[1]), Path(sys.argv[2])))))
