"""Numbers of an exact network are rounded alike by the ways in which runtimes round.

The two ways are written here as their sources have them: TFLite's fixed-point multiplication in two
steps (gemmlowp's ``SaturatingRoundingDoublingHighMul`` and ``RoundingDivideByPOT``), and XNNPACK's
multiplication in single precision, halves to even.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgedepth.convert.rounding import _just_below
from edgedepth.models import grids
from edgedepth.models.grids import EVEN_LIMIT, FINEST, Range

Integers = NDArray[np.int64]


def in_two_steps(values: Integers, multiplier: float) -> Integers:
    """TFLite: round(values * multiplier) through a 31-bit mantissa."""
    mantissa, exponent = math.frexp(multiplier)
    fixed = round(mantissa * 2**31)
    if fixed == 2**31:
        fixed, exponent = fixed // 2, exponent + 1
    product = (values << max(exponent, 0)) * fixed
    nudge = np.where(product >= 0, 1 << 30, 1 - (1 << 30))
    high = np.sign(product + nudge) * (np.abs(product + nudge) >> 31)  # C++ divides towards zero
    shift = max(-exponent, 0)
    mask = (1 << shift) - 1
    up = (high & mask) > (mask >> 1) + (high < 0)
    result: Integers = (high >> shift) + up
    return result


def in_single_precision(values: Integers, multiplier: np.float32) -> Integers:
    """XNNPACK on x86 and with Arm's own conversion."""
    result: Integers = np.rint(values.astype(np.float32) * multiplier).astype(np.int64)
    return result


def step_of(grid: Range) -> np.float32:
    return np.float32((np.float32(grid[1]) - np.float32(grid[0])) / np.float32(255))


def test_the_two_ways_differ_on_sums_that_nothing_was_done_for() -> None:
    sums = np.arange(-(2**17), 2**17, dtype=np.int64)
    for multiplier in (2.0**-9, 0.0023):
        assert np.any(
            in_two_steps(sums, multiplier) != in_single_precision(sums, np.float32(multiplier))
        )


@given(
    read=st.floats(2**-10, 0.25, width=32),
    made=st.floats(2**-10, 0.25, width=32),
    exponent=st.sampled_from([*range(-FINEST, -1), 0]),
    seed=st.integers(0, 2**32 - 1),
)
def test_odd_sums_under_a_power_of_two_are_rounded_alike(
    read: float, made: float, exponent: int, seed: int
) -> None:
    read32, made32 = np.float32(read), np.float32(made)
    scale = _just_below(np.array([2.0**exponent]), read32, made32)[0]
    exact = float(read32) * float(scale) / float(made32)
    halfway = float(read32 * scale) / float(made32)
    assert max(exact, halfway) < 2.0**exponent
    assert exact > 2.0**exponent * (1 - 1e-6)
    farthest = int(140 / 2.0**exponent)  # a little more than a grid holds
    sums = np.random.default_rng(seed).integers(-farthest, farthest, 4000, dtype=np.int64) | 1
    wanted = np.floor(sums * 2.0**exponent + 0.5).astype(np.int64)
    single = in_single_precision(sums, read32 * scale / made32)
    np.testing.assert_array_equal(single, wanted)
    np.testing.assert_array_equal(in_two_steps(sums, exact), wanted)
    np.testing.assert_array_equal(in_two_steps(sums, halfway), wanted)


@pytest.mark.parametrize(
    ("one", "most", "other", "product"),
    [
        (grids.GATE, 254, grids.UNIT, grids.gated(grids.UNIT)),
        (grids.GATE, 254, grids.LOGIT, grids.gated(grids.MEMORY)),
        (grids.GATE, 254, grids.MEMORY, grids.gated(grids.MEMORY)),
        (grids.GATE, 254, grids.TANH, grids.HIDDEN),
        (grids.MIX, EVEN_LIMIT, (-0.8, 0.8 * 127 / 128), grids.mixed((-0.8, 0.8 * 127 / 128))),
    ],
)
def test_products_with_an_even_factor_are_rounded_alike(
    one: Range, most: int, other: Range, product: Range
) -> None:
    even = np.arange(-most if one[0] < -0.5 else 0, most + 1, 2, dtype=np.int64)
    stored = np.arange(256) if other[0] >= 0 else np.arange(-128, 128)
    products = np.multiply.outer(even, stored.astype(np.int64)).ravel()
    multiplier = step_of(one) * step_of(other) / step_of(product)
    assert abs(multiplier * 2 ** round(-math.log2(multiplier)) - 1) < 1e-4
    single = in_single_precision(products, multiplier)
    np.testing.assert_array_equal(in_two_steps(products, float(multiplier)), single)
    away = np.sign(products) * np.floor(np.abs(products) * float(multiplier) + 0.5)
    np.testing.assert_array_equal(single, away.astype(np.int64))


@pytest.mark.parametrize(
    ("terms", "total"),
    [
        (grids.gated(grids.UNIT), grids.UNIT),
        (grids.gated(grids.MEMORY), grids.MEMORY),
    ],
)
def test_sums_of_products_are_never_halfway(terms: Range, total: Range) -> None:
    sums = np.arange(-300, 301) * float(step_of(terms)) / float(step_of(total))
    kept = sums[np.abs(sums) < 128]
    assert np.min(np.abs(kept % 1 - 0.5)) > 1e-3


def test_grids_hold_whole_steps() -> None:
    of = grids.step_of
    assert of(grids.SIGNED) == 2 * of(grids.RELU6) == grids.COARSE
    assert of(grids.LOGIT) == pytest.approx(2 * of(grids.GATE))
    assert of(grids.MIX_TERM) == pytest.approx(2 * of(grids.MIX))
    assert grids.gated(grids.TANH) == grids.HIDDEN
    # The candidate times its gate and the memory times its gate meet on one grid.
    assert of(grids.MEMORY) == pytest.approx(2 * of(grids.LOGIT))
