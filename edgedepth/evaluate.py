"""Scores of models on named protocols, always beside the mean depth and the classical answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgedepth import baselines
from edgedepth.capture.inference import finish, in_focus_order, run_stack
from edgedepth.capture.modelfile import read_model_file
from edgedepth.capture.runtimes import Runtime, choose
from edgedepth.metrics import depth_metrics, mean_metrics
from edgedepth.preprocess import MAX_METRES, depth_from_output, model_inputs
from edgedepth.protocols import Case
from edgedepth.stack import FocalStack

Predictor = Callable[[FocalStack], NDArray[np.float32]]
"""From a stack to depth in metres at the frames' size."""

Row = dict[str, float]


@dataclass(frozen=True)
class Contestant:
    """Something that answers stacks: its name in the table and how."""

    name: str
    predict: Predictor


def classical() -> Contestant:
    """Depth from focus without learning."""

    def predict(stack: FocalStack) -> NDArray[np.float32]:
        frames = np.stack([f.rgb for f in stack.frames])
        return baselines.depth_from_focus(frames, stack.focus_dioptres)[0]

    return Contestant("classical", predict)


def model_file(path: Path, runtime: str = "auto", threads: int = 2) -> Contestant:
    """A ``.tflite`` as ``edgedepth infer`` runs it, without declining any pixel.

    Raises:
        UserError: the file is not one of edgedepth's, or has no signature for the stacks.
    """
    file = read_model_file(path)
    engine = Runtime(file.path, choose(runtime), threads)

    def predict(stack: FocalStack) -> NDArray[np.float32]:
        raw = run_stack(stack, file, engine)
        return finish(raw, stack.reference.rgb, stack.size, min_confidence=0.0)[0]

    return Contestant(path.name, predict)


def run_directory(run_dir: Path) -> list[Contestant]:
    """A run's network after its float and its QAT phase, as TensorFlow computes it.

    Raises:
        UserError: the run or TensorFlow is missing.
    """
    from edgedepth.models.checkpoint import load_run

    return [
        _network(f"{run_dir.name} ({phase})", load_run(run_dir, quantized=phase == "qat"))
        for phase in ("float", "qat")
    ]


def _network(name: str, network: Any) -> Contestant:
    from edgedepth.capture.inference import Depth
    from edgedepth.models.backend import tf

    spec = network.spec

    @tf.function(reduce_retracing=False)
    def forward(frames: Any, focus: Any, optics: Any) -> Any:
        return network.forward(frames, focus, optics)

    def predict(stack: FocalStack) -> NDArray[np.float32]:
        inputs = model_inputs(in_focus_order(stack), spec)
        outputs = forward(
            tf.constant(inputs.frames[None] / np.float32(255)),
            tf.constant(inputs.focus[None]),
            tf.constant(inputs.optics[None]),
        )
        plane = outputs["inverse_depth" if spec.output == "sweep" else "depth"].numpy()[0, ..., 0]
        dioptres = inputs.fit.from_model(depth_from_output(plane, inputs.sweep, spec))
        confidence = None
        if "confidence" in outputs:
            confidence = inputs.fit.from_model(outputs["confidence"].numpy()[0, ..., 0])
        raw = Depth(dioptres, confidence, "tensorflow", "forward")
        return finish(raw, stack.reference.rgb, stack.size, min_confidence=0.0)[0]

    return Contestant(name, predict)


@dataclass(frozen=True)
class Result:
    """One protocol's table: rows by name, and how many scenes they are the mean of."""

    rows: dict[str, Row]
    scenes: list[str]


def evaluate(cases: Iterable[Case], contestants: Sequence[Contestant]) -> Result:
    """Score contestants on the same cases.

    The mean-depth row knows the mean dioptres of each set's own truth: the best a constant
    can do in hindsight.
    """
    kept = list(cases)
    inverse = [float(np.nanmean(1 / case.truth_m)) for case in kept]
    constant = baselines.mean_depth(kept[0].truth_m.shape, float(np.mean(inverse)))
    scores: dict[str, list[Row]] = {"mean depth": [], **{c.name: [] for c in contestants}}
    for case in kept:
        scores["mean depth"].append(depth_metrics(constant, case.truth_m))
        for contestant in contestants:
            depth = np.minimum(contestant.predict(case.stack), MAX_METRES)
            scores[contestant.name].append(depth_metrics(depth, case.truth_m))
    rows = {name: mean_metrics(found) for name, found in scores.items()}
    return Result(rows, [case.name for case in kept])
