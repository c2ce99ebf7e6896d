"""Passes that put an operator in a form which integer kernels take and compute rightly."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgedepth.convert.flatbuffer import (
    Model,
    constant,
    scales_of,
    shape_of,
    text,
    zero_points_of,
)
from edgedepth.convert.graph import OPERATOR_CODES, Node, nodes

MOVERS = {"SPLIT": 1, "RESHAPE": 0, "STRIDED_SLICE": 0}
"""Operators that only move data -> place of the data among their inputs."""

_INT8_VERSION = {
    "SPLIT": 2,
    "RESHAPE": 1,
    "STRIDED_SLICE": 2,
    "RESIZE_BILINEAR": 3,
    "QUANTIZE": 2,
    "SUB": 2,
    "ADD": 2,
}

PRODUCTS = frozenset({"FULLY_CONNECTED", "BATCH_MATMUL"})
"""Operators whose second input holds weights that another operator may compute."""


def move_integers(model: Model) -> int:
    """Let operators that only move data do so in int8; returns how many were changed.

    Where one output of a split is unused (the forget gate before the first frame), it has no
    range, and the converter splits in float between DEQUANTIZE and QUANTIZE.
    """
    return sum(_move_integers(model, graph) for graph in model.subgraphs)


def _move_integers(model: Model, graph: Any) -> int:
    changed = 0
    maker = {int(o): node for node in nodes(model, graph) for o in node.operator.outputs}
    for node in nodes(model, graph):
        if node.kind not in MOVERS:
            continue
        source = maker.get(int(node.operator.inputs[MOVERS[node.kind]]))
        if source is None or source.kind != "DEQUANTIZE" or not _feeds_quantise(model, node):
            continue
        stored = int(source.operator.inputs[0])
        tensor = graph.tensors[stored]
        if tensor.type != schema.TensorType.INT8:
            continue
        inputs = np.array(node.operator.inputs, np.int32)
        inputs[MOVERS[node.kind]] = stored
        node.operator.inputs = inputs
        node.operator.opcodeIndex = _code(model, node.kind)
        for output in node.outputs():
            output.type = tensor.type
            output.quantization = copy.deepcopy(tensor.quantization)
        changed += 1
    if changed:
        _bypass_equal_quantise(model, graph)
        _drop_idle(graph)
    return changed


def _users(graph: Any, tensor: int) -> list[Any]:
    return [o for o in graph.operators if tensor in [int(i) for i in o.inputs]]


def _feeds_quantise(model: Model, node: Node) -> bool:
    """Whether every use of an operator's outputs is a QUANTIZE."""
    if {int(o) for o in node.operator.outputs} & {int(i) for i in node.graph.outputs}:
        return False
    kinds = {id(n.operator): n.kind for n in nodes(model, node.graph)}
    users = [u for o in node.operator.outputs for u in _users(node.graph, int(o))]
    return bool(users) and all(kinds[id(u)] == "QUANTIZE" for u in users)


def _bypass_equal_quantise(model: Model, graph: Any) -> None:
    """Take out QUANTIZE operators between tensors of one grid."""
    outputs = {int(i) for i in graph.outputs}
    for node in nodes(model, graph):
        if node.kind != "QUANTIZE" or int(node.operator.outputs[0]) in outputs:
            continue
        a, b = node.inputs()[0], node.output
        same = (
            a.type == b.type
            and np.array_equal(scales_of(a), scales_of(b))
            and np.array_equal(zero_points_of(a), zero_points_of(b))
        )
        if not same:
            continue
        old, new = int(node.operator.outputs[0]), int(node.operator.inputs[0])
        for user in _users(graph, old):
            user.inputs = np.where(np.array(user.inputs) == old, new, user.inputs).astype(np.int32)


def drop_idle(model: Model) -> int:
    """Remove operators whose outputs nothing uses; returns how many."""
    return sum(_drop_idle(graph) for graph in model.subgraphs)


