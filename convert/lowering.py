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
    "QUANTIZE": 2,
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
