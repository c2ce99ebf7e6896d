"""Which layer departs first when a file and its training graph disagree?

The converter names a tensor after the graph nodes that it fused, the last one first, as long as
a file holds one signature. So ``infer`` is converted once more, alone and with its names as they
came, run with every intermediate tensor kept, and each is held against the node it is named
after, behind that node's fake quantisation if it has one.

Needs the ``train`` extra (TensorFlow).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from numpy.typing import NDArray

from edgedepth.capture.runtimes import Arrays, Signature, Tensor
from edgedepth.convert import export, flatbuffer, passes, rounding
from edgedepth.convert.flatbuffer import text
from edgedepth.convert.graph import layer_of, nodes
from edgedepth.convert.running import Session
from edgedepth.models.backend import tf
from edgedepth.spec import Precision

FLOAT_LSB_SHARE = 1 / 255
"""One step of a tensor without an integer grid, as a share of its range."""


@dataclass(frozen=True)
class Departure:
    """How far one tensor of the file is from the training graph's.

    Attributes:
        index, kind: the operator that makes it, in execution order.
        layer: what the training code called it.
        max_lsb: largest difference in steps of the tensor's grid.
        share_beyond_1_lsb: share of its values more than one step away.
    """

    index: int
    kind: str
    layer: str
    max_lsb: float
    share_beyond_1_lsb: float


def infer_alone(net: export.Network, precision: Precision) -> bytes:
    """``infer`` alone, its tensors named after graph nodes as the converter names them, with the
    passes that set its numbers."""
    raw = export.convert_functions({export.INFER: infer_function(net)}, net, precision)
    model = flatbuffer.parse(raw)
    passes.fold_constants(model)
    rounding.round_alike(model)
    return flatbuffer.pack(model)


def infer_function(net: export.Network) -> Any:
    """The training graph's ``infer``."""
    return export.concrete(lambda d: export.run_infer(net, d), export.infer_shapes(net.spec))


def departures(
    net: export.Network, precision: Precision, inputs: Arrays, raw: bytes | None = None
) -> list[Departure]:
    """Every operator's departure, in execution order.

    Args:
        inputs: real-valued inputs of ``infer``, put on the file's grids for both.
        raw: the file to hold against the network; by default :func:`infer_alone` of it.
    """
    function = infer_function(net)
    raw = raw or infer_alone(net, precision)
    inputs = Session(raw).on_grid(export.INFER, inputs)
    kept, model = _run_keeping(raw, inputs), flatbuffer.parse(raw)
    graph = model.subgraphs[0]
    wanted = {}
    for node in nodes(model, graph):
        index = int(node.operator.outputs[0])
        found = _training_tensor(function.graph, text(node.output.name).split(";"))
        if found is not None and index in kept:
            wanted[node.index] = (node, index, found)
    labels = export.layer_labels(net)
    values = _training_values(net, {name for _, _, name in wanted.values()}, inputs)
    result = []
    for node, index, name in wanted.values():
        stored, tensor = kept[index]
        reference = values[name]
        if reference.size == stored.size:
            layer = layer_of(text(node.output.name), labels)
            result.append(_compare(node.index, node.kind, layer, stored, tensor, reference))
    return result


def first_departure(found: list[Departure], share: float = 0.02) -> Departure | None:
    """The first operator of which more than ``share`` of the values are over a step away."""
    return next((d for d in found if d.share_beyond_1_lsb > share), None)


def _training_tensor(graph: Any, names: list[str]) -> str | None:
    """The tensor that fused nodes end in, or the fake quantisation's behind it."""
    operations = []
    for name in names:
        try:
            operation = graph.get_operation_by_name(name)
        except (KeyError, ValueError):
            continue
        if len(operation.outputs) == 1:
            operations.append(operation)
    fed = {tensor.op.name for operation in operations for tensor in operation.inputs}
    last = next((o for o in operations if o.name not in fed), None)
    if last is None:
        return None
    for consumer in last.outputs[0].consumers():
        if consumer.type.startswith("FakeQuantWithMinMax"):
            return str(consumer.outputs[0].name)
    return str(last.outputs[0].name)


def _training_values(net: export.Network, names: set[str], inputs: Arrays) -> Arrays:
    """Intermediate tensors of the training graph, traced as the export traced it."""

    def run(given: dict[str, Any]) -> dict[str, Any]:
        export.run_infer(net, given)
        graph = tf.compat.v1.get_default_graph()
        return {f"v{i}": graph.get_tensor_by_name(n) for i, n in enumerate(sorted(names))}

    function = export.concrete(run, export.infer_shapes(net.spec))
    given = {k: tf.constant(np.asarray(v, np.float32)) for k, v in inputs.items()}
    values = function(**given)
    return {name: values[f"v{i}"].numpy() for i, name in enumerate(sorted(names))}


def _run_keeping(data: bytes, inputs: Arrays) -> dict[int, tuple[NDArray[Any], Tensor]]:
    """Tensor index -> (stored values, tensor) after one run with every tensor kept."""
    interpreter = Interpreter(
        model_content=data,
        experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    interpreter.allocate_tensors()
    infer = Signature(interpreter.get_signature_runner(export.INFER))
    infer.run({name: infer.inputs[name].quantize(value) for name, value in inputs.items()})
    kept = {}
    for details in interpreter.get_tensor_details():
        try:
            value = interpreter.get_tensor(details["index"])
        except ValueError:  # a tensor that this run did not fill
            continue
        scale, zero = details["quantization"]
        shape = tuple(int(d) for d in details["shape"])
        tensor = Tensor(shape, np.dtype(details["dtype"]), float(scale), int(zero))
        kept[details["index"]] = (np.array(value), tensor)
    return kept


def _compare(
    index: int, kind: str, layer: str, stored: NDArray[Any], tensor: Tensor, reference: Any
) -> Departure:
    real = tensor.real(stored).reshape(-1).astype(np.float64)
    truth = np.asarray(reference, np.float64).reshape(-1)
    lsb = tensor.scale if tensor.quantized else max(np.ptp(truth) * FLOAT_LSB_SHARE, 1e-9)
    steps = np.abs(real - truth) / lsb
    return Departure(index, kind, layer, float(steps.max()), float(np.mean(steps > 1.01)))
