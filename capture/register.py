"""From a sweep to a focal stack: decode, align to the first frame, equalise, order."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from edgedepth import optics
from edgedepth.capture.align import REFERENCE, WORK_SIDE, Aligner, Motion, to_work
from edgedepth.capture.decode import decode, reduction_for
from edgedepth.capture.sweep import Sweep
from edgedepth.errors import UserError
from edgedepth.preprocess import Fit
from edgedepth.stack import Camera, FocalStack, Frame

GAIN_LIMIT = 2.5
LEAST_GAIN = 0.01
UNKNOWN_BLUR_PX = 6.0
BRIGHT, DARK = 250, 4


@dataclass(frozen=True)
class FrameReport:
    """What became of one captured frame.

    Attributes:
        name: file name.
        focus_dioptres: believed focus.
        motion: against the reference, at 640 px.
        gain: (3,) RGB factors that brought its brightness to the reference's.
        valid_share: share of the picture that it covers after aligning.
        clipped_bright, clipped_dark: shares of the pixels, by their
            brightest channel, as captured.
    """

    name: str
    focus_dioptres: float
    motion: Motion
    gain: tuple[float, float, float]
    valid_share: float
    clipped_bright: float = 0.0
    clipped_dark: float = 0.0

    @property
    def used(self) -> bool:
        """It is in the stack."""
        return self.motion.verdict != "rejected"


@dataclass(frozen=True)
class RegisteredSweep:
    """An aligned sweep.

    Attributes:
        stack: aligned frames in capture order, the first being the reference.
        reports: one per captured frame, rejected ones too.
        warnings: what the user should know.
        decode_seconds: wall time until all pictures were decoded.
    """

    stack: FocalStack
    reports: tuple[FrameReport, ...]
    warnings: tuple[str, ...] = ()
    decode_seconds: float = 0.0

    def with_focus(self, dioptres: Sequence[float]) -> RegisteredSweep:
        """The same pictures under other focus distances, one per captured frame."""
        reports = tuple(
            replace(r, focus_dioptres=d) for r, d in zip(self.reports, dioptres, strict=True)
        )
        used = np.array([r.focus_dioptres for r in reports if r.used])
        return replace(self, stack=self.stack.with_focus(used), reports=reports)


def cue_size(picture: tuple[int, int], model: tuple[int, int]) -> tuple[int, int]:
    """(height, width) at which a model's cue planes want pictures of size ``picture``."""
    fit = Fit.of(picture, model)
    height, width = (side * fit.cue_scale for side in fit.content)
    return (width, height) if fit.turned else (height, width)


