"""Running a .tflite on the CPU, by signature and in real values. No TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from numpy.typing import NDArray

from edgedepth.capture.runtimes import Arrays, Signature, Tensor
from edgedepth.convert import flatbuffer, passes
from edgedepth.convert.flatbuffer import Model
from edgedepth.convert.graph import nodes, signatures
from edgedepth.errors import UserError

MAIN = "main"
"""Stands for the only graph of a file without signatures."""


class Session:
    """A .tflite loaded on the CPU.

    Args:
        data: the file's bytes.
        threads: of the runtime.
        xnnpack: whether the runtime's fast kernels may be used.

    Raises:
        UserError: the runtime refuses the file.
    """

    def __init__(self, data: bytes, threads: int = 1, xnnpack: bool = True) -> None:
        resolver = OpResolverType.AUTO
        if not xnnpack:
            resolver = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        try:
            self._interpreter = Interpreter(
                model_content=data,
                num_threads=threads,
                experimental_op_resolver_type=resolver,
            )
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise UserError(
                f"the runtime refuses the model ({_first_line(error)})",
                "see `edgedepth check` for what stands in its way",
            ) from None
        keys = list(self._interpreter.get_signature_list())
        runners = {key: self._interpreter.get_signature_runner(key) for key in keys}
        self._signatures = {k: Signature(r) for k, r in runners.items()} or {
            MAIN: Signature(_WholeGraph(self._interpreter))
        }

    @property
    def signatures(self) -> list[str]:
        """Signature keys; ``["main"]`` for a file without any."""
        return list(self._signatures)

    def signature(self, key: str) -> Signature:
        """One signature, with its tensors."""
        return self._signatures[key]

    def inputs(self, signature: str) -> dict[str, Tensor]:
        """Inputs of a signature by name."""
        return self._signatures[signature].inputs

    def outputs(self, signature: str) -> dict[str, Tensor]:
        """Outputs of a signature by name."""
        return self._signatures[signature].outputs

    def run(self, signature: str, stored: Arrays) -> Arrays:
        """Run one signature on values as its tensors store them.

        Raises:
            UserError: the runtime fails while running.
        """
        try:
            return {k: np.array(v) for k, v in self._signatures[signature].run(stored).items()}
        except (ValueError, RuntimeError) as error:
            raise UserError(
                f"the model fails while running ({_first_line(error)})",
                "see `edgedepth check` for what stands in its way",
            ) from None

    def run_real(self, signature: str, real: Arrays) -> dict[str, NDArray[np.float32]]:
        """Run one signature on real values, quantising at the boundary as the file asks."""
        stored = self.run(signature, self.stored(signature, real))
        outputs = self.outputs(signature)
        return {name: outputs[name].real(x) for name, x in stored.items()}

    def stored(self, signature: str, real: Arrays) -> Arrays:
        """Real inputs of a signature as its tensors store them."""
        inputs = self.inputs(signature)
        return {name: inputs[name].quantize(value) for name, value in real.items()}

    def on_grid(self, signature: str, real: Arrays) -> Arrays:
        """Real inputs of a signature as the file reads them, on its inputs' grids."""
        inputs, stored = self.inputs(signature), self.stored(signature, real)
        return {name: inputs[name].real(value) for name, value in stored.items()}

    def operators(self) -> list[dict[str, Any]]:
        """The first graph's operators as the runtime runs them, delegates included."""
        details: list[dict[str, Any]] = self._interpreter._get_ops_details()
        return details


class _WholeGraph:
    """The first graph of a file without signatures, with a signature runner's methods."""

    def __init__(self, interpreter: Any) -> None:
        self._interpreter = interpreter

    def get_input_details(self) -> dict[str, Any]:
        return {d["name"]: d for d in self._interpreter.get_input_details()}

    def get_output_details(self) -> dict[str, Any]:
        return {d["name"]: d for d in self._interpreter.get_output_details()}

    def __call__(self, **stored: NDArray[Any]) -> Arrays:
        for name, details in self.get_input_details().items():
            self._interpreter.set_tensor(details["index"], stored[name])
        self._interpreter.invoke()
        return {
            name: self._interpreter.get_tensor(details["index"])
            for name, details in self.get_output_details().items()
        }


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:160]


@dataclass(frozen=True)
class Partitions:
    """How XNNPACK takes a graph.

    Attributes:
        partitions: connected pieces it runs; 0 when it takes nothing.
        left: kinds of the operators left to the plain kernels, in order.
    """

    partitions: int
    left: tuple[str, ...]


def xnnpack_partitions(model: Model) -> dict[str, Partitions]:
    """Partitions by signature; graphs that control flow ties together are left out.

    Raises:
        UserError: the runtime refuses the file.
    """
    found = {}
    for index, name in signatures(model).items():
        try:
            alone = passes.extract(model, index)
        except ValueError:
            continue
        found[name] = _partitions(alone)
    return found


def _partitions(alone: Model) -> Partitions:
    session = Session(flatbuffer.pack(alone))
    graph = alone.subgraphs[0]
    delegates = [d for d in session.operators() if d["op_name"] == "DELEGATE"]
    plain = {int(o): node for node in nodes(alone, graph) for o in node.operator.outputs}
    delegated = {int(o): d for d in delegates for o in d["outputs"]}
    waiting = [int(i) for i in graph.outputs]
    seen: set[int] = set()
    left = {}
    while waiting:
        tensor = waiting.pop()
        if tensor in seen or tensor < 0:
            continue
        seen.add(tensor)
        if tensor in delegated:
            waiting += [int(i) for i in delegated[tensor]["inputs"]]
        elif tensor in plain:
            node = plain[tensor]
            left[node.index] = node.kind
            waiting += [int(i) for i in node.operator.inputs]
    return Partitions(len(delegates), tuple(left[i] for i in sorted(left)))
