"""docs/measure.py, which measures what the documentation claims."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import jsonschema
import numpy as np
import pytest

from edgedepth import evaltable
from edgedepth.bench.measure import steps
from edgedepth.capture.modelfile import read_model_file
from edgedepth.config import preset_config, single_image
from edgedepth.protocols import PROTOCOLS
from edgedepth.rundir import RunDirectory
from tests.capture.tiny_model import build, tiny_spec
from tests.conftest import ROOT
from tests.scripts import load_script

SCRIPT = ROOT / "docs" / "measure.py"


script = load_script(SCRIPT)


def schema_of(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        (ROOT / "docs" / "schemas" / f"{name}.schema.json").read_text()
    )
    return found


@pytest.mark.slow
def test_trust_is_measured(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--quick", "--only", "trust", "--out", str(tmp_path)],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    record = json.loads((tmp_path / "trust.json").read_text())
    jsonschema.validate(record, schema_of("trust"))
    assert {one["trial"] for one in record["trials"]} == set(range(script.QUICK.trials))
    assert "of 2 trials agree" in done.stdout


def test_the_plan_holds_the_paper_too(model: Path, tmp_path: Path) -> None:
    paper = build(tmp_path / "paper-int8.tflite", tiny_spec(frames=5, streaming=False))
    files = [read_model_file(path) for path in (model, paper)]
    plan = script.make_plan(files, script.Effort())
    assert [file.path.name for file in plan.models] == ["tiny.tflite", "paper-int8.tflite"]
    assert plan.runtimes[0] == "litert"
    assert plan.threads == (1, 2)
    assert plan.cross_check
    assert plan.profile
    assert steps(plan, script.Pictures(script.SAMPLE)) > 100


def test_quick_is_less_of_everything() -> None:
    full, quick = (dataclasses.astuple(e) for e in (script.Effort(), script.QUICK))
    assert all(q < f for q, f in zip(quick, full, strict=True))


def test_the_tables_and_pictures_of_eval(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What eval says is kept whole; the pictures shrink to a palette."""
    row = dict.fromkeys(
        ("rmse", "absrel", "delta1", "delta2", "delta3", "mae_dioptres", "mse", "ssim", "psnr"),
        0.123456789,
    )
    rows = {"mean depth": row, "classical": row}
    report = {
        "protocol": dataclasses.asdict(PROTOCOLS["phone"]), "data": "procedural", "frames": 6,
        "scenes": ["a"], "shuffled_focus": False, "rows": rows, "gains": {}, "confidence": {},
        "curves": [],
    }  # fmt: skip
    asked: list[Sequence[str]] = []

    def answer(words: Sequence[str]) -> list[dict[str, Any]]:
        asked.append(words)
        if "--pictures" not in words:
            return [report]
        picture = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
        name = words[words.index("--protocol") + 1]
        for kind in ("curves", "confidence"):
            cv2.imwrite(f"{words[-1]}/{name}-{kind}.png", picture)
        point = {"value": 1.0, "rows": rows, "gains": {}}
        return [report | {"curves": [{"name": "frames", "label": "N", "points": [point]}]}]

    monkeypatch.setattr(script, "_eval", answer)
    run = RunDirectory(tmp_path / "somewhere" / "else")
    run.create(single_image(preset_config("paper")))
    run.log({"step": 20, "loss": 1.0, "steps_per_s": 0.1})
    run.log({"step": 30, "loss": 1.0, "steps_per_s": 0.2})
    run.log({"step": 30, "mae_dioptres": 0.5})
    runs = {"paper, single images": run.path}
    script.run_eval([read_model_file(model)], runs, script.Effort(), tmp_path)
    record = json.loads((tmp_path / "eval.json").read_text())
    jsonschema.validate(record, schema_of("eval"))
    assert record["reports"][0]["rows"]["classical"]["rmse"] == 0.12346
    each = len(PROTOCOLS)
    tables = [w[w.index("--data") + 1] for w in asked if any("single images" in x for x in w)]
    assert sorted(tables) == sorted(["procedural", "traced", "pathtraced"] * each)
    assert len(asked) == 4 * each
    (trained,) = record["runs"]
    assert trained["name"] == "paper, single images"
    assert trained["hours"] == pytest.approx(250 / 3600, abs=1e-5)
    note = evaltable.markdown_runs(record["runs"])
    assert "- paper, single images: 4000 steps in float and 600 quantization-aware" in note
    assert "320x240 a step, 4 minutes" in note
    assert [bool(r["curves"]) for r in record["reports"]] == [False] * 3 * each + [True] * each
    for name in PROTOCOLS:
        small = cv2.imread(str(tmp_path / f"curves-{name}.png"))
        assert small.shape == (60, 80, 3)
        assert len(np.unique(small.reshape(-1, 3), axis=0)) <= script.PALETTE


