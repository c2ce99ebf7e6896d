"""Losses: what is not known counts for nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.train

HOLE = (slice(None), slice(4, 10), slice(2, 12))


def batch(seed: int) -> dict[str, Any]:
    """Truth of 2 stacks of 16x20 with a hole that holds whatever the seed gives."""
    rng = np.random.default_rng(0)
    truth = rng.uniform(0.3, 2, (2, 16, 20)).astype(np.float32)
    truth[HOLE] = np.random.default_rng(seed).uniform(0, 5, truth[HOLE].shape)
    valid = np.ones_like(truth)
    valid[HOLE] = 0
    low, span, blur = (np.array(v, np.float32) for v in ([0.2, 0.3], [2, 3], [1.5, 20]))
    return {"inverse_depth": truth, "valid": valid, "low": low, "span": span, "blur": blur}


def outputs(seed: int) -> dict[str, Any]:
    from edgedepth.models.backend import tf

    rng = np.random.default_rng(seed)
    full, half = (2, 16, 20, 1), (2, 8, 10, 3)
    shapes = {"inverse_depth": full, "confidence": full, "depth": full, "means": half}
    return {n: tf.constant(rng.uniform(0.1, 0.9, s), tf.float32) for n, s in shapes.items()}


@pytest.mark.parametrize("name", ["sweep", "metres"])
def test_unknown_depth_is_masked(name: str) -> None:
    from edgedepth.losses import LossWeights, metres_loss, sweep_loss
    from edgedepth.models.backend import tf

    def loss(answer: dict[str, Any], truth: dict[str, Any]) -> Any:
        if name == "metres":
            return metres_loss(answer, truth)
        return sweep_loss(answer, truth, LossWeights())

    answer = outputs(1)
    used = ["depth"] if name == "metres" else ["inverse_depth", "confidence", "means"]
    with tf.GradientTape() as tape:
        tape.watch(answer)
        found = loss(answer, batch(1))
    assert float(loss(answer, batch(2))) == float(found) > 0
    slopes = tape.gradient(found, answer)
    for key in used:
        slope = slopes[key].numpy()
        hole = HOLE if slope.shape[1] == 16 else (slice(None), slice(2, 5), slice(1, 6))
        assert not slope[hole].any(), key
        assert np.abs(slope).max() > 0, key


def test_what_cannot_be_said_counts_little_and_is_no_success() -> None:
    """A pixel's truth moves from the border of the output to far beyond it; the answer stays."""
    from edgedepth.losses import OUT_OF_REACH_WEIGHT, LossWeights, sweep_loss
    from edgedepth.models.backend import tf
    from edgedepth.preprocess import OUTPUT_RANGE

    pixel, border = (0, 8, 15), 0.99 * OUTPUT_RANGE[1]
    slopes = []
    for beyond in (0.0, 2.0):
        answer, truth = outputs(1), batch(1)
        position = answer["inverse_depth"].numpy()
        position[pixel] = border - 0.01
        answer["inverse_depth"] = tf.constant(position)
        truth["inverse_depth"][pixel] = truth["low"][0] + truth["span"][0] * (
            border - 1e-4 + beyond
        )
        with tf.GradientTape() as tape:
            tape.watch(answer)
            loss = sweep_loss(answer, truth, LossWeights(gradient=0.0, focus_only=0.0))
        found = tape.gradient(loss, answer)
        slopes.append([float(found[n].numpy()[pixel][0]) for n in ("inverse_depth", "confidence")])
    (near, sure), (far, unsure) = slopes
    assert near < 0
    assert far == pytest.approx(OUT_OF_REACH_WEIGHT * near, rel=0.02)
    assert sure < 0 < unsure


def test_answers_move_towards_the_classical_ones_where_blur_says_little() -> None:
    from edgedepth.cues import CUE_PLANES
    from edgedepth.losses import CLASSICAL_FRAMES, towards_classical
    from edgedepth.models.backend import tf
    from edgedepth.models.mobile import DEPTH

    rng = np.random.default_rng(3)
    shape = (3, CLASSICAL_FRAMES, 16, 20, 3 + CUE_PLANES)
    frames = tf.constant(rng.uniform(size=shape), tf.float32)
    blur, span = (tf.constant(v, tf.float32) for v in ([1.64, 6.55, 2.0], [2.6, 2.6, 3.0]))
    given = {"frames": frames, "blur": blur, "span": span}
    taught = {name: tf.repeat(value[:1], 3, 0) for name, value in outputs(1).items()}
    moved = towards_classical(taught, given, 0.4)
    depth_so_far = frames[:, -1, ..., DEPTH, None]
    apart = depth_so_far - taught["inverse_depth"]
    ways = (moved["inverse_depth"] - taught["inverse_depth"]) / apart
    phone, crop, between = (float(np.median(way)) for way in ways)
    assert crop == pytest.approx(0, abs=1e-6)
    assert phone == pytest.approx(0.4 * (8 - 1.64 * 2.6) / 4, rel=1e-3)
    assert between == pytest.approx(0.4 * (8 - 2 * 3) / 4, rel=1e-3)
    assert all(moved[name] is taught[name] for name in taught if name != "inverse_depth")
    fewer = {**given, "frames": frames[:, 1:]}
    assert towards_classical(taught, fewer, 0.4) is taught


def test_the_plane_of_the_classical_answer_is_the_one_that_evidence_gives() -> None:
    """With one frame only depth so far is the same everywhere, whatever the picture."""
    from edgedepth.cues import CUE_PLANES, PRIOR, Evidence
    from edgedepth.models.mobile import DEPTH

    rng = np.random.default_rng(4)
    planes = Evidence(rng.uniform(size=(16, 20)).astype(np.float32)).add(
        rng.uniform(0.01, 0.1, (16, 20, 2)).astype(np.float32), 0.7
    )
    constant = [np.all(planes[..., plane] == round(PRIOR * 255)) for plane in range(CUE_PLANES)]
    assert [plane for plane, same in enumerate(constant) if same] == [DEPTH - 3]


def test_imitation_asks_for_the_teacher_s_answer_and_leaves_the_teacher_alone() -> None:
    from edgedepth.losses import LossWeights, imitation_loss
    from edgedepth.models.backend import tf

    mine, theirs = outputs(1), outputs(2)
    assert float(imitation_loss(theirs, theirs, batch(1), LossWeights())) == 0
    with tf.GradientTape() as tape:
        tape.watch([mine, theirs])
        found = imitation_loss(mine, theirs, batch(1), LossWeights())
    assert float(found) > 0
    taught, learnt = tape.gradient(found, [theirs, mine])
    assert all(slope is None for slope in taught.values())
    for name in ("inverse_depth", "confidence", "means"):
        assert (learnt[name].numpy() != 0).mean() > 0.9, name
