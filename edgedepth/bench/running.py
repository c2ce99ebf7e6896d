"""One run of a model, timed: as an application sees it, inputs handed in and outputs out."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgedepth.capture.inference import feed, initial_state
from edgedepth.capture.runtimes import Arrays, Runtime, Signature, Tensor
from edgedepth.preprocess import Fit, ModelInputs, SweepRange

Parts = dict[str, list[float]]
Run = Callable[[], Parts]


def runner(engine: Runtime, task: dict[str, Any]) -> Run:
    """A function that runs the model once and says how many seconds each part took.

    Inputs are made ready beforehand, as the tensors store them; only calls are timed.
    """
    mode = task["mode"]
    if mode == "peak":
        return _calls(engine, "peak", _random)
    inputs = load_inputs(Path(task["inputs"]))
    if mode == "unrolled":
        return _calls(engine, "infer", lambda tensor, name: feed(tensor, name, inputs, None))
    return _stream(engine, inputs)


def _random(tensor: Tensor, _name: str) -> NDArray[Any]:
    rng = np.random.default_rng(0)
    if tensor.quantized:
        return rng.integers(-128, 128, tensor.shape).astype(tensor.dtype)
    return rng.uniform(0, 1, tensor.shape).astype(tensor.dtype)


def _calls(engine: Runtime, key: str, make: Callable[[Tensor, str], NDArray[Any]]) -> Run:
    signature = engine.signature(key)
    feeds = {name: make(tensor, name) for name, tensor in signature.inputs.items()}

    def run() -> Parts:
        start = time.perf_counter()
        signature.run(feeds)
        return {"whole": [time.perf_counter() - start]}

    return run


def _stream(engine: Runtime, inputs: ModelInputs) -> Run:
    encode, decode = engine.signature("encode_step"), engine.signature("decode")
    empty, feeds = stream_feeds(encode, inputs)

    def run() -> Parts:
        state, times = empty, [time.perf_counter()]
        for given in feeds:
            state = encode.run({**given, **{name: state[name] for name in empty}})
            times.append(time.perf_counter())
        decode.run({name: state[name] for name in decode.inputs})
        end = time.perf_counter()
        steps = [b - a for a, b in itertools.pairwise(times)]
        return {
            "whole": [end - times[0]],
            "per_frame": steps,
            "after_last_frame": [end - times[-2]],
        }

    return run


def stream_feeds(encode: Signature, inputs: ModelInputs) -> tuple[Arrays, list[Arrays]]:
    """The state before the first frame, and what each step is fed besides the state."""
    empty = initial_state(encode, float(inputs.focus[0]))
    feeds = [
        {n: feed(t, n, inputs, step) for n, t in encode.inputs.items() if n not in empty}
        for step in range(len(inputs.frames))
    ]
    return empty, feeds


def save_inputs(path: Path, inputs: ModelInputs) -> None:
    """Write what a model is fed."""
    np.savez(path, frames=inputs.frames, focus=inputs.focus, optics=inputs.optics)


def load_inputs(path: Path) -> ModelInputs:
    """Read what :func:`save_inputs` wrote; where the pictures came from is not kept."""
    with np.load(path) as stored:
        frames = stored["frames"]
        size = frames.shape[1], frames.shape[2]
        return ModelInputs(
            frames, stored["focus"], stored["optics"], SweepRange(0.0, 1.0), Fit.of(size, size)
        )
