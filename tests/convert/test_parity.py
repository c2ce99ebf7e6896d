"""One file on several runtimes: what is run, how it is compared, what the table says."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import jsonschema
import numpy as np
import pytest

from edgedepth.convert import parity
from edgedepth.errors import UserError
from tests.capture.tiny_model import build, tiny_spec
from tests.conftest import ROOT
from tests.convert.handmade import doubler
from tests.scripts import load_script

SCHEMA = json.loads((ROOT / "docs" / "schemas" / "parity.schema.json").read_text())
LITERT = replace(parity.HERE, runtimes=("litert",))


def script() -> ModuleType:
    return load_script(ROOT / "docs" / "make_parity.py")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("parity") / "tiny.tflite", tiny_spec(frames=3))


@pytest.fixture(scope="module")
def record(model: Path) -> dict[str, Any]:
    broken = parity.Place("elsewhere", ("false",), ("litert",))
    return parity.measure([model], [LITERT, broken], stacks=1)


def test_every_runtime_is_run_with_and_without_its_fast_kernels(record: dict[str, Any]) -> None:
    jsonschema.validate(record, SCHEMA)
    (file,) = record["files"]
    first, second, *elsewhere = file["rows"]
    assert (first["xnnpack"], second["xnnpack"]) == (True, False)
    assert first["xnnpack_partitions"] > 0 == second["xnnpack_partitions"]
    assert first["same"]
    assert set(first["outputs"]) == {"inverse_depth", "confidence"}
    assert second["same"]
    assert all("error" in row for row in elsewhere)


def test_the_table_has_a_row_for_each(record: dict[str, Any]) -> None:
    table = parity.markdown(record)
    assert table.count("\n| litert") == 4
    assert "tiny.tflite" in table
    assert "did not run" in table
    widths = {line.count("|") for line in table.splitlines() if line.startswith("|")}
    assert len(widths) == 1


def test_differences_are_counted_in_steps() -> None:
    found = parity.compare(np.array([0.0, 0.1, 0.25, 0.5]), np.zeros(4), step=0.1)
    assert found.max_lsb == pytest.approx(5)
    assert (found.beyond_1_lsb, found.beyond_2_lsb) == (0.5, 0.5)
    assert parity.compare(np.array([np.nan]), np.zeros(1), 1.0).max_lsb == np.inf


def test_runtime_that_differs_is_not_the_same(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = parity._run

    def off(*arguments: Any) -> Any:
        told, outputs = run(*arguments)
        xnnpack = arguments[-1]
        if outputs is not None and not xnnpack:
            outputs = {name: value + np.float32(0.5) for name, value in outputs.items()}
        return told, outputs

    monkeypatch.setattr(parity, "_run", off)
    (file,) = parity.measure([model], [LITERT], stacks=1)["files"]
    assert [row["same"] for row in file["rows"]] == [True, False]


def test_file_of_others_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.tflite"
    path.write_bytes(doubler().bytes())
    with pytest.raises(UserError, match="no signature infer of edgedepth"):
        parity.measure([path], [LITERT])


def test_reference_that_does_not_run_is_an_error(model: Path) -> None:
    with pytest.raises(UserError, match="does not run"):
        parity.measure([model], [replace(LITERT, python=("false",))], stacks=1)


def test_arm64_python_is_started_by_qemu_in_its_own_root(tmp_path: Path) -> None:
    command = script().python_command(tmp_path)
    assert command[:3] == ("qemu-aarch64", "-L", str(tmp_path / "system"))
    assert command[-1].endswith("usr/bin/python3.11")
    assert f"PYTHONPATH={tmp_path / 'site'}" in command


def test_missing_qemu_names_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SystemExit, match="make tools"):
        script().arm64(tmp_path / "arm64")


def test_committed_record_keeps_the_schema() -> None:
    path = ROOT / "docs" / "results" / "parity.json"
    if path.exists():
        jsonschema.validate(json.loads(path.read_text()), SCHEMA)
