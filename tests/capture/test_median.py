"""The weighted median that depth settles by."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgedepth.capture.median import (
    COLOUR_SIGMA,
    LEAST_FIT_PX,
    LEAST_NEAR,
    NEAR_SPREADS,
    OWN_WEIGHT,
    distances,
    slope,
    weighted_median,
)

Plane = NDArray[np.float32]


def by_definition(plane: Plane, weight: Plane, guide: Plane, spread: Plane | None) -> Plane:
    """A pass at distance 1, pixel by pixel."""
    height, width = plane.shape
    tilt = slope(plane, weight, LEAST_FIT_PX)
    found = np.empty_like(plane)
    for row in range(height):
        for column in range(width):
            samples = []
            for down in (-1, 0, 1):
                for right in (-1, 0, 1):
                    y = min(max(row + down, 0), height - 1)
                    x = min(max(column + right, 0), width - 1)
                    unlike = float(((guide[y, x] - guide[row, column]) ** 2).sum())
                    like = np.exp(-unlike / (2 * COLOUR_SIGMA**2))
                    own = down == right == 0
                    value = plane[y, x] - tilt.down[row, column] * (y - row)
                    value -= tilt.right[row, column] * (x - column)
                    if spread is not None:
                        far = (value - plane[row, column]) / spread[row, column]
                        near = np.exp(-((far / NEAR_SPREADS) ** 2) / 2)
                        like *= LEAST_NEAR + (1 - LEAST_NEAR) * near
                    samples.append((value, weight[y, x] * (OWN_WEIGHT if own else like)))
            samples.sort(key=lambda sample: sample[0])
            half = sum(w for _, w in samples) / 2
            below = 0.0
            for value, w in samples:  # noqa: B007
                below += w
                if below >= half:
                    break
            found[row, column] = value
    return found


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    height=st.integers(2, 9),
    width=st.integers(2, 9),
    known=st.booleans(),
)
def test_one_pass_is_the_median_by_its_definition(
    seed: int, height: int, width: int, known: bool
) -> None:
    rng = np.random.default_rng(seed)
    plane = rng.uniform(0, 3, (height, width)).astype(np.float32)
    weight = rng.uniform(0.02, 1, (height, width)).astype(np.float32)
    guide = rng.uniform(0, 0.3, (height, width, 3)).astype(np.float32)
    spread = rng.uniform(0.05, 0.5, (height, width)).astype(np.float32) if known else None
    assert distances(height, width) == [1]
    settled = weighted_median(plane, weight, guide, spread)
    np.testing.assert_allclose(settled, by_definition(plane, weight, guide, spread), atol=1e-5)


def test_a_spread_that_is_not_known_changes_nothing() -> None:
    rng = np.random.default_rng(2)
    plane = rng.uniform(0, 3, (40, 60)).astype(np.float32)
    weight = rng.uniform(0.02, 1, plane.shape).astype(np.float32)
    guide = rng.uniform(0, 0.3, (*plane.shape, 3)).astype(np.float32)
    endless = np.full_like(plane, np.inf)
    expected = weighted_median(plane, weight, guide)
    np.testing.assert_allclose(weighted_median(plane, weight, guide, endless), expected)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((240, 320), [16, 8, 4, 2, 1]),
        ((128, 160), [8, 4, 2, 1]),
        ((60, 80), [4, 2, 1]),
        ((9, 12), [1]),
    ],
)
def test_passes_reach_a_twentieth_of_the_picture(
    size: tuple[int, int], expected: list[int]
) -> None:
    assert distances(*size) == expected


def test_a_slanted_plane_stays_as_it_is() -> None:
    """Whatever the weights: they are what would make steps of it."""
    rng = np.random.default_rng(0)
    row, column = np.indices((120, 160), np.float32)
    plane = (0.5 + 0.01 * row - 0.004 * column).astype(np.float32)
    weight = np.where(row > 70, 1, 0.05).astype(np.float32)
    weight *= rng.uniform(0.9, 1, weight.shape).astype(np.float32)
    guide = rng.uniform(0, 0.1, (120, 160, 3)).astype(np.float32)
    np.testing.assert_allclose(weighted_median(plane, weight, guide), plane, atol=1e-4)


def test_a_step_is_not_taken_for_a_slant() -> None:
    plane = np.where(np.arange(40) < 20, 0.5, 2).astype(np.float32)[None].repeat(30, 0)
    tilt = slope(plane, np.ones_like(plane), 6)
    assert not tilt.down.any()
    assert not tilt.right.any()


def test_what_is_unsure_takes_on_the_depth_of_its_colour() -> None:
    """A hole without confidence across the border of two things, each of its own colour."""
    guide = np.full((120, 160, 3), 0.2, np.float32)
    guide[:, 80:] = 0.7
    truth = np.where(guide[..., 0] > 0.5, 2.0, 0.5).astype(np.float32)
    plane, weight = truth.copy(), np.ones_like(truth)
    hole = (slice(55, 65), slice(76, 84))
    plane[hole], weight[hole] = 1.2, 0.02
    assert np.abs(plane - truth).max() > 0.7
    assert np.abs(weighted_median(plane, weight, guide) - truth).max() < 0.1
