"""EXIF and XMP of one image file: where the block lies, what it says.

JPEG segments and WebP chunks are walked here; in HEIC and PNG exifread finds the block. The block
itself is read by :mod:`edgedepth.capture.tiff`, which is bounded on hostile files and keeps
rationals as stored, so that sentinels such as FFFFFFFF/1000 can be told from distances.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, field
from functools import cached_property

from edgedepth.capture import tiff
from edgedepth.capture.tiff import Directory

MAKE, MODEL, ORIENTATION, EXIF_POINTER = 0x010F, 0x0110, 0x0112, 0x8769
F_NUMBER, SUBJECT_DISTANCE, FOCAL_LENGTH, MAKER_NOTE = 0x829D, 0x9206, 0x920A, 0x927C
PIXEL_WIDTH, PLANE_X_RESOLUTION, PLANE_UNIT, FOCAL_LENGTH_35 = 0xA002, 0xA20E, 0xA210, 0xA405
EXPOSURE_TIME, ISO, DATE_TIME = 0x829A, 0x8827, 0x9003

_JPEG_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_XMP_TAIL_BYTES = 1 << 20


@dataclass(frozen=True)
class Exif:
    """Metadata of one file; every part may be missing.

    Attributes:
        block: the TIFF block, starting at its byte-order mark.
        order: its byte order.
        image, photo: first directory and the EXIF directory.
        xmp: the XMP packet as text.
    """

    block: bytes = b""
    order: tiff.Endian = "<"
    image: Directory = field(default=tiff.EMPTY)
    photo: Directory = field(default=tiff.EMPTY)
    xmp: str = ""

    @property
    def make(self) -> str:
        """Camera maker as written, without padding."""
        return self.image.text(MAKE)

    @property
    def model(self) -> str:
        """Camera model as written, without padding."""
        return self.image.text(MODEL)

    @property
    def orientation(self) -> int:
        """EXIF orientation 1 to 8; 1 when absent or out of range."""
        value = self.image.number(ORIENTATION)
        return int(value) if value is not None and 1 <= value <= 8 else 1

    @property
    def maker_note(self) -> bytes:
        """The maker note, opaque."""
        return self.photo.raw(MAKER_NOTE)

    @property
    def maker_note_offset(self) -> int:
        """Where the maker note lies in :attr:`block`."""
        return self.photo.offsets.get(MAKER_NOTE, 0)

    @cached_property
    def date_time(self) -> str:
        """Time of capture as written."""
        return self.photo.text(DATE_TIME)


def read_exif(data: bytes) -> Exif:
    """Metadata of an image file given as bytes; empty when there is none or it is damaged."""
    return parse_block(*_locate(data))


def parse_block(block: bytes, xmp: str = "") -> Exif:
    """Metadata of a TIFF block, with or without the JPEG segment's prefix."""
    block = block.removeprefix(b"Exif\0\0")
    head = tiff.header(block)
    if head is None:
        return Exif(xmp=xmp)
    order, first = head
    image = tiff.read_directory(block, first, order)
    pointer = image.number(EXIF_POINTER)
    photo = tiff.EMPTY if pointer is None else tiff.read_directory(block, int(pointer), order)
    return Exif(block, order, image, photo, xmp)


def _locate(data: bytes) -> tuple[bytes, str]:
    if data[:2] == b"\xff\xd8":
        return _from_jpeg(data)
    if data[:2] in (b"II", b"MM"):
        return data, _find_xmp(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _from_webp(data), _find_xmp(data)
    return _from_other(data), _find_xmp(data)


def jpeg_segments(data: bytes) -> list[tuple[int, int, int]]:
    """(marker, first byte, end) of a JPEG's segments up to and including start of scan."""
    found = []
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker in (0xD9, 0x00) or 0xD0 <= marker <= 0xD7:
            break
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if length < 2:
            break
        found.append((marker, at + 4, at + 2 + length))
        if marker == 0xDA:
            break
        at += 2 + length
    return found


def _from_jpeg(data: bytes) -> tuple[bytes, str]:
    block, xmp = b"", ""
    for marker, start, end in jpeg_segments(data):
        if marker != 0xE1:
            continue
        if not block and data[start : start + 6] in (b"Exif\0\0", b"Exif\0\xff"):
            block = data[start + 6 : end]
        elif not xmp and data.startswith(_JPEG_XMP, start):
            xmp = data[start + len(_JPEG_XMP) : end].decode("utf-8", "replace")
    return block, xmp


def _from_webp(data: bytes) -> bytes:
    """The EXIF chunk of a RIFF container."""
    at = 12
    while at + 8 <= len(data):
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        if data[at : at + 4] == b"EXIF":
            return data[at + 8 : at + 8 + length]
        at += 8 + length + length % 2
    return b""


def _from_other(data: bytes) -> bytes:
    from exifread.core.find_exif import determine_type

    try:
        offset, _, _ = determine_type(io.BytesIO(data))
    except Exception:  # exifread raises whatever a damaged file provokes
        return b""
    block = data[offset:]
    return block if tiff.header(block) else b""


def _find_xmp(data: bytes) -> str:
    start = data.find(b"<x:xmpmeta")
    if start < 0:
        return ""
    end = data.find(b"</x:xmpmeta>", start, start + _XMP_TAIL_BYTES)
    return data[start:end].decode("utf-8", "replace") if end > 0 else ""


def xmp_property(xmp: str, name: str) -> str | None:
    """Value of an XMP property (``prefix:Name``), written as attribute or as element."""
    escaped = re.escape(name)
    match = re.search(rf"\b{escaped}\s*=\s*[\"']([^\"']{{0,64}})[\"']", xmp) or re.search(
        rf"<{escaped}\s*>([^<]{{0,64}})<", xmp
    )
    return match.group(1).strip() if match else None
