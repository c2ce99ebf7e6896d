"""A sweep as aperture supervision wants it: what the network sees, what it has to explain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edgedepth.capture.fusion import all_in_focus
from edgedepth.capture.inference import in_focus_order
from edgedepth.capture.profile import CameraIdentity
from edgedepth.capture.register import register_sweep
from edgedepth.capture.sweep import Sweep
from edgedepth.data.renderer import blur
from edgedepth.errors import UserError
from edgedepth.learn.evidence import check_stack
from edgedepth.learn.noise import noise_level
from edgedepth.light import DISPLAY_GAMMA
from edgedepth.preprocess import CUE_SCALES, Fit, ModelInputs, model_inputs
from edgedepth.spec import ModelSpec
from edgedepth.stack import FocalStack, Frame

LEAST_FRAMES = 4
"""One is held out, and three are the fewest that tell blur from texture."""

ENOUGH_BLUR_PX = 3.0
"""Blur over the sweep from which on pictures need not be finer."""

FIRST_DIAMETER, LEVELS = 0.8, 14
"""Blurs of the composite: as many for every sweep, so that TensorFlow builds one graph."""

OUTSIDE = 0.5


@dataclass(frozen=True)
class Material:
    """One sweep, prepared.

    Attributes:
        name: of its folder.
        inputs: the captured frames but the one held out, as the model takes them.
        focus: (N,) their focus in dioptres, in the same order.
        k, cue_coc: pixels per dioptre at the pictures' size and at the cue image's.
        tan_half_width: tangent of half the view across the pictures' width.
        noise: spread of the pictures' noise at the cue image's size, of full scale.
        pictures: uint8 (N, r H, r W, 3), what re-rendering must match, r times the model's grid.
        masks: bool (N, r H, r W).
        levels: float32 (J, r H, r W, 3) composite in linear light, blurred ever more.
        diameters: (J,) of those blurs, pixels.
        held_picture, held_mask, held_focus: the frame that the network never sees.
    """

    name: str
    inputs: ModelInputs
    focus: NDArray[np.float32]
    k: float
    cue_coc: float
    tan_half_width: float
    noise: float
    pictures: NDArray[np.uint8]
    masks: NDArray[np.bool_]
    levels: NDArray[np.float32]
    diameters: NDArray[np.float32]
    held_picture: NDArray[np.uint8]
    held_mask: NDArray[np.bool_]
    held_focus: float

    @property
    def scale(self) -> int:
        """Pictures per model grid, r."""
        return self.pictures.shape[1] // self.inputs.frames.shape[1]


def prepare(sweep: Sweep, spec: ModelSpec, threads: int = 2) -> Material:
    """Align a sweep, hold a frame out and blur the composite of the others.

    Raises:
        UserError: too few frames, too little texture, or frames not focused where they say.
    """
    name = sweep.folder.name
    if len(sweep) < LEAST_FRAMES:
        raise UserError(
            f"{name} has {len(sweep)} frames: one is held out and three must remain",
            f"shoot at least {LEAST_FRAMES}, better six",
        )
    registered = register_sweep(sweep, (spec.height, spec.width), threads=threads)
    if len(registered.stack) < LEAST_FRAMES:
        raise UserError(
            f"{name}: only {len(registered.stack)} frames could be aligned",
            "hold the phone still and let the scene stand still",
        )
    check_stack(name, registered.stack)
    stack = in_focus_order(registered.stack)
    held = _held_out(stack)
    kept = FocalStack(
        tuple(f for i, f in enumerate(stack.frames) if i != held), stack.coc_px_per_dioptre
    )
    inputs = model_inputs(kept, spec)
    k_model = inputs.fit.cue_coc(stack.coc_px_per_dioptre) / inputs.fit.cue_scale
    scale = _scale(inputs.fit.cue_scale, k_model * inputs.sweep.span)
    size = (spec.height * scale, spec.width * scale)
    k = k_model * scale
    composite = Frame(all_in_focus(kept), 0.0)
    sharp, _ = _picture(composite, inputs.fit, size)
    diameters = _diameters(k * inputs.sweep.span * (1 + OUTSIDE))
    light = (sharp.astype(np.float32) / 255) ** np.float32(DISPLAY_GAMMA)
    shown = [_picture(f, inputs.fit, size) for f in kept.frames]
    held_picture, held_mask = _picture(stack.frames[held], inputs.fit, size)
    return Material(
        name,
        inputs,
        kept.focus_dioptres,
        k,
        inputs.fit.cue_coc(stack.coc_px_per_dioptre),
        _half_view(sweep),
        noise_level(registered.stack.reference.rgb),  # the others were resampled
        np.stack([s[0] for s in shown]),
        np.stack([s[1] for s in shown]),
        np.stack([blur(light, float(d)) for d in diameters]),
        diameters,
        held_picture,
        held_mask,
        float(stack.frames[held].focus_dioptres),
    )


def one_camera(sweeps: Sequence[Sweep]) -> None:
    """Raise UserError when sweeps are of different cameras: one network cannot suit both."""
    first = sweeps[0]
    for other in sweeps[1:]:
        different = CameraIdentity.of(first.camera).difference(CameraIdentity.of(other.camera))
        if different:
            raise UserError(
                f"{first.folder.name} and {other.folder.name} were not taken by one camera: "
                f"{different}",
                "adapt a network to one camera at a time",
            )


def _half_view(sweep: Sweep) -> float:
    """Tangent of half the view across the model's width."""
    camera = sweep.camera.camera
    long_side = max(sweep.size_px)
    across = camera.sensor_width_mm * long_side / camera.image_width_px
    return across / camera.focal_length_mm / 2


def _held_out(stack: FocalStack) -> int:
    """The frame in the middle of the planes, which the others surround."""
    return len(stack) // 2


def _scale(finest: int, blur_px: float) -> int:
    """How much finer than the model's grid pictures are compared.

    Args:
        finest: as much as the capture affords.
        blur_px: over the sweep, on the model's grid.
    """
    enough = [r for r in sorted(CUE_SCALES) if 1 < r <= finest and r * blur_px >= ENOUGH_BLUR_PX]
    return enough[0] if enough else finest


def _diameters(most: float) -> NDArray[np.float32]:
    steps = np.geomspace(FIRST_DIAMETER, max(most, 2 * FIRST_DIAMETER), LEVELS - 1)
    return np.append(0, steps).astype(np.float32)


def _picture(
    frame: Frame, fit: Fit, size: tuple[int, int]
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """A frame laid into the model's grid at (height, width) ``size``, and where it is whole."""
    rgb, valid = fit.to_cue_image(frame.rgb, frame.valid)
    flat = (size[1], size[0])
    if rgb.shape[:2] != size:
        rgb = cv2.resize(rgb, flat, interpolation=cv2.INTER_AREA)
    if valid is None:
        return rgb, np.ones(size, bool)
    share = cv2.resize(valid.astype(np.float32), flat, interpolation=cv2.INTER_AREA)
    return rgb, share > 0.999
