"""Focus evidence: how much sharper a frame is than all frames before it, and depth so far.

Depth from focus asks at which frame a pixel is sharpest. Asked as a softmax over log focus
energy, the answer can be given frame by frame: with ``s_i`` the gain times the log energy of
frame i, the weight of the newest frame is ``sigmoid(s_i - log sum_{j<i} exp s_j)``, and means
over the frames follow by ``m += weight * (x_i - m)``. A frame therefore carries, beside its
RGB, planes of ``s_i - log sum exp`` at several gains and window sizes. They stay in a narrow
range whatever the texture and the camera, which is what an 8-bit input can hold. Log energy is
smoothed along the edges of the sweep's first frame before it is compared (cost volume
filtering, Hosni et al. 2013): where there is no texture all frames are alike and the
neighbours decide.

A softmax interpolates between planes at one contrast only; where texture is strong it snaps to
them. Three more planes hold what the classical method would answer if the sweep ended here:
the vertex of the parabola through the log energies around the sharpest frame; the same of
plainly averaged energy, smoothed along edges where every pixel counts as much as its focus
stands out (:class:`DepthSoFar`); and how much that was. What neighbours are worth is a division
that an 8-bit network cannot do, and at little blur it is most of the answer.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edgedepth.guided import GuidedFilter, box_mean, guided_coefficients

Plane = NDArray[np.float32]

EVIDENCE_LIMIT = 6.0
"""Evidence is clipped to +- this; sigmoid(6) = 0.9975."""

ENERGY_FLOOR = 0.001
"""Added to the focus energy (in units of full-scale grey): below it there is only noise."""

SMOOTHING_PX = 0.8
HALF_SIZE_WEIGHT = 0.5
GUIDE_EPSILON = 1e-3

MIN_STEP, MIN_CURVATURE = 1e-3, 1e-6

ANSWER_WINDOW = 11
"""Side of the box that averages energy for depth so far, in pixels of the model's grid."""

ANSWER_RADII = (3, 19)
COARSE_SUPPORT = 0.1
"""Mean weight at which the fine and the coarse smoothing count alike."""

LEAST_WEIGHT, MOST_WEIGHT = 1e-4, 10.0
"""Of a pixel: the square of how far its best log energy stands above the mean one."""

PRIOR = 0.25
"""Answered while there is one frame only: 1 dioptre of a single picture's range."""

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

    @property
    def smoothing(self) -> tuple[int, int, int]:
        """What its log energy has in common with other planes'."""
        return self.energy, self.window, self.radius


CUES = (
    Cue(NATIVE, 7, 8, 12.0),
    Cue(NATIVE, 15, 16, 60.0),
    Cue(NATIVE, 3, 4, 20.0),
    Cue(COARSE, 3, 8, 20.0),
)
VERTEX = CUES[0]
"""Whose log energies the plane of the parabola's vertex is taken from."""

LEVEL = CUES[0]
"""Its smoothed log energy is the last plane: how much texture there is at all."""

ANSWERS = ("vertex", "depth so far", "its support")
CUE_PLANES = len(CUES) + len(ANSWERS) + 1


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
    energy += HALF_SIZE_WEIGHT * resized(modified_laplacian(half), gray.shape[1], gray.shape[0])
    maps = (energy, modified_laplacian(_halve(half)))
    return np.stack([resized(m, width, height) for m in maps], axis=-1)


