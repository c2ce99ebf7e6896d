"""Confidence in depth that has settled."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgedepth.capture.fusion import all_in_focus
from edgedepth.capture.inference import finish, run_stack, settled
from edgedepth.capture.modelfile import read_model_file
from edgedepth.capture.refine import EDGE_PX, sure_of
from edgedepth.capture.runtimes import Runtime, choose
from edgedepth.data.sources import open_source
from edgedepth.protocols import PROTOCOLS, rendered_cases
from edgedepth.sparsification import sparsify

SIZE = (24, 30)


def full(value: float) -> NDArray[np.float32]:
    return np.full(SIZE, value, np.float32)


def test_where_nothing_moved_and_depth_is_even_confidence_stays() -> None:
    np.testing.assert_array_equal(sure_of(full(0.7), full(1.3), full(1.3)), full(0.7))


@pytest.mark.parametrize("moved", [0.5, 2.0])
def test_what_moved_is_as_sure_as_both_depths_are_alike(moved: float) -> None:
    sure = sure_of(full(0.8), full(1.0), full(moved))
    np.testing.assert_allclose(sure, 0.4, rtol=1e-6)


def test_a_depth_edge_is_unsure_as_far_as_the_window_reaches() -> None:
    depth = full(0.5)
    depth[:, 15:] = 2.0
    sure = sure_of(full(1.0), depth, depth)
    reach = EDGE_PX // 2
    np.testing.assert_allclose(sure[:, 15 - reach : 15 + reach], 0.25, rtol=1e-6)
    assert (sure[:, : 15 - reach] == 1).all()
    assert (sure[:, 15 + reach :] == 1).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000))
def test_no_depth_makes_it_surer_than_the_model_was(seed: int) -> None:
    rng = np.random.default_rng(seed)
    confidence = rng.random(SIZE, np.float32)
    answer, after = rng.choice([-0.1, 0, 1e-9, 0.3, 7], (2, *SIZE)).astype(np.float32)
    sure = sure_of(confidence, answer, after)
    assert (sure >= 0).all()
    assert (sure <= confidence).all()


@pytest.mark.parametrize("name", ["phone", "crop", "dered"])
def test_it_finds_errors_better_than_the_models_own(name: str) -> None:
    file = read_model_file()
    engine = Runtime(file.path, choose("auto"), 2)
    own, sure = [], []
    for case in rendered_cases(PROTOCOLS[name], open_source("procedural"), 4):
        stack = case.stack
        raw = run_stack(stack, file, engine)
        after = settled(raw, stack, all_in_focus(stack), file.spec)
        for confidence, found in ((raw.confidence, own), (after.confidence, sure)):
            answer = type(raw)(after.dioptres, confidence, "", "")
            depth, large, _ = finish(answer, stack.reference.rgb, stack.size, 0.0)
            found.append(sparsify(depth, large, case.truth_m).ause)
    assert np.mean(sure) < 0.95 * np.mean(own)
