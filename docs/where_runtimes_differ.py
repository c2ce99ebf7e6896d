"""Which layers make XNNPACK and the plain kernels answer differently.

    python docs/where_runtimes_differ.py edgedepth/pretrained/edgedepth-mobile-int8.tflite

Runs ``infer`` operator by operator on the rendered stacks that verification uses, all of it on
XNNPACK, then once for every layer with that layer alone on the plain kernels. For each layer: the
share of its own values that differ, given the same inputs, and what becomes of that at the output,
in steps of its 8-bit grid.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from numpy.typing import NDArray

from edgedepth.capture.runtimes import Arrays
from edgedepth.convert import flatbuffer, metadata, passes, verify
from edgedepth.convert.flatbuffer import Model, constant, text
from edgedepth.convert.graph import Node, layer_of, nodes, signatures
from edgedepth.convert.running import Session
from edgedepth.quiet import quiet

OUTPUT = "inverse_depth"
PLAIN = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES


@dataclass(frozen=True)
class Step:
    """One operator that runs by itself.

    Attributes:
        layer: first part of its name.
        given, made: indices of the tensors that it reads and writes.
        fast, plain: the operator alone, on either kernels.
    """

    layer: str
    given: tuple[int, ...]
    made: tuple[int, ...]
    fast: Interpreter
    plain: Interpreter

    def run(self, values: dict[int, NDArray[Any]], fast: bool) -> list[NDArray[Any]]:
        """What it makes of ``values``."""
        alone = self.fast if fast else self.plain
        for detail, index in zip(alone.get_input_details(), self.given, strict=True):
            alone.set_tensor(detail["index"], values[index])
        alone.invoke()
        return [alone.get_tensor(detail["index"]) for detail in alone.get_output_details()]


class Graph:
    """``infer`` of an int8 file, operator by operator.

    Raises:
        SystemExit: the file has no such signature or is not int8.
    """

    def __init__(self, path: Path) -> None:
        model = flatbuffer.read(path)
        spec = metadata.embedded_spec(model, str(path))
        if spec is None or not spec.frames or spec.precision != "int8":
            raise SystemExit(f"{path} is no int8 model of edgedepth with infer: name another file")
        self.spec = spec
        place = {name: index for index, name in signatures(model).items()}["infer"]
        alone = passes.extract(model, place)
        signature = alone.signatureDefs[0]
        self.inputs = {text(t.name): int(t.tensorIndex) for t in signature.inputs}
        self.output = next(int(t.tensorIndex) for t in signature.outputs if text(t.name) == OUTPUT)
        with quiet():
            self.steps = [_step(alone, node) for node in nodes(alone, alone.subgraphs[0])]

    def run(
        self, given: Arrays, fast: Callable[[Step], bool] = lambda _: True
    ) -> dict[int, NDArray[Any]]:
        """Every tensor of one run.

        Args:
            given: inputs as they are stored.
            fast: whether an operator runs on XNNPACK.
        """
        values = {self.inputs[name]: np.ascontiguousarray(v) for name, v in given.items()}
        for step in self.steps:
            values |= zip(step.made, step.run(values, fast(step)), strict=True)
        return values


def _step(model: Model, node: Node) -> Step:
    graph = copy.copy(node.graph)
    indices = [int(i) for i in node.operator.inputs if i >= 0]
    given = tuple(dict.fromkeys(i for i in indices if constant(model, graph.tensors[i]) is None))
    made = tuple(int(i) for i in node.operator.outputs)
    graph.operators = [node.operator]
    graph.inputs, graph.outputs = np.array(given, np.int32), np.array(made, np.int32)
    alone = copy.copy(model)
    alone.subgraphs, alone.signatureDefs = [graph], []
    data = flatbuffer.pack(alone)
    layer = layer_of(text(node.output.name)).split("/")[0]
    fast = Interpreter(model_content=data)
    plain = Interpreter(model_content=data, experimental_op_resolver_type=PLAIN)
    for interpreter in (fast, plain):
        interpreter.allocate_tensors()
    return Step(layer, given, made, fast, plain)


@dataclass(frozen=True)
class Finding:
    """What one layer does.

    Attributes:
        own: share of its values that the plain kernels make otherwise of the same inputs.
        farthest, beyond_2: steps of the output, and the share of it more than two away.
    """

    layer: str
    own: float
    farthest: int
    beyond_2: float


def findings(graph: Graph, stacks: list[Arrays]) -> list[Finding]:
    """Every layer's that differs at all, those that matter most first; ``"all"`` is all of them."""
    references = [graph.run(given) for given in stacks]
    found = [_finding(graph, stacks, references, "all", lambda _: False)]
    for layer in dict.fromkeys(step.layer for step in graph.steps):
        own = _own(graph, references, layer)
        if own:
            one = _finding(graph, stacks, references, layer, lambda s, name=layer: s.layer != name)
            found.append(Finding(layer, own, one.farthest, one.beyond_2))
    return sorted(found, key=lambda f: (-f.beyond_2, -f.farthest))


def _own(graph: Graph, references: list[dict[int, NDArray[Any]]], layer: str) -> float:
    other = count = 0
    for values in references:
        for step in graph.steps:
            if step.layer == layer:
                for index, made in zip(step.made, step.run(values, False), strict=True):
                    other += int(np.count_nonzero(made != values[index]))
                    count += made.size
    return other / max(count, 1)


def _finding(
    graph: Graph,
    stacks: list[Arrays],
    references: list[dict[int, NDArray[Any]]],
    layer: str,
    fast: Callable[[Step], bool],
) -> Finding:
    apart = np.concatenate(
        [
            np.abs(graph.run(given, fast)[graph.output].astype(np.int32) - values[graph.output])
            for given, values in zip(stacks, references, strict=True)
        ]
    )
    return Finding(layer, float("nan"), int(apart.max()), float(np.mean(apart > 2)))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--stacks", type=int, default=verify.CHECK_STACKS)
    given = parser.parse_args()
    graph, session = Graph(given.model), Session(given.model.read_bytes())
    stacks = [
        session.stored("infer", stack.inputs)
        for stack in verify.check_stacks(graph.spec, given.stacks)
    ]
    print("| on the plain kernels | its own values that differ | farthest, LSB | over 2 LSB |")
    print("|---|---|---|---|")
    for f in findings(graph, stacks):
        own = "" if np.isnan(f.own) else f"{f.own:.2%}"
        print(f"| {f.layer} | {own} | {f.farthest} | {f.beyond_2:.3%} |")


if __name__ == "__main__":
    main()
