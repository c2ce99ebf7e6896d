"""A small but true model, assembled by hand: a running mean of the focus under one cue plane.

It has the signatures, the tensors and the metadata of a real one and needs no TensorFlow.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgedepth.convert.flatbuffer import pack
from edgedepth.convert.metadata import attach_spec
from edgedepth.cues import CUE_PLANES, EVIDENCE_LIMIT
from edgedepth.spec import ModelSpec

CUE = 3
"""Channel of the frame that holds the evidence."""

BYTES = (1 / 255, -128)
UNIT = (1 / 255, -128)
SWEEP = (2 / 255, -64)


def tiny_spec(**changes: Any) -> ModelSpec:
    fields: dict[str, Any] = {
        "preset": "mobile",
        "height": 96,
        "width": 128,
        "cue_planes": CUE_PLANES,
        "focus_encoding": "sweep",
        "output": "sweep",
        "frames": 5,
        "streaming": True,
        "trained_coc": (0.1, 30.0),
    }
    return ModelSpec(**(fields | changes))


@dataclass
class Graph:
    model: Any
    name: str
    graph: Any = field(default_factory=schema.SubGraphT)

    def __post_init__(self) -> None:
        self.graph.name = self.name
        self.graph.tensors, self.graph.operators = [], []
        self.model.subgraphs.append(self.graph)

    def tensor(
        self,
        name: str,
        shape: tuple[int, ...],
        quantized: tuple[float, int] | None = None,
        constant: np.ndarray[Any, Any] | None = None,
    ) -> int:
        made = schema.TensorT()
        made.name, made.shape, made.buffer = name, list(shape), 0
        made.type = schema.TensorType.FLOAT32
        if quantized is not None:
            made.type = schema.TensorType.INT8
            made.quantization = schema.QuantizationParametersT()
            made.quantization.scale = [quantized[0]]
            made.quantization.zeroPoint = [quantized[1]]
        if constant is not None:
            if constant.dtype == np.int32:
                made.type = schema.TensorType.INT32
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(constant.tobytes(), np.uint8)
            self.model.buffers.append(buffer)
            made.buffer = len(self.model.buffers) - 1
        self.graph.tensors.append(made)
        return len(self.graph.tensors) - 1

    def shape(self, tensor: int) -> tuple[int, ...]:
        return tuple(self.graph.tensors[tensor].shape)

    def numbers(self, *values: int) -> int:
        return self.tensor("const", (len(values),), constant=np.array(values, np.int32))

    def op(self, kind: str, inputs: list[int], shape: tuple[int, ...], **options: Any) -> int:
        quantized = options.pop("quantized", None)
        output = self.tensor(kind.lower(), shape, quantized)
        made = schema.OperatorT()
        made.opcodeIndex = self._code(getattr(schema.BuiltinOperator, kind))
        made.inputs, made.outputs = inputs, [output]
        if options:
            class_name = options.pop("options")
            made.builtinOptionsType = getattr(schema.BuiltinOptions, class_name)
            made.builtinOptions = getattr(schema, class_name + "T")()
            for key, value in options.items():
                setattr(made.builtinOptions, key, value)
        self.graph.operators.append(made)
        return output

    def _code(self, builtin: int) -> int:
        for index, code in enumerate(self.model.operatorCodes):
            if code.builtinCode == builtin:
                return index
        code = schema.OperatorCodeT()
        code.builtinCode = builtin
        code.version = 2 if builtin == schema.BuiltinOperator.DEQUANTIZE else 1
        code.deprecatedBuiltinCode = min(builtin, 127)
        self.model.operatorCodes.append(code)
        return len(self.model.operatorCodes) - 1

    def input(self, name: str, shape: tuple[int, ...], quantized: tuple[float, int] | None) -> int:
        made = self.tensor(name, shape, quantized)
        if quantized is None:
            return made
        return self.op("DEQUANTIZE", [made], shape)

    def output(self, tensor: int, quantized: tuple[float, int] | None) -> int:
        if quantized is None:
            return tensor
        return self.op("QUANTIZE", [tensor], self.shape(tensor), quantized=quantized)

    def constant(self, value: float) -> int:
        return self.tensor("constant", (1,), constant=np.array([value], np.float32))

    def binary(self, kind: str, a: int, b: int) -> int:
        """ADD, SUB or MUL of ``a`` and a ``b`` that broadcasts to it."""
        name = kind.capitalize() + "Options"
        return self.op(kind, [a, b], self.shape(a), options=name)

    def slice(self, tensor: int, begin: tuple[int, ...], size: tuple[int, ...]) -> int:
        inputs = [tensor, self.numbers(*begin), self.numbers(*size)]
        return self.op("SLICE", inputs, size, options="SliceOptions")

    def signature(self, key: str, inputs: dict[str, int], outputs: dict[str, int]) -> None:
        made = schema.SignatureDefT()
        made.signatureKey, made.subgraphIndex = key, len(self.model.subgraphs) - 1
        made.inputs = [_map(n, t) for n, t in inputs.items()]
        made.outputs = [_map(n, t) for n, t in outputs.items()]
        self.graph.inputs = list(inputs.values())
        self.graph.outputs = list(outputs.values())
        self.model.signatureDefs.append(made)


def _map(name: str, tensor: int) -> Any:
    made = schema.TensorMapT()
    made.name, made.tensorIndex = name, tensor
    return made


def _first(graph: Graph, value: int) -> int:
    """The boundary tensor behind a value: before its DEQUANTIZE, if there is one."""
    for operator in graph.graph.operators:
        if operator.outputs[0] == value and graph.graph.tensors[operator.inputs[0]].type == 9:
            return int(operator.inputs[0])
    return value


def _step(graph: Graph, frame: int, focus: int, mean: int, peak: int) -> tuple[int, int]:
    """(mean, peak) after one more frame; focus and mean are (1, 1, 1, 1) or as large as peak."""
    cue = graph.slice(frame, (0, 0, 0, CUE), (*graph.shape(frame)[:3], 1))
    centred = graph.binary("SUB", cue, graph.constant(0.5))
    new = graph.op(
        "LOGISTIC", [graph.binary("MUL", centred, graph.constant(2 * EVIDENCE_LIMIT))],
        graph.shape(cue),
    )  # fmt: skip
    # 1 - new, as (new - 1) * -1: the constant has to be the one that broadcasts.
    old = graph.binary("MUL", graph.binary("SUB", new, graph.constant(1)), graph.constant(-1))
    kept, added = graph.binary("MUL", old, mean), graph.binary("MUL", new, focus)
    faded = graph.binary("MUL", old, peak)
    top = graph.op("MAXIMUM", [new, faded], graph.shape(new), options="MaximumMinimumOptions")
    return graph.binary("ADD", kept, added), top


def _answer(graph: Graph, mean: int, peak: int, int8: bool) -> dict[str, int]:
    spread = graph.binary("ADD", mean, graph.constant(0.0))
    sure = graph.binary("ADD", peak, graph.constant(0.0))
    return {
        "inverse_depth": graph.output(spread, SWEEP if int8 else None),
        "confidence": graph.output(sure, UNIT if int8 else None),
    }


def _infer(model: Any, spec: ModelSpec, int8: bool) -> None:
    graph = Graph(model, "infer")
    frame_shape = (1, spec.height, spec.width, spec.channels)
    count = spec.frames
    frames = [graph.input(f"frame_{i}", frame_shape, BYTES if int8 else None) for i in range(count)]
    focus = graph.input("focus", (1, count), BYTES if int8 else None)
    optics = graph.input("optics", (1, 3), BYTES if int8 else None)
    mean, peak = -1, graph.constant(0.0)
    for index, frame in enumerate(frames):
        own = graph.op(
            "SLICE", [focus, graph.numbers(0, index), graph.numbers(1, 1)], (1, 1),
            options="SliceOptions",
        )  # fmt: skip
        position = graph.op("RESHAPE", [own, graph.numbers(1, 1, 1, 1)], (1, 1, 1, 1))
        mean, peak = _step(graph, frame, position, mean if index else position, peak)
    outputs = _answer(graph, mean, peak, int8)
    inputs = {f"frame_{i}": _first(graph, f) for i, f in enumerate(frames)}
    inputs |= {"focus": _first(graph, focus), "optics": _first(graph, optics)}
    graph.signature("infer", inputs, outputs)


def _streaming(model: Any, spec: ModelSpec, int8: bool) -> None:
    kind = UNIT if int8 else None
    plane = (1, spec.height, spec.width, 1)
    graph = Graph(model, "encode_step")
    frame = graph.input("frame", (*plane[:3], spec.channels), BYTES if int8 else None)
    focus = graph.input("focus", (1, 1), BYTES if int8 else None)
    optics = graph.input("optics", (1, 3), BYTES if int8 else None)
    means = graph.input("state_means", plane, kind)
    peaks = graph.input("state_peaks", plane, kind)
    position = graph.op("RESHAPE", [focus, graph.numbers(1, 1, 1, 1)], (1, 1, 1, 1))
    mean, peak = _step(graph, frame, position, means, peaks)
    # The next step alone reads the peaks, the decoder alone the answers: the same, in two tensors.
    answer = graph.binary("ADD", peak, graph.constant(0.0))
    results = {"state_means": mean, "state_peaks": peak, "state_answers": answer}
    outputs = {name: graph.output(tensor, kind) for name, tensor in results.items()}
    values = {
        "frame": frame, "focus": focus, "optics": optics,
        "state_means": means, "state_peaks": peaks,
    }  # fmt: skip
    graph.signature("encode_step", {n: _first(graph, t) for n, t in values.items()}, outputs)
    graph = Graph(model, "decode")
    means, answers = (graph.input(name, plane, kind) for name in ("state_means", "state_answers"))
    inputs = {"state_means": _first(graph, means), "state_answers": _first(graph, answers)}
    graph.signature("decode", inputs, _answer(graph, means, answers, int8))


def build(path: Path, spec: ModelSpec | None = None, metadata: bool = True) -> Path:
    """Write a model of a spec: float32 or, for precision int8, with an int8 boundary."""
    spec = tiny_spec() if spec is None else spec
    model = schema.ModelT()
    model.version = 3
    model.operatorCodes, model.subgraphs, model.signatureDefs = [], [], []
    model.buffers, model.metadata = [schema.BufferT()], []
    int8 = spec.precision == "int8"
    if spec.frames:
        _infer(model, spec, int8)
    if spec.streaming:
        _streaming(model, spec, int8)
    if metadata:
        attach_spec(model, spec)
    path.write_bytes(pack(model))
    return path