def _halve(image: Plane) -> Plane:
    return resized(image, max(1, image.shape[1] // 2), max(1, image.shape[0] // 2))


def resized(image: Plane, width: int, height: int) -> Plane:
    """The plane at another size: averaged where it shrinks, interpolated where it grows."""
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
        self._vertex = RunningVertex()
        self._depth = DepthSoFar(guide)

    def add(
        self, energy: Plane, position: float, valid: NDArray[np.bool_] | None = None
    ) -> NDArray[np.uint8]:
        """Planes of the next frame.

        Args:
            energy: (h, w, 2), see :func:`focus_energy`.
            position: of the frame's focus in the sweep's range, 0 to 1.
            valid: bool (h, w), false where the frame has no picture: there it says nothing, and
                later frames are compared as if it were not there.

        Returns:
            uint8 (h, w, ``CUE_PLANES``): evidence from -``EVIDENCE_LIMIT`` (0) to
            +``EVIDENCE_LIMIT`` (255), everywhere 255 in the first frame; the vertex and the depth
            so far, positions from 0 (0) to 1 (255); the support of the latter, the logarithm from
            ``LEAST_WEIGHT`` (0) to ``MOST_WEIGHT`` (255); the level of log energy, from the floor
            (0) to 1 (255).
        """
        if valid is not None and self._first is not None:
            energy = np.where(valid[..., None], energy, self._first)
        first = self._first is None
        if first:
            self._first = energy
        smooth = self._smooth_logs(energy)
        planes = []
        for index, cue in enumerate(CUES):
            score = np.float32(cue.gain) * smooth[cue.smoothing]
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
        planes.append(_byte(self._vertex.add(smooth[VERTEX.smoothing], position, valid)))
        depth, support = self._depth.add(energy[..., NATIVE], position, valid)
        decades = np.float32(np.log(MOST_WEIGHT / LEAST_WEIGHT))
        planes += [_byte(depth), _byte(np.log(support / np.float32(LEAST_WEIGHT)) / decades)]
        level = smooth[LEVEL.smoothing]
        planes.append(_byte(1 - level / np.float32(np.log(ENERGY_FLOOR))))
        return np.stack(planes, axis=-1)

    def _smooth_logs(self, energy: Plane) -> dict[tuple[int, int, int], Plane]:
        smooth: dict[tuple[int, int, int], Plane] = {}
        for cue in CUES:
            if cue.smoothing not in smooth:
                logs = log_energy(energy[..., cue.energy], cue.window)
                smooth[cue.smoothing] = self._filters[cue.radius](logs)
        return smooth


class RunningVertex:
    """Depth from focus so far: where log energy peaks, by the parabola through three frames.

    Frames come in the order of their focus, from either end. Until the frame after it is there,
    the sharpest frame's own position stands.
    """

    def __init__(self) -> None:
        self._frames: list[tuple[float, Plane]] = []
        self._best: Plane | None = None
        self._newest_is_best: NDArray[np.bool_] | None = None
        self._vertex: Plane | None = None

    def add(self, logs: Plane, position: float, valid: NDArray[np.bool_] | None) -> Plane:
        """(h, w) position of the peak after one more frame."""
        x = np.float32(position)
        if self._best is None or self._vertex is None or self._newest_is_best is None:
            self._best = logs
            self._vertex = np.full(logs.shape, x)
            self._newest_is_best = np.ones(logs.shape, bool)
        else:
            known = True if valid is None else valid
            if len(self._frames) == 2:
                self._refine(logs, x, known)
            self._newest_is_best = (logs > self._best) & known
            self._best = np.where(self._newest_is_best, logs, self._best)
            self._vertex = np.where(self._newest_is_best, x, self._vertex)
        self._frames = [*self._frames[-1:], (float(x), logs)]
        return self._vertex

    def _refine(self, y2: Plane, x2: np.float32, known: NDArray[np.bool_] | bool) -> None:
        """Put the parabola's vertex where the frame before this one is the sharpest of three.

        Between its neighbours, though one that is masked may be higher.
        """
        (x0, y0), (x1, y1) = self._frames
        if min(abs(x1 - x0), abs(float(x2) - x1)) < MIN_STEP:
            return
        slope0 = (y1 - y0) / np.float32(x1 - x0)
        slope1 = (y2 - y1) / np.float32(x2 - x1)
        curvature = (slope1 - slope0) / np.float32(x2 - x0)
        assert self._newest_is_best is not None
        assert self._vertex is not None
        peaks = self._newest_is_best & (y1 >= y2) & (curvature < -MIN_CURVATURE) & known
        curvature = np.where(peaks, curvature, np.float32(-1))
        vertex = np.float32((x0 + x1) / 2) - slope0 / (2 * curvature)
        low, high = sorted((np.float32(x0), x2))
        vertex = np.clip(vertex, low, high)
        self._vertex = np.where(peaks, vertex, self._vertex)


class DepthSoFar:
    """The classical answer of the frames so far: a parabola's vertex, smoothed by its worth.

    The guided filter at two radii, the coarse one where the fine one finds hardly any weight.

    Args:
        guide: float32 (h, w) in [0, 1], the first frame's brightness.
    """

    def __init__(self, guide: Plane) -> None:
        self._guide = guide
        self._vertex = RunningVertex()
        self._best: Plane | None = None
        self._total = np.zeros_like(guide)
        self._seen = np.zeros_like(guide)

    def add(
        self, energy: Plane, position: float, valid: NDArray[np.bool_] | None = None
    ) -> tuple[Plane, Plane]:
        """(position, support) after one more frame, both (h, w).

        Args:
            energy: (h, w) focus energy.
            position: of the frame's focus.
            valid: false where the frame has no picture.

        Returns:
            The smoothed position, ``PRIOR`` after the first frame; the mean weight in the fine
            window.
        """
        logs = log_energy(energy, ANSWER_WINDOW)
        known = np.float32(1) if valid is None else valid.astype(np.float32)
        first = self._best is None
        self._total += known * logs
        self._seen += known
        best = logs if self._best is None else np.maximum(self._best, logs)
        self._best = (
            best if self._best is None or valid is None else np.where(valid, best, self._best)
        )
        vertex = self._vertex.add(logs, position, valid)
        if first:
            return np.full_like(vertex, PRIOR), np.full_like(vertex, LEAST_WEIGHT)
        above = self._best - self._total / np.maximum(self._seen, 1)
        weight = np.square(np.maximum(above, 0)) + np.float32(LEAST_WEIGHT)
        fine, coarse = ANSWER_RADII
        support = box_mean(weight, fine)
        near, far = (
            a * self._guide + b
            for a, b in (
                guided_coefficients(self._guide, vertex, weight, radius, GUIDE_EPSILON)
                for radius in (fine, coarse)
            )
        )
        share = np.float32(COARSE_SUPPORT)
        return (support * near + share * far) / (support + share), support


def log_energy(energy: Plane, window: int) -> Plane:
    """Logarithm of (h, w) focus energy averaged over a box of side ``window``."""
    averaged = cv2.boxFilter(np.ascontiguousarray(energy), -1, (window, window))
    logs: Plane = cv2.log(averaged + np.float32(ENERGY_FLOOR))
    return logs


def _byte(share: Plane) -> NDArray[np.uint8]:
    return np.rint(np.clip(share, 0, 1) * 255).astype(np.uint8)


def _log1p_exp(x: Plane) -> Plane:
    """log(1 + exp x) without overflow."""
    tail: Plane = cv2.log(1 + cv2.exp(-np.abs(x)))
    return np.maximum(x, 0) + tail
