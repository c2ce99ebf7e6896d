"""A model as LiteRT.js takes it: its boundary in float32.

LiteRT.js knows tensors of float32, int32 and uint8 only. An int8 file gets a QUANTIZE behind each
input and a DEQUANTIZE before each output; weights, graph and metadata stay as they are. Real
numbers on the boundary's own grid pass through both unchanged, so the answer is the same.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgedepth.convert import flatbuffer
from edgedepth.convert.flatbuffer import Model


def float_edges(data: bytes, source: str = "the model") -> bytes:
    """A .tflite whose signatures take and give float32; the same bytes if they do already.

    Raises:
        UserError: not a TFLite flatbuffer.
    """
    model = flatbuffer.parse(data, source)
    if not any(_is_int8(g, int(t)) for g in model.subgraphs for t in [*g.inputs, *g.outputs]):
        return data
    for index, graph in enumerate(model.subgraphs):
        new_inputs = _quantize_inputs(model, graph)
        new_outputs = _dequantize_outputs(model, graph)
        for signature in model.signatureDefs or []:
            if signature.subgraphIndex == index:
                _rename(signature.inputs, new_inputs)
                _rename(signature.outputs, new_outputs)
    return flatbuffer.pack(model)


def _rename(entries: list[Any] | None, moved: dict[int, int]) -> None:
    for entry in entries or []:
        entry.tensorIndex = moved.get(entry.tensorIndex, entry.tensorIndex)


def _is_int8(graph: Any, tensor: int) -> bool:
    return bool(graph.tensors[tensor].type == schema.TensorType.INT8)


def _quantize_inputs(model: Model, graph: Any) -> dict[int, int]:
    """Old input tensor -> the float one before it."""
    moved = {int(t): _float_twin(graph, int(t)) for t in graph.inputs if _is_int8(graph, int(t))}
    code = _operator_code(model, schema.BuiltinOperator.QUANTIZE)
    first = [_operator(code, new, old) for old, new in moved.items()]
    graph.operators = [*first, *graph.operators]
    graph.inputs = np.array([moved.get(int(t), int(t)) for t in graph.inputs], np.int32)
    return moved


def _dequantize_outputs(model: Model, graph: Any) -> dict[int, int]:
    """Old output tensor -> the float one behind it."""
    moved = {int(t): _float_twin(graph, int(t)) for t in graph.outputs if _is_int8(graph, int(t))}
    code = _operator_code(model, schema.BuiltinOperator.DEQUANTIZE)
    last = [_operator(code, old, new) for old, new in moved.items()]
    graph.operators = [*graph.operators, *last]
    graph.outputs = np.array([moved.get(int(t), int(t)) for t in graph.outputs], np.int32)
    return moved


def _float_twin(graph: Any, tensor: int) -> int:
    twin = copy.copy(graph.tensors[tensor])
    twin.type, twin.quantization, twin.buffer = schema.TensorType.FLOAT32, None, 0
    twin.name = flatbuffer.text(twin.name) + "/float"
    graph.tensors.append(twin)
    return len(graph.tensors) - 1


def _operator(code: int, source: int, target: int) -> Any:
    operator = schema.OperatorT()
    operator.opcodeIndex = code
    operator.inputs = np.array([source], np.int32)
    operator.outputs = np.array([target], np.int32)
    return operator


def _operator_code(model: Model, kind: int) -> int:
    for index, code in enumerate(model.operatorCodes):
        if code.builtinCode == kind:
            return index
    code = schema.OperatorCodeT()
    code.builtinCode, code.deprecatedBuiltinCode = kind, min(kind, 127)
    code.version = 2 if kind == schema.BuiltinOperator.DEQUANTIZE else 1
    model.operatorCodes.append(code)
    return len(model.operatorCodes) - 1
