"""Scores of models on named protocols, always beside the mean depth and the classical answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edgedepth import baselines, optics
from edgedepth.capture.fusion import all_in_focus
from edgedepth.capture.inference import Depth, finish, prepare, run_stack, settled
from edgedepth.capture.modelfile import read_model_file
from edgedepth.capture.refine import upsample
from edgedepth.capture.relative_blur import weighed_and_settled
from edgedepth.capture.runtimes import Runtime, choose
from edgedepth.metrics import depth_metrics, mean_metrics
from edgedepth.preprocess import MAX_METRES, depth_from_output
from edgedepth.protocols import Case, thinned
from edgedepth.sparsification import Sparsification, mean_curves, sparsify
from edgedepth.spec import ModelSpec
from edgedepth.stack import FocalStack

MEAN_DEPTH, CLASSICAL = "mean depth", "classical"

CLASSICAL_WITH_BLUR = "classical, relative blur"
"""The classical answer after the relative blur that models' answers have: how much of their lead
is the model's."""
RESAMPLES = 4000

Row = dict[str, float]


@dataclass(frozen=True)
class Answer:
    """Depth of a stack.

    Attributes:
        depth_m: float32 (H, W) metres at the frames' size.
        confidence: float32 (H, W), more is surer; None from what gives none.
    """

    depth_m: NDArray[np.float32]
    confidence: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Contestant:
    """Something that answers stacks: its name in the table and how."""

    name: str
    predict: Callable[[FocalStack], Answer]


def unsettled(stack: FocalStack) -> Answer:
    """Depth from focus without learning, as it is."""
    frames = np.stack([f.rgb for f in stack.frames])
    return Answer(*baselines.depth_from_focus(frames, stack.focus_dioptres))


