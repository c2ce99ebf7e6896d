"""LiteRT, tflite-runtime and TensorFlow's interpreter behind one small interface."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from edgedepth.capture.modelfile import read_model_file
from edgedepth.errors import UserError
from edgedepth.quiet import quiet

Name = Literal["litert", "tflite-runtime", "tensorflow"]
Arrays = dict[str, NDArray[Any]]

_MODULES: dict[Name, str] = {
    "litert": "ai_edge_litert",
    "tflite-runtime": "tflite_runtime",
    "tensorflow": "tensorflow",
}
_PACKAGES: dict[Name, str] = {
    "litert": "ai-edge-litert",
    "tflite-runtime": "tflite-runtime",
    "tensorflow": "tensorflow",
}
_INSTALL: dict[Name, str] = {
    "litert": "pip install ai-edge-litert",
    "tflite-runtime": "pip install 'edgedepth[tflite-runtime]' (Python 3.11 or older)",
    "tensorflow": "pip install 'edgedepth[train]'",
}
PAIR = ("encode_step", "decode")
"""The streaming signatures, of which either is nothing without the other."""

CHOICES = ("auto", *get_args(Name))


def choose(name: str = "auto") -> Name:
    """Resolve ``auto`` to the first runtime that is installed; LiteRT is preferred.

    TensorFlow is never chosen by itself.

    Raises:
        UserError: the runtime is not installed.
    """
    if name == "auto":
        for candidate in ("litert", "tflite-runtime"):
            if _installed(candidate):  # type: ignore[arg-type]
                return candidate  # type: ignore[return-value]
        raise UserError("no TFLite runtime is installed", _INSTALL["litert"])
    if name not in _MODULES:
        raise UserError(f"--runtime {name} is unknown", f"one of {', '.join(CHOICES)}")
    if not _installed(name):  # type: ignore[arg-type]
        raise UserError(f"--runtime {name} is not installed", _INSTALL[name])  # type: ignore[index]
    return name  # type: ignore[return-value]


def _installed(name: Name) -> bool:
    return importlib.util.find_spec(_MODULES[name]) is not None


@dataclass(frozen=True)
class Tensor:
    """A tensor of a signature: shape, type, and how its numbers are stored."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    scale: float
    zero_point: int

    @property
    def quantized(self) -> bool:
        """Stored as integers that stand for real numbers."""
        return self.scale > 0 and self.dtype.kind in "iu"

    def quantize(self, real: NDArray[np.floating]) -> NDArray[Any]:
        """Real numbers as the tensor stores them."""
        values = np.asarray(real, np.float32).reshape(self.shape)
        if not self.quantized:
            return values.astype(self.dtype)
        limits = np.iinfo(self.dtype)
        stored = np.rint(values / np.float32(self.scale)) + self.zero_point
        return np.clip(stored, limits.min, limits.max).astype(self.dtype)

    def quantize_bytes(self, picture: NDArray[np.uint8]) -> NDArray[Any]:
        """Bytes that stand for value / 255; a shift by 128 where that is what the scale says."""
        values = picture.reshape(self.shape)
        if self.dtype == np.int8 and self.zero_point == -128 and abs(self.scale * 255 - 1) < 1e-4:
            return (values ^ 0x80).view(np.int8)
        return self.quantize(values.astype(np.float32) / 255)

    def real(self, stored: NDArray[Any]) -> NDArray[np.float32]:
        """Stored numbers as real ones."""
        if not self.quantized:
            return np.asarray(stored, np.float32)
        return (stored.astype(np.float32) - self.zero_point) * np.float32(self.scale)


class Signature:
    """One signature of a loaded model."""

    def __init__(self, runner: Any) -> None:
        self._runner = runner
        self.inputs = {k: _tensor(v) for k, v in runner.get_input_details().items()}
        self.outputs = {k: _tensor(v) for k, v in runner.get_output_details().items()}
        self._prepared = False

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> Arrays:
        """Run with arrays as the tensors store them."""
        if self._prepared:
            return dict(self._runner(**feeds))
        self._prepared = True
        with quiet():
            return dict(self._runner(**feeds))


