"""What stands in a .tflite's way, on which target, where it comes from and what to change.

Works on any .tflite and needs neither TensorFlow nor a run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from edgedepth.convert.findings import BOTH, GPU, Finding, Severity, Target, place
from edgedepth.convert.flatbuffer import Model, constant, shape_of, text
from edgedepth.convert.graph import Node, histogram, layer_of, macs, nodes, signatures
from edgedepth.convert.integer_rules import (
    computed_weights_rule,
    computes_in_floats,
    computes_in_integers,
    depthwise_rule,
    float_islands,
    requantisation_rule,
)
from edgedepth.convert.op_tables import GPU_DELEGATE, TFLITE_RUNTIME_2_14
from edgedepth.convert.passes import CONTROL_FLOW
from edgedepth.spec import ModelSpec

MAX_RANK = 4

CONTRACT = frozenset(
    {"rank", "dynamic", "float-island", "flex", "custom", "control-flow", "computed-weights"}
)
"""Rules that no file emitted by edgedepth may break, on whatever target."""


@dataclass(frozen=True)
class GraphSummary:
    """One graph in figures.

    Attributes:
        name: signature key or graph name.
        operators: kind -> count.
        macs: multiply-accumulates of one run.
        max_rank: highest rank of a tensor.
        quantised: computes in integers.
    """

    name: str
    operators: dict[str, int]
    macs: int
    max_rank: int
    quantised: bool


@dataclass(frozen=True)
class Audit:
    """The graphs of a file and the findings, worst first."""

    graphs: tuple[GraphSummary, ...]
    findings: tuple[Finding, ...] = field(default=())

    def graph(self, name: str) -> GraphSummary:
        """The graph of a signature.

        Raises:
            KeyError: there is none of that name.
        """
        return {g.name: g for g in self.graphs}[name]

    def errors(self) -> list[Finding]:
        """Findings that mean the file will not do on its target."""
        return [f for f in self.findings if f.severity == "error"]

    def broken_contract(self) -> list[Finding]:
        """Findings that a file of edgedepth must not have."""
        return [f for f in self.findings if f.rule in CONTRACT]

    def for_targets(self, targets: frozenset[Target]) -> Audit:
        """The same, findings that only concern other targets demoted to notes."""
        findings = [
            f if f.targets & targets else replace(f, severity="note") for f in self.findings
        ]
        return Audit(self.graphs, tuple(sorted(findings, key=_weight)))


def _weight(finding: Finding) -> int:
    order: tuple[Severity, ...] = ("error", "warning", "note")
    return order.index(finding.severity)


def targets_of(spec: ModelSpec | None) -> frozenset[Target]:
    """The targets a file's metadata names: int8 and dynamic for the CPU, fp16 for the GPU."""
    named: dict[str, frozenset[Target]] = {
        "int8": frozenset({"cpu"}),
        "dynamic": frozenset({"cpu"}),
        "fp16": GPU,
    }
    return named.get(spec.precision, BOTH) if spec is not None else BOTH


def audit(model: Model) -> Audit:
    """Look a parsed file over."""
    names = signatures(model)
    quantised_model = any(computes_in_integers(model, graph) for graph in model.subgraphs)
    graphs, findings = [], []
    for index, graph in enumerate(model.subgraphs):
        name = names[index]
        quantised = quantised_model and (
            computes_in_integers(model, graph) or not computes_in_floats(model, graph)
        )
        graphs.append(
            GraphSummary(
                name=name,
                operators=dict(histogram(model, graph).most_common()),
                macs=macs(model, graph),
                max_rank=max((len(shape_of(t)) for t in graph.tensors), default=0),
                quantised=quantised,
            )
        )
        for rule in _RULES:
            findings += list(rule(model, graph, name))
        if quantised:
            findings += list(float_islands(model, graph, name))
    return Audit(tuple(graphs), tuple(sorted(_merged(findings), key=_weight)))


def _merged(findings: list[Finding]) -> list[Finding]:
    """Findings that differ only in place within one layer become one with a count."""
    groups: dict[tuple[str, ...], Finding] = {}
    for f in findings:
        key = (f.rule, f.graph, f.layer, f.problem)
        groups[key] = replace(groups[key], count=groups[key].count + 1) if key in groups else f
    return list(groups.values())


def _tensor_rules(model: Model, graph: Any, name: str) -> Iterator[Finding]:
    for tensor in graph.tensors:
        place: dict[str, Any] = {
            "graph": name,
            "where": text(tensor.name),
            "layer": layer_of(text(tensor.name)),
        }
        shape = shape_of(tensor)
        if len(shape) > MAX_RANK:
            yield Finding(
                "rank",
                "error",
                GPU,
                **place,
                problem=f"tensor of rank {len(shape)} {list(shape)}; GPU delegates take up to 4",
                change="work on one frame at a time, or fold two dimensions into one",
            )
        signature = tensor.shapeSignature
        if signature is not None and any(int(d) < 0 for d in signature):
            shown = [int(d) for d in signature]
            yield Finding(
                "dynamic", "error", BOTH, **place,
                problem=f"dynamic shape {shown}; delegates refuse it or fall back",
                change="export with a fixed input size and batch 1",
            )  # fmt: skip