def classical(name: str = CLASSICAL, relative_blur: bool = False) -> Contestant:
    """Depth from focus without learning, settled along the picture as models' answers are.

    Args:
        relative_blur: weigh it against that first, as models' answers are.
    """

    def predict(stack: FocalStack) -> Answer:
        answer = unsettled(stack)
        assert answer.confidence is not None
        half = (stack.size[1] // 2, stack.size[0] // 2)
        dioptres, sure = (
            cv2.resize(x, half, interpolation=cv2.INTER_AREA)
            for x in (
                optics.metres_to_dioptres(answer.depth_m).astype(np.float32),
                answer.confidence,
            )
        )
        small = weighed_and_settled(dioptres, sure, stack, all_in_focus(stack), relative_blur)
        large, _, _ = upsample(small.dioptres, sure, stack.reference.rgb, stack.size)
        return Answer(optics.dioptres_to_metres(large).astype(np.float32), answer.confidence)

    return Contestant(name, predict)


def model_file(
    path: Path, runtime: str = "auto", threads: int = 2, frames: int | None = None
) -> Contestant:
    """A ``.tflite`` as ``edgedepth infer`` runs it, without declining any pixel.

    A file of a fixed number of frames gets that many, spread over the stack.

    Args:
        frames: give it at most so many, composite aside.

    Raises:
        UserError: the file is not one of edgedepth's, or has no signature for the stacks.
    """
    file = read_model_file(path)
    engine = Runtime(file.path, choose(runtime), threads)
    most = frames or (None if file.spec.streaming else planes_of(file.spec))

    def predict(stack: FocalStack) -> Answer:
        given = stack if most is None else thinned(stack, most)
        sharp = all_in_focus(given)
        return _finished(run_stack(given, file, engine, sharp), given, sharp, file.spec)

    return Contestant(path.name, predict)


def planes_of(spec: ModelSpec) -> int:
    """Focal planes that a fixed model takes: its N without the all-in-focus composite."""
    return spec.frames - (1 if spec.all_in_focus_first else 0)


def _finished(raw: Depth, stack: FocalStack, sharp: NDArray[np.uint8], spec: ModelSpec) -> Answer:
    answer = settled(raw, stack, sharp, spec)
    depth, confidence, _ = finish(answer, stack.reference.rgb, stack.size, min_confidence=0.0)
    return Answer(depth, None if raw.confidence is None else confidence)


def run_directory(run_dir: Path) -> list[Contestant]:
    """A run's network after its float and its QAT phase, as TensorFlow computes it.

    The ``paper`` preset gets at most as many planes as it was trained with; one that was trained
    on single pictures gets the sharp picture alone.

    Raises:
        UserError: the run or TensorFlow is missing.
    """
    from edgedepth.models.checkpoint import load_run
    from edgedepth.rundir import RunDirectory

    config = RunDirectory(run_dir).config()
    most = max(config.batch.frame_counts) if config.preset == "paper" else None
    return [
        network_contestant(
            f"{run_dir.name} ({phase})", load_run(run_dir, quantized=phase == "qat"), most
        )
        for phase in ("float", "qat")
    ]


def network_contestant(name: str, network: Any, most: int | None = None) -> Contestant:
    """A network as TensorFlow computes it.

    Args:
        network: folded or quantized.
        most: give it at most so many planes; with 0 the all-in-focus picture alone.
    """
    from edgedepth.models.backend import tf

    spec = network.spec

    @tf.function(reduce_retracing=False)
    def forward(frames: Any, focus: Any, optics: Any) -> Any:
        return network.forward(frames, focus, optics)

    def predict(stack: FocalStack) -> Answer:
        given = stack if not most else thinned(stack, most)
        sharp = all_in_focus(given)
        inputs = prepare(given, spec, sharp)
        kept = 1 if most == 0 else len(inputs.frames)
        outputs = forward(
            tf.constant(inputs.frames[None, :kept] / np.float32(255)),
            tf.constant(inputs.focus[None, :kept]),
            tf.constant(inputs.optics[None]),
        )
        plane = outputs["inverse_depth" if spec.output == "sweep" else "depth"].numpy()[0, ..., 0]
        dioptres = inputs.fit.from_model(depth_from_output(plane, inputs.sweep, spec))
        confidence = None
        if "confidence" in outputs:
            confidence = inputs.fit.from_model(outputs["confidence"].numpy()[0, ..., 0])
        raw = Depth(dioptres, confidence, "tensorflow", "forward")
        return _finished(raw, given, sharp, spec)

    return Contestant(name, predict)


@dataclass(frozen=True)
class Gain:
    """A contestant's mean error in dioptres against the classical one's, on the same scenes.

    Attributes:
        change: its mean error over theirs, minus 1; negative is better.
        low, high: 95 % interval, scenes resampled.
        scenes_better: share of the scenes in which it errs less.
    """

    change: float
    low: float
    high: float
    scenes_better: float


@dataclass(frozen=True)
class Result:
    """One protocol's table.

    Attributes:
        rows: mean metrics by name.
        scenes: names of the scenes that they are the mean of.
        scores: each scene's metrics by name.
        confidence: curves of those that give a confidence.
        gains: of all but the baselines, against the classical answer.
    """

    rows: dict[str, Row]
    scenes: list[str]
    scores: dict[str, list[Row]]
    confidence: dict[str, Sparsification] = field(default_factory=dict)
    gains: dict[str, Gain] = field(default_factory=dict)


def evaluate(
    cases: Iterable[Case],
    contestants: Sequence[Contestant],
    tick: Callable[[str], None] = lambda _: None,
) -> Result:
    """Score contestants on the same cases.

    The mean-depth row knows the mean dioptres of each set's own truth: the best a constant
    can do in hindsight.

    Args:
        tick: called with each scene's name.
    """
    kept = list(cases)
    scores: dict[str, list[Row]] = {MEAN_DEPTH: [], **{c.name: [] for c in contestants}}
    curves: dict[str, list[Sparsification]] = {}
    constant = mean_answer([case.truth_m for case in kept])
    for case in kept:
        tick(case.name)
        scores[MEAN_DEPTH].append(depth_metrics(constant, case.truth_m))
        for contestant in contestants:
            answer = contestant.predict(case.stack)
            depth = bounded(answer)
            scores[contestant.name].append(depth_metrics(depth, case.truth_m))
            if answer.confidence is not None:
                found = sparsify(depth, answer.confidence, case.truth_m)
                curves.setdefault(contestant.name, []).append(found)
    return Result(
        {name: mean_metrics(found) for name, found in scores.items()},
        [case.name for case in kept],
        scores,
        {name: mean_curves(found) for name, found in curves.items()},
        gains(scores),
    )


def mean_answer(truths: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """The constant that knows the truths' mean, in dioptres, each scene counting once."""
    inverse = [float(np.nanmean(1 / truth)) for truth in truths]
    return baselines.mean_depth(truths[0].shape, float(np.mean(inverse)))


def bounded(answer: Answer) -> NDArray[np.float32]:
    """Depth as it is scored: at most ``MAX_METRES``."""
    return np.minimum(answer.depth_m, np.float32(MAX_METRES))


def gains(scores: dict[str, list[Row]]) -> dict[str, Gain]:
    """Each against the classical answer, scene by scene; empty without one."""
    if CLASSICAL not in scores:
        return {}
    theirs = np.array([row["mae_dioptres"] for row in scores[CLASSICAL]])
    found = {}
    for name, rows in scores.items():
        if name in (MEAN_DEPTH, CLASSICAL):
            continue
        found[name] = gain(np.array([row["mae_dioptres"] for row in rows]), theirs)
    return found


def gain(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> Gain:
    """Compare errors of the same scenes; the interval is the bootstrap's over scenes."""
    picks = np.random.default_rng(0).integers(0, len(ours), (RESAMPLES, len(ours)))
    changes = ours[picks].mean(1) / theirs[picks].mean(1) - 1
    low, high = np.quantile(changes, (0.025, 0.975))
    change = float(ours.mean() / theirs.mean() - 1)
    return Gain(change, float(low), float(high), float(np.mean(ours < theirs)))
