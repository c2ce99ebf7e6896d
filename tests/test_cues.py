from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgedepth.cues import (
    ANSWER_RADII,
    ANSWER_WINDOW,
    ANSWERS,
    COARSE_SUPPORT,
    CUE_PLANES,
    CUES,
    ENERGY_FLOOR,
    EVIDENCE_LIMIT,
    GUIDE_EPSILON,
    LEAST_WEIGHT,
    MOST_WEIGHT,
    NATIVE,
    PRIOR,
    DepthSoFar,
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
    near = len(CUES) + 1  # the planes that do not look as far as depth so far does
    np.testing.assert_array_equal(last[:, :10, :near], other[:, :10, :near])
    np.testing.assert_array_equal(last[:, :10, -1], other[:, :10, -1])
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


def test_the_peak_stays_between_its_neighbours_whatever_a_masked_one_holds() -> None:
    """The frame before the peak has no picture here and happens to be higher."""
    assert peak_of([0.0, 0.4, 0.7, 1.0], [0.0, 1.2, 1.0, 0.79], missing=1) >= 0.4


Double = NDArray[np.float64]
Bools = NDArray[np.bool_]


def window_mean(plane: Double, radius: int) -> Double:
    padded = np.pad(plane, radius, mode="reflect")
    size = (2 * radius + 1, 2 * radius + 1)
    mean: Double = np.lib.stride_tricks.sliding_window_view(padded, size).mean((2, 3))
    return mean


def slow_peak(positions: list[float], logs: Double, known: Bools) -> float:
    """Vertex of Lagrange's parabola through the highest known frame and its neighbours."""
    best = int(np.where(known, logs, -np.inf).argmax())
    if best == 0 or best == len(logs) - 1 or not known[best + 1]:
        return positions[best]
    x = [positions[i] for i in (best - 1, best, best + 1)]
    square = linear = 0.0
    for i in range(3):
        others = [x[j] for j in range(3) if j != i]
        share = logs[best - 1 + i] / ((x[i] - others[0]) * (x[i] - others[1]))
        square, linear = square + share, linear - share * sum(others)
    if square >= -1e-6:
        return positions[best]
    ends = min(x[0], x[2]), max(x[0], x[2])
    return float(np.clip(-linear / (2 * square), *ends))


def slow_guided(guide: Double, plane: Double, weight: Double, radius: int) -> Double:
    def mean(x: Double) -> Double:
        return window_mean(weight * x, radius) / window_mean(weight, radius)

    a = (mean(guide * plane) - mean(guide) * mean(plane)) / (
        mean(guide**2) - mean(guide) ** 2 + GUIDE_EPSILON
    )
    b = mean(plane) - a * mean(guide)
    return mean(a) * guide + mean(b)


def slow_depth(
    guide: Double, energies: Double, positions: list[float], known: Bools
) -> tuple[Double, Double]:
    """What ``DepthSoFar`` says after these frames, all of them at once and in double precision."""
    logs = np.log([window_mean(e, ANSWER_WINDOW // 2) + ENERGY_FLOOR for e in energies])
    peaks, weight = np.empty(guide.shape), np.empty(guide.shape)
    for at in np.ndindex(*guide.shape):
        here, there = logs[(slice(None), *at)], known[(slice(None), *at)]
        peaks[at] = slow_peak(positions, here, there)
        weight[at] = (here[there].max() - here[there].mean()) ** 2 + LEAST_WEIGHT
    near, far = (slow_guided(guide, peaks, weight, radius) for radius in ANSWER_RADII)
    support = window_mean(weight, ANSWER_RADII[0])
    return (support * near + COARSE_SUPPORT * far) / (support + COARSE_SUPPORT), support


def running(
    guide: Double, energies: Double, positions: list[float], known: Bools | None
) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    depth = DepthSoFar(guide.astype(np.float32))
    return [
        depth.add(e.astype(np.float32), x, None if known is None else known[i])
        for i, (e, x) in enumerate(zip(energies, positions, strict=True))
    ]


@dataclass(frozen=True)
class Sweep:
    """Focus energies (N, h, w), positions, and where frames have a picture."""

    guide: Double
    energies: Double
    positions: list[float]
    known: Bools


@st.composite
def sweeps(draw: st.DrawFn, fewest: int = 2) -> Sweep:
    """Energies over all of their range, even and uneven planes from either end, holes anywhere
    but in the first frame, guides from flat to noise."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count = draw(st.integers(fewest, 6))
    height, width = draw(st.integers(2, 14)), draw(st.integers(2, 18))
    steps = np.cumsum(rng.uniform(0.2, 1, count))
    positions = ((steps - steps[0]) / (steps[-1] - steps[0])).tolist()
    if draw(st.booleans()):
        positions.reverse()
    low = draw(st.floats(-12, -1))
    energies = np.exp(rng.uniform(low, 1, (count, height, width)))
    known = rng.uniform(0, 1, energies.shape) >= draw(st.sampled_from([0, 0.3, 1]))
    known[0] = True
    guide = 0.5 + draw(st.sampled_from([0, 0.02, 0.5])) * rng.uniform(-1, 1, (height, width))
    return Sweep(guide, energies, positions, known)


@given(sweeps())
def test_depth_so_far_is_the_classical_answer_of_all_frames_so_far(sweep: Sweep) -> None:
    answers = running(sweep.guide, sweep.energies, sweep.positions, sweep.known)
    for count in {2, len(answers)}:
        position, support = answers[count - 1]
        expected, weight = slow_depth(
            sweep.guide, sweep.energies[:count], sweep.positions[:count], sweep.known[:count]
        )
        np.testing.assert_allclose(support, weight, rtol=1e-3)
        np.testing.assert_allclose(position, expected, atol=2e-3)


@given(sweeps())
def test_depth_so_far_is_the_same_from_either_end(sweep: Sweep) -> None:
    forth = running(sweep.guide, sweep.energies, sweep.positions, None)[-1]
    back = running(sweep.guide, sweep.energies[::-1], sweep.positions[::-1], None)[-1]
    for one, other in zip(forth, back, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-3)


@given(sweeps())
def test_one_frame_says_nothing_and_all_of_a_frame_may_be_missing(sweep: Sweep) -> None:
    nowhere = np.zeros_like(sweep.known)
    nowhere[0] = True
    for position, support in running(sweep.guide, sweep.energies, sweep.positions, nowhere)[1:]:
        np.testing.assert_allclose(position, sweep.positions[0], atol=1e-3)
        np.testing.assert_allclose(support, LEAST_WEIGHT, rtol=1e-2)
    position, support = running(sweep.guide, sweep.energies, sweep.positions, None)[0]
    assert (position == np.float32(PRIOR)).all()
    assert (support == np.float32(LEAST_WEIGHT)).all()


@given(sweeps(fewest=3))
def test_it_is_all_one_what_a_frame_holds_that_is_masked_everywhere(sweep: Sweep) -> None:
    other = sweep.energies.copy()
    other[-1] *= 7
    known = sweep.known.copy()
    known[-1] = False
    one = running(sweep.guide, sweep.energies, sweep.positions, known)[-1]
    two = running(sweep.guide, other, sweep.positions, known)[-1]
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)


def answers_of(planes: NDArray[np.uint8]) -> dict[str, NDArray[np.float64]]:
    """The last planes but one by name, as shares of their range."""
    return {name: planes[..., len(CUES) + i] / 255 for i, name in enumerate(ANSWERS)}


def test_depth_so_far_as_planes() -> None:
    rng = np.random.default_rng(4)
    energies = np.exp(rng.uniform(-4, -1, (4, H, W, 2))).astype(np.float32)
    guide = rng.uniform(0.3, 0.7, (H, W)).astype(np.float32)
    evidence, depth = Evidence(guide), DepthSoFar(guide)
    for index, energy in enumerate(energies):
        planes = evidence.add(energy, index / 3)
        assert planes.shape == (H, W, CUE_PLANES)
        position, support = depth.add(energy[..., NATIVE], index / 3)
        found = answers_of(planes)
        np.testing.assert_allclose(found["depth so far"], np.clip(position, 0, 1), atol=0.003)
        decades = np.log10(support / LEAST_WEIGHT) / np.log10(MOST_WEIGHT / LEAST_WEIGHT)
        np.testing.assert_allclose(found["its support"], np.clip(decades, 0, 1), atol=0.003)
        if not index:
            assert (planes[..., len(CUES) + 1] == round(PRIOR * 255)).all()
            assert not found["its support"].any()


def test_depth_so_far_of_a_step_reaches_over_a_flat_patch() -> None:
    """Two textured surfaces of different brightness; one of them with a patch without texture."""
    rng = np.random.default_rng(8)
    height, width = 96, 128
    texture = rng.uniform(-0.1, 0.1, (height, width))
    texture[36:60, 20:44] = 0
    left = np.arange(width) < width // 2
    sharp = (np.where(left, 0.3, 0.7) + texture).astype(np.float32)
    truth = np.where(left, 0.3, 0.75)[None].repeat(height, 0)
    positions = [float(x) for x in np.linspace(0, 1, 5)]
    evidence = None
    for position in positions:
        blurred = [
            cv2.GaussianBlur(sharp, (0, 0), 0.3 + 4 * abs(position - t)) for t in (0.3, 0.75)
        ]
        gray = np.where(left, *blurred)
        rgb = np.rint(gray * 255).astype(np.uint8)[..., None].repeat(3, -1)
        if evidence is None:
            evidence = Evidence(gray)
        found = answers_of(evidence.add(focus_energy(rgb, height, width), position))
    error = np.abs(found["depth so far"] - truth)
    assert np.median(error) < 0.03
    assert np.median(error[40:56, 24:40]) < 0.06
    assert found["its support"][48, 32] < found["its support"][48, 100] - 0.1