def _operator_rules(model: Model, graph: Any, name: str) -> Iterator[Finding]:
    for node in nodes(model, graph):
        at = place(node, name)
        if node.kind.startswith("CUSTOM:Flex"):
            yield Finding(
                "flex",
                "error",
                BOTH,
                **at,
                problem=f"{node.kind[7:]} needs TensorFlow's own kernels (Flex) in the app",
                change="express the layer in TFLite's built-in operators",
            )
        elif node.kind.startswith("CUSTOM:"):
            yield Finding(
                "custom",
                "error",
                BOTH,
                **at,
                problem=f"custom operator {node.kind[7:]}; the app must register it",
                change="express the layer in TFLite's built-in operators",
            )
        elif node.kind in CONTROL_FLOW:
            yield Finding(
                "control-flow",
                "error",
                GPU,
                **at,
                problem=f"{node.kind} runs another graph; GPU delegates refuse, XNNPACK stops",
                change="unroll the loop: call the cell once per step with shared weights",
            )
        elif node.kind not in GPU_DELEGATE:
            yield Finding(
                "gpu-operator",
                "error",
                GPU,
                **at,
                problem=f"the GPU delegate has no {node.kind}",
                change=_GPU_ADVICE.get(node.kind, "express it in operators the delegate has"),
            )
        yield from _version_rule(model, node, at)


_GPU_ADVICE = {
    "UNIDIRECTIONAL_SEQUENCE_LSTM": "write the LSTM cell out and unroll it over the frames",
    "GATHER_ND": "use slices or a one-hot product",
    "SHAPE": "export with a fixed input size and batch 1",
    "BROADCAST_TO": "let the arithmetic operator broadcast",
}


def _version_rule(model: Model, node: Node, at: dict[str, Any]) -> Iterator[Finding]:
    if node.kind.startswith("CUSTOM:"):
        return
    version = model.operatorCodes[node.operator.opcodeIndex].version
    known = TFLITE_RUNTIME_2_14.get(node.kind, 0)
    if version > known:
        has = f"up to version {known}" if known else "no such operator"
        yield Finding(
            "version",
            "warning",
            frozenset({"cpu"}),
            **at,
            problem=f"{node.kind} version {version}; tflite-runtime 2.14 has {has}",
            change="run it with ai-edge-litert, or convert with TensorFlow 2.19 or older",
        )


def _layer_norm_rule(model: Model, graph: Any, name: str) -> Iterator[Finding]:
    """MEAN, SQUARED_DIFFERENCE or a square, MEAN, RSQRT in a row: GPU delegates get it wrong."""
    producers = {int(o): n for n in nodes(model, graph) for o in n.operator.outputs}

    def ancestors(node: Node, depth: int) -> Iterator[str]:
        for i in node.operator.inputs:
            parent = producers.get(int(i))
            if parent is not None and depth:
                yield parent.kind
                yield from ancestors(parent, depth - 1)

    for node in nodes(model, graph):
        if node.kind == "RSQRT" and list(ancestors(node, 4)).count("MEAN") >= 2:
            yield Finding(
                "layer-norm",
                "warning",
                GPU,
                **place(node, name),
                problem="layer normalisation; GPU delegates computed it wrongly (tensorflow#67216)",
                change="train with batch normalisation, which folds away, or compare outputs there",
            )


def _transposed_rule(model: Model, graph: Any, name: str) -> Iterator[Finding]:
    found = [n for n in nodes(model, graph) if n.kind == "TRANSPOSE_CONV"]
    if len(found) > 1:
        yield Finding(
            "transposed-convolutions",
            "warning",
            GPU,
            **place(found[1], name),
            problem=f"{len(found)} transposed convolutions; some delegates get the second wrong "
            "(tensorflow#58746)",
            change="upsample with RESIZE_BILINEAR and a convolution",
            count=len(found),
        )


def _constant_input_rule(model: Model, graph: Any, name: str) -> Iterator[Finding]:
    for node in nodes(model, graph):
        tensors = node.inputs()
        if node.kind == "DEQUANTIZE":  # how an fp16 file holds its weights; every runtime knows
            continue
        if tensors and all(constant(model, t) is not None for t in tensors):
            yield Finding(
                "constant-operator",
                "warning",
                BOTH,
                **place(node, name),
                problem=f"{node.kind} of constants only; it splits XNNPACK's part of the graph and "
                "GPU delegates fail on it ('node has 0 runtime inputs')",
                change="never run a layer on a constant, e.g. a zero state before the first frame",
            )


_RULES = (
    _tensor_rules,
    _operator_rules,
    depthwise_rule,
    requantisation_rule,
    computed_weights_rule,
    _layer_norm_rule,
    _transposed_rule,
    _constant_input_rule,
)
