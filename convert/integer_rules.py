"""Rules for graphs that compute in integers.

A *float island* is a connected group of operators in a quantised graph that read or write computed
float tensors, other than a QUANTIZE of a graph input and a DEQUANTIZE that makes a graph output.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from edgedepth.convert.findings import BOTH, COMPUTE, FLOATS, GPU, INTEGERS, Finding, place
from edgedepth.convert.flatbuffer import Model, constant, scales_of, text
from edgedepth.convert.graph import TYPE_NAMES, Node, nodes
from edgedepth.convert.lowering import PRODUCTS, holds_lowest


def computes_in_integers(model: Model, graph: Any) -> bool:
    """Whether a convolution or product of a graph gives integers."""
    return any(
        node.kind in COMPUTE and node.output.type in INTEGERS for node in nodes(model, graph)
    )


def computes_in_floats(model: Model, graph: Any) -> bool:
    """Whether a convolution or product of a graph gives floats."""
    return any(node.kind in COMPUTE and node.output.type in FLOATS for node in nodes(model, graph))


def depthwise_rule(model: Model, graph: Any, name: str) -> Iterator[Finding]:
    """Depthwise convolutions with a scale per channel: for CPUs only."""
    for node in nodes(model, graph):
        if node.kind != "DEPTHWISE_CONV_2D" or node.output.type not in INTEGERS:
            continue
        weight = node.inputs()[1]
        if scales_of(weight).size > 1:
            yield Finding(
                "depthwise-per-channel",
                "error",
                GPU,
                **place(node, name),
                problem="int8 depthwise with a scale per channel fails or computes wrongly there",
                change="ship an fp16 file for the GPU: edgedepth convert --precision fp16",
            )


XNNPACK_RATIO = (2.0**-32, 256.0)
"""Input scale times weight scale over output scale that XNNPACK's integer kernels take."""


def requantisation_rule(model: Model, graph: Any, name: str) -> Iterator[Finding]:
    """Outputs whose grid is too fine for XNNPACK's integer kernels."""
    low, high = XNNPACK_RATIO
    for node in nodes(model, graph):
        if node.kind not in COMPUTE or node.output.type not in INTEGERS:
            continue
        places = (2, 1) if node.kind == "TRANSPOSE_CONV" else (0, 1)
        source, weight = (graph.tensors[node.operator.inputs[i]] for i in places)
        scales = [scales_of(t) for t in (source, weight, node.output)]
        if any(s.size == 0 for s in scales):
            continue
        ratio = scales[0].max() * scales[1] / scales[2].max()
        if ratio.min() < low or ratio.max() >= high:
            yield Finding(
                "requantisation",
                "error",
                frozenset({"cpu"}),
                **place(node, name),
                problem=f"the output's range is {255 * scales[2].max():.2g} wide, too narrow "
                f"beside its input's and weights': XNNPACK refuses the file",
                change="train that layer longer, or give its output a wider range: it hardly "
                "varies as it is",
            )


def computed_weights_rule(model: Model, graph: Any, name: str) -> Iterator[Finding]:
    """Weights that the graph computes and that may hold -128."""
    for node in nodes(model, graph):
        if node.kind not in PRODUCTS:
            continue
        weights = graph.tensors[node.operator.inputs[1]]
        if holds_lowest(weights) and constant(model, weights) is None:
            yield Finding(
                "computed-weights",
                "error",
                frozenset({"cpu"}),
                **place(node, name),
                problem=f"weights {text(weights.name)} are computed and may be -128: kernels "
                "without dot-product instructions overflow on them (arm64 gave a constant)",
                change="convert it with edgedepth, or give the weights a range whose lowest step "
                "is left out, e.g. (-1/254, 1) for 0 to 1",
            )


def float_islands(model: Model, graph: Any, name: str) -> Iterator[Finding]:
    """Float operators inside an integer graph."""
    inputs = {int(i) for i in graph.inputs}
    outputs = {int(i) for i in graph.outputs}

    def computed_floats(node: Node) -> set[int]:
        touched = {int(i) for a in (node.operator.inputs, node.operator.outputs) for i in a}
        return {
            i
            for i in touched
            if i >= 0
            and graph.tensors[i].type in FLOATS
            and constant(model, graph.tensors[i]) is None
        }

    def at_boundary(node: Node) -> bool:
        first = {int(node.operator.inputs[0])} if len(node.operator.inputs) else set()
        enters = node.kind == "QUANTIZE" and first <= inputs
        leaves = node.kind == "DEQUANTIZE" and {int(i) for i in node.operator.outputs} <= outputs
        return enters or leaves

    floating = [n for n in nodes(model, graph) if computed_floats(n) and not at_boundary(n)]
    for island in _connected(floating, computed_floats):
        inner = [n for n in island if n.kind not in ("QUANTIZE", "DEQUANTIZE")] or island
        kinds = ", ".join(dict.fromkeys(n.kind for n in inner))
        yield Finding(
            "float-island",
            "error",
            BOTH,
            **place(inner[0], name),
            problem=f"{kinds} in {TYPE_NAMES[inner[0].output.type].lower()} inside an integer "
            "graph: it converts to float and back",
            change="give every tensor of that layer a fake-quantised range in training",
            count=len(island),
        )


def _connected(group: list[Node], touched: Callable[[Node], set[int]]) -> list[list[Node]]:
    """Split operators into groups that share a tensor, in execution order."""
    islands: list[tuple[set[int], list[Node]]] = []
    for node in group:
        tensors, members = set(touched(node)), [node]
        apart = []
        for other_tensors, others in islands:
            if other_tensors & tensors:
                tensors |= other_tensors
                members = others + members
            else:
                apart.append((other_tensors, others))
        islands = [*apart, (tensors, members)]
    return [members for _, members in islands]