def _drop_idle(graph: Any) -> int:
    before = len(graph.operators)
    while True:
        used = {int(i) for i in graph.outputs}
        used |= {int(i) for o in graph.operators for i in o.inputs}
        kept = [o for o in graph.operators if used & {int(i) for i in o.outputs}]
        if len(kept) == len(graph.operators):
            return before - len(kept)
        graph.operators = kept


def pool_by_resizing(model: Model) -> int:
    """Turn 2x2 average pooling of int8 into bilinear halving; returns how many were changed.

    Halving with half-pixel centres samples midway between four pixels, which is their mean.
    XNNPACK has no integer average pooling, so each pool would split the graph.
    """
    changed = 0
    for graph in model.subgraphs:
        for node in nodes(model, graph):
            if node.kind != "AVERAGE_POOL_2D" or not _halves(node):
                continue
            size = np.array(shape_of(node.output)[1:3], np.int32)
            options = schema.ResizeBilinearOptionsT()
            options.alignCorners, options.halfPixelCenters = False, True
            node.operator.builtinOptions = options
            node.operator.builtinOptionsType = schema.BuiltinOptions.ResizeBilinearOptions
            node.operator.opcodeIndex = _code(model, "RESIZE_BILINEAR")
            data, place = int(node.operator.inputs[0]), _constant(model, graph, size)
            node.operator.inputs = np.array([data, place], np.int32)
            changed += 1
    return changed


def _halves(node: Node) -> bool:
    options, source, target = node.operator.builtinOptions, node.inputs()[0], node.output
    by_two = (options.filterHeight, options.filterWidth, options.strideH, options.strideW)
    (_, h, w, _), (_, half_h, half_w, _) = shape_of(source), shape_of(target)
    return (
        by_two == (2, 2, 2, 2)
        and (h, w) == (2 * half_h, 2 * half_w)
        and source.type == target.type == schema.TensorType.INT8
        and options.fusedActivationFunction == schema.ActivationFunctionType.NONE
        and np.array_equal(scales_of(source), scales_of(target))
        and np.array_equal(zero_points_of(source), zero_points_of(target))
    )


def holds_lowest(tensor: Any) -> bool:
    """Whether an int8 tensor stands for 0 by -128, so that -128 is what it mostly holds."""
    zeros = zero_points_of(tensor)
    return tensor.type == schema.TensorType.INT8 and zeros.size == 1 and int(zeros[0]) == -128


def narrow_computed_weights(model: Model) -> int:
    """Keep -128 out of weights that the graph computes; returns how many were changed.

    TFLite's int8 weights are -127 to 127 (tensorflow.org/lite/performance/quantization_spec),
    since kernels without dot-product instructions add two products in 16 bits, which
    -128 x -128 twice overflows: on arm64 such a product came out as a constant. A QUANTIZE puts
    the weights on a grid of one step less, with 0 at -127.
    """
    changed = 0
    for graph in model.subgraphs:
        narrowed: dict[int, int] = {}
        operators = []
        for node in nodes(model, graph):
            weights = int(node.operator.inputs[1]) if node.kind in PRODUCTS else -1
            if weights >= 0 and _computed(model, graph, weights):
                if weights not in narrowed:
                    narrowed[weights] = _narrow(graph, weights)
                    operators.append(_requantise(model, weights, narrowed[weights]))
                inputs = np.array(node.operator.inputs, np.int32)
                inputs[1] = narrowed[weights]
                node.operator.inputs = inputs
                changed += 1
            operators.append(node.operator)
        graph.operators = operators
    return changed


def _computed(model: Model, graph: Any, index: int) -> bool:
    tensor = graph.tensors[index]
    return holds_lowest(tensor) and constant(model, tensor) is None


