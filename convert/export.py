"""From a network to the bytes of a .tflite: signatures, conversion, passes, metadata.

Needs the ``train`` extra (TensorFlow).
"""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

from edgedepth.convert import (
    flatbuffer,
    lowering,
    metadata,
    packing,
    passes,
    rounding,
    standard_metadata,
)
from edgedepth.errors import UserError
from edgedepth.models.backend import keras, tf
from edgedepth.quiet import quiet
from edgedepth.spec import ModelSpec, Precision

Tensor: TypeAlias = Any
Tensors: TypeAlias = dict[str, Tensor]
Boundary = Literal["int8", "float"]
INFER, ENCODE_STEP, DECODE = "infer", "encode_step", "decode"


class Network(Protocol):
    """What export needs of a network; see :mod:`edgedepth.models.network`."""

    spec: ModelSpec
    quantized: bool

    @property
    def variables(self) -> list[Any]: ...

    def infer(self, frames: list[Tensor], focus: Tensor, optics: Tensor | None) -> Tensors: ...

    def encode_step(
        self, frame: Tensor, focus: Tensor, optics: Tensor, state: Tensors
    ) -> Tensors: ...

    def decode_state(self, state: Tensors) -> Tensors: ...

    def state_spec(self) -> dict[str, Any]: ...


@dataclasses.dataclass(frozen=True)
class Exported:
    """A converted model.

    Attributes:
        data: the .tflite file's bytes.
        spec: what its metadata says.
        passes: how often each flatbuffer pass acted.
    """

    data: bytes
    spec: ModelSpec
    passes: dict[str, int]


def export(
    net: Network,
    precision: Precision,
    boundary: Boundary = "int8",
    functions: dict[str, Any] | None = None,
) -> Exported:
    """Convert a network at its own size, frames and streaming.

    Args:
        net: fake-quantised for ``int8``, float otherwise.
        boundary: type of the int8 file's inputs and outputs; the others are always float.
        functions: from :func:`signature_functions`, if they have been traced already.

    Raises:
        ValueError: the network's quantisation does not fit the precision.
        UserError: TensorFlow could not convert it, or had no room for its temporary files.
    """
    if (precision == "int8") != net.quantized:
        raise ValueError(f"{precision} does not go with a network of quantized={net.quantized}")
    raw = convert_functions(functions or signature_functions(net), net, precision, boundary)
    spec = dataclasses.replace(net.spec, precision=precision)
    model = flatbuffer.parse(raw)
    metadata.name_parts(model, layer_labels(net))
    metadata.in_contract_order(model)
    metadata.attach_spec(model, spec)
    acted = optimise(model)
    metadata.number_names(model)
    standard_metadata.attach(model, spec)
    return Exported(flatbuffer.pack(model), spec, acted)


def layer_labels(net: Any) -> dict[str, str]:
    """Names that Keras numbers per process (``conv_12``) -> the attributes that hold the layers
    (``stem``; ``encode4_0`` for one of a list)."""
    labels: dict[str, str] = {}

    def visit(owner: Any) -> None:
        for attribute, value in vars(owner).items():
            many = isinstance(value, Sequence) and not isinstance(value, str)
            for index, part in enumerate(value) if many else [(None, value)]:
                layer = isinstance(part, keras.layers.Layer)
                if attribute.startswith("_") or not layer or part.name in labels:
                    continue
                labels[part.name] = attribute if index is None else f"{attribute}_{index}"
                visit(part)

    visit(net)
    return labels


def optimise(model: flatbuffer.Model) -> dict[str, int]:
    """Run every pass over a parsed file, in place; returns how often each one acted."""
    return {
        "moved as integers": lowering.move_integers(model),
        "weights narrowed": lowering.narrow_computed_weights(model),
        "constants folded": passes.fold_constants(model),
        "sums rounded alike": rounding.round_alike(model),
        "biases repeated": packing.repeat_bias(model),
        "pixels packed": packing.pack_pixels(model),
        "idle dropped": lowering.drop_idle(model),
        "buffers merged": passes.deduplicate_buffers(model),
        "unused dropped": passes.drop_unused(model),
    }


