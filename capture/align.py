"""Estimate how a frame moved against the reference: breathing, shake, rotation.

A similarity is fitted coarse to fine by Gauss-Newton on band-passed, locally normalised
pictures: exposure drops out with the band's mean, and defocus with its scale, since the band
is kept coarser than the blur that the optics predict (a disk of diameter c turns phases
around above 1.22 / c). The solver is the inverse-compositional one of Baker & Matthews
(2004), whose gradients are those of the reference and are computed once per sweep. Features
(ORB with RANSAC) step in when that fails.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Verdict = Literal["reference", "aligned", "unaligned", "rejected"]
Matrix = NDArray[np.float64]
Image = NDArray[np.float32]

WORK_SIDE = 640
"""Long side at which motion is estimated and reported, in pixels."""

MAX_SHIFT_SHARE = 0.12
MAX_ROTATION_DEG = 8.0
MAX_SCALE_ERROR = 0.08
"""Beyond these a frame has moved too far: its borders are missing and parallax rules."""

LEAST_GAIN = 0.002
"""Aligning must raise the correlation by this much to be worth an interpolation."""

LEAST_SCORE = 0.12
LEAST_DETAIL = 0.05
_COARSEST_SIDE = 80
_TUKEY = 2.5
_FLOOR = 0.006
"""Band amplitude (share of full scale) taken for noise."""

_OUTSIDE, _INSIDE = 1e6, 50.0
"""What stands where a frame has no picture: so much that a thousandth of it, the least weight of
OpenCV's interpolation (1 / 1024), still tells a pixel that the border has a part in. Bands stay
far below the second."""


@dataclass(frozen=True)
class Motion:
    """A similarity from reference pixels to the frame's, at ``WORK_SIDE`` pixels.

    Attributes:
        matrix: (2, 3) about the pictures' centre: ``x' - c = A (x - c) + t``.
        score: correlation with the reference after aligning, -1 to 1.
        score_before: the same without aligning.
        residual_px: median of what is left in tiles of the picture.
        verdict: what is to be done with the frame.
        reason: why, when it is not aligned.
    """

    matrix: Matrix
    score: float
    score_before: float
    residual_px: float
    verdict: Verdict
    reason: str = ""

    @property
    def scale(self) -> float:
        """Magnification of the frame against the reference."""
        return float(math.hypot(self.matrix[0, 0], self.matrix[1, 0]))

    @property
    def rotation_deg(self) -> float:
        """Rotation in degrees, clockwise on screen."""
        return math.degrees(math.atan2(self.matrix[1, 0], self.matrix[0, 0]))

    @property
    def shift_px(self) -> tuple[float, float]:
        """(right, down) shift of the picture's centre."""
        return float(self.matrix[0, 2]), float(self.matrix[1, 2])

    def at(self, size: tuple[int, int], work_side: int = WORK_SIDE) -> Matrix:
        """The same motion for pictures of (height, width) ``size``, in pixel coordinates.

        Returns:
            (2, 3) matrix for ``cv2.warpAffine`` with ``WARP_INVERSE_MAP``.
        """
        grow = max(size) / work_side
        return _about_centre(self.matrix, size, grow)


IDENTITY: Matrix = np.array([[1.0, 0, 0], [0, 1, 0]])
REFERENCE = Motion(IDENTITY, 1.0, 1.0, 0.0, "reference")


def _about_centre(matrix: Matrix, size: tuple[int, int], grow: float = 1.0) -> Matrix:
    centre = np.array([(size[1] - 1) / 2, (size[0] - 1) / 2])
    linear = matrix[:, :2]
    return np.column_stack([linear, centre - linear @ centre + matrix[:, 2] * grow])


def pure_scale(scale: float) -> Matrix:
    """The motion of focal breathing alone."""
    return np.array([[scale, 0, 0], [0, scale, 0]], np.float64)


@dataclass(frozen=True)
class _Level:
    band: Image
    steepest: NDArray[np.float32]  # (4, H W) picture change per parameter
    grow: float  # this level's side over WORK_SIDE


@dataclass(frozen=True)
class _Pyramid:
    grays: tuple[Image, ...]  # coarse to fine
    bands: tuple[Image, ...]


def to_work(rgb: NDArray[np.uint8]) -> Image:
    """A picture as grey in [0, 1] with a long side of ``WORK_SIDE``."""
    h, w = rgb.shape[:2]
    scale = WORK_SIDE / max(h, w)
    size = (max(8, round(w * scale)), max(8, round(h * scale)))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    return cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255


def _band(gray: Image, sigma: float) -> Image:
    """Band-pass at ``sigma`` pixels, divided by its own local strength."""
    fine = cv2.GaussianBlur(gray, (0, 0), sigma)
    coarse = cv2.blur(fine, (_odd(5 * sigma), _odd(5 * sigma)))
    band = fine - coarse
    wide = _odd(12 * sigma)
    power = cv2.blur(band * band, (wide, wide))
    return band / np.sqrt(power + _FLOOR * _FLOOR)


