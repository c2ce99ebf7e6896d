"""Small .tflite files put together by hand, so that what reads them needs no TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from edgedepth.convert import flatbuffer

FLOAT32, INT8, INT32 = schema.TensorType.FLOAT32, schema.TensorType.INT8, schema.TensorType.INT32


class Handmade:
    """Builds a model of one graph, or more by calling :meth:`graph` again."""

    def __init__(self) -> None:
        self.model = schema.ModelT()
        self.model.version = 3
        self.model.description = "handmade"
        self.model.buffers = [schema.BufferT()]
        self.model.operatorCodes, self.model.subgraphs, self.model.signatureDefs = [], [], []
        self.graph("main")

    def graph(self, name: str) -> None:
        """Begin a graph."""
        graph = schema.SubGraphT()
        graph.name = name
        graph.tensors, graph.operators = [], []
        graph.inputs = graph.outputs = np.zeros(0, np.int32)
        self.model.subgraphs.append(graph)

    def tensor(
        self,
        name: str,
        shape: Sequence[int],
        kind: int = FLOAT32,
        value: NDArray[Any] | None = None,
        scale: float | Sequence[float] | None = None,
        zero: int = 0,
        axis: int = 0,
        signature: Sequence[int] | None = None,
    ) -> int:
        """Add a tensor to the graph at hand; returns its index."""
        tensor = schema.TensorT()
        tensor.name, tensor.type = name, kind
        tensor.shape = np.array(shape, np.int32)
        tensor.shapeSignature = None if signature is None else np.array(signature, np.int32)
        tensor.buffer = 0 if value is None else self._buffer(value)
        if scale is not None:
            scales = np.atleast_1d(np.array(scale, np.float32))
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale = scales
            tensor.quantization.zeroPoint = np.full(len(scales), zero, np.int64)
            tensor.quantization.quantizedDimension = axis
        self.model.subgraphs[-1].tensors.append(tensor)
        return len(self.model.subgraphs[-1].tensors) - 1

    def _buffer(self, value: NDArray[Any]) -> int:
        buffer = schema.BufferT()
        buffer.data = np.ascontiguousarray(value).reshape(-1).view(np.uint8)
        self.model.buffers.append(buffer)
        return len(self.model.buffers) - 1

    def op(
        self,
        kind: str,
        inputs: Sequence[int],
        outputs: Sequence[int],
        options: Any = None,
        version: int = 1,
    ) -> None:
        """Add an operator; ``CUSTOM:Name`` is a custom one."""
        code = schema.OperatorCodeT()
        code.version = version
        number = getattr(schema.BuiltinOperator, kind.split(":")[0])
        code.builtinCode, code.deprecatedBuiltinCode = number, min(number, 127)
        if ":" in kind:
            code.customCode = kind.split(":")[1]
        self.model.operatorCodes.append(code)
        operator = schema.OperatorT()
        operator.opcodeIndex = len(self.model.operatorCodes) - 1
        operator.inputs = np.array(inputs, np.int32)
        operator.outputs = np.array(outputs, np.int32)
        if options is not None:
            operator.builtinOptions = options
            name = type(options).__name__.removesuffix("T")
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, name)
        self.model.subgraphs[-1].operators.append(operator)

    def boundary(
        self, inputs: Sequence[int], outputs: Sequence[int], signature: str | None = None
    ) -> None:
        """Say what goes in and out of the graph at hand, and name its signature."""
        graph = self.model.subgraphs[-1]
        graph.inputs, graph.outputs = np.array(inputs, np.int32), np.array(outputs, np.int32)
        if signature is None:
            return
        entry = schema.SignatureDefT()
        entry.signatureKey = signature
        entry.subgraphIndex = len(self.model.subgraphs) - 1
        entry.inputs = [_map(graph, i) for i in inputs]
        entry.outputs = [_map(graph, i) for i in outputs]
        self.model.signatureDefs.append(entry)

    def bytes(self) -> bytes:
        """The file."""
        return flatbuffer.pack(self.model)


def _map(graph: Any, index: int) -> Any:
    entry = schema.TensorMapT()
    entry.name, entry.tensorIndex = graph.tensors[index].name, index
    return entry


def doubler(signature: str | None = "infer", shape: Sequence[int] = (1, 4, 4, 2)) -> Handmade:
    """``y = x + x`` in float."""
    made = Handmade()
    x, y = made.tensor("x", shape), made.tensor("y", shape)
    made.op("ADD", [x, x], [y], schema.AddOptionsT())
    made.boundary([x], [y], signature)
    return made


def quantised_convolution(folded: bool = False) -> Handmade:
    """An int8 1x1 convolution whose kernel comes from constants through RESHAPE, TRANSPOSE and
    QUANTIZE, as the converter leaves shared kernels; ``folded`` writes the kernel directly."""
    made = Handmade()
    x = made.tensor("x", (1, 4, 4, 2), INT8, scale=1 / 255, zero=-128)
    raw = np.array([[40, -20], [10, 127], [-127, 3]], np.int8)  # (out, in), scale 0.02
    bias = made.tensor("bias", (3,), INT32, np.array([5, 0, -7], np.int32), scale=0.01 / 255)
    y = made.tensor("y", (1, 4, 4, 3), INT8, scale=0.02)
    if folded:
        kernel = made.tensor("kernel", (3, 1, 1, 2), INT8, raw * 2 // 1, scale=0.01)
        twice = np.clip(raw.astype(int) * 2, -128, 127).astype(np.int8)
        made.model.buffers[-1].data = twice.reshape(-1).view(np.uint8)
    else:
        flat = made.tensor("flat", (2, 3), INT8, raw.T.copy(), scale=0.02)
        order = made.tensor("order", (2,), INT32, np.array([1, 0], np.int32))
        turned = made.tensor("turned", (3, 2), INT8, scale=0.02)
        made.op("TRANSPOSE", [flat, order], [turned], schema.TransposeOptionsT())
        fine = made.tensor("fine", (3, 2), INT8, scale=0.01)
        made.op("QUANTIZE", [turned], [fine], schema.QuantizeOptionsT())
        shape = made.tensor("shape", (4,), INT32, np.array([3, 1, 1, 2], np.int32))
        kernel = made.tensor("kernel", (3, 1, 1, 2), INT8, scale=0.01)
        made.op("RESHAPE", [fine, shape], [kernel], schema.ReshapeOptionsT())
    options = schema.Conv2DOptionsT()
    options.strideH = options.strideW = 1
    made.op("CONV_2D", [x, kernel, bias], [y], options, version=3)
    made.boundary([x], [y], "infer")
    return made
