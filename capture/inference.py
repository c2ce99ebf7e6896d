"""Depth from a sweep: register it, feed the model, read the answer."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgedepth import optics
from edgedepth.capture.decode import decode, reduction_for
from edgedepth.capture.doubts import about_blur, about_breathing
from edgedepth.capture.fusion import all_in_focus
from edgedepth.capture.limits import check_frames
from edgedepth.capture.modelfile import ModelFile, read_model_file
from edgedepth.capture.refine import sure_of, upsample
from edgedepth.capture.register import RegisteredSweep, register_sweep
from edgedepth.capture.relative_blur import weighed_and_settled
from edgedepth.capture.runtimes import Arrays, Runtime, Signature, Tensor, choose
from edgedepth.capture.sweep import Sweep
from edgedepth.capture.uncalibrated import Ordering, order_frames, relative_position
from edgedepth.errors import UserError
from edgedepth.preprocess import ModelInputs, depth_from_output, model_inputs
from edgedepth.spec import FIRST_FOCUS_STATE, ModelSpec
from edgedepth.stack import FocalStack, Frame

FARTHEST_M = 100.0
"""Depth beyond this is written as this: less than 0.01 dioptres is below any sweep's reach."""

DEFAULT_SIDE = 640
MAX_DISTORTION = 0.02
DEFAULT_MIN_CONFIDENCE = 0.1


@dataclass(frozen=True)
class Depth:
    """A model's answer for a stack.

    Attributes:
        dioptres: float32 (h, w) at the model's resolution, in the pictures' aspect.
        confidence: float32 (h, w) in [0, 1]; None from a model that gives none.
        runtime: name and version.
        signature: ``"infer"`` or ``"streaming"``.
        seconds: stage -> wall time.
        coc_ratio: of a settled answer that relative blur took part in: K that the frames show,
            over the one that they came with.
    """

    dioptres: NDArray[np.float32]
    confidence: NDArray[np.float32] | None
    runtime: str
    signature: str
    seconds: dict[str, float] = field(default_factory=dict)
    coc_ratio: float | None = None


@dataclass(frozen=True)
class DepthResult:
    """Everything that ``edgedepth infer`` writes down.

    Attributes:
        depth_m: float32 (H, W) metres, NaN where the model declines to say; all NaN for an
            uncalibrated sweep.
        relative: float32 (H, W) for an uncalibrated sweep: 0 at its farthest plane, 1 at its
            nearest, in no unit, NaN where the model declines; None otherwise.
        confidence: float32 (H, W) in [0, 1].
        all_in_focus: uint8 (h, w, 3) composite of the aligned frames.
        reference: uint8 (H, W, 3) first frame at the depth map's size.
        sweep, registered, model, raw: what it was made from.
        coc_ratio: K that the frames show, over the one of the sweep's figures; None where they
            show none, and relative blur has no part in the answer.
        ordering: how an uncalibrated sweep's planes were placed.
        seconds: stage -> wall time.
        warnings: what the user should know.
    """

    depth_m: NDArray[np.float32]
    relative: NDArray[np.float32] | None
    confidence: NDArray[np.float32]
    all_in_focus: NDArray[np.uint8]
    reference: NDArray[np.uint8]
    sweep: Sweep
    registered: RegisteredSweep
    model: ModelFile
    raw: Depth
    seconds: dict[str, float]
    warnings: tuple[str, ...]
    min_confidence: float
    ordering: Ordering | None = None
    coc_ratio: float | None = None

    @property
    def metric(self) -> bool:
        """Depth is in metres."""
        return self.relative is None


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    seconds[stage] = seconds.get(stage, 0.0) + time.perf_counter() - start


