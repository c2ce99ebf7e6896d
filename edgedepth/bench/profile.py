"""Time per kind of operator, from LiteRT's own profiler.

LiteRT's Python interface has no profiler; its C interface, in the same wheel, has one (``litert/c``
of https://github.com/google-ai-edge/LiteRT). It is called here through ctypes, in a child process.
It tells XNNPACK's operators one by one, beside those that the interpreter runs itself.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgedepth.bench.children import Record
from edgedepth.bench.running import load_inputs, stream_feeds
from edgedepth.bench.signatures import holders
from edgedepth.capture.inference import feed
from edgedepth.capture.runtimes import Arrays, Runtime
from edgedepth.errors import UserError
from edgedepth.preprocess import ModelInputs
from edgedepth.quiet import quiet

KNOWN_TO_WORK = "ai-edge-litert 2.3"
MOST_RUNS = 50
_CPU = 1
_WRITE = 1
_TYPE_BYTES = 1024
"""More than LiteRtRankedTensorType takes."""

_ROW = re.compile(r"^\s*(.+?)\s+(\d+)\s+([\d.]+)\s+([\d.]+)%\s+[\d.]+%\s+[\d.]+\s+(\d+)\s*$")

Handle = ctypes.c_void_p


def profile(task: Record) -> Record:
    """Profile a model's signatures, warmed up, on the inputs that the benchmark feeds.

    Args:
        task: of :mod:`edgedepth.bench.worker`: model, threads, mode, inputs, runs, warmup.

    Returns:
        ``signatures``: name -> rows of :func:`parse_summary`, seconds per run.

    Raises:
        UserError: this LiteRT has no such profiler.
    """
    engine = Runtime(Path(task["model"]), "litert", task["threads"])
    inputs = load_inputs(Path(task["inputs"]))
    runs = min(MOST_RUNS, task["runs"])
    files = holders(Path(task["model"]))
    found = {}
    for name, values in _feeds(engine, inputs, task["mode"]).items():
        with quiet():
            text = _Session(files[name], task["threads"]).summary(
                name, values, task["warmup"], runs
            )
        found[name] = parse_summary(text, runs)
    return {"signatures": found}


def parse_summary(text: str, runs: int) -> list[Record]:
    """The rows of the profiler's summary by node type, slowest first.

    Returns:
        kind, by (``XNNPACK`` or ``TFLite``), count in the graph, seconds per run, share.
    """
    section = text.partition("Summary by node type")[2].partition("\n\n")[0]
    rows = []
    for line in section.splitlines():
        match = _ROW.match(line)
        if not match:
            continue
        kind, count, mean_ms, share, calls = match.groups()
        rows.append(
            {
                "kind": kind.removeprefix("Delegate/"),
                "by": "XNNPACK" if kind.startswith("Delegate/") else "TFLite",
                "count": int(count),
                "seconds": float(mean_ms) / 1e3 * int(calls) / runs,
                "share": float(share) / 100,
            }
        )
    return sorted(rows, key=lambda row: -row["seconds"])


def _feeds(engine: Runtime, inputs: ModelInputs, mode: str) -> dict[str, Arrays]:
    """Signature -> what it is fed, as its tensors store it; the last frame's of a stream."""
    if mode == "unrolled":
        tensors = engine.signature("infer").inputs
        return {"infer": {name: feed(t, name, inputs, None) for name, t in tensors.items()}}
    encode, decode = engine.signature("encode_step"), engine.signature("decode")
    empty, feeds = stream_feeds(encode, inputs)
    state, given = empty, {}
    for frame in feeds:
        given = {**frame, **{name: state[name] for name in empty}}
        state = encode.run(given)
    return {"encode_step": given, "decode": {name: state[name] for name in decode.inputs}}


