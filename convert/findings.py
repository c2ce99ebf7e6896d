"""What an audit finds, and where: the words that all its rules share."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from ai_edge_litert import schema_py_generated as schema

from edgedepth.convert.flatbuffer import text
from edgedepth.convert.graph import Node, layer_of

Severity = Literal["error", "warning", "note"]
Target = Literal["cpu", "gpu"]
BOTH: frozenset[Target] = frozenset({"cpu", "gpu"})
GPU: frozenset[Target] = frozenset({"gpu"})

COMPUTE = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV"})
FLOATS = (schema.TensorType.FLOAT32, schema.TensorType.FLOAT16, schema.TensorType.FLOAT64)
INTEGERS = (schema.TensorType.INT8, schema.TensorType.UINT8, schema.TensorType.INT16)


@dataclass(frozen=True)
class Finding:
    """One thing that stands in the way.

    Attributes:
        rule: short name, e.g. ``"rank"``.
        severity: error: will not run or runs wrong; warning: slow or risky; note: good to know.
        targets: where it matters.
        graph: signature key or graph name.
        where: tensor or operator.
        layer: what the training code called it.
        problem, change: what is wrong, and what to change.
        count: how many operators or tensors it covers.
    """

    rule: str
    severity: Severity
    targets: frozenset[Target]
    graph: str
    where: str
    layer: str
    problem: str
    change: str
    count: int = 1

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**self.__dict__, "targets": sorted(self.targets)}


def place(node: Node, graph: str) -> dict[str, Any]:
    """Graph, operator and layer of a finding."""
    tensor = text(node.output.name) if node.outputs() else ""
    return {
        "graph": graph,
        "where": f"{node.kind} #{node.index} -> {tensor}",
        "layer": _layer(node, tensor),
    }


_NAMELESS = re.compile(r"^(tfl|arith)\.")


def _layer(node: Node, name: str) -> str:
    """The layer of an operator; the converter leaves a fused one without a name of its own."""
    layer = layer_of(name)
    if not _NAMELESS.match(layer):
        return layer
    before = layer_of(text(node.inputs()[0].name))
    after = [
        layer_of(text(node.graph.tensors[operator.outputs[0]].name))
        for operator in node.graph.operators
        if node.operator.outputs[0] in operator.inputs
    ]
    return f"between {before} and {after[0]}" if after else f"after {before}"
