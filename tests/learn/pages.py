"""Flat pages and lying cameras: sweeps whose true K and focus differ from what they say."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from edgedepth.data.scenes import RgbdScene
from edgedepth.data.sweep_writer import (
    PRESETS,
    CameraPreset,
    RenderedSweep,
    SweepOptions,
    render_sweep,
)


@dataclass(frozen=True)
class PageSource:
    """A textured page that fills the view, square to the camera."""

    distance_m: float
    contrast: float = 1.0
    name: str = "page"
    endless: bool = False

    def __len__(self) -> int:
        return 1000

    def scene(
        self,
        index: int,
        size: tuple[int, int] | None = None,
        tan_half_width: float | None = None,
    ) -> RgbdScene:
        """Page ``index``: detail at every scale and print."""
        height, width = size or (600, 800)
        rng = np.random.default_rng(index)
        total = np.zeros((height, width, 3), np.float32)
        for step in (1, 2, 4, 8, 16, 32, 64):
            shape = (height // step + 2, width // step + 2, 3)
            small = rng.normal(0, 1, shape).astype(np.float32)
            big = cv2.resize(small, None, fx=step, fy=step, interpolation=cv2.INTER_CUBIC)
            total += big[:height, :width]
        for _ in range(60):
            x, y = rng.integers(0, width), rng.integers(0, height)
            word = "".join(rng.choice(list("abcdefghkmnoprstuvxyz"), 6))
            scale = float(rng.uniform(0.5, 2.5))
            cv2.putText(total, word, (int(x), int(y)), 2, scale, (-4.0,) * 3, 2, cv2.LINE_AA)
        rgb = np.clip(0.5 + 0.11 * self.contrast * total, 0, 1).astype(np.float32)
        rgb = np.clip(cv2.GaussianBlur(rgb, (0, 0), 0.6), 0, 1)
        depth = np.full((height, width), self.distance_m, np.float32)
        return RgbdScene(rgb, depth, np.ones((height, width), bool), f"page-{index}")

    def pick(self, rng: np.random.Generator) -> int:
        return int(rng.integers(len(self)))


@dataclass(frozen=True)
class Lie:
    """What a camera gets wrong: true dioptres are ``scale * reported + bias``, true K is
    ``k_ratio`` times the K that its figures give."""

    scale: float = 1.0
    bias: float = 0.0
    k_ratio: float = 1.0

    def tell(self, sweep: RenderedSweep) -> RenderedSweep:
        """The sweep as the lying camera reports it."""
        reported = (sweep.focus_dioptres - self.bias) / self.scale
        camera = replace(sweep.camera, f_number=sweep.camera.f_number * self.k_ratio)
        return replace(sweep, focus_dioptres=reported.astype(np.float32), camera=camera)


def page_sweep(
    distance_m: float,
    focus_dioptres: tuple[float, ...],
    lie: Lie | None = None,
    camera: CameraPreset = PRESETS["pixel6pro"],
    size: tuple[int, int] = (600, 800),
    shake_px: float = 0.0,
    index: int = 0,
    noise: float = 0.004,
    contrast: float = 1.0,
) -> RenderedSweep:
    """A sweep of a page at true planes, told by a camera that lies."""
    options = SweepOptions(focus_dioptres, size, shake_px=shake_px, noise=noise, seed=index)
    sweep = render_sweep(PageSource(distance_m, contrast), index, camera, options)
    return (lie or Lie()).tell(sweep)
