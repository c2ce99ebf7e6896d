"""Rows of run directories: both phases, and the paper's network with the planes it knows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edgedepth import evaluate
from edgedepth.config import preset_config
from edgedepth.files import write_arrays
from edgedepth.rundir import RunDirectory
from edgedepth.stack import FocalStack, Frame

pytestmark = [pytest.mark.train, pytest.mark.slow]


def make_run(folder: Path, preset: str, counts: tuple[int, ...]) -> Path:
    """A run as training leaves it, of fresh weights."""
    from edgedepth.models.fakequant import Mode
    from edgedepth.models.presets import make_network, preset_spec

    height, width = (80, 80) if preset == "paper" else (64, 80)
    config = preset_config(preset)
    weights = tuple(1.0 for _ in counts)
    batch = replace(config.batch, frame_counts=counts, frame_weights=weights)
    run = RunDirectory(folder)
    run.create(replace(config, height=height, width=width, batch=batch))
    spec = preset_spec(preset, height, width)
    for phase, mode in (("float", Mode.FLOAT), ("qat", Mode.QUANTIZED)):
        write_arrays(run.weights_path(phase), make_network(spec, mode).weights())
    return folder


def stack(texture: NDArray[np.uint8], count: int, seed: int = 0) -> FocalStack:
    rng = np.random.default_rng(seed)
    noise = rng.integers(-20, 20, (count, *texture.shape))
    frames = np.clip(texture.astype(int) + noise, 0, 255).astype(np.uint8)
    return FocalStack(tuple(Frame(f, 0.3 + i, None) for i, f in enumerate(frames)), 2.0)


def test_a_run_gives_a_row_per_phase(
    tmp_path: Path, texture: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgedepth.models import checkpoint

    monkeypatch.setattr(checkpoint, "DEFAULT_SIZE", {})  # as trained: small, hence quick
    run = make_run(tmp_path / "mine", "mobile", (5, 3))
    floating, quantized = evaluate.run_directory(run)
    assert (floating.name, quantized.name) == ("mine (float)", "mine (qat)")
    answer = floating.predict(stack(texture, 2))
    assert answer.depth_m.shape == texture.shape[:2]
    assert np.isfinite(answer.depth_m).all()
    assert answer.confidence is not None


def seen_by(contestant: evaluate.Contestant, given: FocalStack) -> dict[str, Any]:
    """What the paper's network is fed."""
    from edgedepth.models.paper import PaperNetwork

    seen: dict[str, Any] = {}
    forward = PaperNetwork.forward

    def spy(self: Any, frames: Any, focus: Any, optics: Any) -> Any:
        seen.update(frames=frames.shape, focus=focus.shape)
        return forward(self, frames, focus, optics)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PaperNetwork, "forward", spy)
        seen["answer"] = contestant.predict(given)
    return seen


@pytest.mark.parametrize(
    ("counts", "planes", "fed"), [((5,), 6, 6), ((5,), 3, 4), ((3,), 6, 4), ((0,), 6, 1)]
)
def test_the_papers_network_gets_the_sharp_picture_and_the_planes_it_knows(
    tmp_path: Path, texture: NDArray[np.uint8], counts: tuple[int, ...], planes: int, fed: int
) -> None:
    run = make_run(tmp_path / "paper", "paper", counts)
    seen = seen_by(evaluate.run_directory(run)[0], stack(texture, planes))
    assert seen["frames"][:2] == (1, fed)
    assert seen["focus"] == (1, fed)
    assert seen["answer"].confidence is None
    assert seen["answer"].depth_m.shape == texture.shape[:2]
