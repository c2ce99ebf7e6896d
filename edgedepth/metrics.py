"""Depth metrics over valid pixels: RMSE, AbsRel, delta, MAE in dioptres, MSE, SSIM, PSNR.

Definitions follow Eigen et al. (2014) for RMSE, AbsRel and delta. SSIM (Wang et al. 2004,
Gaussian window, sigma 1.5) and PSNR are taken over depth in metres with the given range as
peak, as the focal-stack literature does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

RANGE_M = 10.0
"""Depth range in metres that SSIM and PSNR take as their peak."""


def depth_metrics(
    predicted_m: NDArray[np.floating],
    true_m: NDArray[np.floating],
    valid: NDArray[np.bool_] | None = None,
    range_m: float = RANGE_M,
) -> dict[str, float]:
    """Score one depth map.

    Args:
        predicted_m, true_m: (H, W) metres.
        valid: (H, W) pixels to score; by default those with finite, positive truth.
            A predicted NaN or non-positive value inside counts as ``range_m``.
        range_m: depth range that SSIM and PSNR take as their peak.

    Returns:
        rmse, absrel, delta1, delta2, delta3, mae_dioptres, mse, ssim, psnr.

    Raises:
        ValueError: shapes differ or no pixel is valid.
    """
    if predicted_m.shape != true_m.shape:
        raise ValueError(f"shapes differ: {predicted_m.shape} and {true_m.shape}")
    known = np.isfinite(true_m) & (true_m > 0)
    mask = known if valid is None else known & valid
    if not mask.any():
        raise ValueError("no valid pixel to score")
    filled = np.where(np.isfinite(predicted_m) & (predicted_m > 0), predicted_m, range_m)
    p = filled[mask].astype(np.float64)
    t = true_m[mask].astype(np.float64)
    ratio = np.maximum(p / t, t / p)
    mse = float(np.mean((p - t) ** 2))
    return {
        "rmse": mse**0.5,
        "absrel": float(np.mean(np.abs(p - t) / t)),
        "delta1": float(np.mean(ratio < 1.25)),
        "delta2": float(np.mean(ratio < 1.25**2)),
        "delta3": float(np.mean(ratio < 1.25**3)),
        "mae_dioptres": float(np.mean(np.abs(1 / p - 1 / t))),
        "mse": mse,
        "ssim": ssim(np.where(mask, filled, 0.0), np.where(mask, true_m, 0.0), mask, range_m),
        "psnr": psnr_from_mse(mse, range_m),
    }


def psnr_from_mse(mse: float, peak: float) -> float:
    """Peak signal-to-noise ratio in dB; ``inf`` for a perfect match."""
    return float("inf") if mse == 0 else float(10 * np.log10(peak**2 / mse))


def psnr(a: NDArray[np.floating], b: NDArray[np.floating], peak: float = 1.0) -> float:
    """PSNR in dB of two arrays of one shape."""
    return psnr_from_mse(float(np.mean((a.astype(np.float64) - b.astype(np.float64)) ** 2)), peak)


def ssim(
    a: NDArray[np.floating],
    b: NDArray[np.floating],
    mask: NDArray[np.bool_] | None = None,
    peak: float = 1.0,
) -> float:
    """Mean structural similarity of two (H, W) maps over ``mask`` (Wang et al. 2004)."""
    x, y = a.astype(np.float64), b.astype(np.float64)

    def blur(z: NDArray[np.floating]) -> NDArray[np.floating]:
        return cv2.GaussianBlur(z, (11, 11), 1.5, borderType=cv2.BORDER_REFLECT)

    mx, my = blur(x), blur(y)
    vx, vy, cov = blur(x * x) - mx * mx, blur(y * y) - my * my, blur(x * y) - mx * my
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    index = (2 * mx * my + c1) * (2 * cov + c2) / ((mx * mx + my * my + c1) * (vx + vy + c2))
    return float(index.mean() if mask is None else index[mask].mean())


def mean_metrics(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Mean of per-scene metrics, each scene counting once.

    Raises:
        ValueError: there are no rows.
    """
    if not rows:
        raise ValueError("no scenes were scored")
    return {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}