def _narrow(graph: Any, index: int) -> int:
    """A tensor for the same values on -127 to 127."""
    tensor = copy.deepcopy(graph.tensors[index])
    tensor.name = f"{text(tensor.name)}/narrow"
    tensor.quantization.scale = (scales_of(tensor) * 255 / 254).astype(np.float32)
    tensor.quantization.zeroPoint = np.array([-127], np.int64)
    graph.tensors.append(tensor)
    return len(graph.tensors) - 1


def _requantise(model: Model, source: int, target: int) -> Any:
    operator = schema.OperatorT()
    operator.opcodeIndex = _code(model, "QUANTIZE")
    operator.inputs, operator.outputs = np.array([source], np.int32), np.array([target], np.int32)
    operator.builtinOptions = schema.QuantizeOptionsT()
    operator.builtinOptionsType = schema.BuiltinOptions.QuantizeOptions
    return operator


def maximum_by_difference(model: Model) -> int:
    """Turn the maximum of two int8 tensors of one grid into a + (b - a); returns how many.

    The difference's own grid has 0 at its lowest step, so what is negative becomes 0, and both
    steps are exact. XNNPACK has no integer maximum, so each would split the graph.
    """
    changed = 0
    for graph in model.subgraphs:
        operators = []
        for node in nodes(model, graph):
            if node.kind != "MAXIMUM" or not _one_grid(node):
                operators.append(node.operator)
                continue
            a, b = (int(i) for i in node.operator.inputs)
            gain = copy.deepcopy(node.output)
            gain.name = f"{text(node.output.name)}/gain"
            gain.quantization.zeroPoint = np.array([-128], np.int64)
            graph.tensors.append(gain)
            place = len(graph.tensors) - 1
            operators.append(_arithmetic(model, "SUB", [b, a], [place]))
            operators.append(_arithmetic(model, "ADD", [a, place], list(node.operator.outputs)))
            changed += 1
        graph.operators = operators
    return changed


def _one_grid(node: Node) -> bool:
    """Whether an operator's two inputs and its output have one int8 grid and one shape."""
    tensors = [*node.inputs(), node.output]
    return (
        len(tensors) == 3
        and all(t.type == schema.TensorType.INT8 for t in tensors)
        and len({shape_of(t) for t in tensors}) == 1
        and len({(*scales_of(t), *zero_points_of(t)) for t in tensors}) == 1
    )


def _arithmetic(model: Model, kind: str, inputs: list[int], outputs: list[int]) -> Any:
    operator = schema.OperatorT()
    operator.opcodeIndex = _code(model, kind)
    operator.inputs, operator.outputs = np.array(inputs, np.int32), np.array(outputs, np.int32)
    options = schema.SubOptionsT() if kind == "SUB" else schema.AddOptionsT()
    operator.builtinOptions = options
    operator.builtinOptionsType = (
        schema.BuiltinOptions.SubOptions if kind == "SUB" else schema.BuiltinOptions.AddOptions
    )
    return operator


def _constant(model: Model, graph: Any, value: Any) -> int:
    buffer = schema.BufferT()
    buffer.data = value.view(np.uint8)
    model.buffers.append(buffer)
    tensor = schema.TensorT()
    tensor.name, tensor.type = "half/constant", schema.TensorType.INT32
    tensor.shape, tensor.buffer = np.array(value.shape, np.int32), len(model.buffers) - 1
    graph.tensors.append(tensor)
    return len(graph.tensors) - 1


def _code(model: Model, kind: str) -> int:
    """Index of the operator code for a kind in the version that takes int8."""
    number, version = OPERATOR_CODES[kind], _INT8_VERSION[kind]
    for index, code in enumerate(model.operatorCodes):
        if max(code.builtinCode, code.deprecatedBuiltinCode) == number and code.version >= version:
            return index
    code = schema.OperatorCodeT()
    code.builtinCode, code.deprecatedBuiltinCode = number, min(number, 127)
    code.version = version
    model.operatorCodes.append(code)
    return len(model.operatorCodes) - 1