def infer_depth(
    sweep: Sweep,
    model: ModelFile | Path | str | None = None,
    runtime: str = "auto",
    threads: int = 2,
    size: tuple[int, int] | None = None,
    min_confidence: float = DEFAULT_MIN_CONFIDENCE,
    align: bool = True,
) -> DepthResult:
    """Depth map of a sweep.

    Args:
        sweep: from :func:`edgedepth.capture.read_sweep`.
        model: a ``.tflite``; the shipped one by default.
        runtime: ``auto``, ``litert``, ``tflite-runtime`` or ``tensorflow``.
        threads: CPU threads.
        size: (height, width) of the depth map; by default the frames' aspect with a long side
            of 640.
        min_confidence: depth below this confidence becomes NaN.
        align: align the frames to the first.

    Raises:
        UserError: the sweep does not fit the model, or something in it cannot be read.
    """
    seconds: dict[str, float] = {}
    file = model if isinstance(model, ModelFile) else read_model_file(model)
    chosen = choose(runtime)
    check_aspect(size, sweep.size_px)
    check_frames(len(sweep), file)
    with _timed(seconds, "align"):
        registered, ordering = _register(sweep, file, align, threads)
    left_out = [r.name for r in registered.reports if not r.used]
    check_frames(len(registered.stack), file, left_out)
    seconds = {
        "decode": registered.decode_seconds,
        "align": seconds["align"] - registered.decode_seconds,
    }
    with _timed(seconds, "load model"):
        engine = Runtime(file.path, chosen, threads)
    with _timed(seconds, "all in focus"):
        sharp = all_in_focus(registered.stack)
    raw = run_stack(registered.stack, file, engine, sharp)
    seconds.update(raw.seconds)
    with _timed(seconds, "settle"):
        answer = settled(raw, registered.stack, sharp, file.spec, ordering is None, threads)
    with _timed(seconds, "upsample"):
        out_size = output_size(sweep.size_px) if size is None else size
        guide = guide_picture(sweep, registered.stack, out_size)
        depth_m, confidence, reference = finish(answer, guide, out_size, min_confidence)
    relative = None
    if ordering is not None:
        relative = relative_position(depth_m)
        depth_m = np.full_like(depth_m, np.nan)
    warnings = (
        *sweep.warnings,
        *([] if ordering is None else ordering.warnings),
        *registered.warnings,
        *_focus_doubts(registered, ordering is None),
        *_model_doubts(registered, file, raw),
        *map(str, filter(None, [about_blur(answer.coc_ratio)])),
        *_confidence_doubts(confidence, min_confidence),
    )
    return DepthResult(
        depth_m,
        relative,
        confidence,
        sharp,
        reference,
        sweep,
        registered,
        file,
        raw,
        seconds,
        warnings,
        min_confidence,
        ordering,
        answer.coc_ratio,
    )


def _register(
    sweep: Sweep, model: ModelFile, align: bool, threads: int
) -> tuple[RegisteredSweep, Ordering | None]:
    """Align a sweep; one without focus distances is put in order as well."""
    size = (model.spec.height, model.spec.width)
    if sweep.calibrated:
        return register_sweep(sweep, size, align=align, threads=threads), None
    unknown = [0.0] * len(sweep)
    registered = register_sweep(sweep, size, unknown, align=align, threads=threads)
    ordering = order_frames(sweep, registered)
    return ordering.applied(registered), ordering


def output_size(picture: tuple[int, int], long_side: int = DEFAULT_SIDE) -> tuple[int, int]:
    """(height, width) of the depth map in the pictures' aspect, never larger than they are."""
    scale = min(1.0, long_side / max(picture))
    return max(1, round(picture[0] * scale)), max(1, round(picture[1] * scale))


