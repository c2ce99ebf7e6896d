"""From a focal stack to a model's tensors and back: the one place that knows how.

Focus shows at native resolution long before it shows at the model's, so besides the RGB a
frame carries planes of focus evidence (:mod:`edgedepth.cues`) measured on a *cue image* r times
the model's size (r = 4, 2 or 1, the largest the capture affords).

Sweep range. A model of focus encoding ``"sweep"`` sees focus as a position t in the sweep's
own dioptre range and answers in the same units, so that its resolution goes where the
sweep looked: ``D = low + span * u``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edgedepth.cues import Evidence, focus_energy
from edgedepth.spec import ModelSpec
from edgedepth.stack import FocalStack

CUE_SCALES = (4, 2, 1)

MIN_SPAN_DIOPTRES = 0.1
"""A sweep narrower than this is taken for a single picture."""

SINGLE_RANGE_DIOPTRES = 4.0
OUTPUT_RANGE = (-57 / 114, 198 / 114)
"""Sweep positions that a model can answer; beyond the planes on both sides. 0 and 1 are whole 8-bit
steps of it, 1/114 each."""

MAX_METRES = 10.0


@dataclass(frozen=True)
class SweepRange:
    """The dioptre range ``[low, low + span]`` that a sweep covers."""

    low: float
    span: float

    @classmethod
    def of(cls, focus_dioptres: NDArray[np.floating]) -> SweepRange:
        """Range of the frames' focus; a fixed one for a single picture.

        Raises:
            ValueError: no frame, or a focus that is not finite and >= 0.
        """
        focus = np.asarray(focus_dioptres, dtype=np.float64)
        if focus.size == 0 or not np.all(np.isfinite(focus) & (focus >= 0)):
            raise ValueError("focus must be finite dioptres >= 0, one per frame")
        low, high = float(focus.min()), float(focus.max())
        if high - low < MIN_SPAN_DIOPTRES:
            return cls(0.0, max(SINGLE_RANGE_DIOPTRES, high))
        return cls(low, high - low)

    def position(self, dioptres: NDArray[np.floating]) -> NDArray[np.float32]:
        """Dioptres to positions; 0 is the farthest plane, 1 the nearest."""
        return ((np.asarray(dioptres, np.float64) - self.low) / self.span).astype(np.float32)

    def dioptres(self, position: NDArray[np.floating]) -> NDArray[np.float32]:
        """Positions to dioptres, never below 0."""
        return np.maximum(self.low + self.span * np.asarray(position, np.float32), 0).astype(
            np.float32
        )

    def optics(self, cue_coc_px_per_dioptre: float) -> NDArray[np.float32]:
        """(3,) what the sweep is like, each in [0, 1]: blur over the span, start, span.

        Args:
            cue_coc_px_per_dioptre: K at the cue image's width.
        """
        blur = math.log2(1 + cue_coc_px_per_dioptre * self.span) / 6
        return np.clip(
            np.array([blur, self.low / 4, math.log2(1 + 4 * self.span) / 6], np.float32), 0, 1
        )


@dataclass(frozen=True)
class Fit:
    """How pictures of one size are laid into a model's input: turned, scaled, letterboxed.

    Attributes:
        picture: (height, width) of the pictures.
        model: (height, width) of the model.
        turned: pictures are turned a quarter clockwise, since model and picture disagree
            on which side is longer.
        content: (height, width) of the picture's part of the model's input.
        cue_scale: r, the cue image's size over the model's.
    """

    picture: tuple[int, int]
    model: tuple[int, int]
    turned: bool
    content: tuple[int, int]
    cue_scale: int

    @classmethod
    def of(cls, picture: tuple[int, int], model: tuple[int, int]) -> Fit:
        """Fit pictures of (height, width) ``picture`` into a model of size ``model``."""
        h, w = picture
        turned = (h > w) != (model[0] > model[1]) and h != w and model[0] != model[1]
        if turned:
            h, w = w, h
        scale = min(model[0] / h, model[1] / w)
        content = (
            min(model[0], max(1, round(h * scale))),
            min(model[1], max(1, round(w * scale))),
        )
        finest = next((r for r in CUE_SCALES if r * scale <= 1.05), 1)
        return cls(picture, model, turned, content, finest)

    @property
    def offset(self) -> tuple[int, int]:
        """(row, column) of the content's first pixel in the model's input."""
        return (self.model[0] - self.content[0]) // 2, (self.model[1] - self.content[1]) // 2

    @property
    def cue_content_width(self) -> int:
        """Width of the picture (long or short side, as turned) in the cue image."""
        return self.content[1] * self.cue_scale

    def cue_coc(self, coc_px_per_dioptre: float) -> float:
        """K at the cue image, given K at the pictures' own width."""
        across = self.picture[0] if self.turned else self.picture[1]
        return coc_px_per_dioptre * self.cue_content_width / across

    def to_cue_image(
        self, rgb: NDArray[np.uint8], valid: NDArray[np.bool_] | None
    ) -> tuple[NDArray[np.uint8], NDArray[np.bool_] | None]:
        """Lay one picture into the cue image (r H, r W, 3); the mask is None if all valid."""
        if self.turned:
            rgb = cv2.rotate(rgb, cv2.ROTATE_90_CLOCKWISE)
        r = self.cue_scale
        size = (self.content[1] * r, self.content[0] * r)
        if (rgb.shape[1], rgb.shape[0]) != size:
            shrinks = rgb.shape[1] >= size[0]
            rgb = cv2.resize(
                rgb, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
            )
        mask = None
        if valid is not None:
            byte = valid.astype(np.uint8)
            if self.turned:
                byte = cv2.rotate(byte, cv2.ROTATE_90_CLOCKWISE)
            mask = cv2.resize(byte, size, interpolation=cv2.INTER_NEAREST) > 0
        if self.content == self.model:
            return rgb, mask
        top, left = (o * r for o in self.offset)
        bottom = self.model[0] * r - size[1] - top
        right = self.model[1] * r - size[0] - left
        if mask is None:
            mask = np.ones(rgb.shape[:2], bool)
        rgb = cv2.copyMakeBorder(rgb, top, bottom, left, right, cv2.BORDER_REPLICATE)
        padded = cv2.copyMakeBorder(
            mask.astype(np.uint8), top, bottom, left, right, cv2.BORDER_CONSTANT, value=0
        )
        return rgb, padded > 0

    def from_model(self, plane: NDArray[np.float32]) -> NDArray[np.float32]:
        """Cut the picture's part out of a (H, W) model output and turn it back."""
        top, left = self.offset
        part = plane[top : top + self.content[0], left : left + self.content[1]]
        if self.turned:
            part = cv2.rotate(part, cv2.ROTATE_90_COUNTERCLOCKWISE)
        return np.ascontiguousarray(part)