class _Session:
    """A model compiled for the CPU with its profiler, through LiteRT's C interface."""

    def __init__(self, path: Path, threads: int) -> None:
        import ai_edge_litert

        self._kept: list[Any] = []
        try:
            self._library = ctypes.CDLL(
                str(Path(ai_edge_litert.__file__ or "").parent / "libLiteRt.so")
            )
        except OSError:
            raise _none("there is no libLiteRt.so") from None
        self._environment, self._model = Handle(), Handle()
        self._call("CreateEnvironment", ctypes.c_int(0), None, ctypes.byref(self._environment))
        name = ctypes.c_char_p(str(path).encode())
        self._call("CreateModelFromFile", self._environment, name, ctypes.byref(self._model))
        options = Handle()
        self._call("CreateOptions", ctypes.byref(options))
        self._call("SetOptionsHardwareAccelerators", options, ctypes.c_int(_CPU))
        self._add(options, "runtime_options_string", "enable_profiling = true\n")
        self._add(options, "xnnpack", f"num_threads = {threads}\n")
        self._compiled, self._profiler = Handle(), Handle()
        self._call(
            "CreateCompiledModel", self._environment, self._model, options,
            ctypes.byref(self._compiled),
        )  # fmt: skip
        self._call("CompiledModelGetProfiler", self._compiled, ctypes.byref(self._profiler))

    def _call(self, name: str, *arguments: Any) -> None:
        try:
            function = getattr(self._library, f"LiteRt{name}")
        except AttributeError:
            raise _none(f"it has no LiteRt{name}") from None
        function.restype = ctypes.c_int
        status = function(*arguments)
        if status:
            raise _none(f"LiteRt{name} gives {status}")

    def _add(self, options: Handle, kind: str, text: str) -> None:
        """Options travel as text in TOML; the memory stays ours."""
        payload = ctypes.create_string_buffer(text.encode())
        free = ctypes.CFUNCTYPE(None, Handle)(lambda _: None)
        self._kept += [payload, free]
        opaque = Handle()
        self._call(
            "CreateOpaqueOptions", ctypes.c_char_p(kind.encode()),
            ctypes.cast(payload, Handle), free, ctypes.byref(opaque),
        )  # fmt: skip
        self._call("AddOpaqueOptions", options, opaque)

    def summary(self, name: str, values: Mapping[str, NDArray[Any]], warmup: int, runs: int) -> str:
        """Run a signature and return what the profiler has to say of the runs after the warm-up."""
        index, signature = self._signature(name)
        inputs = self._tensors(signature, index, "Input")
        outputs = self._tensors(signature, index, "Output")
        for tensor, buffer in inputs.items():
            self._fill(buffer, values[tensor])

        def run() -> None:
            self._call(
                "RunCompiledModel", self._compiled, index,
                ctypes.c_size_t(len(inputs)), _array(list(inputs.values())),
                ctypes.c_size_t(len(outputs)), _array(list(outputs.values())),
            )  # fmt: skip

        for _ in range(warmup):
            run()
        self._call("ResetProfiler", self._profiler)
        self._call("StartProfiler", self._profiler)
        for _ in range(runs):
            run()
        self._call("StopProfiler", self._profiler)
        text = ctypes.c_char_p()
        self._call("GetProfileSummary", self._profiler, self._compiled, ctypes.byref(text))
        return (text.value or b"").decode(errors="replace")

    def _signature(self, wanted: str) -> tuple[ctypes.c_size_t, Handle]:
        count = ctypes.c_size_t()
        self._call("GetNumModelSignatures", self._model, ctypes.byref(count))
        for number in range(count.value):
            index, signature, key = ctypes.c_size_t(number), Handle(), ctypes.c_char_p()
            self._call("GetModelSignature", self._model, index, ctypes.byref(signature))
            self._call("GetSignatureKey", signature, ctypes.byref(key))
            if key.value == wanted.encode():
                return index, signature
        raise _none(f"it does not find the signature {wanted}")

    def _tensors(self, signature: Handle, index: ctypes.c_size_t, side: str) -> dict[str, Handle]:
        """Tensor name -> a buffer for it."""
        count = ctypes.c_size_t()
        self._call(f"GetNumSignature{side}s", signature, ctypes.byref(count))
        found = {}
        for number in range(count.value):
            at, name, tensor = ctypes.c_size_t(number), ctypes.c_char_p(), Handle()
            self._call(f"GetSignature{side}Name", signature, at, ctypes.byref(name))
            self._call(f"GetSignature{side}TensorByIndex", signature, at, ctypes.byref(tensor))
            kind = ctypes.create_string_buffer(_TYPE_BYTES)
            self._call("GetRankedTensorType", tensor, kind)
            needs, buffer = Handle(), Handle()
            self._call(
                f"GetCompiledModel{side}BufferRequirements", self._compiled, index, at,
                ctypes.byref(needs),
            )  # fmt: skip
            self._call(
                "CreateManagedTensorBufferFromRequirements", self._environment, kind, needs,
                ctypes.byref(buffer),
            )  # fmt: skip
            found[(name.value or b"").decode()] = buffer
        return found

    def _fill(self, buffer: Handle, values: NDArray[Any]) -> None:
        data, size = np.ascontiguousarray(values), ctypes.c_size_t()
        self._call("GetTensorBufferPackedSize", buffer, ctypes.byref(size))
        if size.value != data.nbytes:
            raise _none(f"a tensor takes {size.value} bytes, not {data.nbytes}")
        address = Handle()
        self._call("LockTensorBuffer", buffer, ctypes.byref(address), ctypes.c_int(_WRITE))
        ctypes.memmove(address, data.ctypes.data, data.nbytes)
        self._call("UnlockTensorBuffer", buffer)


def _array(handles: Sequence[Handle]) -> Any:
    return (Handle * len(handles))(*handles)


def _none(why: str) -> UserError:
    version = metadata.version("ai-edge-litert")
    return UserError(
        f"ai-edge-litert {version} gives no profile ({why})",
        f"leave --profile out, or use {KNOWN_TO_WORK}",
    )
