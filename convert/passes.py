"""Passes over a parsed .tflite: fold what is constant, share what is equal, drop what is dead.

The converter leaves a RESHAPE, TRANSPOSE or QUANTIZE of a constant wherever one fake-quantised
kernel serves several calls. Each is a node XNNPACK does not take, so each splits the graph.
"""

from __future__ import annotations

import copy
import hashlib
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from edgedepth.convert import flatbuffer
from edgedepth.convert.flatbuffer import (
    Model,
    along_axis,
    constant,
    scales_of,
    shape_of,
    zero_points_of,
)
from edgedepth.convert.graph import Node, nodes

_QUANTIZED = {
    schema.TensorType.INT8: (-128, 127),
    schema.TensorType.UINT8: (0, 255),
    schema.TensorType.INT16: (-32768, 32767),
}


def fold_constants(model: Model) -> int:
    """Evaluate RESHAPE, TRANSPOSE and QUANTIZE of constants; returns the operators removed.

    Operators are in execution order, so chains of them fold in one sweep. A result that is an
    output of its graph stays an operator.
    """
    folded = 0
    for graph in model.subgraphs:
        outputs = {int(i) for i in graph.outputs}
        kept = []
        for node in nodes(model, graph):
            value = None
            if not outputs.intersection(int(i) for i in node.operator.outputs):
                value = _evaluate(model, node)
            if value is None:
                kept.append(node.operator)
                continue
            buffer = schema.BufferT()
            buffer.data = np.ascontiguousarray(value).reshape(-1).view(np.uint8)
            model.buffers.append(buffer)
            node.output.buffer = len(model.buffers) - 1
            folded += 1
        graph.operators = kept
    return folded


def _evaluate(model: Model, node: Node) -> NDArray[Any] | None:
    """The value of a foldable operator whose inputs are constants, else None."""
    if node.kind not in ("RESHAPE", "TRANSPOSE", "QUANTIZE") or len(node.outputs()) != 1:
        return None
    values = [constant(model, tensor) for tensor in node.inputs()]
    if not values or any(v is None for v in values):
        return None
    source, target = node.inputs()[0], node.output
    value = values[0]
    assert value is not None
    if node.kind == "QUANTIZE":
        return _requantise(value, source, target)
    if source.type != target.type or not _same_scales(source, target):
        return None
    if node.kind == "TRANSPOSE":
        order = values[1]
        assert order is not None
        value = value.transpose([int(i) for i in order])
    if value.size != int(np.prod(shape_of(target), dtype=np.int64)):
        return None
    return value


def _same_scales(a: Any, b: Any) -> bool:
    return np.array_equal(scales_of(a), scales_of(b)) and np.array_equal(
        zero_points_of(a), zero_points_of(b)
    )


def _requantise(value: NDArray[Any], source: Any, target: Any) -> NDArray[Any] | None:
    """QUANTIZE of a constant, from float or from another scale."""
    if target.type not in _QUANTIZED or not len(scales_of(target)):
        return None
    low, high = _QUANTIZED[target.type]
    scale, zero = (along_axis(f(target), target) for f in (scales_of, zero_points_of))
    if source.type in _QUANTIZED and scales_of(source).size:
        stored = value.astype(np.float64) - along_axis(zero_points_of(source), source)
        # the kernel's fixed-point multiplication rounds halves up
        level = np.floor(stored * along_axis(scales_of(source), source) / scale + 0.5) + zero
    elif source.type == schema.TensorType.FLOAT32:
        ratio = value.astype(np.float64) / scale
        level = np.trunc(ratio + np.copysign(0.5, ratio)) + zero  # and halves away from 0 here
    else:
        return None
    return np.clip(level, low, high).astype(flatbuffer.NUMPY_TYPES[target.type])


def deduplicate_buffers(model: Model) -> int:
    """Let equal constants share one buffer, across graphs too; returns buffers saved."""
    first: dict[tuple[int, bytes], int] = {}
    kept = [model.buffers[0]]
    place = {0: 0}
    for index, buffer in enumerate(model.buffers[1:], start=1):
        if buffer.data is None:
            place[index] = 0  # buffer 0 is the schema's "no constant"
            continue
        data = np.asarray(buffer.data, np.uint8).tobytes()
        key = (len(data), hashlib.sha256(data).digest())
        if key not in first:
            first[key] = len(kept)
            kept.append(buffer)
        place[index] = first[key]
    return _adopt_buffers(model, kept, place)


