"""A hand-held sweep without metres, through the real command."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgedepth.data.sources import EVALUATION_SEED, open_source
from edgedepth.data.sweep_writer import PRESETS, SweepOptions, render_sweep, write_sweep
from tests.capture.test_infer_command import assert_refused
from tests.learn.conftest import Edgedepth
from tests.learn.measure_uncalibrated import ordinal_accuracy
from tests.learn.pages import page_sweep

FOCUS_M = (0.3, 0.35, 0.42, 0.5, 0.62, 0.8, 1.1, 1.7, 3.0, 8.0)


@pytest.mark.slow
def test_ten_frames_in_any_order(edgedepth: Edgedepth, tmp_path: Path) -> None:
    """Shuffled and shaken; the distances in the files are not looked at."""
    order = np.random.default_rng(3).permutation(len(FOCUS_M))
    focus = 1 / np.array(FOCUS_M)[order]
    options = SweepOptions(tuple(focus), (600, 800), shake_px=3, seed=3)
    sweep = render_sweep(
        open_source("procedural"), EVALUATION_SEED - 4, PRESETS["pixel6pro"], options
    )
    write_sweep(sweep, tmp_path / "s")
    done = edgedepth("infer", tmp_path / "s", "--uncalibrated", "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert any("a + b times" in w for w in report["warnings"])
    assert all(f["focus_m"] is None for f in report["frames"])
    relative = np.load(tmp_path / "out" / "relative.npy")
    truth = cv2.resize(
        sweep.depth_m, (relative.shape[1], relative.shape[0]), interpolation=cv2.INTER_NEAREST
    )
    assert ordinal_accuracy(relative, 1 / np.maximum(truth, 0.1)) > 0.8


def test_two_frames_are_refused(edgedepth: Edgedepth, tmp_path: Path) -> None:
    write_sweep(page_sweep(0.7, (1.0, 2.0), size=(300, 400)), tmp_path / "s")
    done = edgedepth("infer", tmp_path / "s", "--uncalibrated", "-o", tmp_path / "out")
    assert_refused(done, tmp_path / "out", "2 usable frames")


def test_a_bare_wall_is_refused(edgedepth: Edgedepth, tmp_path: Path) -> None:
    wall = page_sweep(0.7, (0.5, 1.0, 1.5, 2.0, 2.5), size=(300, 400), contrast=0.0)
    frames = [np.clip(f.astype(int), 110, 140).astype(np.uint8) for f in wall.frames]
    wall.frames[:] = [cv2.blur(f, (31, 31)) for f in frames]
    write_sweep(wall, tmp_path / "s")
    done = edgedepth("infer", tmp_path / "s", "--uncalibrated", "-o", tmp_path / "out")
    assert_refused(done, tmp_path / "out", "too little texture")