def reports_with(classical: float, curves: bool = False, **rows: float) -> dict[str, Any]:
    """A report whose rows have one figure."""
    return {
        "protocol": {"name": "phone"}, "data": "procedural", "scenes": ["a"], "frames": 6,
        "shuffled_focus": False, "curves": [{}] if curves else [],
        "rows": {n: {"rmse": x} for n, x in {"classical": classical, **rows}.items()},
        "gains": {n: {"change": x} for n, x in rows.items()},
    }  # fmt: skip


PAPER_ROWS = {"paper (float)": 2.0, "paper (qat)": 3.0}


def test_rows_of_long_trainings_stay_where_nothing_else_changed() -> None:
    earlier = {"runs": [{"name": "paper"}, {"name": "ours"}]}
    earlier["reports"] = [reports_with(0.5, **PAPER_ROWS, **{"ours (float)": 1.0})]  # type: ignore
    made = {
        "runs": [{"name": "ours"}],
        "reports": [
            reports_with(0.50001, **{"ours (float)": 0.9}),
            reports_with(0.50001, curves=True, **{"ours (float)": 0.9}),
        ],
    }
    script.keep_rows(made, earlier)
    assert [run["name"] for run in made["runs"]] == ["ours", "paper"]
    table, curves = made["reports"]
    assert table["rows"]["ours (float)"] == {"rmse": 0.9}
    assert table["rows"]["paper (qat)"] == {"rmse": 3.0}
    assert table["gains"]["paper (float)"] == {"change": 2.0}
    assert "paper (float)" not in curves["rows"]


@pytest.mark.parametrize("changed", [{"scenes": ["b"]}, {"frames": 5}, {"rows": {}}])
def test_rows_of_another_measurement_do_not_stay(
    changed: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    earlier = {"runs": [{"name": "paper"}], "reports": [reports_with(0.5, **PAPER_ROWS)]}
    now = reports_with(0.6 if "rows" in changed else 0.5)
    now |= {key: value for key, value in changed.items() if key != "rows"}
    made = {"runs": [], "reports": [now]}
    script.keep_rows(made, earlier)
    assert made["runs"] == []
    assert list(now["rows"]) == ["classical"]
    assert "the rows of paper are gone from phone on procedural" in capsys.readouterr().out


def test_rows_stay_where_they_can_when_other_scenes_have_changed() -> None:
    traced = {"data": "traced"}
    earlier = {
        "runs": [{"name": "paper"}],
        "reports": [reports_with(0.5, **PAPER_ROWS), reports_with(0.7, **PAPER_ROWS) | traced],
    }
    made = {"runs": [], "reports": [reports_with(0.5), reports_with(0.6) | traced]}
    script.keep_rows(made, earlier)
    assert made["runs"] == [{"name": "paper"}]
    same, other = made["reports"]
    assert same["rows"]["paper (float)"] == {"rmse": 2.0}
    assert list(other["rows"]) == ["classical"]


def test_bad_usage_is_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--only", "nonsense"],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "invalid choice" in done.stderr
