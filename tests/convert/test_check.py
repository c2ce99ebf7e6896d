"""``edgedepth check`` on files good and bad, the runs in child processes included."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from click.testing import CliRunner, Result

from edgedepth.capture.modelfile import default_model_path
from edgedepth.cli import cli
from edgedepth.convert import probe
from edgedepth.convert.check import GPU_TOLERANCE, Verdict, check_file
from edgedepth.convert.probe import Outcome, largest_relative_difference
from edgedepth.errors import UserError
from tests.capture.tiny_model import build, tiny_spec
from tests.convert.handmade import Handmade, doubler, quantised_convolution


def saved(made: Handmade, folder: Path, name: str = "m.tflite") -> Path:
    path = folder / name
    path.write_bytes(made.bytes())
    return path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["check", *arguments])


def test_good_file_prints_and_exits_0(tmp_path: Path) -> None:
    path = saved(quantised_convolution(folded=True), tmp_path)
    result = run(str(path), "--target", "cpu")
    assert result.exit_code == 0
    assert "infer: 1 operators, 0.0 MMAC, rank <= 4, 1 XNNPACK partitions" in result.output
    assert "run on the CPU: ran" in result.output
    assert "fit for cpu" in result.output


def test_file_without_signatures_runs(tmp_path: Path) -> None:
    verdict = check_file(saved(doubler(signature=None), tmp_path), frozenset({"cpu"}))
    assert verdict.cpu.status == "ran"
    assert list(verdict.cpu.outputs) == ["main/y"]
    assert verdict.failures() == []


def test_rank_5_fails_for_the_gpu_and_not_for_the_cpu(tmp_path: Path) -> None:
    path = saved(doubler(shape=(1, 1, 2, 3, 4)), tmp_path)
    on_cpu = run(str(path), "--target", "cpu")
    assert on_cpu.exit_code == 0
    assert "note [rank; gpu]" in on_cpu.output
    on_gpu = run(str(path), "--target", "gpu")
    assert on_gpu.exit_code == 1
    assert "error [rank; gpu]" in on_gpu.output
    assert "change: work on one frame at a time" in on_gpu.output


def test_nan_output_is_found(tmp_path: Path) -> None:
    made = Handmade()
    x, y = made.tensor("x", (4,)), made.tensor("y", (4,))
    less = made.tensor("less", (4,))
    two = made.tensor("two", (4,), value=np.full(4, 2, np.float32))
    made.op("SUB", [x, two], [less], schema.SubOptionsT())
    made.op("LOG", [less], [y])
    made.boundary([x], [y], "infer")
    result = run(str(saved(made, tmp_path)), "--target", "cpu")
    assert result.exit_code == 1
    assert "output infer/y holds NaN or infinity" in result.output


def test_json_names_findings_and_failures(tmp_path: Path) -> None:
    path = saved(doubler(shape=(1, 1, 2, 3, 4)), tmp_path)
    result = run(str(path), "--target", "gpu", "--json")
    record = json.loads(result.stdout)
    assert result.exit_code == 1
    assert record["findings"][0]["rule"] == "rank"
    assert record["targets"] == ["gpu"]
    assert record["failures"]


def test_target_comes_from_the_metadata(tmp_path: Path) -> None:
    path = build(tmp_path / "tiny.tflite", tiny_spec())
    verdict = check_file(path)
    assert verdict.spec == tiny_spec()
    assert verdict.targets == {"cpu", "gpu"}  # fp32, the reference
    assert set(verdict.partitions) == {"infer", "encode_step", "decode"}


def test_file_that_a_runtime_refuses_is_a_failure_not_a_crash(tmp_path: Path) -> None:
    made = doubler()
    made.model.operatorCodes[0].version = 99
    result = run(str(saved(made, tmp_path)), "--target", "cpu")
    assert result.exit_code == 1
    assert "the CPU run: refused" in result.output


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"not a model", "is not a .tflite file"),
        (b"PK\x03\x04" + bytes(100), "is not a .tflite file"),
        (b"", "is not a .tflite file"),
        (doubler().bytes()[:300], "is corrupt or truncated"),
        (doubler().bytes()[:40] + bytes(400), "is corrupt or truncated"),
        (None, "cannot be read"),
    ],
)
def test_bad_file_is_one_line(tmp_path: Path, data: bytes | None, says: str) -> None:
    path = tmp_path / "bad.tflite"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(UserError, match=says):
        check_file(path)


@pytest.mark.parametrize("size", [20, 300, 1000])
def test_a_cut_file_is_told_without_what_python_calls_it(tmp_path: Path, size: int) -> None:
    path = tmp_path / "cut.tflite"
    path.write_bytes(default_model_path().read_bytes()[:size])
    with pytest.raises(UserError) as refused:
        check_file(path)
    assert refused.value.problem.startswith(f"{path} is corrupt or truncated")
    assert "unpack" not in str(refused.value)
    assert "buffer" not in str(refused.value)


def test_runtime_that_dies_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "dies"
    script.write_text("#!/bin/sh\nkill -SEGV $$\n")
    script.chmod(0o755)
    monkeypatch.setattr(probe.sys, "executable", str(script))
    outcome, _ = probe.run_cpu(saved(doubler(), tmp_path))
    assert outcome.status == "crashed"
    assert "signal 11" in outcome.message


def test_runtime_that_hangs_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "hangs"
    script.write_text("#!/bin/sh\nexec sleep 60\n")
    script.chmod(0o755)
    monkeypatch.setattr(probe.sys, "executable", str(script))
    outcome, _ = probe.run_cpu(saved(doubler(), tmp_path), timeout_s=0.2)
    assert outcome.status == "timeout"


def verdict_with(gpu: Outcome, difference: float = 0.0) -> Verdict:
    from edgedepth.convert.audit import Audit

    ran = Outcome("ran", {"infer/y": np.zeros(1, np.float32)})
    both = frozenset({"cpu", "gpu"})
    names = {"infer/y": difference} if gpu.status == "ran" else {}
    return Verdict(Path("m"), None, both, Audit(()), {}, ran, gpu, names)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("gpu", "difference", "says"),
    [
        (Outcome("no-driver"), 0.0, None),
        (Outcome("ran", fully_accelerated=True), 0.0, None),
        (Outcome("ran", fully_accelerated=True), GPU_TOLERANCE * 1.01, "differs from the CPU"),
        (Outcome("ran", fully_accelerated=True), float("nan"), "differs from the CPU"),
        (Outcome("ran", unsupported=("MEAN: no",)), 0.0, "not fully accelerated"),
        (Outcome("crashed", message="the runtime died"), 0.0, "the runtime died"),
    ],
)
def test_gpu_outcomes(gpu: Outcome, difference: float, says: str | None) -> None:
    failures = verdict_with(gpu, difference).failures()
    if says is None:
        assert failures == []
    else:
        assert any(says in line for line in failures)


def test_relative_difference_is_of_the_range_and_catches_nan() -> None:
    a = np.array([1.0, -2.0], np.float32)
    assert largest_relative_difference(a, a) == 0
    assert largest_relative_difference(a + np.float32(0.1), a) == pytest.approx(0.05, rel=1e-4)
    assert largest_relative_difference(np.array([np.nan, 0]), a) == float("inf")
    assert largest_relative_difference(a[:1], a) == float("inf")


@pytest.fixture(scope="session")
def vulkan(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of the GPU that answers."""
    path = saved(doubler(), tmp_path_factory.mktemp("vulkan"))
    outcome, inputs = probe.run_cpu(path)
    assert outcome.status == "ran"
    gpu = probe.run_gpu(path, inputs)
    if gpu.status == "no-driver":
        pytest.skip("no Vulkan driver answers (apt install chromium-common)")
    return gpu.adapter


