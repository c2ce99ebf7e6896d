"""``edgedepth convert``: writes what passes, and nothing else."""

from __future__ import annotations

import dataclasses
import errno
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from edgedepth.cli import cli
from edgedepth.errors import UserError

pytestmark = pytest.mark.train


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "first"
    folder.mkdir()
    return folder


@pytest.fixture
def sketched(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Every run directory holds the sketch network; what was asked of it is kept."""
    pytest.importorskip("tensorflow", reason="needs the train extra")
    from edgedepth.convert import pipeline
    from tests.convert.sketch import Sketch, sketch_spec

    asked: dict[str, Any] = {}

    def load(run_dir: Path, precision: str, options: Any) -> Sketch:
        asked.update(precision=precision, options=options)
        spec = sketch_spec(frames=options.frames or 3, streaming=options.streaming is not False)
        return Sketch(spec, quantized=precision == "int8")

    monkeypatch.setattr(pipeline, "load_network", load)
    monkeypatch.setattr(pipeline, "TIMED_RUNS", 1)
    return asked


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["convert", *arguments])


def test_writes_a_file_that_capture_takes(run_dir: Path, sketched: dict[str, Any]) -> None:
    from edgedepth.capture.modelfile import read_model_file

    result = run(str(run_dir))
    assert result.exit_code == 0, result.output
    path = run_dir / "first-int8.tflite"
    spec = read_model_file(path).spec
    assert (spec.precision, spec.frames, spec.streaming) == ("int8", 3, True)
    assert spec.training == {"recipe": "test"}
    for part in ("XNNPACK partitions", "MMAC", "within 1 LSB", "the same bits", "ms on one thread"):
        assert part in result.output
    assert f"next: edgedepth infer SWEEP --model {path}" in result.output
    assert [p.name for p in run_dir.iterdir()] == ["first-int8.tflite"]


def test_float_boundary_and_no_streaming(run_dir: Path, sketched: dict[str, Any]) -> None:
    from edgedepth.convert.running import Session

    out = run_dir / "m.tflite"
    result = run(str(run_dir), "-o", str(out), "--io", "float", "--frames", "2", "--no-streaming")
    assert result.exit_code == 0, result.output
    session = Session(out.read_bytes())
    assert session.signatures == ["infer"]
    assert {t.dtype.name for t in session.inputs("infer").values()} == {"float32"}
    assert set(session.inputs("infer")) == {"frame_0", "frame_1", "focus", "optics"}


@pytest.mark.slow
def test_all_writes_the_set_and_a_table(run_dir: Path, sketched: dict[str, Any]) -> None:
    out = run_dir / "models"
    result = run(str(run_dir), "--all", "-o", str(out))
    assert result.exit_code == 0, result.output
    names = sorted(p.name for p in out.iterdir())
    assert names == [f"first-{p}.tflite" for p in ("dynamic", "fp16", "fp32", "int8")]
    table = result.output[result.output.index("precision ") :].splitlines()
    assert [line.split()[0] for line in table[1:5]] == ["fp32", "fp16", "int8", "dynamic"]


def test_json_has_what_the_table_has(run_dir: Path, sketched: dict[str, Any]) -> None:
    result = run(str(run_dir), "--precision", "fp32", "--json")
    assert result.exit_code == 0, result.output
    (row,) = json.loads(result.stdout)
    assert row["files"] == [str(run_dir / "first-fp32.tflite")]
    assert row["failures"] == []
    assert row["max_lsb"] < 1
    assert row["bytes"] == (run_dir / "first-fp32.tflite").stat().st_size


def test_separate_writes_a_file_for_each_signature_that_runs_as_the_whole(
    run_dir: Path, sketched: dict[str, Any]
) -> None:
    from edgedepth.capture.runtimes import Runtime

    result = run(str(run_dir), "--separate", "--precision", "fp32")
    assert result.exit_code == 0, result.output
    names = {f"first-fp32-{part}.tflite" for part in ("infer", "encode_step", "decode")}
    assert {p.name for p in run_dir.iterdir()} == names
    assert "next: edgedepth infer SWEEP --model" in result.output
    assert "infer" in Runtime(run_dir / "first-fp32-infer.tflite")
    assert "decode" in Runtime(run_dir / "first-fp32-encode_step.tflite")


def test_all_stops_before_the_work_when_one_precision_cannot_be_loaded(
    run_dir: Path, sketched: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgedepth.convert import pipeline

    load = pipeline.load_network

    def broken(folder: Path, precision: str, options: Any) -> Any:
        if precision == "int8":
            raise UserError("weights of another network", "train again")
        return load(folder, precision, options)  # type: ignore[arg-type]

    monkeypatch.setattr(pipeline, "load_network", broken)
    result = run(str(run_dir), "--all", "-o", str(run_dir / "models"))
    assert isinstance(result.exception, UserError)
    assert list(run_dir.iterdir()) == []


def spoil_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    from edgedepth.convert import verify

    strict = dataclasses.replace(verify.LIMITS["fp32"], mae_change_dioptres=-1.0)
    monkeypatch.setitem(verify.LIMITS, "fp32", strict)


def test_failure_writes_nothing(
    run_dir: Path, sketched: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil_limits(monkeypatch)
    (run_dir / "first-fp32.tflite").write_bytes(b"an older file")
    result = run(str(run_dir), "--precision", "fp32")
    assert result.exit_code == 1
    assert "FAILED: MAE grows" in result.output
    assert (run_dir / "first-fp32.tflite").read_bytes() == b"an older file"
    assert len(list(run_dir.iterdir())) == 1
    assert "next:" not in result.output


def test_failure_is_kept_under_another_name_when_asked(
    run_dir: Path, sketched: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil_limits(monkeypatch)
    result = run(str(run_dir), "--precision", "fp32", "--keep-failed")
    assert result.exit_code == 1
    assert [p.name for p in run_dir.iterdir()] == ["first-fp32.tflite.rejected"]


def test_full_disk_is_one_line_and_leaves_nothing(
    run_dir: Path, sketched: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    result = run(str(run_dir), "--precision", "fp32")
    assert isinstance(result.exception, UserError)
    assert "No space left on device" in str(result.exception)
    assert list(run_dir.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--frames", "0"], "0 is not in the range 1<=x<=16"),
        (["--frames", "17"], "17 is not in the range"),
        (["--size", "320"], "'320' is not a size"),
        (["--size", "8x8"], "sides of 16 to 4096"),
        (["--size", "99999x240"], "sides of 16 to 4096"),
        (["--precision", "int4"], "'int4' is not one of"),
        (["--faithful", "--all"], "--faithful goes with"),
    ],
)
def test_wrong_usage_exits_2(run_dir: Path, arguments: list[str], says: str) -> None:
    result = run(str(run_dir), *arguments)
    assert result.exit_code == 2
    assert says in result.output


def test_size_that_the_preset_does_not_take_is_one_line(tmp_path: Path) -> None:
    pytest.importorskip("tensorflow", reason="needs the train extra")
    from edgedepth.config import TrainConfig

    (tmp_path / "config.json").write_text(TrainConfig().to_json())
    result = run(str(tmp_path), "--size", "321x240")
    assert isinstance(result.exception, UserError), result.output
    assert "multiple of 16" in str(result.exception)


def test_folder_that_is_no_run_is_one_line(run_dir: Path) -> None:
    pytest.importorskip("tensorflow", reason="needs the train extra")
    result = run(str(run_dir))
    assert isinstance(result.exception, UserError)
    assert "is not a run directory" in str(result.exception)


def test_run_without_weights_is_one_line(run_dir: Path) -> None:
    pytest.importorskip("tensorflow", reason="needs the train extra")
    from edgedepth.config import TrainConfig

    (run_dir / "config.json").write_text(TrainConfig().to_json())
    result = run(str(run_dir))
    assert isinstance(result.exception, UserError)
    assert "weights" in str(result.exception)


def test_weights_of_another_preset_are_one_line(run_dir: Path) -> None:
    pytest.importorskip("tensorflow", reason="needs the train extra")
    from edgedepth.config import TrainConfig

    (run_dir / "config.json").write_text(TrainConfig(height=64, width=64).to_json())
    np.savez(run_dir / "weights-qat.npz", **{"000/kernel": np.zeros((3, 3), np.float32)})
    result = run(str(run_dir), "--size", "64x64")
    assert isinstance(result.exception, UserError), result.output
    assert "holds weights of another network" in str(result.exception)
    assert {p.name for p in run_dir.iterdir()} == {"config.json", "weights-qat.npz"}


def test_missing_output_folder_is_one_line_before_the_work(run_dir: Path) -> None:
    result = run(str(run_dir), "-o", str(run_dir / "none" / "m.tflite"))
    assert isinstance(result.exception, UserError)
    assert "no folder" in str(result.exception)


def test_without_tensorflow_the_extra_is_named(
    run_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [m for m in sys.modules if m.startswith(("edgedepth.convert", "edgedepth.models"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    result = run(str(run_dir))
    assert isinstance(result.exception, UserError)
    assert "pip install 'edgedepth[train]'" in str(result.exception)
