"""8-bit grids of activations, as (low, high), and of weights.

Runtimes agree on a product's exact value and differ in how they round it: XNNPACK rounds half to
even, TFLite's own kernels half away from zero and in two steps, the first of which may make a half
of what was none. On the grids of a network that is *exact* nothing lies where these differ:

* a convolution's weights are even, its bias is odd, and its sums are divided by a power of two, so
  that none lies halfway between two steps;
* of the two factors of a product one is even, and what it is divided by is a hair less than a power
  of two: what lies halfway goes away from zero with all of them. A gate is such a factor: the sum
  of two numbers on one grid, on a grid twice as fine, is even;
* a sum is of whole steps, or of two numbers on one grid put on a grid 127/128 times as fine, where
  nothing lies halfway.

Even weights and powers of two cost one to two of the weights' eight bits.
"""

from __future__ import annotations

from typing import TypeAlias

Range: TypeAlias = tuple[float, float]

SIGMOID: Range = (0.0, 255 / 256)
TANH: Range = (-1.0, 127 / 128)
"""What TFLite demands of its two functions."""

UNIT: Range = (0.0, 1.0)

CELL: Range = (-4.0, 4 * 127 / 128)
UNEVEN_TANH: Range = (-1.01, 1.01 * 127 / 128)
"""Of products with a saturated gate and of what is added to ``CELL``: on ``TANH`` many of these
would lie exactly between two steps."""

RELU6: Range = (0.0, 255 * 3 / 128)
"""Up to a little under 6, by steps of which float32 holds all sums and quarters exactly, so that
training rounds as the file does."""

COARSE = 3 / 64
"""Step of what is added to a ReLU6: a multiple of its step."""

SIGNED: Range = (-128 * COARSE, 127 * COARSE)
"""Of what is added to a ReLU6: beyond 6 either way it changes nothing."""

FINE_SIGNED: Range = (-128 * COARSE / 2, 127 * COARSE / 2)
"""Of what is small that is added to a ReLU6: by its own steps."""

EVEN_LIMIT = 126
"""Largest even weight."""

FINEST = 12
"""Largest power of two that a sum is divided by: no sum that is not clipped then needs more than
the 24 bits that all kernels hold exactly."""

LOGIT: Range = (-128 / 127, 1.0)
"""Of the two terms of a gate, and of the candidate."""

GATE: Range = (-1 / 254, 1.0)
"""Of a gate: even, from 0 to 254."""

MEMORY: Range = (-256 / 127, 2.0)
"""Of the recurrent cell, within which it is kept."""

MIX_TERM: Range = (-256 / 126, 254 / 126)
MIX: Range = (-128 / 126, 127 / 126)
"""Of the two terms of a mix, and of the mix: even, from -126 to 126."""


def step_of(grid: Range) -> float:
    """Step of an 8-bit grid."""
    return (grid[1] - grid[0]) / 255


def gated(grid: Range) -> Range:
    """Grid of a number on ``GATE`` times what is on ``grid``."""
    return _of_products(grid, 254, 256)


def mixed(grid: Range) -> Range:
    """Grid of a number on ``MIX`` times what is on ``grid``."""
    return _of_products(grid, EVEN_LIMIT, 128)


def _of_products(grid: Range, largest: int, power: int) -> Range:
    """``grid`` for products with even numbers up to ``largest``, divided by a power of two and a
    hair less: enough for every product that lies halfway, too little for any other to get there."""
    most = largest * (128 if grid[0] < 0 else 255)
    scale = power / largest * (1 - 0.97 / most)
    return grid[0] * scale, grid[1] * scale


HIDDEN: Range = gated(TANH)
"""Of the recurrent cell's output."""
