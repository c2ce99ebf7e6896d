"""A model's inputs for one sweep, as the page feeds them.

The numbers come from the same code that feeds the model in Python. All are real values: a file
whose boundary is int8 is given out with a float one (:mod:`edgedepth.serve.edges`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgedepth.capture.inference import Depth, feed, initial_state
from edgedepth.capture.runtimes import Runtime, Tensor
from edgedepth.preprocess import ModelInputs
from edgedepth.serve.resources import Resources

GRID_TOLERANCE = 1e-6


def make_plan(
    engine: Runtime, inputs: ModelInputs, raw: Depth, resources: Resources
) -> dict[str, Any]:
    """How the page runs a model on a prepared stack.

    Args:
        engine: the model in Python.
        inputs: the stack as the model takes it.
        raw: Python's own run; the page uses the same signatures.

    Returns:
        ``{"feeds": values}`` for the unrolled signature, or ``{"steps": [values, ...],
        "state": values}`` for the streaming ones; values: input name -> :func:`value`.
    """
    if raw.signature == "infer":
        tensors = engine.signature("infer").inputs
        return {
            "feeds": {n: value(t, feed(t, n, inputs, None), resources) for n, t in tensors.items()}
        }
    encode = engine.signature("encode_step")
    state = initial_state(encode, float(inputs.focus[0]))
    fresh = {n: t for n, t in encode.inputs.items() if n not in state}
    return {
        "steps": [
            {n: value(t, feed(t, n, inputs, step), resources) for n, t in fresh.items()}
            for step in range(len(inputs.frames))
        ],
        "state": {n: value(encode.inputs[n], stored, resources) for n, stored in state.items()},
    }


def value(tensor: Tensor, stored: NDArray[Any], resources: Resources) -> dict[str, Any]:
    """An input's value as the page reads it: a shape, and one of three ways to its numbers.

    ``fill``: all numbers are this; ``bytes``: address of one byte per number, over 255;
    ``floats``: address of little-endian float32.
    """
    real = tensor.real(stored).astype(np.float32)
    shape = list(tensor.shape)
    if real.size and (real == real.flat[0]).all():
        return {"shape": shape, "fill": float(real.flat[0])}
    bytes_ = np.rint(np.clip(real, 0, 1) * 255)
    if np.abs(bytes_ / 255 - real).max() <= GRID_TOLERANCE:
        return {"shape": shape, "bytes": resources.add(bytes_.astype(np.uint8).tobytes(), "bin")}
    return {"shape": shape, "floats": resources.add(real.astype("<f4").tobytes(), "bin")}