def run_stack(
    stack: FocalStack,
    model: ModelFile,
    engine: Runtime,
    sharp: NDArray[np.uint8] | None = None,
) -> Depth:
    """Run a model on an aligned stack.

    The frames are handed over far to near, whatever order they were captured in.

    Args:
        sharp: uint8 (H, W, 3) all-in-focus composite, made here where the model wants one and
            this is None.
    """
    seconds: dict[str, float] = {}
    spec = model.spec
    with _timed(seconds, "prepare"):
        inputs = prepare(stack, spec, sharp)
    unrolled = "infer" in engine and len(inputs.frames) == spec.frames
    if not unrolled and "encode_step" not in engine:
        check_frames(len(stack), model)
        raise UserError(f"{model.path.name} has no signature for this sweep", "convert it again")
    with _timed(seconds, "model"):
        outputs = _run_unrolled(engine, inputs) if unrolled else _run_streaming(engine, inputs)
    main = outputs["inverse_depth" if spec.output == "sweep" else "depth"]
    plane = main.reshape(spec.height, spec.width)
    dioptres = inputs.fit.from_model(depth_from_output(plane, inputs.sweep, spec))
    confidence = None
    if "confidence" in outputs:
        said = outputs["confidence"].reshape(spec.height, spec.width)
        confidence = np.clip(inputs.fit.from_model(said), 0, 1)
    return Depth(
        dioptres,
        confidence,
        f"{engine.name} {engine.version}",
        "infer" if unrolled else "streaming",
        seconds,
    )


def prepare(
    stack: FocalStack, spec: ModelSpec, sharp: NDArray[np.uint8] | None = None
) -> ModelInputs:
    """A stack as a model takes it: far to near, after the composite where the model wants one.

    Args:
        sharp: that composite, made here where this is None.
    """
    ordered = in_focus_order(stack)
    if spec.all_in_focus_first:
        first = Frame(all_in_focus(stack) if sharp is None else sharp, 0.0, None, "all in focus")
        ordered = FocalStack((first, *ordered.frames), stack.coc_px_per_dioptre)
    return model_inputs(ordered, spec)


def in_focus_order(stack: FocalStack) -> FocalStack:
    """The same frames, far to near."""
    order = np.argsort(stack.focus_dioptres, kind="stable")
    return FocalStack(tuple(stack.frames[i] for i in order), stack.coc_px_per_dioptre)


def feed(tensor: Tensor, name: str, inputs: ModelInputs, step: int | None) -> NDArray[Any]:
    """An input tensor's stored value, of one frame (``step``) or of the whole stack (None)."""
    if name == "frame":
        return tensor.quantize_bytes(inputs.frames[step])
    if name.startswith("frame_"):
        return tensor.quantize_bytes(inputs.frames[int(name.removeprefix("frame_"))])
    if name == "focus":
        return tensor.quantize(inputs.focus if step is None else inputs.focus[step : step + 1])
    if name == "optics":
        return tensor.quantize(inputs.optics)
    raise UserError(f"the model wants an input {name} that is unknown", "convert it again")


def _run_unrolled(engine: Runtime, inputs: ModelInputs) -> Arrays:
    signature = engine.signature("infer")
    feeds = {n: feed(t, n, inputs, None) for n, t in signature.inputs.items()}
    return _real(signature, signature.run(feeds))


def _run_streaming(engine: Runtime, inputs: ModelInputs) -> Arrays:
    encode, decode = engine.signature("encode_step"), engine.signature("decode")
    state = initial_state(encode, float(inputs.focus[0]))
    for step in range(len(inputs.frames)):
        feeds = {
            name: state[name] if name in state else feed(tensor, name, inputs, step)
            for name, tensor in encode.inputs.items()
        }
        state = encode.run(feeds)
    return _real(decode, decode.run({name: state[name] for name in decode.inputs}))


def initial_state(encode: Signature, first_focus: float) -> Arrays:
    """The state before the first frame: zeros, and running means of the focus at the frame's own.

    Args:
        encode: the ``encode_step`` signature.
        first_focus: the first frame's focus in the model's encoding.
    """
    return {
        name: tensor.quantize(
            np.full(tensor.shape, first_focus if name == FIRST_FOCUS_STATE else 0.0, np.float32)
        )
        for name, tensor in encode.inputs.items()
        if name.startswith("state_")
    }


def _real(signature: Signature, outputs: Arrays) -> Arrays:
    return {name: signature.outputs[name].real(value) for name, value in outputs.items()}


