"""Small steps from which passes build operators into a parsed .tflite."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from edgedepth.convert.flatbuffer import Model, shape_of, text
from edgedepth.convert.graph import OPERATOR_CODES

_KINDS = {np.dtype(np.int8): schema.TensorType.INT8, np.dtype(np.int32): schema.TensorType.INT32}


class Rewriter:
    """Adds tensors and operators to one graph; the caller puts the operators in their place."""

    def __init__(self, model: Model, graph: Any) -> None:
        self.model, self.graph = model, graph

    def shape(self, tensor: int) -> tuple[int, ...]:
        """A tensor's shape."""
        return shape_of(self.graph.tensors[tensor])

    def constant(self, value: NDArray[Any], name: str, quantization: Any = None) -> int:
        """A constant of int8 or int32."""
        buffer, tensor = schema.BufferT(), schema.TensorT()
        buffer.data = np.ascontiguousarray(value).reshape(-1).view(np.uint8)
        self.model.buffers.append(buffer)
        tensor.name, tensor.type = name, _KINDS[value.dtype]
        tensor.shape, tensor.buffer = np.array(value.shape, np.int32), len(self.model.buffers) - 1
        tensor.quantization = quantization
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def like(self, tensor: int, shape: Sequence[int], suffix: str) -> int:
        """A computed tensor of another's type and grid."""
        made = copy.deepcopy(self.graph.tensors[tensor])
        made.name = f"{text(made.name)}/{suffix}"
        made.shape, made.shapeSignature = np.array(shape, np.int32), None
        made.buffer = 0
        self.graph.tensors.append(made)
        return len(self.graph.tensors) - 1

    def operator(
        self, kind: str, version: int, inputs: Sequence[int], outputs: Sequence[int], options: Any
    ) -> Any:
        """An operator, in the oldest version that does what is asked."""
        operator = schema.OperatorT()
        operator.opcodeIndex = self._code(kind, version)
        operator.inputs, operator.outputs = np.array(inputs, np.int32), np.array(outputs, np.int32)
        operator.builtinOptions = options
        kind_of_options = type(options).__name__.removesuffix("T")
        operator.builtinOptionsType = getattr(schema.BuiltinOptions, kind_of_options)
        return operator

    def reshape(self, source: int, target: int) -> Any:
        """RESHAPE to the shape that the target has."""
        options = schema.ReshapeOptionsT()
        options.newShape = list(self.shape(target))
        place = self.constant(np.array(self.shape(target), np.int32), "shape")
        return self.operator("RESHAPE", 1, [source, place], [target], options)

    def _code(self, kind: str, version: int) -> int:
        number = OPERATOR_CODES[kind]
        for index, code in enumerate(self.model.operatorCodes):
            same = max(code.builtinCode, code.deprecatedBuiltinCode) == number
            if same and code.version == version:
                return index
        code = schema.OperatorCodeT()
        code.builtinCode, code.deprecatedBuiltinCode = number, min(number, 127)
        code.version = version
        self.model.operatorCodes.append(code)
        return len(self.model.operatorCodes) - 1
