"""What a parsed .tflite graph holds: operators, layers, multiply-accumulates."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgedepth.convert.flatbuffer import Model, constant, shape_of, text

OPERATOR_NAMES: dict[int, str] = {
    code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)
}
OPERATOR_CODES: dict[str, int] = {name: code for code, name in OPERATOR_NAMES.items()}
TYPE_NAMES: dict[int, str] = {
    code: name for name, code in vars(schema.TensorType).items() if isinstance(code, int)
}

_PLUMBING = re.compile(
    r"^(FakeQuant\w*|fake_quant\w*|BiasAdd|ReadVariableOp\w*|Identity\w*|Conv2D\w*|MatMul\w*"
    r"|Relu6?|StatefulPartitionedCall\w*|PartitionedCall\w*|AsymQuant|LastValueQuant"
    r"|MovingAvgQuantize|BroadcastTo\w*|concat\w*|conv2d_transpose\w*|FusedBatchNormV3\w*|transpose\w*|Reshape\w*|quant_\w*Const\w*)$"
)

_COUNTED = re.compile(r"_\d+$")


@dataclass(frozen=True)
class Node:
    """One operator in place: its graph, position and kind."""

    graph: Any
    index: int
    operator: Any
    kind: str

    @property
    def output(self) -> Any:
        """Its first output tensor."""
        return self.graph.tensors[self.operator.outputs[0]]

    def inputs(self) -> list[Any]:
        """Its input tensors, absent optional ones left out."""
        return [self.graph.tensors[i] for i in _indices(self.operator.inputs) if i >= 0]

    def outputs(self) -> list[Any]:
        """Its output tensors."""
        return [self.graph.tensors[i] for i in _indices(self.operator.outputs)]


def _indices(array: Any) -> list[int]:
    return [int(i) for i in (array if array is not None else [])]


def operator_kind(model: Model, operator: Any) -> str:
    """An operator's name: ``CONV_2D``, or ``CUSTOM:FlexErf`` for a custom one."""
    code = model.operatorCodes[operator.opcodeIndex]
    number = max(code.builtinCode, code.deprecatedBuiltinCode)
    if number == schema.BuiltinOperator.CUSTOM:
        return f"CUSTOM:{text(code.customCode)}"
    return OPERATOR_NAMES.get(number, f"OP_{number}")


def nodes(model: Model, graph: Any) -> list[Node]:
    """The operators of one graph in execution order."""
    return [
        Node(graph, i, operator, operator_kind(model, operator))
        for i, operator in enumerate(graph.operators or [])
    ]


def signatures(model: Model) -> dict[int, str]:
    """Subgraph index -> signature key (or the graph's own name where it has no signature)."""
    names = {i: text(graph.name) or f"graph {i}" for i, graph in enumerate(model.subgraphs)}
    for signature in model.signatureDefs or []:
        names[signature.subgraphIndex] = text(signature.signatureKey)
    return names


def histogram(model: Model, graph: Any) -> Counter[str]:
    """How many operators of each kind a graph holds."""
    return Counter(node.kind for node in nodes(model, graph))


def layer_of(tensor_name: str, labels: Mapping[str, str] | None = None) -> str:
    """The layer a tensor came from, as the training code named it.

    The converter joins the names of what it fused with ``;`` and each is a path whose tail is
    plumbing (``enc/stem/quant/FakeQuantWithMinMaxVars``); what is left is the layer.

    Args:
        labels: names that Keras made up (``conv_12``) -> what the code calls those layers.
    """
    best = ""
    for part in tensor_name.split(";"):
        steps = [s for s in part.split(":")[0].split("/") if s]
        steps = [labels.get(step, step) for step in steps] if labels else steps
        while steps and (
            _PLUMBING.match(steps[-1]) or _is_kind(steps[-1]) or _again(steps[-1], steps[-2:-1])
        ):
            steps.pop()
        candidate = "/".join(steps)
        if len(candidate) > len(best):
            best = candidate
    return best or tensor_name.split(";")[0]


def _again(step: str, before: list[str]) -> bool:
    """Whether a step repeats the one before it, counted up for a further frame or not."""
    return before == [step] or before == [_COUNTED.sub("", step)]


def _is_kind(step: str) -> bool:
    """Whether a step is an operator's name as :func:`edgedepth.convert.metadata.name_parts`
    writes it, e.g. ``conv_2d.3``."""
    kind = step.split(".")[0]
    return kind == "constant" or (kind.islower() and kind.upper() in OPERATOR_CODES)


def macs(model: Model, graph: Any) -> int:
    """Multiply-accumulates of one run of a graph (convolutions and matrix products).

    An output channel whose weights are mostly zeros stands for a smaller one (see ``packing``):
    there only what is not zero counts.
    """
    found = nodes(model, graph)
    # A file in half precision widens its weights before they are used.
    narrow = {id(n.output): n.inputs()[0] for n in found if n.kind == "DEQUANTIZE"}
    return sum(_macs_of(model, node, narrow) for node in found)


def _macs_of(model: Model, node: Node, narrow: Mapping[int, Any]) -> int:
    def size(tensor: Any) -> int:
        return int(np.prod(shape_of(tensor), dtype=np.int64))

    tensors = [node.graph.tensors[i] for i in _indices(node.operator.inputs)]
    if node.kind == "CONV_2D":
        kernel = constant(model, narrow.get(id(tensors[1]), tensors[1]))
        channels, whole = shape_of(tensors[1])[0], size(tensors[1])
        if kernel is not None:
            useful = np.count_nonzero(kernel.reshape(channels, -1), axis=1)
            each = whole // channels
            whole = int(np.where(2 * useful <= each, useful, each).sum())
        return size(node.output) // shape_of(node.output)[-1] * whole
    if node.kind == "DEPTHWISE_CONV_2D":
        return size(node.output) * int(np.prod(shape_of(tensors[1])[1:3], dtype=np.int64))
    if node.kind == "TRANSPOSE_CONV":
        return size(tensors[2]) * int(np.prod(shape_of(tensors[1])[:3], dtype=np.int64))
    if node.kind == "FULLY_CONNECTED":
        return size(node.output) * shape_of(tensors[1])[-1]
    if node.kind == "BATCH_MATMUL":
        return size(node.output) * shape_of(tensors[0])[-1]
    return 0