def test_float_file_is_fully_accelerated_and_right(vulkan: str, tmp_path: Path) -> None:
    verdict = check_file(saved(doubler(), tmp_path), frozenset({"gpu"}))
    assert verdict.gpu is not None
    assert verdict.gpu.adapter == vulkan
    assert verdict.gpu.fully_accelerated
    assert verdict.gpu_difference["infer/y"] < 1e-3
    assert verdict.failures() == []


def test_operator_the_gpu_lacks_is_named_by_the_gpu(vulkan: str, tmp_path: Path) -> None:
    made = doubler()
    z = made.tensor("z", (1, 4, 4, 2))
    made.op("L2_NORMALIZATION", [1], [z], schema.L2NormOptionsT())
    made.model.signatureDefs.clear()
    made.boundary([0], [z], "infer")
    verdict = check_file(saved(made, tmp_path), frozenset({"gpu"}))
    assert any("GPU delegate has no L2_NORMALIZATION" in line for line in verdict.failures())
    assert "L2_NORMALIZATION: Operation is not supported." in verdict.failures()


@pytest.mark.train
@pytest.mark.parametrize("precision", ["fp16", "fp32"])
def test_converted_network_runs_on_the_gpu(
    vulkan: str, converted: Callable[[str], bytes], precision: str, tmp_path: Path
) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(converted(precision))
    verdict = check_file(path)
    assert "gpu" in verdict.targets
    assert verdict.failures() == []
    assert verdict.gpu is not None
    assert verdict.gpu.fully_accelerated
    assert max(verdict.gpu_difference.values()) < GPU_TOLERANCE


@pytest.mark.train
def test_integer_depthwise_is_refused_on_the_gpu(
    converted: Callable[[str], bytes], tmp_path: Path
) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(converted("int8"))
    assert check_file(path).failures() == []
    on_gpu = check_file(path, frozenset({"gpu"})).failures()
    assert any("depthwise" in line for line in on_gpu)
