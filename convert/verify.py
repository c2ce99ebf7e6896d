"""Does the file compute what the training graph computes? Measured on rendered stacks.

Noise would not do: a focal-stack network answers noise with a constant, and a constant is
easy to agree with. The stacks come from the training data's recipe at seeds that training
does not use.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edgedepth.capture.inference import initial_state
from edgedepth.capture.runtimes import Arrays, Tensor
from edgedepth.convert.running import Session
from edgedepth.data.recipe import Recipe, StackSample, random_stack
from edgedepth.data.sources import open_source
from edgedepth.metrics import depth_metrics, mean_metrics, psnr
from edgedepth.preprocess import (
    MAX_METRES,
    OUTPUT_RANGE,
    SweepRange,
    depth_from_output,
    model_inputs,
)
from edgedepth.spec import ModelSpec, Precision
from edgedepth.stack import FocalStack, Frame

Floats = NDArray[np.float32]
RealRun = Callable[[Arrays], Mapping[str, Floats]]
"""Runs ``infer`` on real-valued inputs: the training graph, or the file."""

CHECK_SEED = 1_000_003
CHECK_STACKS = 4
STREAMING_FLOAT_DIOPTRES = 1e-3


@dataclass(frozen=True)
class OutputLimits:
    """What agreement one output must reach.

    Attributes:
        max_lsb: largest difference in steps of the output's 8-bit grid.
        share_within_1_lsb: least share of the pixels, of all stacks, within one step.
        psnr_db: least PSNR over the output's range.
        correlation: least correlation, where the output's deviation is over 4 steps.
    """

    max_lsb: float
    share_within_1_lsb: float
    psnr_db: float
    correlation: float


@dataclass(frozen=True)
class Limits:
    """What agreement a file must reach.

    Attributes:
        depth, confidence: per output.
        mae_change_dioptres, delta1_change: largest loss against the truth of the stacks.
    """

    depth: OutputLimits
    confidence: OutputLimits
    mae_change_dioptres: float
    delta1_change: float

    def of(self, output: str) -> OutputLimits:
        """The limits of an output."""
        return self.confidence if output == "confidence" else self.depth


LIMITS: dict[Precision, Limits] = {
    "fp32": Limits(OutputLimits(1, 1, 65, 0.9999), OutputLimits(2, 0.99, 55, 0.999), 0.001, 0.002),
    "fp16": Limits(OutputLimits(3, 0.97, 50, 0.999), OutputLimits(8, 0.9, 44, 0.99), 0.003, 0.005),
    "int8": Limits(OutputLimits(48, 0.5, 40, 0.99), OutputLimits(80, 0.2, 32, 0.9), 0.01, 0.02),
    "dynamic": Limits(OutputLimits(64, 0.3, 34, 0.95), OutputLimits(96, 0.1, 26, 0.8), 0.03, 0.05),
}
"""By default a network after a few hundred steps passes, and a broken file does not."""

STRICT_LIMITS: dict[Precision, Limits] = {
    "fp32": Limits(
        OutputLimits(0.1, 1, 80, 0.99999), OutputLimits(0.5, 1, 65, 0.9999), 0.0002, 0.0005
    ),
    "fp16": Limits(OutputLimits(1, 1, 58, 0.9999), OutputLimits(3, 0.99, 50, 0.999), 0.001, 0.002),
    "int8": Limits(OutputLimits(8, 0.95, 48, 0.999), OutputLimits(24, 0.7, 40, 0.98), 0.003, 0.005),
    "dynamic": Limits(OutputLimits(16, 0.8, 42, 0.99), OutputLimits(40, 0.5, 34, 0.9), 0.01, 0.02),
}


@dataclass(frozen=True)
class CheckStack:
    """A rendered stack as a model takes it, with its truth.

    Attributes:
        inputs: real-valued inputs of ``infer`` by name.
        sweep: its dioptre range.
        depth_m: (H, W) truth at the model's size.
        valid: (H, W) where the truth counts.
    """

    inputs: Arrays
    sweep: SweepRange
    depth_m: Floats
    valid: NDArray[np.bool_]


@dataclass(frozen=True)
class OutputAgreement:
    """How one output of the file compares with the training graph's, worst stack for worst.

    Attributes:
        lsb: one step of the output's grid in its own unit.
        max_lsb, share_within_1_lsb, psnr_db: see :class:`OutputLimits`.
        correlation: None where the output hardly varies.
    """

    lsb: float
    max_lsb: float
    share_within_1_lsb: float
    psnr_db: float
    correlation: float | None


@dataclass(frozen=True)
class Agreement:
    """The outcome of a verification.

    Attributes:
        outputs: per output name.
        mae_dioptres, delta1: (training graph, file) against the truth.
        streaming: largest difference between streaming and unrolled, in raw steps of an
            integer output or in dioptres; None for a file without streaming or ``infer``.
    """

    outputs: dict[str, OutputAgreement]
    mae_dioptres: tuple[float, float]
    delta1: tuple[float, float]
    streaming: float | None
    streaming_unit: str = ""

    def failures(self, limits: Limits) -> list[str]:
        """Where the file falls short of the training graph, one line each."""
        lines = []
        for name, o in self.outputs.items():
            allowed = limits.of(name)
            rows = [
                (o.max_lsb <= allowed.max_lsb, f"differs by {o.max_lsb:.1f} LSB", allowed.max_lsb),
                (
                    o.share_within_1_lsb >= allowed.share_within_1_lsb,
                    f"has {100 * o.share_within_1_lsb:.2f} % within 1 LSB",
                    f"{100 * allowed.share_within_1_lsb:g} %",
                ),
                (o.psnr_db >= allowed.psnr_db, f"has PSNR {o.psnr_db:.1f} dB", allowed.psnr_db),
                (
                    o.correlation is None or o.correlation >= allowed.correlation,
                    f"has correlation {o.correlation}",
                    allowed.correlation,
                ),
            ]
            lines += [f"{name} {what} (limit {limit})" for good, what, limit in rows if not good]
        loss = self.mae_dioptres[1] - self.mae_dioptres[0]
        if not loss <= limits.mae_change_dioptres:
            lines.append(f"MAE grows by {loss:.4f} D (limit {limits.mae_change_dioptres})")
        loss = self.delta1[0] - self.delta1[1]
        if not loss <= limits.delta1_change:
            lines.append(f"delta1 falls by {loss:.4f} (limit {limits.delta1_change})")
        return lines

    def streaming_failures(self) -> list[str]:
        """A line where streaming does not give what ``infer`` gives."""
        allowed = STREAMING_FLOAT_DIOPTRES if self.streaming_unit == "D" else 0.0
        if self.streaming is None or self.streaming <= allowed:
            return []
        return [
            f"streaming differs from infer by {self.streaming:g} {self.streaming_unit} "
            f"(limit {allowed:g})"
        ]


def check_stacks(spec: ModelSpec, count: int = CHECK_STACKS) -> list[CheckStack]:
    """Render ``count`` stacks for a model with ``spec.frames`` frames; the same ones every time."""
    planes = spec.frames - 1 if spec.all_in_focus_first else spec.frames
    recipe = dataclasses.replace(
        Recipe(), height=spec.height, width=spec.width, frames=max(1, planes)
    )
    source = open_source("procedural")
    return [
        as_check_stack(random_stack(recipe, CHECK_SEED + i, [source]), spec) for i in range(count)
    ]


def as_check_stack(sample: StackSample, spec: ModelSpec) -> CheckStack:
    """A rendered sample as inputs of ``infer``."""
    frames = [
        Frame(sample.frames[i], float(sample.focus_dioptres[i]), sample.frame_valid[i])
        for i in np.argsort(sample.focus_dioptres)  # far to near, as capture feeds a model
    ]
    if spec.all_in_focus_first:
        frames = [Frame(sample.sharp, frames[0].focus_dioptres), *frames][: spec.frames]
    given = model_inputs(FocalStack(tuple(frames), sample.coc_px_per_dioptre), spec)
    inputs: Arrays = {
        f"frame_{i}": frame[None].astype(np.float32) / 255 for i, frame in enumerate(given.frames)
    }
    inputs["focus"] = given.focus[None]
    if spec.focus_encoding == "sweep":
        inputs["optics"] = given.optics[None]
    size = (spec.width, spec.height)
    depth = cv2.resize(sample.depth_m, size, interpolation=cv2.INTER_NEAREST)
    valid = cv2.resize(sample.valid.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    return CheckStack(inputs, given.sweep, depth, valid)


def main_output(spec: ModelSpec) -> str:
    """Name of the output that holds the depth."""
    return "inverse_depth" if spec.output == "sweep" else "depth"


def output_range(name: str) -> float:
    """Full scale of an output in its own unit."""
    low, high = OUTPUT_RANGE
    return {"inverse_depth": high - low, "depth": MAX_METRES}.get(name, 1.0)


def agreement(
    reference: RealRun, data: bytes, spec: ModelSpec, stacks: Sequence[CheckStack], threads: int = 2
) -> Agreement:
    """Compare a file with the training graph, on inputs that are on the file's grids.

    Args:
        reference: runs the training graph's ``infer``.
        data: the file's bytes; it has an ``infer`` signature.
        stacks: from :func:`check_stacks`.
    """
    session = Session(data, threads)
    ports = session.outputs("infer")
    given = [session.on_grid("infer", stack.inputs) for stack in stacks]
    pairs = [(reference(inputs), session.run_real("infer", inputs)) for inputs in given]
    outputs = {
        name: _overall([_compare(ref[name], got[name], lsb_of(name, port)) for ref, got in pairs])
        for name, port in ports.items()
    }
    mae, delta1 = zip(*(_scores(pairs, stacks, spec, side) for side in (0, 1)), strict=True)
    streaming, unit = _streaming_difference(session, spec, stacks)
    return Agreement(
        outputs=outputs,
        mae_dioptres=(mae[0], mae[1]),
        delta1=(delta1[0], delta1[1]),
        streaming=streaming,
        streaming_unit=unit,
    )


def lsb_of(name: str, tensor: Tensor) -> float:
    """One step of an output in its own unit: of its grid, or 1/255 of a float one's range."""
    return tensor.scale if tensor.quantized else output_range(name) / 255


