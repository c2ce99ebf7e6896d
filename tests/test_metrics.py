from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgedepth import metrics


def rooms(seed: int, shape: tuple[int, int] = (24, 32)) -> NDArray[np.float64]:
    return np.random.default_rng(seed).uniform(0.3, 9, shape)


def slow_ssim(a: NDArray, b: NDArray, peak: float) -> NDArray[np.float64]:
    """SSIM at each pixel, straight from the definition (Wang et al. 2004), mirrored borders."""
    offsets = np.arange(-5, 6)
    row = np.exp(-(offsets**2) / (2 * 1.5**2))
    weight = np.outer(row, row) / row.sum() ** 2
    x, y = (np.pad(z, 5, mode="symmetric") for z in (a, b))
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    out = np.empty(a.shape)
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            p, q = x[i : i + 11, j : j + 11], y[i : i + 11, j : j + 11]
            mp, mq = (weight * p).sum(), (weight * q).sum()
            vp, vq = (weight * (p - mp) ** 2).sum(), (weight * (q - mq) ** 2).sum()
            cov = (weight * (p - mp) * (q - mq)).sum()
            luminance = (2 * mp * mq + c1) / (mp**2 + mq**2 + c1)
            out[i, j] = luminance * (2 * cov + c2) / (vp + vq + c2)
    return out


def test_a_perfect_map() -> None:
    truth = rooms(1)
    scores = metrics.depth_metrics(truth, truth)
    assert scores["ssim"] == pytest.approx(1)
    assert math.isinf(scores["psnr"])
    for name in ("delta1", "delta2", "delta3"):
        assert scores[name] == 1
    for name in ("rmse", "absrel", "mae_dioptres", "mse"):
        assert scores[name] == 0


def test_values_worked_out_by_hand() -> None:
    truth = np.array([[1.0, 2.0], [4.0, 5.0]])
    predicted = np.array([[1.0, 4.0], [5.2, 4.0]])
    scores = metrics.depth_metrics(predicted, truth)
    # errors 0, 2, 1.2, -1; ratios 1, 2, 1.3, 1.25 (not below 1.25)
    assert scores["mse"] == pytest.approx((0 + 4 + 1.44 + 1) / 4)
    assert scores["rmse"] == pytest.approx(1.61**0.5)
    assert scores["absrel"] == pytest.approx((0 + 1 + 0.3 + 0.2) / 4)
    assert scores["delta1"] == pytest.approx(0.25)
    assert scores["delta2"] == pytest.approx(0.75)
    assert scores["delta3"] == pytest.approx(0.75)
    assert scores["mae_dioptres"] == pytest.approx(
        (0 + 0.25 + (1 / 4 - 1 / 5.2) + (1 / 4 - 1 / 5)) / 4
    )
    assert scores["psnr"] == pytest.approx(10 * math.log10(100 / 1.61))


@given(st.floats(1.01, 3))
def test_a_common_factor_shows_as_relative_error(factor: float) -> None:
    truth = rooms(2)
    scores = metrics.depth_metrics(truth * factor, truth)
    assert scores["absrel"] == pytest.approx(factor - 1)
    assert scores["delta1"] == (1 if factor < 1.25 else 0) or abs(factor - 1.25) < 1e-9
    assert scores["rmse"] == pytest.approx((factor - 1) * float(np.sqrt((truth**2).mean())))


def test_only_valid_pixels_count() -> None:
    truth, predicted = rooms(3), rooms(4)
    mask = np.zeros(truth.shape, bool)
    mask[:12] = True
    changed = predicted.copy()
    changed[12:] = 123
    a = metrics.depth_metrics(predicted, truth, mask)
    b = metrics.depth_metrics(changed, truth, mask)
    assert a == b
    assert a["mse"] == pytest.approx(float(((predicted - truth)[:12] ** 2).mean()))


@pytest.mark.parametrize("hole", [0.0, np.nan, np.inf, -1.0])
def test_unknown_truth_is_left_out(hole: float) -> None:
    truth, predicted = rooms(5), rooms(6)
    truth[:5] = hole
    scores = metrics.depth_metrics(predicted, truth)
    assert scores["mse"] == pytest.approx(float(((predicted - truth)[5:] ** 2).mean()))
    assert np.isfinite(scores["ssim"])


@pytest.mark.parametrize("refusal", [np.nan, 0.0, -2.0, np.inf])
def test_a_missing_prediction_counts_as_the_far_end(refusal: float) -> None:
    truth = np.full((4, 4), 2.0)
    predicted = truth.copy()
    predicted[0, 0] = refusal
    scores = metrics.depth_metrics(predicted, truth)
    assert scores["mse"] == pytest.approx((metrics.RANGE_M - 2) ** 2 / 16)


def test_nothing_to_score_is_an_error() -> None:
    with pytest.raises(ValueError, match="no valid pixel"):
        metrics.depth_metrics(np.ones((2, 2)), np.zeros((2, 2)))
    with pytest.raises(ValueError, match="shapes differ"):
        metrics.depth_metrics(np.ones((2, 2)), np.ones((2, 3)))
    with pytest.raises(ValueError, match="no scenes"):
        metrics.mean_metrics([])


@pytest.mark.parametrize("peak", [1.0, 10.0])
def test_ssim_is_its_definition(peak: float) -> None:
    a = rooms(7) / 10 * peak
    b = a + np.random.default_rng(8).normal(0, 0.05 * peak, a.shape)
    truth = slow_ssim(a, b, peak)
    assert metrics.ssim(a, b, peak=peak) == pytest.approx(truth.mean(), abs=1e-9)
    mask = np.zeros(a.shape, bool)
    mask[3:9, 4:20] = True
    assert metrics.ssim(a, b, mask, peak) == pytest.approx(truth[mask].mean(), abs=1e-9)


@given(st.integers(0, 1000), st.integers(0, 1000))
def test_ssim_is_symmetric_and_bounded(one: int, other: int) -> None:
    a, b = rooms(one, (12, 12)), rooms(other, (12, 12))
    value = metrics.ssim(a, b, peak=10)
    assert value == pytest.approx(metrics.ssim(b, a, peak=10))
    assert -1 <= value <= 1 + 1e-12


def test_psnr_of_bytes_and_of_a_known_error() -> None:
    assert metrics.psnr(np.zeros((3, 3)), np.full((3, 3), 0.1)) == pytest.approx(20)
    low, high = np.zeros((3, 3), np.uint8), np.full((3, 3), 255, np.uint8)
    assert metrics.psnr(low, high, 255) == pytest.approx(0)


def test_each_scene_counts_once() -> None:
    rows = [{"rmse": 1.0, "delta1": 0.5}, {"rmse": 3.0, "delta1": 1.0}]
    assert metrics.mean_metrics(rows) == {"rmse": 2.0, "delta1": 0.75}
