"""What a core can do at best: one large convolution, as fast as the runtime goes.

The yardstick is a 3x3 convolution of 256 to 256 channels on 24x24 pixels, written here as a
``.tflite`` of its own. Its rounds lie between the others', so a share of the peak compares what
was measured at the same time.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgedepth.spec import Precision

Kind = Literal["int8", "fp32"]
CHANNELS, KERNEL, SIDE, LAYERS = 256, 3, 24, 2
MACS = LAYERS * SIDE * SIDE * KERNEL * KERNEL * CHANNELS * CHANNELS

ARITHMETIC: dict[Precision, Kind] = {
    "int8": "int8",
    "dynamic": "int8",
    "fp16": "fp32",
    "fp32": "fp32",
}
"""What a CPU computes in, by a model's precision; it widens half-precision weights."""

_ACTIVATIONS = (1 / 128, 0)
_WEIGHT_SCALE = 0.003


def write_peak_model(path: Path, kind: Kind) -> Path:
    """Write the yardstick, with random weights; the signature is ``peak``."""
    from ai_edge_litert import schema_py_generated as schema

    from edgedepth.convert.flatbuffer import pack

    path.write_bytes(pack(_model(schema, kind)))
    return path


def _model(schema: Any, kind: Kind) -> Any:
    model = schema.ModelT()
    model.version, model.description = 3, "edgedepth peak"
    model.buffers, model.metadata = [schema.BufferT()], []
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CONV_2D
    code.version = 3 if kind == "int8" else 1
    model.operatorCodes = [code]
    graph = schema.SubGraphT()
    graph.name, graph.tensors, graph.operators = "peak", [], []
    model.subgraphs = [graph]
    picture = (1, SIDE, SIDE, CHANNELS)
    value = _tensor(schema, model, "x", picture, kind, _ACTIVATIONS)
    graph.inputs = [value]
    for layer in range(LAYERS):
        weight, bias = _constants(schema, model, kind, layer)
        output = _tensor(schema, model, f"y{layer}", picture, kind, _ACTIVATIONS)
        graph.operators.append(_convolution(schema, [value, weight, bias], output))
        value = output
    graph.outputs = [value]
    signature = schema.SignatureDefT()
    signature.signatureKey, signature.subgraphIndex = "peak", 0
    signature.inputs = [_named(schema, "x", graph.inputs[0])]
    signature.outputs = [_named(schema, "y", value)]
    model.signatureDefs = [signature]
    return model


def _constants(schema: Any, model: Any, kind: Kind, layer: int) -> tuple[int, int]:
    rng = np.random.default_rng(layer)
    shape = (CHANNELS, KERNEL, KERNEL, CHANNELS)
    scales = (_ACTIVATIONS[0] * _WEIGHT_SCALE, 0)
    if kind == "int8":
        weights: NDArray[Any] = rng.integers(-127, 128, shape).astype(np.int8)
        bias: NDArray[Any] = rng.integers(-1000, 1001, CHANNELS).astype(np.int32)
    else:
        weights = rng.normal(0, 0.02, shape).astype(np.float32)
        bias = rng.normal(0, 0.1, CHANNELS).astype(np.float32)
    return (
        _tensor(schema, model, f"w{layer}", shape, kind, (_WEIGHT_SCALE, 0), weights),
        _tensor(schema, model, f"b{layer}", (CHANNELS,), kind, scales, bias),
    )


def _tensor(
    schema: Any,
    model: Any,
    name: str,
    shape: tuple[int, ...],
    kind: Kind,
    quantized: tuple[float, int],
    constant: NDArray[Any] | None = None,
) -> int:
    made = schema.TensorT()
    made.name, made.shape, made.buffer = name, list(shape), 0
    made.type = schema.TensorType.FLOAT32
    if kind == "int8":
        wide = constant is not None and constant.dtype == np.int32
        made.type = schema.TensorType.INT32 if wide else schema.TensorType.INT8
        made.quantization = schema.QuantizationParametersT()
        made.quantization.scale = [quantized[0]]
        made.quantization.zeroPoint = [quantized[1]]
    if constant is not None:
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(constant.tobytes(), np.uint8)
        model.buffers.append(buffer)
        made.buffer = len(model.buffers) - 1
    model.subgraphs[0].tensors.append(made)
    return len(model.subgraphs[0].tensors) - 1


def _convolution(schema: Any, inputs: list[int], output: int) -> Any:
    made = schema.OperatorT()
    made.opcodeIndex, made.inputs, made.outputs = 0, inputs, [output]
    made.builtinOptionsType = schema.BuiltinOptions.Conv2DOptions
    options = made.builtinOptions = schema.Conv2DOptionsT()
    options.padding = schema.Padding.SAME
    options.strideH = options.strideW = options.dilationHFactor = options.dilationWFactor = 1
    return made


def _named(schema: Any, name: str, tensor: int) -> Any:
    made = schema.TensorMapT()
    made.name, made.tensorIndex = name, tensor
    return made
