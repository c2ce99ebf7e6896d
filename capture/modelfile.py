"""The metadata inside a ``.tflite``: read without a runtime, refuse without it.

A TFLite file is a flatbuffer (https://flatbuffers.dev/internals). The few tables on the way to
the metadata are walked by hand, bounds checked, so that no schema need be loaded.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from edgedepth.errors import UserError
from edgedepth.spec import METADATA_NAME, ModelSpec

DEFAULT_NAME = "edgedepth-mobile-int8.tflite"
_BUFFERS, _METADATA = 4, 6
_MAX_METADATA_BYTES = 1 << 20
_GET_ONE = "make one with `edgedepth convert RUN_DIR`, or leave --model out for the shipped one"


@dataclass(frozen=True)
class ModelFile:
    """A model and what it says of itself."""

    path: Path
    spec: ModelSpec


def default_model_path() -> Path:
    """The shipped model.

    Raises:
        UserError: this installation has none.
    """
    import edgedepth

    path = Path(edgedepth.__file__).resolve().parent / "pretrained" / DEFAULT_NAME
    if not path.is_file():
        raise UserError(
            f"the shipped model {path.name} is not in this installation",
            "install edgedepth again, or name a model with --model FILE.tflite",
        )
    return path


def read_model_file(path: Path | str | None = None) -> ModelFile:
    """Read a model's metadata.

    Args:
        path: a ``.tflite``; the shipped one by default.

    Raises:
        UserError: no such file, not a TFLite file, or one without edgedepth's metadata.
    """
    shipped = path is None
    path = default_model_path() if path is None else Path(path)
    if path.is_dir():
        raise folder_for_a_model(path)
    if not path.is_file():
        raise UserError(f"{path} does not exist", _GET_ONE)
    data = path.read_bytes()
    if data[4:8] != b"TFL3":
        raise UserError(f"{path} is not a TFLite model", _GET_ONE)
    try:
        text = _metadata(data)
    except (struct.error, IndexError, ValueError):
        raise UserError(f"{path} is damaged", "copy it again") from None
    if text is None:
        raise UserError(f"{path} holds no edgedepth metadata", _GET_ONE)
    if not shipped:
        _check_graph(data, path)
    return ModelFile(path, ModelSpec.from_json(text, f"the metadata of {path}"))


def folder_for_a_model(path: Path) -> UserError:
    """What to do with a folder that was given for a model: name a file in it, or make one."""
    run = (path / "config.json").is_file()
    kind = "run directory" if run else "folder"
    inside = sorted(path.glob("*.tflite"))
    if inside:
        advice = f"name the file, e.g. {inside[0]}"
    elif run:
        made = path / f"{path.resolve().name}-int8.tflite"
        advice = f"convert it with `edgedepth convert {path}`, which writes {made}"
    else:
        advice = _GET_ONE
    return UserError(f"{path} is a {kind}, not a model file", advice)


def _check_graph(data: bytes, path: Path) -> None:
    """Check the indices of a stranger's file: the runtimes, in C++, do not."""
    try:
        from edgedepth.convert import flatbuffer
    except ImportError:  # tflite-runtime alone brings no schema
        return
    flatbuffer.parse(data, str(path))


def _u32(data: bytes, at: int) -> int:
    if at < 0:
        raise ValueError("negative offset")
    return int(struct.unpack_from("<I", data, at)[0])


def _field(data: bytes, table: int, index: int) -> int | None:
    """Where field ``index`` of a table lies; None when it is left out."""
    vtable = table - struct.unpack_from("<i", data, table)[0]
    if vtable < 0:
        raise ValueError("vtable out of bounds")
    size = struct.unpack_from("<H", data, vtable)[0]
    slot = 4 + 2 * index
    if slot + 2 > size:
        return None
    offset = struct.unpack_from("<H", data, vtable + slot)[0]
    return table + offset if offset else None


def _vector(data: bytes, table: int, index: int) -> tuple[int, int]:
    """(first element, length) of a vector field; length 0 when it is left out."""
    at = _field(data, table, index)
    if at is None:
        return 0, 0
    start = at + _u32(data, at)
    return start + 4, _u32(data, start)


def _tables(data: bytes, table: int, index: int) -> list[int]:
    first, count = _vector(data, table, index)
    if count * 4 > len(data):
        raise ValueError("vector out of bounds")
    return [at + _u32(data, at) for at in range(first, first + 4 * count, 4)]


def _metadata(data: bytes) -> str | None:
    model = _u32(data, 0)
    buffers = _tables(data, model, _BUFFERS)
    for entry in _tables(data, model, _METADATA):
        start, length = _vector(data, entry, 0)
        if data[start : start + length] != METADATA_NAME.encode():
            continue
        number = _field(data, entry, 1)
        buffer = buffers[0 if number is None else _u32(data, number)]
        start, length = _vector(data, buffer, 0)
        if length > _MAX_METADATA_BYTES or start + length > len(data):
            raise ValueError("metadata out of bounds")
        return data[start : start + length].decode()
    return None
