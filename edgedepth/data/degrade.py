"""What a hand-held phone does to the pictures of a sweep, apart from focus.

Vignetting, exposure drift, noise, JPEG, and what alignment leaves behind: a small shift and
scale with borders that no pixel reached.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from edgedepth import optics

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class DegradeRecipe:
    """Ranges of the degradations; a ``share`` is the part of the stacks that gets one.

    Attributes:
        read_noise, shot_noise: log-uniform; variance is ``read^2 + shot * signal``.
        jpeg_share, jpeg_quality.
        drift_share, drift: spread (log gain) of the frames' exposure.
        misaligned_share, shift_px, scale: largest residual of each frame but the first.
        breathing_residual: share of the lens's breathing left, up to.
        focal_length_mm: of the lens that breathes.
        vignetting_share, vignetting: loss in the corners, up to.
        shrunk_share: share of stacks whose pictures were shrunk by ``shrink`` since they were
            taken, as a phone's twelve megapixels are: noise, misalignment and compression shrink
            with them.
    """

    read_noise: tuple[float, float] = (0.001, 0.05)
    shot_noise: tuple[float, float] = (1e-5, 5e-4)
    jpeg_share: float = 0.6
    jpeg_quality: tuple[int, int] = (80, 99)
    drift_share: float = 0.5
    drift: float = 0.025
    misaligned_share: float = 0.35
    shift_px: float = 1.5
    scale: float = 0.002
    breathing_residual: float = 0.1
    focal_length_mm: float = 6.8
    vignetting_share: float = 0.3
    vignetting: float = 0.4
    shrunk_share: float = 0.7
    shrink: float = 3.0

    def shrunk(self) -> DegradeRecipe:
        """The same for pictures that are ``shrink`` times smaller than they were taken."""
        return replace(
            self,
            read_noise=(self.read_noise[0] / self.shrink, self.read_noise[1] / self.shrink),
            shot_noise=(self.shot_noise[0] / self.shrink**2, self.shot_noise[1] / self.shrink**2),
            jpeg_share=0.0,
            shift_px=self.shift_px / self.shrink,
            shrunk_share=0.0,
        )


def degrade(
    recipe: DegradeRecipe,
    rng: np.random.Generator,
    pictures: Floats,
    focus_dioptres: NDArray[np.floating],
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Degrade the pictures of one stack; the first frame keeps its geometry.

    Args:
        pictures: (N, H, W, 3) gamma-encoded in [0, 1].
        focus_dioptres: (N,) for breathing.

    Returns:
        frames: uint8 (N, H, W, 3).
        frame_valid: bool (N, H, W), false where alignment left no pixel.
    """
    if recipe.shrunk_share and rng.random() < recipe.shrunk_share:
        return degrade(recipe.shrunk(), rng, pictures, focus_dioptres)
    count, height, width = pictures.shape[:3]
    frame_valid = np.ones((count, height, width), bool)
    gains = np.ones(count, np.float32)
    if rng.random() < recipe.drift_share:
        gains = np.exp(rng.normal(0, abs(rng.normal(0, recipe.drift)), count)).astype(np.float32)
    shade = _vignette(recipe, rng, height, width)
    warps = _warps(recipe, rng, focus_dioptres, height, width)
    read = _log_uniform(rng, recipe.read_noise)
    shot = _log_uniform(rng, recipe.shot_noise)
    quality = 0
    if rng.random() < recipe.jpeg_share:
        quality = int(rng.integers(recipe.jpeg_quality[0], recipe.jpeg_quality[1] + 1))
    frames = np.empty((count, height, width, 3), np.uint8)
    for i in range(count):
        picture = pictures[i] * gains[i]
        if shade is not None:
            picture = picture * shade
        picture = add_noise(rng, picture, read, shot)
        warp = warps[i]
        if warp is not None:
            picture, frame_valid[i] = _warp(picture, warp)
        frames[i] = to_bytes(picture)
        if quality:
            frames[i] = through_jpeg(frames[i], quality)
    return frames, frame_valid


def _log_uniform(rng: np.random.Generator, bounds: tuple[float, float]) -> float:
    return math.exp(rng.uniform(math.log(bounds[0]), math.log(bounds[1])))


def add_noise(rng: np.random.Generator, picture: Floats, read: float, shot: float) -> Floats:
    """Add read and shot noise: variance ``read^2 + shot * signal``."""
    spread = np.sqrt(np.float32(read * read) + np.float32(shot) * np.maximum(picture, 0))
    return picture + spread * rng.standard_normal(picture.shape, dtype=np.float32)


def to_bytes(picture: Floats) -> NDArray[np.uint8]:
    """[0, 1] to rounded bytes."""
    return (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)


def through_jpeg(frame: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """What JPEG at a quality leaves of an RGB picture."""
    bgr = np.ascontiguousarray(frame[..., ::-1])
    data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1], np.uint8)


def _vignette(
    recipe: DegradeRecipe, rng: np.random.Generator, height: int, width: int
) -> Floats | None:
    if rng.random() >= recipe.vignetting_share:
        return None
    loss = rng.uniform(0.05, recipe.vignetting)
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    return (1 - loss * (x * x + y * y) / 2).astype(np.float32)[..., None]


def _warps(
    recipe: DegradeRecipe,
    rng: np.random.Generator,
    focus: NDArray[np.floating],
    height: int,
    width: int,
) -> list[Floats | None]:
    """(2, 3) residual misalignment of each frame; None for the first and for steady stacks."""
    if rng.random() >= recipe.misaligned_share:
        return [None] * len(focus)
    breathing = optics.relative_breathing(focus, float(focus[0]), recipe.focal_length_mm) - 1
    left = rng.uniform(-recipe.breathing_residual, recipe.breathing_residual)
    worst = rng.uniform(0, 1)
    warps: list[Floats | None] = [None]
    for i in range(1, len(focus)):
        scale = 1 + left * breathing[i] + worst * rng.uniform(-recipe.scale, recipe.scale)
        dx, dy = worst * rng.uniform(-recipe.shift_px, recipe.shift_px, 2)
        warps.append(similarity(scale, float(dx), float(dy), height, width))
    return warps


def similarity(scale: float, dx: float, dy: float, height: int, width: int) -> Floats:
    """(2, 3) matrix that scales a picture about its centre and shifts it."""
    cx, cy = (width - 1) / 2, (height - 1) / 2
    return np.array(
        [[scale, 0, cx * (1 - scale) + dx], [0, scale, cy * (1 - scale) + dy]], np.float32
    )


def _warp(picture: Floats, matrix: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    height, width = picture.shape[:2]
    warped = cv2.warpAffine(
        picture, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    reached = cv2.warpAffine(
        np.ones((height, width), np.float32), matrix, (width, height), borderValue=0
    )
    return warped, reached > 0.999
