"""Synthetic sweeps with known truth, written as JPEGs with true EXIF."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from edgedepth import optics

FOCAL_MM, F_NUMBER, SENSOR_MM = 12.0, 1.8, 9.8
FOCUS_M = (0.5, 0.7, 1.0, 1.6, 3.0)
NEAR_M, FAR_M = 0.55, 2.0


def texture(size: tuple[int, int], seed: int = 0) -> NDArray[np.uint8]:
    """Detail at every scale, (H, W, 3)."""
    rng = np.random.default_rng(seed)
    h, w = size
    total = np.zeros((h, w, 3), np.float32)
    for step in (1, 2, 4, 8, 16, 32):
        small = rng.normal(0, 1, (math.ceil(h / step), math.ceil(w / step), 3))
        total += cv2.resize(small.astype(np.float32), (w, h), interpolation=cv2.INTER_CUBIC)
    total = 128 + 28 * total
    return np.clip(total, 0, 255).astype(np.uint8)


def disk_blur(rgb: NDArray[np.uint8], diameter: float) -> NDArray[np.uint8]:
    """Defocus by a disk of a diameter in pixels, its edge anti-aliased."""
    if diameter < 0.8:
        return rgb
    half = math.ceil(diameter / 2)
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    kernel = np.clip(diameter / 2 - np.hypot(x, y) + 0.5, 0, 1).astype(np.float32)
    return cv2.filter2D(rgb, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REFLECT)


def similarity(scale: float, degrees: float, right: float, down: float) -> NDArray[np.float64]:
    """(2, 3) motion about the centre, reference to frame."""
    a, b = scale * math.cos(math.radians(degrees)), scale * math.sin(math.radians(degrees))
    return np.array([[a, -b, right], [b, a, down]])


def moved(rgb: NDArray[np.uint8], motion: NDArray[np.float64]) -> NDArray[np.uint8]:
    """The picture that a camera takes after ``motion``: reference x shows at motion(x)."""
    h, w = rgb.shape[:2]
    centre = np.array([(w - 1) / 2, (h - 1) / 2])
    linear = motion[:, :2]
    full = np.column_stack([linear, centre - linear @ centre + motion[:, 2]])
    return cv2.warpAffine(rgb, full, (w, h), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)


@dataclass(frozen=True)
class TwoPlanes:
    """Left half near, right half far."""

    size: tuple[int, int] = (480, 640)
    near_m: float = NEAR_M
    far_m: float = FAR_M

    def depth_m(self) -> NDArray[np.float32]:
        depth = np.full(self.size, self.far_m, np.float32)
        depth[:, : self.size[1] // 2] = self.near_m
        return depth

    def picture(self, focus_m: float, k: float, seed: int = 0) -> NDArray[np.uint8]:
        sharp = texture(self.size, seed)
        far, near = (
            disk_blur(sharp, float(optics.coc_px(1 / d, 1 / focus_m, k)))
            for d in (self.far_m, self.near_m)
        )
        half = self.size[1] // 2
        return np.concatenate([near[:, :half], far[:, half:]], axis=1)


def exif_bytes(focus_m: float | None, **tags: Any) -> bytes:
    """An EXIF block: camera, focus distance (inf allowed), orientation and further tags."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = tags.pop("make", "Maker"), tags.pop("model", "Phone 1")
    if "orientation" in tags:
        exif[0x0112] = tags.pop("orientation")
    photo = exif.get_ifd(0x8769)
    photo[0x920A] = IFDRational(round(FOCAL_MM * 100), 100)
    photo[0x829D] = IFDRational(round(F_NUMBER * 100), 100)
    diagonal_share = 4 / 5
    photo[0xA405] = round(math.hypot(36, 24) * FOCAL_MM * diagonal_share / SENSOR_MM)
    if focus_m is not None:
        infinite = math.isinf(focus_m)
        photo[0x9206] = (
            IFDRational(0xFFFFFFFF, 1000) if infinite else IFDRational(round(focus_m * 1000), 1000)
        )
    for name, value in tags.items():
        photo[int(name.removeprefix("x"), 16)] = value
    return exif.tobytes()


def camera_k(width: int) -> float:
    """K of the synthetic camera at an image width."""
    return optics.coc_px_per_dioptre(FOCAL_MM, F_NUMBER, SENSOR_MM, width)


class Scene(Protocol):
    """What can be photographed."""

    @property
    def size(self) -> tuple[int, int]: ...

    def picture(self, focus_m: float, k: float) -> NDArray[np.uint8]: ...


def write_sweep(
    folder: Path,
    focus_m: Sequence[float | None] = FOCUS_M,
    scene: Scene | None = None,
    motions: Sequence[NDArray[np.float64]] | None = None,
    **tags: Any,
) -> Path:
    """Write a sweep of JPEGs; a focus of None leaves the distance out of the EXIF."""
    scene = TwoPlanes() if scene is None else scene
    folder.mkdir(parents=True, exist_ok=True)
    k = camera_k(scene.size[1])
    for i, focus in enumerate(focus_m):
        rgb = scene.picture(1.0 if focus is None or focus < 0.1 else min(focus, 100.0), k)
        if motions is not None:
            rgb = moved(rgb, motions[i])
        Image.fromarray(rgb).save(
            folder / f"frame{i + 1}.jpg", quality=95, exif=exif_bytes(focus, **tags)
        )
    return folder
