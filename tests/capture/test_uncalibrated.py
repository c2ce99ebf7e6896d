"""Sweeps without metres: ordered by what there is, marked as relative everywhere."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from edgedepth.capture import infer_depth, read_sweep, register_sweep
from edgedepth.capture.focus import from_lens_position
from edgedepth.capture.sources import FrameWords
from edgedepth.capture.uncalibrated import order_by_sharpness, order_frames
from tests.capture.conftest import Edgedepth
from tests.capture.scenes import FOCUS_M, similarity, write_sweep
from tests.conftest import ROOT

SHUFFLED = (1.0, 0.5, 3.0, 0.7, 1.6)
BREATHING = {0.5: 1.03, 0.7: 1.022, 1.0: 1.015, 1.6: 1.008, 3.0: 1.0}


def ranks(values: tuple[float, ...]) -> list[int]:
    return [int(r) for r in np.argsort(np.argsort(values))]


def ordering(folder: Path):  # type: ignore[no-untyped-def]
    sweep = read_sweep(folder, uncalibrated=True)
    return order_frames(sweep, register_sweep(sweep, (96, 128), [0.0] * len(sweep)))


def test_breathing_tells_the_near_end(tmp_path: Path) -> None:
    """Shuffled frames come in the order of their focus, nearest highest."""
    motions = [similarity(BREATHING[m] / BREATHING[SHUFFLED[0]], 0, 0, 0) for m in SHUFFLED]
    found = ordering(write_sweep(tmp_path, SHUFFLED, motions=motions))
    assert found.end_known
    assert ranks(found.dioptres) == ranks(tuple(1 / m for m in SHUFFLED))


@pytest.mark.parametrize("focus", [FOCUS_M, FOCUS_M[::-1]])
def test_without_breathing_the_first_frame_is_taken_for_the_nearest(
    tmp_path: Path, focus: tuple[float, ...]
) -> None:
    found = ordering(write_sweep(tmp_path, focus))
    assert not found.end_known
    assert ranks(found.dioptres) == [4, 3, 2, 1, 0]
    assert "file name" in found.basis
    assert any("assumed" in w for w in found.warnings)


def test_lens_positions_go_first(good_sweep: Path) -> None:
    sweep = read_sweep(good_sweep, uncalibrated=True)
    positions = (10, 50, 30, 90, 70)
    frames = tuple(
        replace(f, words=FrameWords(f.name, (from_lens_position("Apple FocusPosition", p),)))
        for f, p in zip(sweep.frames, positions, strict=True)
    )
    sweep = replace(sweep, frames=frames)
    found = order_frames(sweep, register_sweep(sweep, (96, 128), [0.0] * 5))
    assert found.basis == "lens position"
    assert ranks(found.dioptres) == ranks(positions)


@pytest.mark.parametrize("count", [5, 12])
def test_shortest_way_through_profiles(count: int) -> None:
    true = np.random.default_rng(0).permutation(count)
    places = np.linspace(0, 1, 40)
    profiles = np.exp(-(((places - true[:, None] / (count - 1)) / 0.4) ** 2)).astype(np.float32)
    order, by_file = order_by_sharpness(profiles)
    assert not by_file
    found = [int(true[i]) for i in order]
    assert found in (list(range(count)), list(range(count))[::-1])


def test_command_writes_no_metres(edgedepth: Edgedepth, model: Path, tmp_path: Path) -> None:
    sweep = write_sweep(tmp_path / "s", [None] * 5)
    out = tmp_path / "out"
    done = edgedepth("infer", sweep, "--model", model, "-o", out, "--uncalibrated")
    assert done.returncode == 0, done.stderr
    assert "relative" in done.stdout
    assert {p.name for p in out.iterdir()} == {
        "relative.npy", "relative_color.png", "confidence.png", "all_in_focus.jpg", "report.json",
    }  # fmt: skip
    report = json.loads((out / "report.json").read_text())
    jsonschema.validate(report, json.loads((ROOT / "docs/schemas/report.schema.json").read_text()))
    assert report["metric"] is False
    assert {f["focus_m"] for f in report["frames"]} == {None}
    assert report["depth"]["median_m"] is None


def test_result_has_no_metres(good_sweep: Path, model: Path) -> None:
    """The near half stands nearer, and depth_m says nothing."""
    result = infer_depth(read_sweep(good_sweep, uncalibrated=True), model)
    assert not result.metric
    assert result.relative is not None
    assert np.isnan(result.depth_m).all()
    left, right = result.relative[:, 60:260], result.relative[:, 380:580]
    assert np.nanmedian(left) > np.nanmedian(right) + 0.3


def test_real_stack_without_focus(dev_data: Path, model: Path) -> None:
    """The board's front edge is nearer than the bar code behind it."""
    result = infer_depth(read_sweep(dev_data / "sweeps/pcb_no_focus", uncalibrated=True), model)
    assert result.relative is not None
    assert all("near" not in w for w in result.warnings)
    height, width = result.relative.shape
    front = np.nanmedian(result.relative[int(0.85 * height) :, : width // 2])
    back = np.nanmedian(result.relative[: height // 3, width // 4 : width // 2])
    assert front > back + 0.4
