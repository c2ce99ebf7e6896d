"""Figures of a series; intervals that hold what they say on machines that wander."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgedepth.bench import stats

Series = list[list[float]]


def wandering(
    rng: np.random.Generator, start: float, slowdown: float = 1.0, rounds: int = 15
) -> tuple[Series, float]:
    """Rounds of a machine whose speed walks, jumps between processes and has bursts.

    Returns the rounds and the speed at the end, from where the next measurement goes on.
    """
    speed, found = start, []
    for _ in range(rounds):
        speed *= 1 + rng.normal(0, 0.004)
        layout = 1 + rng.normal(0, 0.02)
        burst = 1.5 if rng.random() < 0.1 else 1.0
        runs = 5e-3 * slowdown * speed * layout * burst * (1 + rng.gamma(1.0, 0.02, 20))
        found.append([float(r) for r in runs])
    return found, speed


def test_percentiles_of_a_known_series() -> None:
    values = [float(v) for v in range(1, 201)]
    rounds = [values[i : i + 20] for i in range(0, 200, 20)]
    found = stats.summarise(rounds)
    assert (found.runs, found.rounds) == (200, 10)
    assert found.p50 == pytest.approx(100.5)
    assert found.p90 == pytest.approx(180.1)
    assert found.p99 == pytest.approx(198.01)
    assert (found.least, found.most, found.mean) == (1, 200, pytest.approx(100.5))
    assert found.spread == pytest.approx(99.5 / 100.5)


def test_the_slowest_hundredth_needs_a_hundred_runs() -> None:
    assert stats.summarise([[1.0] * 33] * 3).p99 is None
    assert stats.summarise([[1.0] * 34] * 3).p99 == 1.0


def test_drift_compares_the_last_third_with_the_first() -> None:
    rising = [[1.0], [1.0], [1.1], [1.1], [1.2], [1.2]]
    assert stats.drift_of(rising) == pytest.approx(0.2)
    assert stats.drift_of([[1.0, 1.0, 5.0, 5.0, 2.0, 2.0]]) == pytest.approx(1.0)
    assert stats.drift_of([[1.0]]) == 0.0


def test_throttled_means_more_than_noise() -> None:
    steady = stats.summarise([[1.0, 1.0]] * 9)
    assert not steady.throttled
    assert steady.drift == 0
    noisy = stats.summarise([[1.0], [1.6], [0.8], [1.5], [0.9], [1.4], [1.0], [1.5], [1.1]])
    assert noisy.drift > stats.DRIFT_LIMIT
    assert not noisy.throttled
    hot: Series = [[1.0] * 4] * 6 + [[1.3] * 4] * 3
    assert stats.summarise(hot).drift == pytest.approx(0.3)
    assert stats.summarise(hot).throttled
    ramp: Series = [[1.0 + 0.02 * i, 1.01 + 0.02 * i] for i in range(10)]
    assert stats.summarise(ramp).throttled
    assert not stats.summarise(ramp[:4]).throttled, "too few rounds to say"
    assert not stats.summarise(ramp[::-1]).throttled, "faster is not throttled"


def test_the_interval_reaches_as_far_as_the_median_moved() -> None:
    rng = np.random.default_rng(3)
    rounds: Series = [list(rng.normal(1.0, 0.01, 20)) for _ in range(5)]
    rounds += [list(rng.normal(1.1, 0.01, 20)) for _ in range(5)]
    low, high = stats.median_interval(rounds)
    assert low < 0.96
    assert high > 1.14


def test_no_interval_reaches_below_the_fastest_run() -> None:
    """Rounds of a busy machine, two of them undisturbed."""
    rounds: Series = [[1.0] * 13, [4.0] * 13, [4.2] * 13, [9.0] * 13, [1.1] * 13, [6.0] * 13]
    found = stats.summarise(rounds)
    assert stats.median_interval(rounds)[0] < 1.0
    assert (found.least, found.low) == (1.0, 1.0)
    assert found.high > 4.2


@given(st.lists(st.lists(st.floats(1e-4, 10), min_size=3, max_size=3), min_size=1, max_size=9))
def test_the_interval_holds_the_median_and_begins_at_a_run(rounds: Series) -> None:
    found = stats.summarise(rounds)
    assert found.least <= found.low <= found.p50 * (1 + 1e-12)
    assert found.p50 <= found.high * (1 + 1e-12)


def test_runs_within_a_round_do_not_narrow_the_interval() -> None:
    """A thousand runs in two processes say little about a third process."""
    rounds: Series = [[1.0] * 500, [1.2] * 500]
    low, high = stats.median_interval(rounds)
    assert low <= 1.0
    assert high >= 1.2


def test_intervals_repeat() -> None:
    rounds, _ = wandering(np.random.default_rng(0), 1.0)
    assert stats.summarise(rounds) == stats.summarise(rounds)


@pytest.mark.parametrize("rounds", [[], [[]], [[1.0], []], [[1.0, 2.0], [1.0]]])
def test_nothing_cannot_be_summarised(rounds: Series) -> None:
    with pytest.raises(ValueError, match="round"):
        stats.summarise(rounds)


def test_many_rounds_are_resampled_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    rounds: Series = [[float(i), float(i) + 0.5] for i in range(30)]
    whole: NDArray[np.float64] = stats.resampled_medians(rounds, 0)
    monkeypatch.setattr(stats, "PORTION_VALUES", 1000)
    pieces = stats.resampled_medians(rounds, 0)
    assert whole.shape == pieces.shape == (stats.RESAMPLES,)
    assert np.mean(pieces) == pytest.approx(np.mean(whole), rel=0.05)


def verdicts(slowdown: float, trials: int = 60) -> list[str]:
    rng = np.random.default_rng(11)
    found, speed = [], 1.0
    for _ in range(trials):
        a, speed = wandering(rng, speed)
        b, speed = wandering(rng, speed, slowdown)
        found.append(stats.difference(a, b).verdict)
    return found


@pytest.mark.slow
def test_equal_models_differ_within_the_noise() -> None:
    """Nine of ten pairs of measurements in a row must agree within their own intervals."""
    assert verdicts(1.0).count("within the noise") >= 54


@pytest.mark.slow
def test_a_true_difference_is_seen() -> None:
    assert verdicts(1.15).count("slower") >= 50
    assert verdicts(1 / 1.15).count("faster") >= 50


def test_the_change_is_relative_to_a() -> None:
    a: Series = [[1.0, 1.0]] * 4
    b: Series = [[1.5, 1.5]] * 4
    found = stats.difference(a, b)
    assert (found.change, found.low, found.high) == (0.5, 0.5, 0.5)
    assert found.verdict == "slower"
    assert stats.difference(b, a).verdict == "faster"
    assert stats.difference(a, a).verdict == "within the noise"
