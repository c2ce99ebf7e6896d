"""The real command: what it measures, prints and writes, and how it says no."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import jsonschema
import numpy as np
import pytest

from edgedepth.bench.picture import draw, nice_step
from tests.bench.conftest import QUICK, Bench
from tests.capture.tiny_model import build, tiny_spec
from tests.conftest import ROOT

Measured = tuple[dict[str, Any], str, Path]
SCHEMA = json.loads((ROOT / "docs" / "schemas" / "bench.schema.json").read_text())

pytestmark = pytest.mark.slow


def refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """One clear line with these words, exit code 1."""
    assert done.returncode == 1, done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("edgedepth: ")
    for word in words:
        assert word in lines[0]


def test_the_record_keeps_the_schema(measured: Measured) -> None:
    jsonschema.validate(measured[0], SCHEMA)


def test_both_ways_are_measured(measured: Measured) -> None:
    record, _, _ = measured
    assert [cell["mode"] for cell in record["cells"]] == ["unrolled", "streaming"]
    for cell in record["cells"]:
        assert np.shape(cell["samples_s"]) == (2, 2)
        latency = cell["latency_s"]
        assert latency["runs"] == 4
        assert 0 < latency["least"] <= latency["p50"] <= latency["p90"] <= latency["most"]
        assert latency["p99"] is None
        assert latency["low"] <= latency["p50"] <= latency["high"]
        assert 0 < cell["model_memory_bytes"] < cell["peak_memory_bytes"]
        assert cell["macs"] == 0  # the tiny model has no convolution
    unrolled, streaming = record["cells"]
    assert unrolled["per_frame_s"] is None
    assert streaming["per_frame_s"]["runs"] == 4 * 5
    assert streaming["after_last_frame_s"]["runs"] == 4
    assert streaming["after_last_frame_s"]["p50"] < streaming["latency_s"]["p50"]


def test_the_machine_and_the_options_are_stamped(measured: Measured, model: Path) -> None:
    record, _, _ = measured
    machine = record["environment"]["machine"]
    assert machine["versions"]["ai-edge-litert"] == record["cells"][0]["runtime_version"]
    assert record["options"]["rounds"] == 2
    (described,) = record["models"]
    assert described["bytes"] == model.stat().st_size
    assert [peak["arithmetic"] for peak in record["peaks"]] == ["int8"]
    assert record["peaks"][0]["gmac_per_s"] > 1
    assert any("2 rounds are too few" in warning for warning in record["warnings"])


def test_the_whole_job_by_stage(measured: Measured) -> None:
    (job,) = measured[0]["jobs"]
    stages = job["stages_s"]
    assert {"start", "read", "decode", "align", "prepare", "model", "upsample", "write"} <= set(
        stages
    )
    assert job["frames"] == 5
    assert sum(stages.values()) == pytest.approx(job["total_s"], rel=0.5)


def test_the_table(measured: Measured) -> None:
    _, printed, _ = measured
    for words in ("machine  ", "p50 ms", "95 % interval", "unrolled, N=5", "streaming, N=5",
                  "peak     int8", "ms per frame", "align", "warning  2 rounds"):  # fmt: skip
        assert words in printed


def test_the_picture(measured: Measured) -> None:
    record, _, folder = measured
    picture = cv2.imread(str(folder / "result.png"))
    np.testing.assert_array_equal(picture, draw(record))
    red = (picture[..., 2] > 180) & (picture[..., 0] < 60)
    assert red.any(axis=0).sum() > 4
    assert len(list(folder.iterdir())) == 2
    hot = {"label": "x", "minutes": 2.0, "drift": 0.1, "throttled": True}
    curve = [{"at_s": 30.0 * i, "p50_s": 0.005 + i / 1e4, "p90_s": 0.006} for i in range(1, 5)]
    taller = draw(record | {"sustained": hot | {"curve": curve}})
    assert taller.shape[0] > picture.shape[0]
    assert taller.shape[1] == picture.shape[1]


def test_ticks_are_round() -> None:
    assert nice_step(80) == 10
    assert nice_step(3.5) == 0.5
    assert nice_step(100) == 20


def test_runtimes_and_kernels_side_by_side(
    bench: Bench, model: Path, sweep: Path, tmp_path: Path
) -> None:
    if importlib.util.find_spec("tflite_runtime") is None:
        pytest.skip("tflite-runtime is not installed")
    done = bench(
        model, "--sweep", sweep, "--runtime", "litert,tflite-runtime", "--xnnpack", "both",
        "--runs", "1", "--rounds", "1", "--json", tmp_path / "r.json", "--sustained", "0.01",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    record = json.loads((tmp_path / "r.json").read_text())
    jsonschema.validate(record, SCHEMA)
    kinds = {(c["runtime"], c["xnnpack"], c["mode"]) for c in record["cells"]}
    assert len(kinds) == 2 * 2 * 2
    assert record["sustained"]["curve"]


def test_no_tensorflow_is_imported(model: Path, sweep: Path) -> None:
    code = (
        "import sys; from edgedepth.cli import cli;"
        f"cli.main(['bench', {str(model)!r}, '--sweep', {str(sweep)!r}, '--runs', '1',"
        " '--rounds', '1'], standalone_mode=False);"
        "bad = {'tensorflow', 'tf_keras', 'keras', 'matplotlib'} & set(sys.modules);"
        "sys.exit(str(bad) if bad else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


class TestBadInput:
    def test_unknown_runtime(self, bench: Bench, model: Path) -> None:
        refused(bench(model, "--runtime", "litert,onnx"), "--runtime onnx is unknown", "litert")

    def test_zero_runs(self, bench: Bench, model: Path) -> None:
        refused(bench(model, "--runs", "0"), "--runs 0", "give 1 or more")

    def test_missing_sweep(self, bench: Bench, model: Path, tmp_path: Path) -> None:
        refused(bench(model, "--sweep", tmp_path / "gone"), "gone", "does not exist")

    def test_missing_model(self, bench: Bench, tmp_path: Path) -> None:
        refused(bench(tmp_path / "gone.tflite"), "gone.tflite does not exist")

    def test_a_model_that_does_not_load(
        self, bench: Bench, model: Path, sweep: Path, tmp_path: Path
    ) -> None:
        """Whole as a file, with its metadata, but of an operator that no runtime has."""
        from edgedepth.convert import flatbuffer

        parsed = flatbuffer.read(model)
        parsed.operatorCodes[0].builtinCode = 20_000
        broken = tmp_path / "broken.tflite"
        broken.write_bytes(flatbuffer.pack(parsed))
        out = tmp_path / "r.json"
        done = bench(broken, "--sweep", sweep, *QUICK, "--json", out)
        refused(done, "litert cannot", "broken.tflite")
        assert not out.exists()

    def test_two_models_of_one_name(self, bench: Bench, model: Path, tmp_path: Path) -> None:
        (tmp_path / model.name).write_bytes(model.read_bytes())
        refused(bench(model, tmp_path / model.name), "same file name")

    def test_frames_that_the_sweep_has_not(self, bench: Bench, sweep: Path, tmp_path: Path) -> None:
        long = build(tmp_path / "nine.tflite", tiny_spec(frames=9, streaming=False))
        refused(bench(long, "--sweep", sweep), "takes 9 frames, the sweep has 5")

    def test_no_folder_to_write_to(self, bench: Bench, model: Path, tmp_path: Path) -> None:
        refused(bench(model, "--json", tmp_path / "no" / "r.json"), "folder", "does not exist")

    @pytest.mark.parametrize(
        "wrong", [["--threads", "0"], ["--threads", "x"], ["--rounds", "0"], ["--sustained", "0"]]
    )
    def test_wrong_usage(self, bench: Bench, model: Path, wrong: list[str]) -> None:
        done = bench(model, *wrong)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr

    def test_compare_takes_nothing_else(self, bench: Bench, model: Path) -> None:
        done = bench(model, "--compare", "a", "b")
        assert done.returncode == 2