def drop_unused(model: Model) -> int:
    """Remove tensors, buffers and operator codes that nothing refers to; returns how many."""
    dropped = sum(_drop_tensors(model, i, graph) for i, graph in enumerate(model.subgraphs))
    used = {0} | {tensor.buffer for graph in model.subgraphs for tensor in graph.tensors}
    used |= {entry.buffer for entry in model.metadata or []}
    order = sorted(used)
    place = {old: new for new, old in enumerate(order)}
    dropped += _adopt_buffers(model, [model.buffers[i] for i in order], place)
    return dropped + _drop_codes(model)


def _adopt_buffers(model: Model, kept: list[Any], place: dict[int, int]) -> int:
    saved = len(model.buffers) - len(kept)
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            tensor.buffer = place[tensor.buffer]
    for entry in model.metadata or []:
        entry.buffer = place[entry.buffer]
    model.buffers = kept
    return saved


def _drop_tensors(model: Model, graph_index: int, graph: Any) -> int:
    signature_maps = [
        entry
        for signature in model.signatureDefs or []
        if signature.subgraphIndex == graph_index
        for entry in [*(signature.inputs or []), *(signature.outputs or [])]
    ]
    used = {entry.tensorIndex for entry in signature_maps}
    used |= {int(i) for array in (graph.inputs, graph.outputs) for i in array}
    for operator in graph.operators:
        for array in (operator.inputs, operator.outputs, operator.intermediates):
            used |= {int(i) for i in (array if array is not None else []) if i >= 0}
    order = sorted(used)
    place = {old: new for new, old in enumerate(order)} | {-1: -1}

    def moved(array: Any) -> Any:
        return None if array is None else np.array([place[int(i)] for i in array], np.int32)

    dropped = len(graph.tensors) - len(order)
    graph.tensors = [graph.tensors[i] for i in order]
    graph.inputs, graph.outputs = moved(graph.inputs), moved(graph.outputs)
    for operator in graph.operators:
        operator.inputs, operator.outputs = moved(operator.inputs), moved(operator.outputs)
        operator.intermediates = moved(operator.intermediates)
    for entry in signature_maps:
        entry.tensorIndex = place[entry.tensorIndex]
    return dropped


def _drop_codes(model: Model) -> int:
    used = sorted({op.opcodeIndex for graph in model.subgraphs for op in graph.operators})
    dropped = len(model.operatorCodes) - len(used)
    place = {old: new for new, old in enumerate(used)}
    model.operatorCodes = [model.operatorCodes[i] for i in used]
    for graph in model.subgraphs:
        for operator in graph.operators:
            operator.opcodeIndex = place[operator.opcodeIndex]
    return dropped


def extract(model: Model, graph_index: int) -> Model:
    """A copy that holds one graph and its signature alone.

    Raises:
        ValueError: the graph calls other graphs (WHILE, IF, CALL_ONCE).
    """
    if any(node.kind in CONTROL_FLOW for node in nodes(model, model.subgraphs[graph_index])):
        raise ValueError("a graph with control flow cannot stand alone")
    alone = copy.copy(model)
    alone.subgraphs = [copy.deepcopy(model.subgraphs[graph_index])]
    alone.metadata = [copy.copy(entry) for entry in model.metadata or []]
    alone.buffers = list(model.buffers)
    alone.operatorCodes = list(model.operatorCodes)
    alone.signatureDefs = [
        copy.deepcopy(s) for s in model.signatureDefs or [] if s.subgraphIndex == graph_index
    ]
    for signature in alone.signatureDefs:
        signature.subgraphIndex = 0
    drop_unused(alone)
    return alone


CONTROL_FLOW = frozenset({"WHILE", "IF", "CALL_ONCE", "STABLEHLO_WHILE", "STABLEHLO_CASE"})
"""Operators that run another graph of the file."""
