"""Reading and writing .tflite files: flatbuffers of LiteRT's schema, as objects.

Nothing here needs TensorFlow. A file is parsed and its indices are checked before anything
else touches it, since the C++ runtimes trust a file more than a user's download deserves.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeAlias

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from edgedepth.capture.modelfile import folder_for_a_model
from edgedepth.errors import UserError
from edgedepth.files import write_bytes

Model: TypeAlias = Any
"""A ``schema.ModelT``; the generated classes carry no types."""

IDENTIFIER = b"TFL3"
_CONSTANT_ALIGNMENT = 16

NUMPY_TYPES: dict[int, type[np.generic]] = {
    schema.TensorType.FLOAT32: np.float32,
    schema.TensorType.FLOAT16: np.float16,
    schema.TensorType.FLOAT64: np.float64,
    schema.TensorType.INT8: np.int8,
    schema.TensorType.UINT8: np.uint8,
    schema.TensorType.INT16: np.int16,
    schema.TensorType.UINT16: np.uint16,
    schema.TensorType.INT32: np.int32,
    schema.TensorType.UINT32: np.uint32,
    schema.TensorType.INT64: np.int64,
    schema.TensorType.UINT64: np.uint64,
    schema.TensorType.BOOL: np.bool_,
}


class _AlignedBuilder(flatbuffers.Builder):
    """Aligns byte vectors, as C++ does for the schema's ``force_align: 16``; Python's packer
    does not know that attribute, and a misaligned weight faults or slows on some phones."""

    def StartVector(self, elemSize: int, numElems: int, alignment: int) -> int:  # noqa: N802
        if elemSize == 1:
            alignment = max(alignment, _CONSTANT_ALIGNMENT)
        offset: int = super().StartVector(elemSize, numElems, alignment)
        return offset


def parse(data: bytes, source: str = "the model") -> Model:
    """Parse a .tflite file's bytes.

    Raises:
        UserError: not a TFLite flatbuffer, truncated, or with indices out of range.
    """
    advice = "give a .tflite file, e.g. one made by `edgedepth convert`"
    if len(data) < 16 or data[4:8] != IDENTIFIER:
        raise UserError(f"{source} is not a .tflite file (no {IDENTIFIER.decode()} mark)", advice)
    try:
        model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(data, 0))
        _check(model)
    except _BadContentError as error:
        raise UserError(
            f"{source} is corrupt or truncated ({error})", "fetch or convert it again"
        ) from None
    except Exception:  # struct.error, index errors, flatbuffers' own: all one thing
        raise UserError(f"{source} is corrupt or truncated", "fetch or convert it again") from None
    return model


def read(path: Path) -> Model:
    """Read and parse a .tflite file.

    Raises:
        UserError: see :func:`parse`; also when the file cannot be read.
    """
    if path.is_dir():
        raise folder_for_a_model(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(
            f"{path} cannot be read ({error.strerror})", "check the path and its permissions"
        ) from None
    return parse(data, str(path))


class _BadContentError(Exception):
    """What the file says cannot be; in words for the user."""


def _check(model: Model) -> None:
    """Raise when an index points nowhere or a constant is not of its shape's size."""
    buffers, codes = model.buffers or [], model.operatorCodes or []
    if not model.subgraphs:
        raise _BadContentError("no graph inside")
    for graph in model.subgraphs:
        tensors = graph.tensors if graph.tensors is not None else []
        for tensor in tensors:
            if not 0 <= tensor.buffer < len(buffers):
                raise _BadContentError("a tensor names a missing buffer")
            _check_constant(tensor, buffers[tensor.buffer].data)
        for operator in graph.operators or []:
            if not 0 <= operator.opcodeIndex < len(codes):
                raise _BadContentError("an operator of unknown kind")
            _check_indices(operator.inputs, len(tensors), lowest=-1)
            _check_indices(operator.outputs, len(tensors), lowest=0)
        _check_indices(graph.inputs, len(tensors), lowest=0)
        _check_indices(graph.outputs, len(tensors), lowest=0)
    for entry in model.metadata or []:
        _check_indices([entry.buffer], len(buffers), lowest=0)
    for signature in model.signatureDefs or []:
        _check_indices([signature.subgraphIndex], len(model.subgraphs), lowest=0)


def _check_indices(indices: Any, count: int, lowest: int) -> None:
    if any(not lowest <= int(i) < count for i in (indices if indices is not None else [])):
        raise _BadContentError("an index points outside the file")


def _check_constant(tensor: Any, data: Any) -> None:
    if data is None or tensor.type not in NUMPY_TYPES or tensor.sparsity is not None:
        return
    shape = [int(d) for d in (tensor.shape if tensor.shape is not None else [])]
    if any(d < 0 for d in shape):
        return
    expected = int(np.prod(shape, dtype=np.int64)) * np.dtype(NUMPY_TYPES[tensor.type]).itemsize
    if len(data) != expected:
        raise _BadContentError(f"a constant of {len(data)} bytes where {expected} belong")


def pack(model: Model) -> bytes:
    """Serialise a model; constants are 16-byte aligned."""
    builder = _AlignedBuilder(1 << 20)
    builder.Finish(model.Pack(builder), IDENTIFIER)
    return bytes(builder.Output())


ADVICE = "choose another place with -o"


def write(path: Path, data: bytes) -> None:
    """Write a file in one go: it is there whole, or not at all.

    Raises:
        UserError: the folder is missing or not writable, or the disk is full.
    """
    write_bytes(path, data, ADVICE)


def constant(model: Model, tensor: Any) -> NDArray[Any] | None:
    """A tensor's constant value in its own shape and type, or None if it is computed."""
    data = model.buffers[tensor.buffer].data
    if tensor.buffer == 0 or data is None or tensor.type not in NUMPY_TYPES:
        return None
    flat = np.asarray(data, np.uint8).view(NUMPY_TYPES[tensor.type])
    return flat.reshape(shape_of(tensor))


def shape_of(tensor: Any) -> tuple[int, ...]:
    """A tensor's shape as the file states it; () for a scalar or an unknown shape."""
    return tuple(int(d) for d in (tensor.shape if tensor.shape is not None else []))


def scales_of(tensor: Any) -> NDArray[np.float64]:
    """A tensor's quantisation scales; empty when it is not quantised."""
    q = tensor.quantization
    return np.asarray(q.scale if q is not None and q.scale is not None else [], np.float64)


def zero_points_of(tensor: Any) -> NDArray[np.float64]:
    """A tensor's zero points; empty when it is not quantised."""
    q = tensor.quantization
    return np.asarray(q.zeroPoint if q is not None and q.zeroPoint is not None else [], np.float64)


def along_axis(values: NDArray[np.floating], tensor: Any) -> NDArray[np.floating]:
    """One value per channel of a tensor, or one for all, shaped to broadcast over it."""
    shape = [1] * len(shape_of(tensor))
    if len(values) > 1:
        shape[tensor.quantization.quantizedDimension] = len(values)
    return values.reshape(shape if len(values) > 1 else ())


def text(name: Any) -> str:
    """A flatbuffer string as str."""
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name or "")
