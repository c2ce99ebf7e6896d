"""Camera, Frame, FocalStack: what a focal sweep is once it has been read.

A *sweep* is what was captured; a *focal stack* is what the model gets: aligned frames
whose focus is known, in capture order, the first one being the reference.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edgedepth import optics


@dataclass(frozen=True)
class Camera:
    """The lens and the sensor that took a frame.

    Attributes:
        focal_length_mm: true (not 35 mm equivalent) focal length.
        f_number: aperture as N in f/N.
        sensor_width_mm: width of the sensor area that the image covers.
        image_width_px, image_height_px: size of the captured image.
        source: where the figures come from, e.g. ``"exif"``, ``"table"``, ``"guess"``.
    """

    focal_length_mm: float
    f_number: float
    sensor_width_mm: float
    image_width_px: int
    image_height_px: int
    source: str = "exif"

    def __post_init__(self) -> None:
        if (
            min(
                self.focal_length_mm,
                self.f_number,
                self.sensor_width_mm,
                self.image_width_px,
                self.image_height_px,
            )
            <= 0
        ):
            raise ValueError("camera figures must be positive")

    def coc_px_per_dioptre(self, width_px: float | None = None) -> float:
        """K in pixels per dioptre at image width ``width_px`` (default: as captured)."""
        return optics.coc_px_per_dioptre(
            self.focal_length_mm,
            self.f_number,
            self.sensor_width_mm,
            self.image_width_px if width_px is None else width_px,
        )

    def focal_length_px(self, width_px: float | None = None) -> float:
        """Pinhole focal length in pixels at image width ``width_px``, for back-projection."""
        width = self.image_width_px if width_px is None else width_px
        return self.focal_length_mm / self.sensor_width_mm * width


@dataclass(frozen=True)
class Frame:
    """One picture of a focal stack.

    Attributes:
        rgb: uint8 (H, W, 3), gamma-encoded sRGB.
        focus_dioptres: distance the lens was focused at, 0 for infinity.
        valid: bool (H, W), false where alignment brought in no pixel; None if all valid.
        name: where it came from, for messages.
    """

    rgb: NDArray[np.uint8]
    focus_dioptres: float
    valid: NDArray[np.bool_] | None = None
    name: str = ""

    def __post_init__(self) -> None:
        if self.rgb.ndim != 3 or self.rgb.shape[2] != 3 or self.rgb.dtype != np.uint8:
            raise ValueError("a frame's picture must be uint8 (H, W, 3)")
        if not (np.isfinite(self.focus_dioptres) and self.focus_dioptres >= 0):
            raise ValueError("a frame's focus must be a finite number of dioptres, 0 for infinity")
        if self.valid is not None and self.valid.shape != self.rgb.shape[:2]:
            raise ValueError("a frame's validity mask must have the picture's size")


@dataclass(frozen=True)
class FocalStack:
    """Aligned frames of one scene in capture order; the first is the reference.

    Attributes:
        frames: at least one frame, all of one size.
        coc_px_per_dioptre: K at the frames' width.
    """

    frames: tuple[Frame, ...]
    coc_px_per_dioptre: float

    def __post_init__(self) -> None:
        if not self.frames:
            raise ValueError("a focal stack needs at least one frame")
        if len({f.rgb.shape for f in self.frames}) != 1:
            raise ValueError("frames of a focal stack must be of one size")
        if not (np.isfinite(self.coc_px_per_dioptre) and self.coc_px_per_dioptre > 0):
            raise ValueError("K must be positive")

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.frames[0].rgb.shape[0], self.frames[0].rgb.shape[1]

    @property
    def focus_dioptres(self) -> NDArray[np.float32]:
        """(N,) focus of each frame."""
        return np.array([f.focus_dioptres for f in self.frames], dtype=np.float32)

    @property
    def reference(self) -> Frame:
        """The first captured frame, which the others are aligned to."""
        return self.frames[0]

    def with_focus(self, focus_dioptres: NDArray[np.floating]) -> FocalStack:
        """The same pictures under other focus distances (for shuffling tests)."""
        if len(focus_dioptres) != len(self.frames):
            raise ValueError("one focus distance per frame")
        frames = tuple(
            replace(f, focus_dioptres=float(d))
            for f, d in zip(self.frames, focus_dioptres, strict=True)
        )
        return replace(self, frames=frames)