def register_sweep(
    sweep: Sweep,
    model_size: tuple[int, int],
    focus_dioptres: Sequence[float] | None = None,
    align: bool = True,
    threads: int = 2,
    keep_rejected: bool = False,
) -> RegisteredSweep:
    """Decode a sweep at the scale a model wants and align it.

    Args:
        sweep: from :func:`edgedepth.capture.sweep.read_sweep`.
        model_size: (height, width) of the model.
        focus_dioptres: focus of each frame, by default the sweep's own.
        align: false leaves the pictures where they are.
        threads: frames worked on at a time.
        keep_rejected: keep frames that moved too far, unaligned, to look at them.

    Raises:
        UserError: a picture cannot be decoded, or none fits the first one.
    """
    size = cue_size(sweep.size_px, model_size)
    reduction = reduction_for(sweep.size_px, max(*size, WORK_SIDE))
    focus = list(sweep.focus_dioptres if focus_dioptres is None else focus_dioptres)
    camera = sweep.camera.camera

    def load(index: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        rgb = _resize(decode(sweep.frames[index].image, reduction), size)
        return rgb, to_work(rgb)

    start = time.perf_counter()
    with ThreadPoolExecutor(max(1, threads)) as pool:
        loaded = list(pool.map(load, range(len(sweep))))
        decode_seconds = time.perf_counter() - start
        first_rgb, first_work = loaded[0]
        aligner = Aligner(first_work, _largest_blur(camera, focus)) if align else None

        def register(index: int) -> tuple[Frame, FrameReport]:
            rgb, work = loaded[index]
            motion = REFERENCE
            if index and aligner is not None:
                expected = _breathing(focus[index], focus[0], camera.focal_length_mm)
                motion = aligner.align(work, expected)
            frame, gain = place(rgb, first_rgb, motion, focus[index], sweep.frames[index].name)
            share = 1.0 if frame.valid is None else float(frame.valid.mean())
            brightest = rgb[::4, ::4].max(axis=-1)
            clipped = float((brightest >= BRIGHT).mean()), float((brightest <= DARK).mean())
            return frame, FrameReport(frame.name, focus[index], motion, gain, share, *clipped)

        done = list(pool.map(register, range(len(sweep))))
    kept = tuple(frame for frame, report in done if report.used or keep_rejected)
    reports = tuple(report for _, report in done)
    warnings = _motion_warnings(reports)
    if len(reports) > 1 and len(kept) == 1:  # nothing fits the reference
        raise UserError(
            f"no frame could be aligned to {reports[0].name} ({reports[1].motion.reason})",
            "keep one scene per folder, hold the phone still, or try --no-align",
        )
    stack = FocalStack(kept, camera.coc_px_per_dioptre() * size[1] / sweep.size_px[1])
    return RegisteredSweep(stack, reports, tuple(warnings), decode_seconds)


def _resize(rgb: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    if rgb.shape[:2] == size:
        return rgb
    shrinks = rgb.shape[1] >= size[1]
    return cv2.resize(
        rgb, (size[1], size[0]), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    )


def _largest_blur(camera: Camera, focus: Sequence[float]) -> float:
    """Blur at ``WORK_SIDE`` of the farthest plane when the nearest is in focus, within reason."""
    if max(focus) == min(focus):
        return UNKNOWN_BLUR_PX
    k = camera.coc_px_per_dioptre(camera.image_width_px * WORK_SIDE / _long_side(camera))
    return float(np.clip(k * (max(focus) - min(focus)), 1.0, 12.0))


def _long_side(camera: Camera) -> int:
    return max(camera.image_width_px, camera.image_height_px)


def _breathing(focus: float, reference: float, focal_length_mm: float) -> float:
    """Thin-lens magnification; 1 where the model does not hold (macro lenses)."""
    try:
        scale = float(optics.relative_breathing(focus, reference, focal_length_mm))
    except ValueError:
        return 1.0
    return scale if 0.8 < scale < 1.25 else 1.0


def place(
    rgb: NDArray[np.uint8],
    reference: NDArray[np.uint8],
    motion: Motion,
    focus_dioptres: float,
    name: str,
) -> tuple[Frame, tuple[float, float, float]]:
    """Lay one picture over the reference: warp, mask what is missing, match the brightness."""
    valid = None
    if motion.verdict == "aligned":
        h, w = rgb.shape[:2]
        matrix = motion.at((h, w))
        inverse = cv2.WARP_INVERSE_MAP
        mask = cv2.warpAffine(
            np.ones((h, w), np.uint8), matrix, (w, h), flags=cv2.INTER_NEAREST | inverse
        )
        rgb = cv2.warpAffine(
            rgb, matrix, (w, h), flags=cv2.INTER_CUBIC | inverse, borderMode=cv2.BORDER_REPLICATE
        )
        valid = None if mask.all() else mask > 0
    gain = (1.0, 1.0, 1.0)
    if motion.verdict in ("aligned", "unaligned"):
        gain = brightness_gain(rgb, reference)
        rgb = apply_gain(rgb, gain)
    return Frame(rgb, focus_dioptres, valid, name), gain


def brightness_gain(
    rgb: NDArray[np.uint8], reference: NDArray[np.uint8]
) -> tuple[float, float, float]:
    """RGB factors that bring a picture to the reference's brightness, from medians of ratios."""
    grid = (64, 64)
    a, b = (
        cv2.resize(p, grid, interpolation=cv2.INTER_AREA).astype(np.float32)
        for p in (reference, rgb)
    )
    fit = ((a > 8) & (a < 245) & (b > 8) & (b < 245)).all(axis=-1)
    if fit.sum() < 64:
        return (1.0, 1.0, 1.0)
    ratios = np.median(a[fit] / b[fit], axis=0)
    red, green, blue = (float(r) for r in np.clip(ratios, 1 / GAIN_LIMIT, GAIN_LIMIT))
    return red, green, blue


def apply_gain(rgb: NDArray[np.uint8], gain: tuple[float, float, float]) -> NDArray[np.uint8]:
    """Multiply the channels, saturating; gains within 1 % are left alone."""
    if max(abs(g - 1) for g in gain) < LEAST_GAIN:
        return rgb
    levels = np.arange(256, dtype=np.float32)[:, None] * np.array(gain, np.float32)
    table = np.clip(np.rint(levels), 0, 255).astype(np.uint8).reshape(1, 256, 3)
    return cv2.LUT(rgb, table)


def _motion_warnings(reports: Sequence[FrameReport]) -> list[str]:
    found = [f"{r.name} is left out: {r.motion.reason}" for r in reports if not r.used]
    uneven = [r.name for r in reports if max(r.gain) > 1.5 or min(r.gain) < 1 / 1.5]
    if uneven:
        found.append(f"brightness changes by half or more in {', '.join(uneven)}: lock exposure")
    return found
