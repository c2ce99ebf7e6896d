from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgedepth.cues import (
    CUE_PLANES,
    CUES,
    EVIDENCE_LIMIT,
    Evidence,
    RunningVertex,
    focus_energy,
)
from edgedepth.preprocess import CUE_SCALES

H, W = 24, 32


def flat_guide() -> NDArray[np.float32]:
    return np.full((H, W), 0.5, np.float32)


def plain(log_energy: float) -> NDArray[np.float32]:
    """Focus energy that is the same everywhere, the floor taken off."""
    return np.full((H, W, 2), np.exp(log_energy) - 0.001, np.float32)


def evidence_of(planes: NDArray[np.uint8]) -> NDArray[np.float64]:
    return (planes[..., : len(CUES)] / 255 - 0.5) * 2 * EVIDENCE_LIMIT


@pytest.mark.parametrize("scale", CUE_SCALES)
def test_a_sharper_frame_has_more_energy(scale: int, texture: NDArray[np.uint8]) -> None:
    grid = (240 // scale, 320 // scale)
    previous = focus_energy(texture, *grid)
    assert previous.shape == (*grid, 2)
    assert previous.dtype == np.float32
    for sigma in (1.0, 2.0, 4.0):
        energy = focus_energy(cv2.GaussianBlur(texture, (0, 0), sigma), *grid)
        assert (energy.mean((0, 1)) < previous.mean((0, 1))).all()
        previous = energy


def test_a_flat_frame_shows_no_focus() -> None:
    assert not focus_energy(np.full((96, 128, 3), 77, np.uint8), H, W).any()


@given(st.lists(st.floats(-3, -1), min_size=2, max_size=7))
def test_gates_give_the_mean_that_a_softmax_over_all_frames_gives(logs: list[float]) -> None:
    """The planes are what lets a softmax run frame by frame; held on one that stays in range."""
    gain = CUES[0].gain
    logs = [level / gain * 3 - 1.5 for level in logs]
    evidence = Evidence(flat_guide())
    mean = 0.0
    for position, level in enumerate(logs):
        planes = evidence.add(plain(level), position / len(logs))
        assert planes.shape == (H, W, CUE_PLANES)
        new = 1 / (1 + np.exp(-evidence_of(planes)[H // 2, W // 2, 0])) if position else 1.0
        mean += new * (position - mean)
    weights = np.exp(gain * (np.array(logs) - max(logs)))
    expected = (weights * np.arange(len(logs))).sum() / weights.sum()
    assert mean == pytest.approx(expected, abs=0.05 * len(logs))


def test_the_first_frame_is_the_sharpest_so_far() -> None:
    assert (Evidence(flat_guide()).add(plain(-3), 0.0)[..., : len(CUES)] == 255).all()


def test_evidence_is_clipped_and_the_level_tells_texture() -> None:
    evidence = Evidence(flat_guide())
    evidence.add(plain(-4), 0.0)
    sharp = evidence.add(plain(-1), 0.5)
    blurred = evidence.add(plain(-4), 1.0)
    assert (sharp[..., : len(CUES)] == 255).all()
    assert (blurred[..., : len(CUES)] == 0).all()
    assert (sharp[..., -1] > blurred[..., -1]).all()
    assert Evidence(flat_guide()).add(np.zeros((H, W, 2), np.float32), 0.0)[..., -1].max() == 0


def test_where_a_frame_has_no_picture_it_says_nothing_and_is_forgotten() -> None:
    valid = np.ones((H, W), bool)
    valid[:, :10] = False
    masked, without = Evidence(flat_guide()), Evidence(flat_guide())
    for evidence in (masked, without):
        evidence.add(plain(-2), 0.0)
    hole = masked.add(plain(-1), 0.5, valid)
    assert not hole[:, :10, : len(CUES)].any()
    last, other = masked.add(plain(-2), 1.0), without.add(plain(-2), 1.0)
    np.testing.assert_array_equal(last[:, :10], other[:, :10])
    assert (last[:, 30:, 0] < other[:, 30:, 0]).all()


def test_evidence_follows_the_edges_of_the_first_frame() -> None:
    """Half of the picture has texture that sharpens; flat pixels side with their own surface."""
    guide = flat_guide()
    guide[:, 16:] = 0.9
    before = plain(-3)
    after = before.copy()
    after[:, 4:12] *= 1.5
    evidence = Evidence(guide)
    evidence.add(before, 0.0)
    planes = evidence_of(evidence.add(after, 1.0))
    assert planes[12, 14, 0] > planes[12, 18, 0] + 0.5


def peak_of(positions: list[float], logs: list[float], missing: int | None = None) -> float:
    vertex = RunningVertex()
    for index, (position, level) in enumerate(zip(positions, logs, strict=True)):
        valid = np.full((1, 1), index != missing)
        answer = vertex.add(np.full((1, 1), level, np.float32), position, valid)
    return float(answer[0, 0])


@given(st.floats(0.05, 0.95), st.floats(1, 50), st.integers(3, 9), st.booleans())
def test_the_vertex_of_a_parabola_is_found_from_either_end(
    peak: float, curvature: float, count: int, backwards: bool
) -> None:
    positions = [float(x) for x in np.linspace(0, 1, count)]
    if backwards:
        positions.reverse()
    logs = [-curvature * (x - peak) ** 2 for x in positions]
    sharpest = int(np.argmax(logs))
    expected = peak if 0 < sharpest < count - 1 else positions[sharpest]
    assert peak_of(positions, logs) == pytest.approx(expected, abs=2e-3)


def test_uneven_planes_and_equal_ones() -> None:
    positions = [0.0, 0.1, 0.4, 1.0]
    assert peak_of(positions, [-5 * (x - 0.3) ** 2 for x in positions]) == pytest.approx(
        0.3, abs=1e-4
    )
    assert peak_of([0.0, 0.5, 0.5, 1.0], [0.0, 2.0, 2.0, 0.0]) == pytest.approx(0.5)
    assert peak_of([0.3], [1.0]) == pytest.approx(0.3)


def test_a_frame_without_a_picture_is_no_peak() -> None:
    assert peak_of([0.0, 0.5, 1.0], [0.0, 5.0, 1.0], missing=1) == pytest.approx(1.0)
    assert peak_of([0.0, 0.5, 1.0], [0.0, 5.0, 4.0], missing=2) == pytest.approx(0.5)
