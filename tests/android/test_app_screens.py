"""The app's screens and storage on Robolectric; its results held against Python's."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import jsonschema
import numpy as np
import pytest

from edgedepth.capture.inference import FARTHEST_M, infer_depth
from edgedepth.capture.sweep import read_sweep
from edgedepth.demo.project import Project, open_project
from tests.android import robolectric

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
SCHEMAS = ROOT / "docs" / "schemas"


@pytest.fixture(scope="module")
def outcome(project: Project, tmp_path_factory: pytest.TempPathFactory) -> robolectric.Outcome:
    return robolectric.run_tests(project, tmp_path_factory.mktemp("screens"))


@pytest.mark.parametrize("name", robolectric.test_names(open_project()))
def test_on_robolectric(name: str, outcome: robolectric.Outcome) -> None:
    line = outcome.lines.get(name, f"did not run: {outcome.log[-2000:]}")
    assert line == f"ok {name}"


def test_a_captured_sweep_is_one_to_python(outcome: robolectric.Outcome) -> None:
    folder = outcome.folder / "captured"
    record = json.loads((folder / "sweep.json").read_text())
    jsonschema.validate(record, json.loads((SCHEMAS / "sweep.schema.json").read_text()))
    sweep = read_sweep([folder])
    assert len(sweep) == 6
    assert all(frame.focus.source == "sweep.json focus_dioptres" for frame in sweep.frames)
    assert sweep.camera.camera.focal_length_mm == pytest.approx(6.81, abs=0.01)
    (folder / "sweep.json").unlink()
    exif = read_sweep([folder])
    assert exif.focus_dioptres == pytest.approx(sweep.focus_dioptres, abs=0.01)
    assert {frame.focus.source for frame in exif.frames} == {"EXIF SubjectDistance"}
    assert exif.camera.camera.sensor_width_mm == pytest.approx(
        sweep.camera.camera.sensor_width_mm, rel=0.01
    )


def test_depth_of_the_sample_is_pythons(outcome: robolectric.Outcome) -> None:
    """With the same model; decoder, alignment and upsampling are others' code: near, not equal."""
    (path,) = outcome.folder.glob("sample_*.f32")
    _, precision, size = path.stem.split("_")
    height, width = map(int, size.split("x"))
    phone = np.frombuffer(path.read_bytes(), "<f4").reshape(height, width)
    sweep = read_sweep([ROOT / "edgedepth" / "samples" / "desk"])
    model = ROOT / "edgedepth" / "pretrained" / f"edgedepth-mobile-{precision}.tflite"
    result = infer_depth(sweep, model, min_confidence=0.0)
    ours = 1 / result.depth_m
    theirs = cv2.resize(phone, ours.shape[::-1], interpolation=cv2.INTER_AREA)
    apart = np.abs(np.maximum(theirs, 1 / FARTHEST_M) - ours)
    span = max(sweep.focus_dioptres) - min(sweep.focus_dioptres)
    assert np.median(apart) < 0.01 * span
    assert np.percentile(apart, 95) < 0.05 * span


@pytest.mark.parametrize(
    "name", ["measured", "prepared", "pushing", "path", "none", "threads", "gpu"]
)
def test_benchmark_answers_keep_the_schema(name: str, outcome: robolectric.Outcome) -> None:
    record = json.loads((outcome.folder / f"bench_{name}.json").read_text())
    jsonschema.validate(record, json.loads((SCHEMAS / "device-bench.schema.json").read_text()))
    assert record["id"] == name


@pytest.mark.parametrize("name", ["capture", "capture_de", "settings", "sweeps", "depth"])
def test_screens_are_drawn(name: str, outcome: robolectric.Outcome) -> None:
    picture = cv2.imread(str(outcome.folder / f"{name}.png"))
    assert picture.shape == (1646, 822, 3)
    assert picture.std() > 10
