"""What an edgedepth .tflite says about itself: the ModelSpec, and names worth reading."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgedepth.convert.flatbuffer import Model, constant, text
from edgedepth.convert.graph import Node, layer_of, nodes, signatures
from edgedepth.convert.passes import CONTROL_FLOW
from edgedepth.spec import METADATA_NAME, ModelSpec


def attach_spec(model: Model, spec: ModelSpec) -> None:
    """Put the spec's JSON into the file's metadata, replacing an older one, and describe it."""
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(spec.to_json().encode(), np.uint8)
    model.buffers.append(buffer)
    entry = schema.MetadataT()
    entry.name = METADATA_NAME
    entry.buffer = len(model.buffers) - 1
    others = [m for m in model.metadata or [] if text(m.name) != METADATA_NAME]
    model.metadata = [*others, entry]
    model.description = (
        f"edgedepth {spec.preset} {spec.precision}: focal stack to depth, "
        f"{spec.width}x{spec.height}, {_frames(spec)}"
    )


def _frames(spec: ModelSpec) -> str:
    parts = [f"{spec.frames} frames"] if spec.frames else []
    return " and ".join([*parts, *(["frame by frame"] if spec.streaming else [])])


def embedded_spec(model: Model, source: str = "the model") -> ModelSpec | None:
    """The spec inside a parsed file, or None for a file that is not edgedepth's.

    Raises:
        UserError: there is one and it does not hold what it should.
    """
    for entry in model.metadata or []:
        if text(entry.name) == METADATA_NAME:
            data = model.buffers[entry.buffer].data
            raw = b"" if data is None else np.asarray(data, np.uint8).tobytes()
            return ModelSpec.from_json(raw.decode("utf-8", "replace"), f"the metadata of {source}")
    return None


def name_parts(model: Model, labels: Mapping[str, str] | None = None) -> None:
    """Name graphs by signature, boundary tensors by their signature's keys and the rest by layer.

    The converter's own names are paths of every operator it fused, up to hundreds of bytes;
    what a viewer needs is the layer and what happens in it. A constant is named by the layer
    that first uses it.

    Args:
        labels: see :func:`edgedepth.convert.graph.layer_of`.
    """
    for signature in model.signatureDefs or []:
        graph = model.subgraphs[signature.subgraphIndex]
        graph.name = text(signature.signatureKey)
        boundary = _boundary_names(signature)
        for index, stem in _stems(model, graph, labels).items():
            graph.tensors[index].name = boundary.get(index, stem)
    number_names(model)


def number_names(model: Model) -> None:
    """Tell tensors of one graph that have a name in common apart: ``name``, ``name.2``, ..."""
    for signature in model.signatureDefs or []:
        graph = model.subgraphs[signature.subgraphIndex]
        boundary = _boundary_names(signature)
        names = {text(tensor.name) for tensor in graph.tensors}
        seen = set(boundary.values())
        for index, tensor in enumerate(graph.tensors):
            if index in boundary:
                continue
            stem = name = text(tensor.name)
            count = 1
            while name in seen or (count > 1 and name in names):
                count += 1
                name = f"{stem}.{count}"
            tensor.name = name
            seen.add(name)


def _stems(model: Model, graph: Any, labels: Mapping[str, str] | None) -> dict[int, str]:
    """Tensor index -> ``layer/kind``, not yet unique."""

    def layer_name(tensor: Any) -> str:
        return layer_of(text(tensor.name), labels)

    made = {int(i): node for node in nodes(model, graph) for i in node.operator.outputs}
    user: dict[int, str] = {}
    for node in reversed(nodes(model, graph)):
        layer = layer_name(node.output)
        if _unpacks(model, node):
            layer = user.get(int(node.operator.outputs[0]), layer)
        user |= {int(i): layer for i in node.operator.inputs}
    stems = {}
    for index, tensor in enumerate(graph.tensors):
        maker = made.get(index)
        if maker is None:
            stems[index] = f"{user.get(index, layer_name(tensor))}/constant"
        elif _unpacks(model, maker):
            stems[index] = f"{user.get(index, layer_name(tensor))}/{maker.kind.lower()}"
        else:
            stems[index] = f"{layer_name(tensor)}/{maker.kind.lower()}"
    return stems


def _unpacks(model: Model, node: Node) -> bool:
    """Whether an operator only widens a constant, as fp16 files do with every weight."""
    return node.kind == "DEQUANTIZE" and constant(model, node.inputs()[0]) is not None


def in_contract_order(model: Model) -> None:
    """Put ``infer`` first: runtimes that know no signatures run the first graph."""
    if any(node.kind in CONTROL_FLOW for graph in model.subgraphs for node in nodes(model, graph)):
        return
    keys = signatures(model)
    order = sorted(keys, key=lambda i: (_ORDER.get(keys[i], len(_ORDER)), i))
    place = {old: new for new, old in enumerate(order)}
    model.subgraphs = [model.subgraphs[i] for i in order]
    for signature in model.signatureDefs or []:
        signature.subgraphIndex = place[signature.subgraphIndex]
    if model.signatureDefs:
        model.signatureDefs.sort(key=lambda s: s.subgraphIndex)


_ORDER = {"infer": 0, "encode_step": 1, "decode": 2}


def _boundary_names(signature: Any) -> dict[int, str]:
    """Tensor index -> name; a tensor that goes in and comes out under one key keeps it, and an
    output whose key an input has is told apart by ``.out``."""
    inputs = {entry.tensorIndex: text(entry.name) for entry in signature.inputs or []}
    names = dict(inputs)
    for entry in signature.outputs or []:
        key = text(entry.name)
        names.setdefault(entry.tensorIndex, f"{key}.out" if key in inputs.values() else key)
    return names