def _compare(reference: Floats, got: Floats, lsb: float) -> OutputAgreement:
    steps = np.abs(got.astype(np.float64) - reference) / lsb
    if not np.isfinite(steps).all():
        return OutputAgreement(lsb, float("inf"), 0.0, 0.0, 0.0)
    varies = min(reference.std(), got.std()) > 4 * lsb
    correlation = float(np.corrcoef(reference.ravel(), got.ravel())[0, 1]) if varies else None
    return OutputAgreement(
        lsb=lsb,
        max_lsb=float(steps.max()),
        share_within_1_lsb=float(np.mean(steps <= 1.001)),
        psnr_db=psnr(reference, got, peak=255 * lsb),
        correlation=correlation,
    )


def _overall(rows: Sequence[OutputAgreement]) -> OutputAgreement:
    """The worst of the stacks; the share of pixels is that over all of them."""
    known = [r.correlation for r in rows if r.correlation is not None]
    return OutputAgreement(
        lsb=rows[0].lsb,
        max_lsb=max(r.max_lsb for r in rows),
        share_within_1_lsb=float(np.mean([r.share_within_1_lsb for r in rows])),
        psnr_db=min(r.psnr_db for r in rows),
        correlation=min(known) if known else None,
    )


def _scores(
    pairs: Sequence[tuple[Mapping[str, Floats], Mapping[str, Floats]]],
    stacks: Sequence[CheckStack],
    spec: ModelSpec,
    side: int,
) -> tuple[float, float]:
    """(MAE in dioptres, delta1) of one side of the pairs."""
    rows = [
        _score(pair[side][main_output(spec)], stack, spec)
        for pair, stack in zip(pairs, stacks, strict=True)
    ]
    mean = mean_metrics(rows)
    return mean["mae_dioptres"], mean["delta1"]


