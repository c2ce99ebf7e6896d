"""APK files as zip archives: written so that a phone can map what is in them.

What is stored uncompressed starts at a multiple of 4 bytes, native code at one of 16 KB, the
largest page size of Android devices. The padding is the extra field 0xD935 that zipalign and
apksig use (apksig, ApkSigner.java: size of the alignment, then zeros); apksigner keeps it.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path

PAGE_BYTES = 16384
_ALIGNMENT_FIELD = 0xD935
_FIXED_HEADER_BYTES = 30
_EPOCH = (1981, 1, 1, 1, 1, 2)
_STORED = (".so", ".arsc", ".tflite", ".jpg", ".png")


def write_apk(path: Path, entries: Mapping[str, bytes]) -> None:
    """Write an archive, the same bytes for the same entries.

    Args:
        entries: name -> contents.
    """
    with zipfile.ZipFile(path, "w") as archive:
        for name in sorted(entries, key=_order):
            info = zipfile.ZipInfo(name, _EPOCH)
            info.create_system = 0
            stored = name.endswith(_STORED)
            info.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
            if stored:
                start = archive.fp.tell() if archive.fp else 0
                info.extra = _padding(start, name, alignment_of(name))
            archive.writestr(info, entries[name], compresslevel=9)


def _order(name: str) -> tuple[int, str]:
    """The manifest first, native code last, where its padding costs least."""
    return (0 if name == "AndroidManifest.xml" else 2 if name.endswith(".so") else 1), name


def alignment_of(name: str) -> int:
    """Bytes that an uncompressed entry's contents have to be aligned to."""
    return PAGE_BYTES if name.endswith(".so") else 4


def _padding(start: int, name: str, alignment: int) -> bytes:
    header = start + _FIXED_HEADER_BYTES + len(name.encode()) + 6
    zeros = -header % alignment
    return struct.pack("<HHH", _ALIGNMENT_FIELD, 2 + zeros, alignment) + bytes(zeros)


def data_offsets(path: Path) -> dict[str, int]:
    """Name -> offset of the contents, of each entry that is stored uncompressed."""
    found = {}
    with zipfile.ZipFile(path) as archive, path.open("rb") as stream:
        for info in archive.infolist():
            if info.compress_type != zipfile.ZIP_STORED:
                continue
            stream.seek(info.header_offset + 26)
            name_bytes, extra_bytes = struct.unpack("<HH", stream.read(4))
            found[info.filename] = (
                info.header_offset + _FIXED_HEADER_BYTES + name_bytes + extra_bytes
            )
    return found


def misaligned(path: Path) -> list[str]:
    """Entries that are stored but do not lie where a phone could map them."""
    return [n for n, offset in data_offsets(path).items() if offset % alignment_of(n)]


def segment_alignment(elf: bytes) -> int:
    """The least alignment of a 64-bit ELF file's loadable segments, in bytes.

    Below 16384 a phone with 16 KB pages runs it only in its compatibility mode, if at all.
    """
    if elf[:5] != b"\x7fELF\x02":
        raise ValueError("not a 64-bit ELF file")
    (table,) = struct.unpack_from("<Q", elf, 32)
    size, count = struct.unpack_from("<HH", elf, 54)
    found = []
    for index in range(count):
        kind, *_, align = struct.unpack_from("<IIQQQQQQ", elf, table + index * size)
        if kind == 1:
            found.append(align)
    return min(found)
