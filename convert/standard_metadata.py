"""TFLite's own metadata: what model viewers and the Task Library show of a file.

A second flatbuffer inside the file, in the metadata entry ``TFLITE_METADATA``; its schema is
``metadata_schema.fbs`` of TensorFlow Lite Support (identifier ``M001``). Its few tables are written
by slot here, since the package that generates them wants an older protobuf than TensorFlow.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgedepth import __version__
from edgedepth.convert.flatbuffer import Model, shape_of, text
from edgedepth.convert.graph import signatures
from edgedepth.spec import ModelSpec

ENTRY = "TFLITE_METADATA"
IDENTIFIER = b"M001"
PARSER_VERSION = "1.0.0"

Field: TypeAlias = str | Callable[[Any], int] | None
"""A string, what writes a vector or table and returns its place, or nothing."""

MODEL = {"name": 0, "description": 1, "version": 2, "graphs": 3, "license": 5, "parser": 7}
GRAPH = {"name": 0, "description": 1, "inputs": 2, "outputs": 3}
TENSOR = {"name": 0, "description": 1, "dimensions": 2, "stats": 5}
STATS = {"max": 0, "min": 1}
"""Slots of the schema's tables."""

GRAPHS = {
    "infer": "All frames at once: the recurrent combiner unrolled",
    "encode_step": "One frame more: the state so far in, the state after it out",
    "decode": "After the last frame: depth from the state",
}
PICTURE = ("batch", "row", "column", "channel")

Described: TypeAlias = tuple[str, tuple[float, float] | None]


def attach(model: Model, spec: ModelSpec) -> None:
    """Put TFLite's metadata into a parsed file, replacing an older one.

    Graphs and boundary tensors must have their final order and names.
    """
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(packed(model, spec), np.uint8)
    model.buffers.append(buffer)
    entry = schema.MetadataT()
    entry.name, entry.buffer = ENTRY, len(model.buffers) - 1
    model.metadata = [m for m in model.metadata or [] if text(m.name) != ENTRY] + [entry]


def packed(model: Model, spec: ModelSpec) -> bytes:
    """The metadata flatbuffer for a file."""
    builder = flatbuffers.Builder(1024)
    names = signatures(model)
    graphs = [_graph(g, names[i], spec) for i, g in enumerate(model.subgraphs)]
    licence = spec.training.get("licence")
    root = _table(
        MODEL,
        name=f"edgedepth {spec.preset} {spec.precision}",
        description=f"Depth from a focal stack, {spec.width}x{spec.height}. The metadata entry "
        "`edgedepth` says how to feed it and how to read its answer",
        version=__version__,
        graphs=_vector(graphs),
        license=licence if isinstance(licence, str) else None,
        parser=PARSER_VERSION,
    )
    builder.Finish(root(builder), IDENTIFIER)
    return bytes(builder.Output())


def _graph(graph: Any, name: str, spec: ModelSpec) -> Callable[[Any], int]:
    def tensors(indices: Any) -> Callable[[Any], int]:
        return _vector([_tensor(graph.tensors[int(i)], spec) for i in indices])

    return _table(
        GRAPH,
        name=name,
        description=GRAPHS.get(name),
        inputs=tensors(graph.inputs),
        outputs=tensors(graph.outputs),
    )


def _tensor(tensor: Any, spec: ModelSpec) -> Callable[[Any], int]:
    name = text(tensor.name).removesuffix(".out")
    description, limits = describe(name, spec)
    dimensions = PICTURE if len(shape_of(tensor)) == len(PICTURE) else None
    stats = None
    if limits is not None:
        low, high = limits
        stats = _table(STATS, max=_floats([high]), min=_floats([low]))
    return _table(
        TENSOR,
        name=name,
        description=description,
        dimensions=_vector([_string(d) for d in dimensions]) if dimensions else None,
        stats=stats,
    )


def describe(name: str, spec: ModelSpec) -> Described:
    """(what a boundary tensor of the model contract holds, its range if it has a plain one)."""
    if re.fullmatch(r"frame(_\d+)?", name):
        which = f"Frame {name.removeprefix('frame_')}, far to near" if "_" in name else "One frame"
        planes = f", then {spec.cue_planes} focus-cue planes" if spec.cue_planes else ""
        return f"{which}: RGB{planes}, each 0 to 1", (0.0, 1.0)
    if name.startswith("state_"):
        return "State between the frames; hand it on as it is", None
    sweep = spec.focus_encoding == "sweep"
    known: dict[str, Described] = {
        "focus": (
            "Focus of each frame: its place in the sweep's dioptre range, 0 far and 1 near"
            if sweep
            else "Focus distance of each frame in metres / 10; 0 for the all-in-focus frame",
            (0.0, 1.0),
        ),
        "optics": ("What the sweep is like: blur over its range, where it starts, its width", None),
        "inverse_depth": (
            "Place in the sweep's dioptre range: dioptres = low + span * value",
            None,
        ),
        "depth": ("Depth in metres", None),
        "confidence": ("How far to trust the depth of a pixel, 0 to 1", (0.0, 1.0)),
    }
    return known.get(name, ("", None))


def _string(value: str) -> Callable[[Any], int]:
    return lambda builder: int(builder.CreateString(value))


def _floats(values: Sequence[float]) -> Callable[[Any], int]:
    return lambda builder: int(builder.CreateNumpyVector(np.array(values, np.float32)))


def _vector(items: Sequence[Callable[[Any], int]]) -> Callable[[Any], int]:
    """A vector of tables or strings."""

    def write(builder: Any) -> int:
        places = [item(builder) for item in items]
        builder.StartVector(4, len(places), 4)
        for place in reversed(places):
            builder.PrependUOffsetTRelative(place)
        return int(builder.EndVector())

    return write


def _table(slots: dict[str, int], **fields: Field) -> Callable[[Any], int]:
    """A table whose fields are all strings, vectors or tables."""

    def write(builder: Any) -> int:
        places = {}
        for name, value in fields.items():
            if value:
                places[name] = (_string(value) if isinstance(value, str) else value)(builder)
        builder.StartObject(1 + max(slots.values()))
        for name, place in places.items():
            builder.PrependUOffsetTRelativeSlot(slots[name], place, 0)
        return int(builder.EndObject())

    return write