def _detail(band: Image) -> float:
    """Share of a picture that has detail, about: the power of a band of local strength 1."""
    return float(np.mean(band * band))


def _odd(value: float) -> int:
    return max(3, 2 * round(value / 2) + 1)


def _pyramid(gray: Image, blur_px: float) -> _Pyramid:
    grays = [gray]
    while max(grays[0].shape) // 2 >= _COARSEST_SIDE:
        h, w = grays[0].shape
        grays.insert(0, cv2.resize(grays[0], (w // 2, h // 2), interpolation=cv2.INTER_AREA))
    bands = []
    for g in grays:
        blur_here = blur_px * max(g.shape) / WORK_SIDE
        bands.append(_band(g, float(np.clip(0.3 * blur_here, 1.2, 4.0))))
    return _Pyramid(tuple(grays), tuple(bands))


def _level(band: Image) -> _Level:
    gx = cv2.Sobel(band, cv2.CV_32F, 1, 0, scale=1 / 8)
    gy = cv2.Sobel(band, cv2.CV_32F, 0, 1, scale=1 / 8)
    h, w = band.shape
    x = (np.arange(w, dtype=np.float32) - (w - 1) / 2)[None, :]
    y = (np.arange(h, dtype=np.float32) - (h - 1) / 2)[:, None]
    side = max(h, w) / 2  # keeps the parameters of one magnitude
    steepest = np.stack([(gx * x + gy * y) / side, (gy * x - gx * y) / side, gx, gy])
    return _Level(band, steepest.reshape(4, -1), max(h, w) / WORK_SIDE)


class Aligner:
    """Aligns frames to one reference.

    Args:
        reference: grey (H, W) from :func:`to_work`.
        blur_px: the largest blur that defocus can bring, at ``WORK_SIDE``.
    """

    def __init__(self, reference: Image, blur_px: float = 4.0) -> None:
        self._blur_px = blur_px
        self._gray = reference
        pyramid = _pyramid(reference, blur_px)
        self._levels = [_level(band) for band in pyramid.bands]
        self._judge = min(2, len(self._levels) - 1)

    def align(self, frame: Image, expected_scale: float = 1.0) -> Motion:
        """Motion of a frame (grey, same size) and what to do with it.

        Args:
            expected_scale: focal breathing against the reference.
        """
        bands = _pyramid(frame, self._blur_px).bands
        if min(_detail(bands[self._judge]), _detail(self._levels[self._judge].band)) < LEAST_DETAIL:
            return Motion(IDENTITY, 0.0, 0.0, 0.0, "unaligned", "too little detail to align by")
        start = pure_scale(expected_scale)
        matrix = self._refine(bands, start)
        score = self._score(bands, matrix)
        if score < 0.5:
            matrix, score = self._try_features(frame, bands, matrix, score)
        before = self._score(bands, IDENTITY)
        verdict, reason = _judge(matrix, score, before, expected_scale, frame.shape)
        if verdict == "unaligned":
            return Motion(
                IDENTITY, before, before, self._residual(bands, IDENTITY), verdict, reason
            )
        return Motion(matrix, score, before, self._residual(bands, matrix), verdict, reason)

    def _refine(self, bands: tuple[Image, ...], matrix: Matrix, first: int = 0) -> Matrix:
        for level, band in list(zip(self._levels, bands, strict=True))[first:]:
            for _ in range(20 if level.grow < 0.3 else 6):
                step, size = _gauss_newton(level, band, matrix)
                if step is None:
                    break
                matrix = _compose(matrix, step)
                if size < 0.02:
                    break
        return matrix

    def _try_features(
        self, frame: Image, bands: tuple[Image, ...], matrix: Matrix, score: float
    ) -> tuple[Matrix, float]:
        found = feature_motion(self._gray, frame)
        if found is None:
            return matrix, score
        refined = self._refine(bands, found, first=len(bands) - 2)
        other = self._score(bands, refined)
        return (refined, other) if other > score else (matrix, score)

    def _score(self, bands: tuple[Image, ...], matrix: Matrix) -> float:
        """Correlation where both have pixels, at a middle level where blur matters least."""
        level, band = self._levels[self._judge], bands[self._judge]
        warped, inside = _warp(band, matrix, level.grow)
        a, b = level.band[inside], warped[inside]
        if a.size < 0.3 * band.size:
            return -1.0
        return float((a @ b) / math.sqrt(float(a @ a) * float(b @ b) + 1e-9))

    def _residual(self, bands: tuple[Image, ...], matrix: Matrix) -> float:
        """Median shift left in tiles, in pixels at ``WORK_SIDE`` (one Lucas-Kanade step)."""
        level, band = self._levels[-1], bands[-1]
        warped, inside = _warp(band, matrix, level.grow)
        error = np.where(inside, warped - level.band, 0)
        gx, gy = (g.reshape(band.shape) for g in level.steepest[2:])
        tile = max(16, max(band.shape) // 10)
        grid = (max(1, band.shape[1] // tile), max(1, band.shape[0] // tile))

        def mean(image: Image) -> Image:
            return cv2.resize(image, grid, interpolation=cv2.INTER_AREA)

        xx, yy, xy = mean(gx * gx) + 1e-3, mean(gy * gy) + 1e-3, mean(gx * gy)
        ex, ey = mean(gx * error), mean(gy * error)
        det = xx * yy - xy * xy
        shift = np.hypot(yy * ex - xy * ey, xx * ey - xy * ex) / det
        textured = np.minimum(xx, yy) > 0.25 * np.median(np.minimum(xx, yy))
        return float(np.median(shift[textured])) / level.grow


def _warp(band: Image, matrix: Matrix, grow: float) -> tuple[Image, NDArray[np.bool_]]:
    full = _about_centre(matrix, (band.shape[0], band.shape[1]), grow)
    warped = cv2.warpAffine(
        band,
        full,
        (band.shape[1], band.shape[0]),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=_OUTSIDE,
    )
    return warped, warped < _INSIDE


def _gauss_newton(level: _Level, band: Image, matrix: Matrix) -> tuple[Matrix | None, float]:
    """One robust step: the similarity of the reference that explains the difference.

    Returns:
        The step as a (2, 3) matrix at ``WORK_SIDE``, and how far it moves a corner there.
    """
    warped, inside = _warp(band, matrix, level.grow)
    error = (warped - level.band).ravel()
    error[~inside.ravel()] = 0
    weight = np.square(np.maximum(0, 1 - np.square(error / _TUKEY)))
    weight *= inside.ravel()
    weighted = level.steepest * weight
    hessian = (weighted @ level.steepest.T).astype(np.float64)
    gradient = (weighted @ error).astype(np.float64)
    hessian += np.eye(4) * 1e-6 * np.trace(hessian)
    try:
        p = np.linalg.solve(hessian, gradient)
    except np.linalg.LinAlgError:
        return None, 0.0
    side = max(level.band.shape) / 2
    s, r = p[0] / side, p[1] / side
    step = np.array([[1 + s, -r, p[2] / level.grow], [r, 1 + s, p[3] / level.grow]])
    reach = (abs(p[0]) + abs(p[1])) / level.grow + math.hypot(p[2], p[3]) / level.grow
    return (step, reach) if np.isfinite(step).all() and reach < WORK_SIDE else (None, 0.0)


def _compose(matrix: Matrix, step: Matrix) -> Matrix:
    """``matrix`` after the inverse of ``step``; similarities stay similarities."""
    bottom = np.array([[0.0, 0.0, 1.0]])
    inverse = np.linalg.inv(np.vstack([step, bottom]))
    return np.asarray(np.vstack([matrix, bottom]) @ inverse, np.float64)[:2]


def feature_motion(reference: Image, frame: Image) -> Matrix | None:
    """A similarity by ORB features and RANSAC; None when too few agree."""
    orb = cv2.ORB_create(1200, scaleFactor=1.3, nlevels=6, fastThreshold=7)
    found = [
        orb.detectAndCompute(cv2.convertScaleAbs(cv2.GaussianBlur(g, (0, 0), 1.0), alpha=255), None)
        for g in (reference, frame)
    ]
    (points_a, descriptors_a), (points_b, descriptors_b) = found
    if descriptors_a is None or descriptors_b is None or min(len(points_a), len(points_b)) < 12:
        return None
    matches = cv2.BFMatcher(cv2.NORM_HAMMING, crossCheck=True).match(descriptors_a, descriptors_b)
    if len(matches) < 12:
        return None
    centre = np.array([(reference.shape[1] - 1) / 2, (reference.shape[0] - 1) / 2])
    a = np.array([points_a[m.queryIdx].pt for m in matches]) - centre
    b = np.array([points_b[m.trainIdx].pt for m in matches]) - centre
    cv2.setRNGSeed(1)
    matrix, inliers = cv2.estimateAffinePartial2D(a, b, ransacReprojThreshold=3.0)
    if matrix is None or int(inliers.sum()) < 10:
        return None
    return np.asarray(matrix, np.float64)


def _judge(
    matrix: Matrix, score: float, before: float, expected_scale: float, shape: tuple[int, ...]
) -> tuple[Verdict, str]:
    scale = math.hypot(matrix[0, 0], matrix[1, 0])
    turn = abs(math.degrees(math.atan2(matrix[1, 0], matrix[0, 0])))
    shift = math.hypot(matrix[0, 2], matrix[1, 2]) / max(shape)
    far = (
        shift > MAX_SHIFT_SHARE
        or turn > MAX_ROTATION_DEG
        or abs(scale / expected_scale - 1) > MAX_SCALE_ERROR
    )
    if max(score, before) < LEAST_SCORE:
        return "rejected", "shows something else than the first frame"
    if score < before + LEAST_GAIN:
        return "unaligned", "aligning would not make it better"
    if far:
        return "rejected", (
            f"moved too far: {100 * shift:.0f} % of the width, {turn:.0f} degrees, "
            f"scale {scale:.2f}"
        )
    return "aligned", ""
