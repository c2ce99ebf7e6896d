"""docs/make_training_curve.py: a run's log as error against hours."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import jsonschema
import pytest

from edgedepth import evaltable
from edgedepth.config import TrainConfig
from edgedepth.rundir import RunDirectory, training_hours

from .conftest import ROOT
from .scripts import load_script

SCRIPT = ROOT / "docs" / "make_training_curve.py"
SCHEMA = json.loads((ROOT / "docs" / "schemas" / "training.schema.json").read_text())
ROW = {"mae_dioptres": 0.2, "delta1": 0.6, "rmse": 0.9, "absrel": 0.2}


script = load_script(SCRIPT)


def make_run(folder: Path, start_from: str = "") -> RunDirectory:
    """600 steps in float at one a second, 200 quantization-aware ones at half the pace."""
    run = RunDirectory(folder)
    run.create(replace(TrainConfig(), start_from=start_from))
    for step in range(20, 820, 20):
        phase, pace = ("float", 1.0) if step <= 600 else ("qat", 0.5)
        run.log({"step": step, "phase": phase, "loss": step / 100, "steps_per_s": pace})
        if step % 300 == 0 or step == 800:
            run.log({"step": step, "phase": phase, **ROW})
    run.save_summary({"rows": {"classical": {**ROW, "mae_dioptres": 0.25}}})
    return run


def test_hours_follow_the_pace_of_the_steps(tmp_path: Path) -> None:
    hours = training_hours(make_run(tmp_path / "run").records())
    assert hours[-1] == pytest.approx((600 + 200 / 0.5) / 3600)
    assert hours == sorted(hours)
    assert training_hours([]) == []


def test_the_curve_of_a_run(tmp_path: Path) -> None:
    found = script.made(make_run(tmp_path / "run"), [])
    jsonschema.validate({**found}, SCHEMA)
    assert [p["step"] for p in found["points"]] == [300, 600, 800]
    assert [(p["phase"], p["step"]) for p in found["loss"]] == [
        ("float", 200), ("float", 400), ("float", 600), ("qat", 800),
    ]  # fmt: skip
    assert found["loss"][0]["loss"] == pytest.approx(1.1)
    assert found["classical"]["mae_dioptres"] == 0.25
    table = evaltable.markdown_training(found)
    assert "| 600 | float | 0.17 | 0.2000 | 0.600 |" in table
    assert "classical" in table


def test_a_run_goes_on_with_the_one_it_began_with(tmp_path: Path) -> None:
    first = make_run(tmp_path / "first")
    second = make_run(tmp_path / "second", start_from=str(first.path))
    points = script.made(second, [])["points"]
    assert [p["step"] for p in points] == [300, 600, 900, 1200, 1400]
    assert points[2]["hours"] == pytest.approx(900 / 3600)
    assert [p["phase"] for p in points] == ["float"] * 4 + ["qat"]
    since = script.made(second, [], first=second.path)["points"]
    assert [p["step"] for p in since] == [900, 1200, 1400]
    assert since[0] == points[2]
    elsewhere = make_run(tmp_path / "third", start_from=str(tmp_path / "gone"))
    assert len(script.made(elsewhere, [])["points"]) == 3


def test_a_curve_goes_on_from_one_whose_runs_are_gone(tmp_path: Path) -> None:
    earlier = script.made(make_run(tmp_path / "first"), [])
    second = make_run(tmp_path / "second", start_from=str(tmp_path / "gone"))
    found = script.made(second, [], after=earlier)
    assert [p["step"] for p in found["points"]] == [300, 600, 900, 1200, 1400]
    assert found["points"][2]["hours"] == pytest.approx(900 / 3600)
    assert [p["step"] for p in found["loss"]] == [200, 400, 600, 800, 1000, 1200, 1400]
    elsewhere = {**earlier, "classical": {**ROW, "mae_dioptres": 0.3}}
    assert [p["step"] for p in script.made(second, [], after=elsewhere)["points"]] == [
        900, 1200, 1400,
    ]  # fmt: skip


def test_the_command_draws_it_with_what_was_scored(tmp_path: Path) -> None:
    run = make_run(tmp_path / "mine")
    rows: dict[str, Any] = {
        "classical": {"mae_dioptres": 0.4},
        "mine (float)": {"mae_dioptres": 0.3},
        "mine (qat)": {"mae_dioptres": 0.31},
    }
    report = {"protocol": {"name": "phone"}, "data": "dev-rgbd", "scenes": ["a"], "rows": rows}
    (tmp_path / "dev.json").write_text(json.dumps([report]))
    command = [sys.executable, str(SCRIPT), str(run.path), "--out", str(tmp_path)]
    scored = ["--scored", str(tmp_path / "dev.json")]
    done = subprocess.run([*command, *scored], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "training.json").read_text())
    jsonschema.validate(found, SCHEMA)
    assert found["scored"] == [
        {"protocol": "phone", "data": "dev-rgbd", "scenes": 1, "float": 0.3, "qat": 0.31,
         "classical": 0.4}
    ]  # fmt: skip
    drawn = cv2.imread(str(tmp_path / "training.png"))
    for colour in (script.MAE, script.CLASSICAL, script.LOSS, script.PROTOCOLS["phone"]):
        assert (abs(drawn.astype(int) - colour).max(-1) < 40).sum() > 30


def test_a_run_without_a_log_is_one_line(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "run")
    run.create(TrainConfig())
    command = [sys.executable, str(SCRIPT), str(run.path), "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert "has no metrics.jsonl" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "training.json").exists()


def test_committed_results_keep_the_schema() -> None:
    path = ROOT / "docs" / "results" / "training.json"
    if path.exists():
        jsonschema.validate(json.loads(path.read_text()), SCHEMA)