def _tensor(detail: Mapping[str, Any]) -> Tensor:
    parameters = detail.get("quantization_parameters", {})
    scales, zeros = parameters.get("scales", ()), parameters.get("zero_points", ())
    return Tensor(
        tuple(int(s) for s in detail["shape"]),
        np.dtype(detail["dtype"]),
        float(scales[0]) if len(scales) else 0.0,
        int(zeros[0]) if len(zeros) else 0,
    )


class Runtime:
    """A model loaded into a runtime.

    Args:
        path: the ``.tflite``.
        name: which runtime, as :func:`choose` names it.
        threads: CPU threads.
        xnnpack: whether the runtime's fast kernels may be used.

    Raises:
        UserError: the runtime cannot be loaded or refuses the model.
    """

    def __init__(
        self, path: Path, name: Name = "litert", threads: int = 2, xnnpack: bool = True
    ) -> None:
        self.name = name
        self.version = metadata.version(_PACKAGES[name])
        if name == "tflite-runtime" and int(np.__version__.split(".")[0]) >= 2:
            raise UserError(
                f"tflite-runtime {self.version} does not work with NumPy {np.__version__}",
                "pip install 'numpy<2', or use --runtime litert",
            )
        self._holders = self._load(path, threads, xnnpack)
        missing = set(PAIR) - set(self._holders)
        if len(missing) == 1:
            other = partner(path, *(set(PAIR) - missing), *missing)
            self._holders |= self._load(other, threads, xnnpack)
        self._loaded: dict[str, Signature] = {}

    def _load(self, path: Path, threads: int, xnnpack: bool) -> dict[str, Any]:
        """Signature -> the interpreter that holds it."""
        interpreter_class, resolvers = load_runtime(self.name)
        kernels = resolvers.AUTO if xnnpack else resolvers.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        try:
            with quiet():
                interpreter = interpreter_class(
                    model_path=str(path), num_threads=threads, experimental_op_resolver_type=kernels
                )
            return dict.fromkeys(interpreter.get_signature_list(), interpreter)
        except (ValueError, RuntimeError) as error:
            raise UserError(
                f"{self.name} cannot load {path} ({str(error).splitlines()[0][:120]})",
                "convert the model again",
            ) from None

    def __contains__(self, signature: str) -> bool:
        return signature in self._holders

    def signature(self, name: str) -> Signature:
        """One of the model's signatures.

        Raises:
            UserError: the model lacks it or it cannot be prepared.
        """
        if name not in self._holders:
            raise UserError(f"the model has no signature {name}", "convert it again")
        if name not in self._loaded:
            try:
                with quiet():
                    runner = self._holders[name].get_signature_runner(name)
                self._loaded[name] = Signature(runner)
            except (ValueError, RuntimeError) as error:
                raise UserError(
                    f"{self.name} cannot prepare the model ({str(error).splitlines()[0][:120]})",
                    "convert it again, or try another --runtime",
                ) from None
        return self._loaded[name]


def partner(path: Path, here: str, there: str) -> Path:
    """The other file of a streaming pair, as ``edgedepth convert --separate`` names them.

    Args:
        path: the file at hand; here, there: the signature that it holds and the one wanted.

    Raises:
        UserError: it is not beside this one, or is of another conversion.
    """
    head, found, tail = path.name.rpartition(here)
    other = path.with_name(head + there + tail) if found else path
    advice = (
        f"keep the pair of `edgedepth convert --separate` together, named *{here}* and *{there}*"
    )
    if other == path or not other.is_file():
        named = "" if other == path else f" {other.name}"
        raise UserError(f"{path} holds only {here}; no file{named} with {there} beside it", advice)
    if read_model_file(other).spec != read_model_file(path).spec:
        raise UserError(f"{path} and {other.name} are not of one conversion", advice)
    return other


def load_runtime(name: Name) -> tuple[Any, Any]:
    """Import a runtime: its Interpreter class and its OpResolverType."""
    if name == "tensorflow":
        import tensorflow as tf

        return tf.lite.Interpreter, tf.lite.experimental.OpResolverType
    module = importlib.import_module(f"{_MODULES[name]}.interpreter")
    return module.Interpreter, module.OpResolverType
