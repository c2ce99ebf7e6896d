"""Error, latency and size of the same models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgedepth.bench import table
from edgedepth.bench.accuracy import Point, frontier, points, score
from edgedepth.bench.pareto import draw_pareto
from edgedepth.capture.modelfile import read_model_file
from edgedepth.data.sources import open_source
from tests.capture.tiny_model import build, tiny_spec


def record(**errors: float) -> dict[str, Any]:
    """A result with models of so much error; the first is the fastest, the last the largest."""
    baselines = {"mean depth": 0.5, "classical": 0.2}
    return {
        "models": [{"file": name, "bytes": 1000 * (i + 1)} for i, name in enumerate(errors)],
        "cells": [
            {"model": name, "latency_s": {"p50": 0.01 * (i + 1) * slower}}
            for i, name in enumerate(errors)
            for slower in (3, 1)
        ],
        "accuracy": {
            "protocol": "phone",
            "data": "procedural",
            "scenes": 2,
            "rows": [
                {
                    "name": n,
                    "frames": 5,
                    "mae_dioptres": e,
                    "rmse": 1.0,
                    "absrel": 0.1,
                    "delta1": 0.9,
                }
                for n, e in (baselines | errors).items()
            ],
        },
    }


def test_the_fastest_combination_counts() -> None:
    found = points(record(a=0.3, b=0.1))
    assert found == [Point("a", pytest.approx(0.01), 0.3, 1000),
                     Point("b", pytest.approx(0.02), 0.1, 2000)]  # fmt: skip


def test_the_frontier_is_what_nothing_beats() -> None:
    found = points(record(a=0.3, b=0.35, c=0.1, d=0.1))
    assert [point.name for point in frontier(found)] == ["a", "c"]


def test_rows_and_marks() -> None:
    lines = table.score_rows(record(a=0.3, b=0.35))
    assert [line[0] for line in lines] == ["mean depth", "classical", "a", "b"]
    assert [line[-1] for line in lines] == ["", "", "yes", ""]
    assert lines[2][2] == "0.300"


def test_the_figure_marks_the_frontier() -> None:
    one, two = draw_pareto(record(a=0.3, b=0.1)), draw_pareto(record(a=0.3, b=0.35))
    assert one.shape == two.shape

    def red(picture: np.ndarray[Any, Any]) -> int:
        return int(((picture[..., 2] > 180) & (picture[..., 0] < 60)).sum())

    assert red(one) > 1.5 * red(two)


@pytest.mark.slow
def test_models_are_scored_with_the_frames_they_are_timed_with(tmp_path: Path) -> None:
    three = build(tmp_path / "three.tflite", tiny_spec(frames=3, streaming=False))
    any_number = build(tmp_path / "any.tflite", tiny_spec(frames=0))
    files = [read_model_file(path) for path in (three, any_number)]
    found = score(files, open_source("procedural"), "procedural", 1)
    rows = {row["name"]: row for row in found["rows"]}
    assert list(rows) == ["mean depth", "classical", "three.tflite", "any.tflite"]
    assert [row["frames"] for row in rows.values()] == [6, 6, 3, 6]
    assert found["scenes"] == 1
    assert rows["any.tflite"]["mae_dioptres"] != rows["three.tflite"]["mae_dioptres"]
    assert all(np.isfinite(row["rmse"]) for row in rows.values())
