"""Focus evidence: how much sharper a frame is, pixel by pixel, than all frames before it.

Depth from focus asks at which frame a pixel is sharpest. Asked as a softmax over log focus
energy, the answer can be given frame by frame: with ``s_i`` the gain times the log energy of
frame i, the weight of the newest frame is ``sigmoid(s_i - log sum_{j<i} exp s_j)``, and means
over the frames follow by ``m += weight * (x_i - m)``. A frame therefore carries, beside its
RGB, planes of ``s_i - log sum exp`` at several gains and window sizes. They stay in a narrow
range whatever the texture and the camera, which is what an 8-bit input can hold.

Log energy is smoothed along the edges of the sweep's first frame before it is compared (cost
volume filtering, Hosni et al. 2013): where there is no texture all frames are alike and the
neighbours decide.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edgedepth.guided import GuidedFilter

Plane = NDArray[np.float32]

EVIDENCE_LIMIT = 6.0
"""Evidence is clipped to +- this; sigmoid(6) = 0.9975."""

ENERGY_FLOOR = 0.001
"""Added to the focus energy (in units of full-scale grey): below it there is only noise."""

SMOOTHING_PX = 0.8
HALF_SIZE_WEIGHT = 0.5
GUIDE_EPSILON = 1e-3

NATIVE, COARSE = 0, 1
"""Focus energies of a frame: at the cue image's size and half of it together, and at a quarter."""


@dataclass(frozen=True)
class Cue:
    """One plane of evidence.

    Attributes:
        energy: ``NATIVE`` or ``COARSE``.
        window: side of the box that averages energy, in pixels of the model's grid.
        radius: of the guided filter on log energy, likewise.
        gain: score per unit of log energy.
    """

    energy: int
    window: int
    radius: int
    gain: float


CUES = (
    Cue(NATIVE, 7, 8, 40.0),
    Cue(NATIVE, 7, 8, 12.0),
    Cue(NATIVE, 15, 16, 80.0),
    Cue(NATIVE, 3, 4, 20.0),
    Cue(COARSE, 3, 8, 20.0),
)
LEVEL = CUES[0]
"""Its smoothed log energy is the last plane: how much texture there is at all."""

CUE_PLANES = len(CUES) + 1


def modified_laplacian(gray: Plane) -> Plane:
    """Sum-modified Laplacian (Nayar & Nakagawa 1994) of a slightly smoothed (h, w) picture."""
    kernel = np.array([[-1, 2, -1]], np.float32)
    soft = cv2.GaussianBlur(gray, (0, 0), SMOOTHING_PX)
    return np.abs(cv2.filter2D(soft, -1, kernel)) + np.abs(cv2.filter2D(soft, -1, kernel.T))


def focus_energy(cue_rgb: NDArray[np.uint8], height: int, width: int) -> Plane:
    """Focus energies of one frame, area-averaged to the model's grid.

    Args:
        cue_rgb: (r height, r width, 3) cue image, r = 4, 2 or 1.
        height, width: the model's grid.

    Returns:
        float32 (height, width, 2), ``NATIVE`` and ``COARSE``, in units of full-scale grey.
    """
    gray = cv2.cvtColor(cue_rgb, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    half = _halve(gray)
    energy = modified_laplacian(gray)
    energy += HALF_SIZE_WEIGHT * _resize(modified_laplacian(half), gray.shape[1], gray.shape[0])
    maps = (energy, modified_laplacian(_halve(half)))
    return np.stack([_resize(m, width, height) for m in maps], axis=-1)


def _halve(image: Plane) -> Plane:
    return _resize(image, max(1, image.shape[1] // 2), max(1, image.shape[0] // 2))


def _resize(image: Plane, width: int, height: int) -> Plane:
    if image.shape == (height, width):
        return image
    shrinks = image.shape[1] > width
    way = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(image, (width, height), interpolation=way)


class Evidence:
    """Evidence of a sweep's frames in the order in which they are added.

    Args:
        guide: float32 (h, w) in [0, 1], the first frame's brightness on the model's grid.
    """

    def __init__(self, guide: Plane) -> None:
        radii = {cue.radius for cue in CUES}
        self._filters = {r: GuidedFilter(guide, r, GUIDE_EPSILON) for r in radii}
        self._first: Plane | None = None
        self._before: list[Plane] = []

    def add(self, energy: Plane, valid: NDArray[np.bool_] | None = None) -> NDArray[np.uint8]:
        """Planes of the next frame.

        Args:
            energy: (h, w, 2), see :func:`focus_energy`.
            valid: bool (h, w), false where the frame has no picture: there it says nothing, and
                later frames are compared as if it were not there.

        Returns:
            uint8 (h, w, ``CUE_PLANES``): evidence from -``EVIDENCE_LIMIT`` (0) to
            +``EVIDENCE_LIMIT`` (255), everywhere 255 in the first frame; then the level of log
            energy, from the floor (0) to 1 (255).
        """
        if valid is not None and self._first is not None:
            energy = np.where(valid[..., None], energy, self._first)
        first = self._first is None
        if first:
            self._first = energy
        smooth = self._smooth_logs(energy)
        planes = []
        for index, cue in enumerate(CUES):
            score = np.float32(cue.gain) * smooth[cue.energy, cue.window, cue.radius]
            if first:
                self._before.append(score)
                planes.append(np.full(score.shape, 255, np.uint8))
                continue
            evidence = score - self._before[index]
            planes.append(_byte(evidence / np.float32(2 * EVIDENCE_LIMIT) + np.float32(0.5)))
            both = self._before[index] + _log1p_exp(evidence)
            if valid is not None:
                planes[-1][~valid] = 0
                both = np.where(valid, both, self._before[index])
            self._before[index] = both
        level = smooth[LEVEL.energy, LEVEL.window, LEVEL.radius]
        planes.append(_byte(1 - level / np.float32(np.log(ENERGY_FLOOR))))
        return np.stack(planes, axis=-1)

    def _smooth_logs(self, energy: Plane) -> dict[tuple[int, int, int], Plane]:
        smooth: dict[tuple[int, int, int], Plane] = {}
        for cue in CUES:
            key = cue.energy, cue.window, cue.radius
            if key not in smooth:
                plane = np.ascontiguousarray(energy[..., cue.energy])
                averaged = cv2.boxFilter(plane, -1, (cue.window, cue.window))
                logs = cv2.log(averaged + np.float32(ENERGY_FLOOR))
                smooth[key] = self._filters[cue.radius](logs)
        return smooth


def _byte(share: Plane) -> NDArray[np.uint8]:
    return np.rint(np.clip(share, 0, 1) * 255).astype(np.uint8)


def _log1p_exp(x: Plane) -> Plane:
    """log(1 + exp x) without overflow."""
    tail: Plane = cv2.log(1 + cv2.exp(-np.abs(x)))
    return np.maximum(x, 0) + tail
