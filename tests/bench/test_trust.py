"""What the loop costs, whether measurements repeat, and the promised figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from edgedepth.bench import environment, figures, trust
from edgedepth.bench.cells import Cell
from edgedepth.bench.children import run_child
from edgedepth.bench.inputs import Pictures
from edgedepth.bench.measure import Measured, Plan
from edgedepth.bench.running import save_inputs
from edgedepth.capture.modelfile import read_model_file
from tests.conftest import ROOT

SCHEMA = json.loads((ROOT / "docs" / "schemas" / "trust.schema.json").read_text())


@pytest.fixture(scope="module")
def plan(model: Path) -> Plan:
    return Plan((read_model_file(model),), ("litert",), (True,), (1,), 12, 6, 1)


@pytest.fixture(scope="module")
def cost(plan: Plan, sweep: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    path = tmp_path_factory.mktemp("trust") / "in.npz"
    save_inputs(path, Pictures(sweep).model_inputs(plan.models[0]))
    return run_child(trust.overhead_task(plan, path, blocks=12, runs=10))


def test_the_loop_against_the_bare_one(cost: dict[str, Any]) -> None:
    """How small it is shows on an idle machine only; here, that the three do the same work."""
    assert (cost["blocks"], cost["runs"]) == (12, 10)
    for ratio in (cost["over_bare"], cost["over_invoke"]):
        assert ratio["low"] <= ratio["median"] <= ratio["high"]
        assert 0.2 < ratio["median"] < 5


def measured(plan: Plan, scale: float) -> Measured:
    """What :func:`measure.run_plan` gives of a machine that is ``scale`` slow."""
    rounds = [[scale * (0.01 + 1e-5 * ((r + i) % 3)) for i in range(4)] for r in range(6)]
    answers: list[dict[str, Any]] = [{"series": {"whole": one}} for one in rounds]
    cell = Cell(plan.models[0], "litert", True, 1, "unrolled", 5)
    nothing = environment.NOT_READ
    return Measured(
        plan, [(cell, answers)], {}, {}, {}, [], {}, nothing, nothing,
        environment.Neighbours(None, None), "x",
    )  # fmt: skip


def test_trials(plan: Plan, monkeypatch: pytest.MonkeyPatch, sweep: Path, cost: Any) -> None:
    speeds = iter([1.0, 1.0, 1.0, 1.5, 1.0, 1.0])
    monkeypatch.setattr(trust, "run_plan", lambda *_: measured(plan, next(speeds)))
    found = trust.trials(plan, Pictures(sweep), 3)
    assert [one["agrees"] for one in found] == [True, False, True]
    assert [one["verdict"] for one in found][1] == "slower"
    assert trust.agreed(found) == (2, 3)
    nothing = environment.NOT_READ
    record = trust.make_record(plan, cost, found, nothing, nothing)
    jsonschema.validate(record, SCHEMA)
    told = {p.what.split()[0]: p for p in figures.promises(bench(), record)}
    assert told["two"].value == "2 of 3 trials"
    assert not told["two"].met
    assert told["our"].target == "under 2 %"
    for high, met in ((1.015, True), (1.03, False)):
        cost["over_bare"] = {"median": 1.005, "low": 0.99, "high": high}
        told = {p.what.split()[0]: p for p in figures.promises(bench(), record)}
        assert told["our"].met is met


def test_one_trial_with_several_combinations_agrees_only_as_a_whole() -> None:
    found = [{"trial": t, "agrees": (t, c) != (1, 0)} for t in range(2) for c in range(2)]
    assert trust.agreed(found) == (1, 2)


def bench(**changes: Any) -> dict[str, Any]:
    """A result with what the promises are read from."""

    def cell(name: str, mode: str, seconds: float, **more: Any) -> dict[str, Any]:
        return {
            "model": name, "runtime": "litert", "threads": 1, "xnnpack": True, "mode": mode,
            "frames": 5, "samples_s": [[seconds] * 3, [3 * seconds] * 3],
            "latency_s": {"p50": seconds}, "share_of_peak": None, "cross_check": None,
        } | more  # fmt: skip

    stream = {"after_last_frame_s": {"p50": 0.0012}}
    return {
        "models": [
            {"file": "m.tflite", "preset": "mobile", "precision": "int8"},
            {"file": "p.tflite", "preset": "paper", "precision": "int8"},
        ],
        "cells": [
            cell("m.tflite", "unrolled", 0.004, share_of_peak=0.16, cross_check={"ratio": 0.8}),
            cell("m.tflite", "streaming", 0.005, **stream),
            cell("p.tflite", "unrolled", 0.026, cross_check={"ratio": 1.1}),
        ],
    } | changes  # fmt: skip


def test_promises_are_read_from_a_result() -> None:
    faster, share, wait, check = figures.promises(bench())
    assert (faster.value, faster.met) == ("6.5 times faster", True)
    assert (share.value, share.met) == ("16.0 %", True)
    assert (wait.value, wait.met) == ("1.20/N of the whole (1.2 ms)", True)
    assert (check.value, check.met) == ("0.80", False)
    text = figures.markdown([faster, check])
    assert text.count("\n") == 3
    assert text.endswith("| 0.80 | within 15 % | **no** |")


def test_what_a_result_does_not_hold_is_not_promised() -> None:
    assert figures.promises(bench(cells=[])) == []


@pytest.mark.parametrize("slow", [1.0, 7.0])
def test_rounds_are_compared_with_their_own(slow: float) -> None:
    """A noisy neighbour in one round hits both."""
    a = {"samples_s": [[2.0], [2.0 * slow], [2.0]]}
    b = {"samples_s": [[1.0], [1.0 * slow], [1.0]]}
    assert figures.round_ratio(a, b) == 2
