"""Two results side by side."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from edgedepth.bench import compare, record
from edgedepth.errors import UserError
from tests.bench.conftest import Bench

Record = dict[str, Any]
ROUNDS = [[0.010 + 0.0001 * ((r * 7 + i * 3) % 5) for i in range(10)] for r in range(12)]


def result(**changes: Any) -> Record:
    """A result of one combination with what a comparison reads."""
    cell = {
        "model": "a.tflite",
        "runtime": "litert",
        "xnnpack": True,
        "threads": 1,
        "delegate": "cpu",
        "mode": "unrolled",
        "frames": 5,
        "latency_s": {"p50": 0.0102},
        "samples_s": ROUNDS,
    }
    return {
        "schema": record.SCHEMA,
        "environment": {"machine": {"cpu": "X", "cores": 2, "versions": {"numpy": "1"}}},
        "models": [{"file": "a.tflite", "sha256": "0" * 64}],
        "input": "desk",
        "peaks": [{"arithmetic": "int8", "threads": 1, "gmac_per_s": 500.0}],
        "cells": [cell],
        "warnings": [],
    } | changes


def scaled(factor: float) -> Record:
    made = copy.deepcopy(result())
    made["cells"][0]["samples_s"] = [[factor * run for run in r] for r in ROUNDS]
    return made


@pytest.mark.parametrize(
    ("factor", "verdict"), [(1.0, "within the noise"), (1.2, "slower"), (0.8, "faster")]
)
def test_verdicts(factor: float, verdict: str) -> None:
    (pair,) = compare.pairs(result(), scaled(factor))
    assert pair.difference.verdict == verdict
    assert pair.difference.change == pytest.approx(factor - 1)


def test_combinations_are_matched() -> None:
    a, b = result(), result()
    for made, threads in ((a, (1, 2)), (b, (2, 4))):
        made["cells"] = [made["cells"][0] | {"threads": t} for t in threads]
    (pair,) = compare.pairs(a, b)
    assert "2 threads" in pair.label


def test_two_single_combinations_are_compared_whatever_they_are() -> None:
    b = result()
    b["cells"] = [b["cells"][0] | {"model": "b.tflite"}]
    (pair,) = compare.pairs(result(), b)
    assert "a.tflite" in pair.label
    assert "-> b.tflite" in pair.label


def test_nothing_in_common() -> None:
    b = result()
    b["cells"] = [b["cells"][0] | {"threads": t} for t in (3, 4)]
    with pytest.raises(UserError, match="no combination"):
        compare.pairs(result(), b)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"input": "other"}, "different input: desk and other"),
        ({"models": [{"file": "a.tflite", "sha256": "1" * 64}]}, "a.tflite is another file in B"),
        (
            {"environment": {"machine": {"cpu": "X", "cores": 2, "versions": {"numpy": "2"}}}},
            "numpy 1 and 2",
        ),
        (
            {"environment": {"machine": {"cpu": "Y", "cores": 2, "versions": {"numpy": "1"}}}},
            "different machines: X and Y",
        ),
        ({"warnings": ["throttled"]}, "B: throttled"),
        (
            {"peaks": [{"arithmetic": "int8", "threads": 1, "gmac_per_s": 400.0}]},
            "peak on 1 threads went from 500 to 400",
        ),
    ],
)
def test_what_else_differs_is_told(changes: Record, words: str) -> None:
    found = compare.doubts(result(), result(**changes))
    assert len(found) == 1
    assert words in found[0]
    assert compare.doubts(result(), result()) == []


def test_the_command(bench: Bench, tmp_path: Path) -> None:
    for name, made in (("a", result()), ("b", scaled(1.3))):
        (tmp_path / f"{name}.json").write_text(json.dumps(made))
    done = bench("--compare", tmp_path / "a.json", tmp_path / "b.json")
    assert done.returncode == 0, done.stderr
    assert "+30.0 %" in done.stdout
    assert "slower" in done.stdout


INCOMPLETE = json.dumps(result(cells=[{"model": "a.tflite"}]))


@pytest.mark.parametrize(
    "text",
    ["", "[1]", '{"schema": "edgedepth-bench/9"}', '{"schema": "edgedepth-bench/1"}', INCOMPLETE],
)
def test_not_a_result(bench: Bench, tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(json.dumps(result()))
    (tmp_path / "b.json").write_text(text)
    done = bench("--compare", tmp_path / "a.json", tmp_path / "b.json")
    assert done.returncode == 1
    assert "b.json" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
