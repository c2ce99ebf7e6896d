"""TFRecord files and ``tf.train.Example`` messages, without TensorFlow.

A record is its length (uint64, little-endian), a masked CRC-32C of the length, the data and a
masked CRC-32C of the data (TensorFlow, "TFRecord and tf.train.Example"). An Example is a
protocol buffer: a map from names to lists of bytes, floats or integers.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from google_crc32c import value as crc32c

from edgedepth.errors import UserError
from edgedepth.files import whole_file

Feature = Sequence[bytes] | Sequence[float] | Sequence[int]
"""One kind of value throughout, and at least one of them."""

_HEADER = struct.Struct("<QI")
_FOOTER = struct.Struct("<I")
_BYTES, _FLOATS, _INTEGERS = 1, 2, 3
_MAX_RECORD = 1 << 31


def masked_crc(data: bytes) -> int:
    """CRC-32C, rotated and shifted as the format wants it."""
    crc = crc32c(data)
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def write_records(path: Path, records: Iterable[bytes]) -> int:
    """Write a file whole or not at all, and say how many records it holds."""
    count = 0
    with whole_file(path) as partial, partial.open("wb") as file:
        for record in records:
            length = struct.pack("<Q", len(record))
            file.write(length + _FOOTER.pack(masked_crc(length)))
            file.write(record + _FOOTER.pack(masked_crc(record)))
            count += 1
    return count


def record_offsets(path: Path) -> list[int]:
    """Where each record of a file begins, from their lengths alone.

    Raises:
        UserError: the file cannot be read, or is not of this format.
    """
    try:
        size = path.stat().st_size
        found, offset = [], 0
        with path.open("rb") as file:
            while offset < size:
                file.seek(offset)
                found.append(offset)
                offset += _HEADER.size + _length(file.read(_HEADER.size), path) + _FOOTER.size
        if offset != size:
            raise _damaged(path, "its last record is cut short")
    except OSError as error:
        raise _damaged(path, error.strerror or str(error)) from None
    return found


def read_record(path: Path, offset: int) -> bytes:
    """The record that begins at ``offset``.

    Raises:
        UserError: it cannot be read, or its checksum is wrong.
    """
    try:
        with path.open("rb") as file:
            file.seek(offset)
            length = _length(file.read(_HEADER.size), path)
            data = file.read(length)
            footer = file.read(_FOOTER.size)
    except OSError as error:
        raise _damaged(path, error.strerror or str(error)) from None
    if len(data) != length or len(footer) != _FOOTER.size:
        raise _damaged(path, "its last record is cut short")
    if _FOOTER.unpack(footer)[0] != masked_crc(data):
        raise _damaged(path, "a checksum is wrong")
    return data


def _length(header: bytes, path: Path) -> int:
    if len(header) != _HEADER.size:
        raise _damaged(path, "its last record is cut short")
    length, crc = _HEADER.unpack(header)
    if crc != masked_crc(header[:8]) or length > _MAX_RECORD:
        raise _damaged(path, "a checksum is wrong")
    return int(length)


def _damaged(path: Path, why: str) -> UserError:
    return UserError(f"{path} is damaged ({why})", "delete it and render it again")


def encode_example(features: Mapping[str, Feature]) -> bytes:
    """A serialized ``tf.train.Example``.

    Raises:
        ValueError: a feature is empty.
    """
    entries = b"".join(
        _field(1, _field(1, name.encode()) + _field(2, _encode_feature(values)))
        for name, values in sorted(features.items())
    )
    return _field(1, entries)


def _encode_feature(values: Feature) -> bytes:
    if not len(values):
        raise ValueError("a feature needs a value")
    first = values[0]
    if isinstance(first, bytes):
        return _field(_BYTES, b"".join(_field(1, bytes(v)) for v in values))  # type: ignore[arg-type]
    if isinstance(first, int | np.integer):
        packed = b"".join(_varint(int(v) & 0xFFFFFFFFFFFFFFFF) for v in values)
        return _field(_INTEGERS, _field(1, packed))
    return _field(_FLOATS, _field(1, np.asarray(values, "<f4").tobytes()))


def _field(number: int, payload: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(payload)) + payload


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def decode_example(data: bytes) -> dict[str, list[bytes] | list[float] | list[int]]:
    """The features of a serialized ``tf.train.Example``.

    Raises:
        ValueError: it is none.
    """
    found: dict[str, list[bytes] | list[float] | list[int]] = {}
    for number, features in _fields(data):
        if number != 1:
            continue
        for _, entry in _fields(features):
            parts = dict(_fields(entry))
            found[parts[1].decode()] = _decode_feature(parts.get(2, b""))
    return found


def _decode_feature(data: bytes) -> list[bytes] | list[float] | list[int]:
    for kind, values in _fields(data):
        if kind == _BYTES:
            return [value for _, value in _fields(values)]
        if kind == _FLOATS:
            packed = b"".join(value for _, value in _fields(values))
            return [float(v) for v in np.frombuffer(packed, "<f4")]
        if kind == _INTEGERS:
            packed = b"".join(value for _, value in _fields(values))
            return _integers(packed)
    return []


def _integers(packed: bytes) -> list[int]:
    found, at = [], 0
    while at < len(packed):
        value, at = _read_varint(packed, at)
        found.append(value - (1 << 64) if value >> 63 else value)
    return found


def _fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and payload of each length-delimited field; a lone number comes as its bytes."""
    at = 0
    while at < len(data):
        key, at = _read_varint(data, at)
        number, kind = key >> 3, key & 7
        if kind == 2:
            length, at = _read_varint(data, at)
        elif kind == 5:
            length = 4
        elif kind == 0:
            _, end = _read_varint(data, at)
            length = end - at
        else:
            raise ValueError(f"wire type {kind}")
        if at + length > len(data):
            raise ValueError("cut short")
        yield number, data[at : at + length]
        at += length


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise ValueError("cut short")
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
        shift += 7
