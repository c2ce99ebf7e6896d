"""Time per kind of operator."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from edgedepth.bench import profile, table
from edgedepth.bench.children import run_child
from edgedepth.bench.inputs import Pictures
from edgedepth.bench.running import save_inputs
from edgedepth.capture.modelfile import read_model_file
from edgedepth.errors import UserError
from tests.bench.conftest import Bench
from tests.bench.test_bench_command import SCHEMA, refused

SUMMARY = """
============================== Run Order ==============================
             [node type]    [start]    [first]   [avg ms]        [%]     [cdf%]   [mem KB] [times called]   [Name]
        Delegate/Add (ND)      0.000      0.263      0.276     1.570%    10.149%      0.000             10   [Delegate]:17
====================== Summary by node type ======================
                   [Node type]    [count]   [avg ms]    [avg %]    [cdf %]   [mem KB] [times called]
                       SOFTMAX          1      3.644    60.000%    60.000%      0.000             10
Delegate/Fully Connected (NC, QS8, QC8W) GEMM   85     0.018     5.000%    65.000%      0.000            860
             Delegate/Add (ND)         62      0.030    35.000%   100.000%      0.000            660

====================== Delegate Statistics ======================
Op Name                  Count    Avg(us)
Delegate/Add (ND)          660      29.98
"""  # noqa: E501


def test_the_runtimes_summary() -> None:
    rows = profile.parse_summary(SUMMARY, runs=10)
    assert [row["kind"] for row in rows] == [
        "SOFTMAX", "Add (ND)", "Fully Connected (NC, QS8, QC8W) GEMM",
    ]  # fmt: skip
    assert [row["by"] for row in rows] == ["TFLite", "XNNPACK", "XNNPACK"]
    assert [row["seconds"] for row in rows] == pytest.approx([3.644e-3, 1.98e-3, 1.548e-3])
    assert [row["count"] for row in rows] == [1, 62, 85]
    assert sum(row["share"] for row in rows) == pytest.approx(1)


def test_small_ones_are_added_up() -> None:
    rows = [
        {"kind": f"op {i}", "by": "TFLite", "count": 2, "seconds": 1e-3 / (i + 1), "share": 0.05}
        for i in range(20)
    ]
    lines = table.profile_rows(rows)
    assert len(lines) == table.PROFILE_ROWS + 1
    assert lines[0] == ["op 0", "TFLite", "2", "1.00", "5 %"]
    assert lines[-1][0] == "others"
    assert lines[-1][2] == str(2 * (20 - table.PROFILE_ROWS))


@pytest.mark.parametrize(
    ("mode", "signatures"), [("unrolled", ["infer"]), ("streaming", ["encode_step", "decode"])]
)
def test_a_real_model(
    model: Path, sweep: Path, tmp_path: Path, mode: str, signatures: list[str]
) -> None:
    file = read_model_file(model)
    save_inputs(tmp_path / "in.npz", Pictures(sweep).model_inputs(file))
    task = {
        "kind": "profile", "what": "x", "model": str(model), "threads": 1, "mode": mode,
        "inputs": str(tmp_path / "in.npz"), "runs": 3, "warmup": 1,
    }  # fmt: skip
    found = run_child(task)["signatures"]
    assert list(found) == signatures
    for rows in found.values():
        assert rows
        share = sum(row["share"] for row in rows)
        assert share == 0 or share == pytest.approx(1, abs=0.02)  # 0: under a microsecond each


@pytest.mark.slow
def test_the_command(bench: Bench, model: Path, sweep: Path, tmp_path: Path) -> None:
    out = tmp_path / "r.json"
    done = bench(model, "--sweep", sweep, "--runs", "1", "--rounds", "1", "--profile",
                 "--json", out)  # fmt: skip
    assert done.returncode == 0, done.stderr
    record = json.loads(out.read_text())
    jsonschema.validate(record, SCHEMA)
    assert [list(found["signatures"]) for found in record["profiles"]] == [
        ["infer"], ["encode_step", "decode"],
    ]  # fmt: skip
    assert "profile  tiny.tflite, 1 thread, infer: " in done.stdout
    assert "operators" in done.stdout


def test_only_litert_has_one(bench: Bench, model: Path, sweep: Path) -> None:
    done = bench(model, "--sweep", sweep, "--runs", "1", "--rounds", "1", "--profile",
                 "--xnnpack", "off")  # fmt: skip
    refused(done, "only LiteRT with XNNPACK gives a profile")


def test_a_litert_without_it(monkeypatch: pytest.MonkeyPatch, model: Path) -> None:
    """A later LiteRT may name its functions otherwise, or leave the library out."""
    whole = profile.ctypes.CDLL

    class Without:
        def __init__(self, path: str) -> None:
            self.inner = whole(path)

        def __getattr__(self, name: str) -> object:
            if name == "LiteRtCompiledModelGetProfiler":
                raise AttributeError(name)
            return getattr(self.inner, name)

    monkeypatch.setattr(profile.ctypes, "CDLL", Without)
    with pytest.raises(UserError, match="it has no LiteRtCompiledModelGetProfiler"):
        profile._Session(model, 1)

    def missing(path: str) -> None:
        raise OSError(path)

    monkeypatch.setattr(profile.ctypes, "CDLL", missing)
    with pytest.raises(UserError, match=r"no libLiteRt\.so.*leave --profile out"):
        profile._Session(model, 1)