def rgb_planes(cue_rgb: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """The picture at the model's grid, uint8 (height, width, 3)."""
    if cue_rgb.shape[:2] == (height, width):
        return np.ascontiguousarray(cue_rgb)
    return cv2.resize(cue_rgb, (width, height), interpolation=cv2.INTER_AREA)


def whole_pixels(
    valid: NDArray[np.bool_] | None, height: int, width: int
) -> NDArray[np.bool_] | None:
    """Pixels of the model's grid that a cue image's mask leaves whole; None stands for all."""
    if valid is None:
        return None
    share = cv2.resize(valid.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    return share >= 0.999


class Packer:
    """Packs a sweep's frames, one after another, as the model's planes.

    Args:
        height, width: the model's grid.
        cues: with planes of focus evidence behind the RGB.
    """

    def __init__(self, height: int, width: int, cues: bool = True) -> None:
        self.height, self.width, self.cues = height, width, cues
        self._evidence: Evidence | None = None

    def add(
        self, cue_rgb: NDArray[np.uint8], valid: NDArray[np.bool_] | None, position: float = 0.0
    ) -> NDArray[np.uint8]:
        """The next frame's planes as bytes (value / 255 in [0, 1]).

        Args:
            cue_rgb: (r height, r width, 3) cue image.
            valid: its mask, None if all valid.
            position: of the frame's focus in the sweep's range; only the cues want it.

        Returns:
            uint8 (height, width, 3 + ``CUE_PLANES``), or (height, width, 3) without cues.
        """
        rgb = rgb_planes(cue_rgb, self.height, self.width)
        if not self.cues:
            return rgb
        if self._evidence is None:
            self._evidence = Evidence(brightness(rgb))
        planes = self._evidence.add(
            focus_energy(cue_rgb, self.height, self.width),
            position,
            whole_pixels(valid, self.height, self.width),
        )
        return np.concatenate([rgb, planes], axis=-1)


def brightness(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(h, w) brightness in [0, 1] of a packed picture, the guide of the focus evidence."""
    gray: NDArray[np.float32] = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    return gray


@dataclass(frozen=True)
class ModelInputs:
    """A focal stack as a model takes it, and what is needed to read the answer.

    Attributes:
        frames: uint8 (N, H, W, C); divide by 255 for a float boundary.
        focus: float32 (N,) in the model's focus encoding.
        optics: float32 (3,), see :meth:`SweepRange.optics`.
        sweep: dioptre range of the stack.
        fit: how the pictures lie in the model's input.
    """

    frames: NDArray[np.uint8]
    focus: NDArray[np.float32]
    optics: NDArray[np.float32]
    sweep: SweepRange
    fit: Fit


def model_inputs(stack: FocalStack, spec: ModelSpec) -> ModelInputs:
    """Prepare a focal stack for a model.

    For a model with ``all_in_focus_first`` the caller puts the composite in as frame 0; its
    focus is then encoded as 0.
    """
    fit = Fit.of(stack.size, (spec.height, spec.width))
    packer = Packer(spec.height, spec.width, cues=spec.cue_planes > 0)
    focus = encode_focus(stack.focus_dioptres, spec)
    packed = [
        packer.add(*fit.to_cue_image(f.rgb, f.valid), float(position))
        for f, position in zip(stack.frames, focus, strict=True)
    ]
    sweep = SweepRange.of(stack.focus_dioptres)
    return ModelInputs(
        frames=np.stack(packed),
        focus=focus,
        optics=sweep.optics(fit.cue_coc(stack.coc_px_per_dioptre)),
        sweep=sweep,
        fit=fit,
    )


def encode_focus(focus_dioptres: NDArray[np.floating], spec: ModelSpec) -> NDArray[np.float32]:
    """(N,) focus distances in a model's own encoding, each in [0, 1]."""
    focus = np.asarray(focus_dioptres, np.float32)
    if spec.focus_encoding == "sweep":
        return SweepRange.of(focus).position(focus)
    metres = 1 / np.maximum(focus, 1 / MAX_METRES)
    encoded = np.clip(metres / MAX_METRES, 0, 1).astype(np.float32)
    if spec.all_in_focus_first:
        encoded[0] = 0
    return encoded


def depth_from_output(
    output: NDArray[np.float32], sweep: SweepRange, spec: ModelSpec
) -> NDArray[np.float32]:
    """A model's main output as depth in dioptres (never negative; 0 is infinity)."""
    if spec.output == "sweep":
        return sweep.dioptres(output)
    return (1 / np.clip(output, 1e-2, None)).astype(np.float32)