def _score(output: Floats, stack: CheckStack, spec: ModelSpec) -> dict[str, float]:
    dioptres = depth_from_output(output[0, :, :, 0], stack.sweep, spec)
    with np.errstate(divide="ignore"):
        metres = np.minimum(1 / dioptres, MAX_METRES)
    return depth_metrics(metres, stack.depth_m, stack.valid)


def _streaming_difference(
    session: Session, spec: ModelSpec, stacks: Sequence[CheckStack]
) -> tuple[float | None, str]:
    """(largest difference, its unit) between streaming and ``infer`` over all stacks."""
    if not spec.streaming:
        return None, ""
    main = main_output(spec)
    port = session.outputs("infer")[main]
    integer = port.dtype.kind in "iu"
    worst = 0.0
    for stack in stacks:
        whole = session.run("infer", session.stored("infer", stack.inputs))
        streamed = stream(session, stack.inputs)
        for name, value in whole.items():
            difference = float(np.abs(value.astype(np.float64) - streamed[name]).max())
            if not integer:
                difference *= stack.sweep.span
            worst = max(worst, difference)
    return worst, "LSB" if integer else "D"


def stream(session: Session, inputs: Arrays) -> Arrays:
    """Run ``encode_step`` over a stack's frames, then ``decode``; raw outputs.

    Args:
        inputs: real-valued inputs as ``infer`` takes them.
    """
    encode = session.signature("encode_step")
    state = initial_state(encode, float(np.ravel(inputs["focus"])[0]))
    for i in range(sum(name.startswith("frame_") for name in inputs)):
        real = {
            "frame": inputs[f"frame_{i}"],
            "focus": inputs["focus"][:, i : i + 1],
            "optics": inputs.get("optics", np.zeros((1, 3))),
        }
        feeds = {
            name: state[name] if name in state else tensor.quantize(real[name])
            for name, tensor in encode.inputs.items()
        }
        state = session.run("encode_step", feeds)
    return session.run("decode", {name: state[name] for name in session.inputs("decode")})
