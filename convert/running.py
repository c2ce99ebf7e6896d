"""Running a .tflite on the CPU, by signature and in real values. No TensorFlow."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from numpy.typing import NDArray

from edgedepth.convert import flatbuffer, passes
from edgedepth.convert.flatbuffer import Model
from edgedepth.convert.graph import nodes, signatures
from edgedepth.errors import UserError

Arrays = dict[str, NDArray[Any]]
MAIN = "main"
"""Stands for the only graph of a file without signatures."""


@dataclass(frozen=True)
class Port:
    """A tensor at a signature's boundary; ``scale`` is 0 when it is not quantised."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    scale: float
    zero_point: int

    @classmethod
    def of(cls, details: Mapping[str, Any]) -> Port:
        """From an interpreter's tensor details."""
        scale, zero = details["quantization"]
        shape = tuple(max(1, int(d)) for d in details["shape"])
        return cls(shape, np.dtype(details["dtype"]), float(scale), int(zero))

    def to_raw(self, real: NDArray[Any]) -> NDArray[Any]:
        """Real values on this tensor's grid."""
        if not self.scale or self.dtype.kind == "f":
            return real.astype(self.dtype)
        info = np.iinfo(self.dtype)
        level = np.rint(real.astype(np.float64) / self.scale) + self.zero_point
        return np.clip(level, info.min, info.max).astype(self.dtype)

    def to_real(self, raw: NDArray[Any]) -> NDArray[np.float32]:
        """What raw values on this tensor's grid mean."""
        if not self.scale or self.dtype.kind == "f":
            return raw.astype(np.float32)
        return ((raw.astype(np.float64) - self.zero_point) * self.scale).astype(np.float32)


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
        self._runners = {key: self._interpreter.get_signature_runner(key) for key in keys}

    @property
    def signatures(self) -> list[str]:
        """Signature keys; ``["main"]`` for a file without any."""
        return list(self._runners) or [MAIN]

    def inputs(self, signature: str) -> dict[str, Port]:
        """Inputs of a signature by name."""
        if self._runners:
            details = self._runners[signature].get_input_details()
            return {name: Port.of(d) for name, d in details.items()}
        return {d["name"]: Port.of(d) for d in self._interpreter.get_input_details()}

    def outputs(self, signature: str) -> dict[str, Port]:
        """Outputs of a signature by name."""
        if self._runners:
            details = self._runners[signature].get_output_details()
            return {name: Port.of(d) for name, d in details.items()}
        return {d["name"]: Port.of(d) for d in self._interpreter.get_output_details()}

    def run(self, signature: str, raw: Arrays) -> Arrays:
        """Run one signature on raw values.

        Raises:
            UserError: the runtime fails while running.
        """
        try:
            if self._runners:
                result: Arrays = self._runners[signature](**raw)
                return {k: np.array(v) for k, v in result.items()}
            for details in self._interpreter.get_input_details():
                self._interpreter.set_tensor(details["index"], raw[details["name"]])
            self._interpreter.invoke()
            return {
                d["name"]: self._interpreter.get_tensor(d["index"])
                for d in self._interpreter.get_output_details()
            }
        except (ValueError, RuntimeError) as error:
            raise UserError(
                f"the model fails while running ({_first_line(error)})",
                "see `edgedepth check` for what stands in its way",
            ) from None

    def run_real(self, signature: str, real: Arrays) -> dict[str, NDArray[np.float32]]:
        """Run one signature on real values, quantising at the boundary as the file asks."""
        ports = self.inputs(signature)
        raw = self.run(signature, {name: ports[name].to_raw(x) for name, x in real.items()})
        outputs = self.outputs(signature)
        return {name: outputs[name].to_real(x) for name, x in raw.items()}


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
    details = session._interpreter._get_ops_details()
    delegates = [d for d in details if d["op_name"] == "DELEGATE"]
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


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Send what C++ writes to stderr to nowhere; EDGEDEPTH_DEBUG=1 lets it through."""
    if os.environ.get("EDGEDEPTH_DEBUG"):
        yield
        return
    saved = os.dup(2)
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(null)
