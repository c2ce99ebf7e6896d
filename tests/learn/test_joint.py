"""Sweeps without metres: planes, K and depth from the pictures alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgedepth.capture.register import register_sweep
from edgedepth.capture.sweep import read_sweep
from edgedepth.learn.joint import solve, start_by_component, start_by_order
from edgedepth.learn.spectra import TileSpectra, tile_spectra
from edgedepth.stack import FocalStack
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def desk() -> tuple[TileSpectra, FocalStack]:
    """The sample sweep; its distances are only looked at to judge."""
    sweep = read_sweep(ROOT / "edgedepth" / "samples" / "desk")
    stack = register_sweep(sweep, (112, 149)).stack
    return tile_spectra(stack), stack


def unit(values: np.ndarray) -> np.ndarray:
    return (values - values.min()) / np.ptp(values)


@pytest.mark.parametrize("seed", [None, 0, 1])
def test_planes_from_the_pictures_alone(
    desk: tuple[TileSpectra, FocalStack], seed: int | None
) -> None:
    """In file order and shuffled: positions to 3 % of the span, K to 7 %."""
    spectra, stack = desk
    count = len(stack)
    order = np.arange(count) if seed is None else np.random.default_rng(seed).permutation(count)
    shuffled = TileSpectra(
        spectra.amplitude[:, order],
        spectra.noise,
        spectra.frequency,
        spectra.centre,
        spectra.size,
        spectra.tiles,
    )
    found = solve(shuffled, [start_by_component(shuffled)])
    assert found is not None
    true = unit(stack.focus_dioptres.astype(float)[order])
    if np.corrcoef(found.positions, true)[0, 1] < 0:
        true = 1 - true
    np.testing.assert_allclose(found.positions, true, atol=0.03)
    true_span = stack.coc_px_per_dioptre * float(np.ptp(stack.focus_dioptres))
    assert found.span_px == pytest.approx(true_span, rel=0.07)


def test_a_wrong_start_is_left(desk: tuple[TileSpectra, FocalStack]) -> None:
    """Even positions in another order than the true one lose against the component's."""
    spectra, stack = desk
    wrong = start_by_order([3, 0, 5, 1, 4, 2])
    found = solve(spectra, [wrong, start_by_component(spectra)])
    assert found is not None
    true = unit(stack.focus_dioptres.astype(float))
    assert abs(np.corrcoef(found.positions, true)[0, 1]) > 0.99


def test_too_little_to_go_by(desk: tuple[TileSpectra, FocalStack]) -> None:
    """Two frames, or a handful of places, give no solution rather than a wrong one."""
    spectra, _ = desk
    two = TileSpectra(
        spectra.amplitude[:, :2],
        spectra.noise,
        spectra.frequency,
        spectra.centre,
        spectra.size,
        spectra.tiles,
    )
    assert solve(two, [np.array([0.0, 1.0])]) is None
    few = spectra.pick(np.arange(5))
    assert solve(few, [start_by_component(few)]) is None


def test_one_depth_everywhere_is_not_solved(pages: list[Path]) -> None:
    """A flat page leaves it open which side of it a plane lies on."""
    sweep = read_sweep(pages[1])
    spectra = tile_spectra(register_sweep(sweep, (112, 149)).stack)
    assert solve(spectra, [start_by_component(spectra), np.linspace(0, 1, 6)]) is None


def test_real_hand_held_sweep(dev_data: Path) -> None:
    """A phone's carpet: positions as its distances say, to 4 %."""
    sweep = read_sweep(dev_data / "sweeps" / "pixel6pro_carpet")
    stack = register_sweep(sweep, (122, 162)).stack
    spectra = tile_spectra(stack)
    found = solve(spectra, [start_by_component(spectra)])
    assert found is not None
    true = unit(stack.focus_dioptres.astype(float))
    if np.corrcoef(found.positions, true)[0, 1] < 0:
        true = 1 - true
    np.testing.assert_allclose(found.positions, true, atol=0.04)