def signature_functions(net: Network) -> dict[str, Any]:
    """The concrete functions of the model contract's signatures."""
    spec = net.spec
    functions = {}
    if spec.frames:
        functions[INFER] = concrete(lambda d: run_infer(net, d), infer_shapes(spec))
    if spec.streaming:
        states = {n: tuple(s.shape) for n, s in net.state_spec().items() if s.carried}
        functions[ENCODE_STEP] = concrete(
            lambda d: net.encode_step(
                d["frame"], d["focus"], d["optics"], {k: d[k] for k in states}
            ),
            {**step_shapes(spec), **states},
        )
        decoded = {n: tuple(s.shape) for n, s in net.state_spec().items() if s.decoded}
        functions[DECODE] = concrete(net.decode_state, decoded)
    return functions


def infer_shapes(spec: ModelSpec) -> dict[str, tuple[int, ...]]:
    """Input names and shapes of ``infer``."""
    frame = (1, spec.height, spec.width, spec.channels)
    shapes: dict[str, tuple[int, ...]] = {f"frame_{i}": frame for i in range(spec.frames)}
    shapes["focus"] = (1, spec.frames)
    if takes_optics(spec):
        shapes["optics"] = (1, 3)
    return shapes


def step_shapes(spec: ModelSpec) -> dict[str, tuple[int, ...]]:
    """Input names and shapes of ``encode_step``, without the state."""
    return {
        "frame": (1, spec.height, spec.width, spec.channels),
        "focus": (1, 1),
        "optics": (1, 3),
    }


def takes_optics(spec: ModelSpec) -> bool:
    """Whether the model is told what the sweep is like (see ``SweepRange.optics``)."""
    return spec.focus_encoding == "sweep"


def run_infer(net: Network, given: Tensors) -> Tensors:
    """``infer`` of a network on tensors by their signature's names."""
    frames = [given[f"frame_{i}"] for i in range(net.spec.frames)]
    return net.infer(frames, given["focus"], given.get("optics"))


def concrete(function: Callable[[Tensors], Tensors], shapes: dict[str, tuple[int, ...]]) -> Any:
    """A concrete function of float tensors by name."""
    specs = {name: tf.TensorSpec(s, tf.float32, name=name) for name, s in shapes.items()}
    return tf.function(lambda **given: function(given)).get_concrete_function(**specs)


def convert_functions(
    functions: dict[str, Any], net: Network, precision: Precision, boundary: Boundary = "int8"
) -> bytes:
    """TensorFlow's converter on some signatures; no passes, no metadata."""
    holder = tf.Module()  # a Keras model would save call functions with its own fake quant
    holder.held = list(net.variables)
    with (
        tempfile.TemporaryDirectory(prefix="edgedepth-") as folder,
        explained(folder),
        quiet(),
    ):
        tf.saved_model.save(holder, folder, signatures=functions)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=list(functions))
        set_precision(converter, precision, boundary)
        data: bytes = converter.convert()
    return data


def set_precision(converter: Any, precision: Precision, boundary: Boundary = "int8") -> None:
    """Tell TensorFlow's converter what to make."""
    if precision != "fp32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if precision == "int8":
        # A dense kernel that serves N frames would be quantised anew, per channel: the
        # unrolled graph would round apart from the streaming one.
        converter._experimental_disable_per_channel_quantization_for_dense_layers = True
    if precision == "fp16":
        converter.target_spec.supported_types = [tf.float16]
    if precision == "int8" and boundary == "int8":
        converter.inference_input_type = tf.int8
        converter.inference_output_type = tf.int8


@contextlib.contextmanager
def explained(folder: str) -> Iterator[None]:
    """Turn what TensorFlow raises while saving or converting into a line for the user."""
    try:
        yield
    except (tf.errors.ResourceExhaustedError, tf.errors.UnknownError, OSError) as error:
        raise UserError(
            f"no room for temporary files in {Path(folder).parent} ({str(error)[:80]})",
            "free some space or point TMPDIR elsewhere",
        ) from None
    except UserError:
        raise
    except Exception as error:  # the converter raises its own private kinds
        lines = [line for line in str(error).splitlines() if "error:" in line] or [str(error)]
        raise UserError(
            f"TensorFlow's converter refused the network: {lines[0][:300]}",
            "the operator named is not one TFLite can hold; change that layer",
        ) from error
