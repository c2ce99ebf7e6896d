"""A DNG small enough to write by hand: one uncompressed 16-bit Bayer picture."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def write_dng(path: Path, rgb: NDArray[np.uint8], focus_m: float, orientation: int = 1) -> None:
    """Mosaic a picture (RGGB, even sides) and write it with a focus distance in its EXIF."""
    height, width = rgb.shape[:2]
    mosaic = np.empty((height, width), np.uint16)
    for row, column, channel in ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 2)):
        mosaic[row::2, column::2] = rgb[row::2, column::2, channel].astype(np.uint16) * 256
    pixels = mosaic.astype("<u2").tobytes()
    matrix = [1, 0, 0, 0, 1, 0, 0, 0, 1]
    exif = [(0x9206, 5, [(round(focus_m * 1000), 1000)])]
    tags: list[tuple[int, int, list[int] | list[tuple[int, int]]]] = [
        (254, 4, [0]), (256, 4, [width]), (257, 4, [height]), (258, 3, [16]), (259, 3, [1]),
        (262, 3, [32803]), (271, 2, list(b"Maker\0")), (272, 2, list(b"Phone 1\0")), (273, 4, [0]),
        (274, 3, [orientation]), (277, 3, [1]), (278, 4, [height]), (279, 4, [len(pixels)]),
        (33421, 3, [2, 2]), (33422, 1, [0, 1, 1, 2]), (34665, 4, [0]), (50706, 1, [1, 4, 0, 0]),
        (50707, 1, [1, 1, 0, 0]), (50708, 2, list(b"Phone 1\0")), (50714, 3, [0]),
        (50717, 3, [65535]), (50721, 10, [(v, 1) for v in matrix]), (50728, 5, [(1, 1)] * 3),
        (50778, 3, [21]),
    ]  # fmt: skip
    first = _directory(tags, 8)
    exif_at = 8 + len(first)
    pixels_at = exif_at + len(_directory(exif, exif_at))
    values = {273: [pixels_at], 34665: [exif_at]}
    tags = [(tag, kind, values.get(tag, value)) for tag, kind, value in tags]
    blocks = [struct.pack("<2sHI", b"II", 42, 8), _directory(tags, 8), _directory(exif, exif_at)]
    path.write_bytes(b"".join(blocks) + pixels)


def _directory(tags: list[tuple[int, int, list]], at: int) -> bytes:  # type: ignore[type-arg]
    codes = {1: "B", 2: "B", 3: "H", 4: "I", 5: "II", 10: "ii"}
    data_at = at + 2 + 12 * len(tags) + 4
    entries, data = b"", b""
    for tag, kind, values in tags:
        packed = b"".join(
            struct.pack("<" + codes[kind], *(v if isinstance(v, tuple) else (v,))) for v in values
        )
        entries += struct.pack("<HHI", tag, kind, len(values))
        if len(packed) > 4:
            entries += struct.pack("<I", data_at + len(data))
            data += packed + bytes(len(packed) % 2)
        else:
            entries += packed.ljust(4, b"\0")
    return struct.pack("<H", len(tags)) + entries + bytes(4) + data