def check_aspect(size: tuple[int, int] | None, picture: tuple[int, int]) -> None:
    """A depth map has the shape of its pictures.

    Raises:
        UserError: ``size`` would distort it.
    """
    if size is None or abs(size[1] * picture[0] / (size[0] * picture[1]) - 1) <= MAX_DISTORTION:
        return
    height, width = (round(side * max(size) / max(picture)) for side in picture)
    raise UserError(
        f"--size {size[1]}x{size[0]} would distort frames of {picture[1]}x{picture[0]}",
        f"try --size {width}x{height}",
    )


def guide_picture(sweep: Sweep, stack: FocalStack, size: tuple[int, int]) -> NDArray[np.uint8]:
    """The reference frame in enough detail for a depth map of (height, width) ``size``."""
    if max(size) <= max(stack.size) or max(stack.size) >= max(sweep.size_px):
        return stack.reference.rgb
    return decode(sweep.frames[0].image, reduction_for(sweep.size_px, max(size)))


def settled(
    raw: Depth,
    stack: FocalStack,
    sharp: NDArray[np.uint8],
    spec: ModelSpec,
    calibrated: bool = True,
    threads: int = 2,
) -> Depth:
    """The answer, weighed against relative blur and settled along the composite.

    It only settles where focus is not known in dioptres, and that of a model of fixed range, the
    paper's.

    Args:
        stack: what the model got.
        sharp: uint8 (H, W, 3) its all-in-focus composite.
        calibrated: its focus distances and K are known.
    """
    told = calibrated and spec.output == "sweep"
    after = weighed_and_settled(raw.dioptres, raw.confidence, stack, sharp, told, threads)
    sure = raw.confidence
    if sure is not None:
        sure = sure_of(sure, raw.dioptres, after.dioptres)
    return replace(raw, dioptres=after.dioptres, confidence=sure, coc_ratio=after.coc_ratio)


def finish(
    answer: Depth, guide: NDArray[np.uint8], size: tuple[int, int], min_confidence: float
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.uint8]]:
    """Bring a settled answer to the output's size along the reference's edges.

    Returns:
        depth in metres with NaN below ``min_confidence``, confidence, the reference picture.
    """
    dioptres, confidence, reference = upsample(answer.dioptres, answer.confidence, guide, size)
    metres = optics.dioptres_to_metres(np.maximum(dioptres, 1 / FARTHEST_M)).astype(np.float32)
    if confidence is None:
        confidence = np.isfinite(metres).astype(np.float32)
    else:
        metres[confidence < min_confidence] = np.nan
    return metres, confidence, reference


def _focus_doubts(registered: RegisteredSweep, calibrated: bool) -> list[str]:
    focus = [r.focus_dioptres for r in registered.reports]
    doubt = about_breathing(registered.reports, focus) if calibrated else None
    return [str(doubt)] if doubt else []


def _confidence_doubts(confidence: NDArray[np.float32], least: float) -> list[str]:
    """Nothing is left of a depth map whose every pixel is less certain than asked for."""
    most = float(confidence.max())
    if most >= least:
        return []
    return [
        f"no depth is as certain as --min-confidence {least:g}, the most certain has "
        f"{np.floor(100 * most) / 100:.2f}: ask for less (by default {DEFAULT_MIN_CONFIDENCE:g}), "
        "or see what `edgedepth inspect` finds wrong with the sweep"
    ]


def _model_doubts(registered: RegisteredSweep, model: ModelFile, raw: Depth) -> list[str]:
    found = []
    low, high = model.spec.trained_coc
    k = registered.stack.coc_px_per_dioptre * model.spec.width / max(registered.stack.size)
    if model.spec.output == "sweep" and not low <= k <= high:
        found.append(
            f"this lens blurs {k:.2f} px per dioptre at the model's width; "
            f"the model was trained for {low:g} to {high:g}"
        )
    if raw.confidence is None:
        found.append("this model gives no confidence: every pixel counts as certain")
    return found
