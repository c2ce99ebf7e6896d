"""Latencies in figures: percentiles, spread, drift, and an interval that admits the noise.

Runs within one process follow each other closely and are not independent; rounds, each in a
process of its own, nearly are. So intervals come from resampling rounds, not runs (the cluster
bootstrap: Field & Welsh, Journal of the Royal Statistical Society B 69, 2007).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Rounds: TypeAlias = Sequence[Sequence[float]]
"""Seconds of each run, by round in the order of measuring."""

CONFIDENCE = 0.95
_Z = 1.959964
"""The normal quantile that goes with it."""

ORDERS = 1999
FEWEST_ROUNDS = 5
"""Fewer do not show how processes differ."""

RESAMPLES = 2000
PORTION_VALUES = 2_000_000
P99_RUNS = 100
"""Fewer runs than this do not say what the slowest hundredth is."""

DRIFT_LIMIT = 0.05
"""Slower by this share in the last third than in the first counts as throttled."""


@dataclass(frozen=True)
class Summary:
    """A series of latencies in seconds.

    Attributes:
        runs, rounds: how many.
        p50, p90, p99: percentiles; p99 is None for fewer than 100 runs.
        mean, least, most: over all runs.
        low, high: 95 % interval of the median, cut at the fastest run.
        spread: interquartile range over the median.
        drift: median of the last third of the rounds over that of the first, minus 1.
        throttled: see :func:`is_throttled`.
    """

    runs: int
    rounds: int
    p50: float
    p90: float
    p99: float | None
    mean: float
    least: float
    most: float
    low: float
    high: float
    spread: float
    drift: float
    throttled: bool


def summarise(rounds: Rounds, seed: int = 0) -> Summary:
    """Figures of a series.

    Raises:
        ValueError: no round, or rounds that are empty or of unequal length.
    """
    _check(rounds)
    runs = np.asarray(rounds, np.float64).ravel()
    quarter, middle, three, nine = np.percentile(runs, (25, 50, 75, 90))
    low, high = median_interval(rounds, seed)
    return Summary(
        runs=len(runs),
        rounds=len(rounds),
        p50=float(middle),
        p90=float(nine),
        p99=float(np.percentile(runs, 99)) if len(runs) >= P99_RUNS else None,
        mean=float(runs.mean()),
        least=float(runs.min()),
        most=float(runs.max()),
        # Widened as it is, it may end where nothing ever ran.
        low=max(low, float(runs.min())),
        high=high,
        spread=float((three - quarter) / middle),
        drift=drift_of(rounds),
        throttled=is_throttled(rounds, seed),
    )


def _check(rounds: Rounds) -> None:
    if not rounds or not len(rounds[0]) or len({len(r) for r in rounds}) != 1:
        raise ValueError("at least one round, each with as many runs, at least one")


def median_interval(rounds: Rounds, seed: int = 0) -> tuple[float, float]:
    """95 % interval of the median.

    Rounds are resampled, and the interval widened for their small number (Hesterberg, The
    American Statistician 69, 2015). It reaches at least as far to either side as the median
    moved from the first half to the second: a machine whose speed wanders will have moved as
    far again by the next measurement.
    """
    _check(rounds)
    middle, factor = _median(rounds), small_sample_factor(len(rounds))
    low, high = (
        middle + factor * (float(edge) - middle)
        for edge in np.quantile(resampled_medians(rounds, seed), _tails())
    )
    half = len(rounds) // 2
    if half:
        moved = abs(_median(rounds[-half:]) - _median(rounds[:half]))
        low, high = min(low, middle - moved), max(high, middle + moved)
    return max(0.0, low), high


def small_sample_factor(rounds: int) -> float:
    """Student's t over the normal quantile, times the bootstrap's own narrowness.

    The quantile by Fisher and Cornish's expansion (Abramowitz & Stegun, 26.7.5).
    """
    if rounds < 2:
        return 1.0
    freedom = rounds - 1
    first = (_Z**3 + _Z) / 4
    second = (5 * _Z**5 + 16 * _Z**3 + 3 * _Z) / 96
    student = _Z + first / freedom + second / freedom**2
    return float(student / _Z * np.sqrt(rounds / freedom))


def _tails() -> tuple[float, float]:
    return (1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2


def _median(rounds: Rounds) -> float:
    return float(np.median(np.asarray(rounds)))


def resampled_medians(rounds: Rounds, seed: int) -> NDArray[np.float64]:
    """(RESAMPLES,) medians over rounds drawn with replacement, and over runs drawn within them."""
    rng = np.random.default_rng(seed)
    table = np.asarray(rounds, np.float64)
    count, runs = table.shape
    found = []
    for size in _portions(table.size):
        picks = rng.integers(0, count, (size, count, 1))
        inner = rng.integers(0, runs, (size, count, runs))
        found.append(np.median(table[picks, inner].reshape(size, -1), axis=1))
    return np.concatenate(found)


def _portions(values: int) -> list[int]:
    """RESAMPLES in pieces that need a bounded amount of memory."""
    most = max(1, PORTION_VALUES // values)
    return [min(most, RESAMPLES - done) for done in range(0, RESAMPLES, most)]


def drift_of(rounds: Rounds) -> float:
    """How much slower the last third is than the first; by runs where rounds are few."""
    _check(rounds)
    pieces: Rounds = rounds
    if len(rounds) < 3:
        pieces = [[run] for r in rounds for run in r]
    third = max(1, len(pieces) // 3)
    return _median(pieces[-third:]) / _median(pieces[:third]) - 1


def is_throttled(rounds: Rounds, seed: int = 0) -> bool:
    """Whether the drift exceeds 5 % and is more than the rounds' own scatter.

    The latter by a permutation test: at most one in twenty random orders of the rounds shows as
    strong a trend, that is, correlation of a round's median with its place. Fewer than five
    rounds cannot show it.
    """
    if len(rounds) < FEWEST_ROUNDS or drift_of(rounds) <= DRIFT_LIMIT:
        return False
    medians = np.median(np.asarray(rounds, np.float64), axis=1)
    places = np.arange(len(medians)) - (len(medians) - 1) / 2
    orders = np.random.default_rng(seed).permuted(np.tile(medians, (ORDERS, 1)), axis=1)
    as_much = int(np.sum(orders @ places >= medians @ places))
    return (as_much + 1) / (ORDERS + 1) <= 1 - CONFIDENCE


@dataclass(frozen=True)
class Difference:
    """How B differs from A.

    Attributes:
        change: median of B over that of A, minus 1.
        low, high: its interval.
        verdict: ``"slower"``, ``"faster"`` or ``"within the noise"``.
    """

    change: float
    low: float
    high: float
    verdict: str


def difference(a: Rounds, b: Rounds) -> Difference:
    """Compare two series; the intervals of both, halves included, uncut, go into the verdict."""
    before, after = _median(a), _median(b)
    (a_low, a_high), (b_low, b_high) = median_interval(a, seed=1), median_interval(b, seed=2)
    change = after / before - 1
    down = float(np.hypot((after - b_low) / after, (a_high - before) / before))
    up = float(np.hypot((b_high - after) / after, (before - a_low) / before))
    low, high = (1 + change) * (1 - down) - 1, (1 + change) * (1 + up) - 1
    verdict = "slower" if low > 0 else "faster" if high < 0 else "within the noise"
    return Difference(change, low, high, verdict)
