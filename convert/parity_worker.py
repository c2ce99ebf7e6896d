"""Runs a signature of a .tflite on one runtime and keeps the raw outputs.

Stands alone: it needs NumPy and the runtime and nothing of edgedepth, so that it also runs under
another processor's Python. ``python parity_worker.py FILE IN.npz OUT.npz RUNTIME on|off``

IN.npz holds ``STACK/INPUT`` -> values as the tensors store them; OUT.npz gets ``STACK/OUTPUT``.
"""

from __future__ import annotations

import importlib
import json
import platform
import sys
from importlib import metadata
from typing import Any

import numpy as np

RUNTIMES = {
    "litert": ("ai_edge_litert.interpreter", "ai-edge-litert"),
    "tflite-runtime": ("tflite_runtime.interpreter", "tflite-runtime"),
    "tensorflow": ("tensorflow.lite.python.interpreter", "tensorflow"),
}
"""Name -> module that holds ``Interpreter`` and ``OpResolverType``, and its distribution."""

SIGNATURE = "infer"


def run(file: str, stacks: dict[str, dict[str, Any]], runtime: str, xnnpack: bool) -> Any:
    """(outputs by stack, DELEGATE nodes of the first graph)."""
    module = importlib.import_module(RUNTIMES[runtime][0])
    resolvers = module.OpResolverType
    kernels = resolvers.AUTO if xnnpack else resolvers.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = module.Interpreter(
        model_path=file, num_threads=1, experimental_op_resolver_type=kernels
    )
    interpreter.allocate_tensors()
    delegates = sum(d["op_name"] == "DELEGATE" for d in interpreter._get_ops_details())
    runner = interpreter.get_signature_runner(SIGNATURE)
    outputs = {
        name: {k: np.array(v) for k, v in runner(**stack).items()} for name, stack in stacks.items()
    }
    return outputs, delegates


def grouped(arrays: Any) -> dict[str, dict[str, Any]]:
    """``STACK/NAME`` -> values as stack -> name -> values."""
    found: dict[str, dict[str, Any]] = {}
    for key in arrays:
        stack, name = key.split("/", 1)
        found.setdefault(stack, {})[name] = arrays[key]
    return found


def main(file: str, given: str, kept: str, runtime: str, xnnpack: str) -> None:
    with np.load(given) as archive:
        stacks = grouped({key: archive[key] for key in archive.files})
    outputs, delegates = run(file, stacks, runtime, xnnpack == "on")
    flat = {f"{s}/{name}": v for s, named in outputs.items() for name, v in named.items()}
    np.savez(kept, **flat)
    told = {
        "version": metadata.version(RUNTIMES[runtime][1]),
        "machine": platform.machine(),
        "xnnpack_partitions": delegates,
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
