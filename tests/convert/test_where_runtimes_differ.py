"""The script that asks which layers make runtimes differ, on the shipped model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgedepth.cards import shipped_models
from edgedepth.convert import verify
from edgedepth.convert.running import Session
from tests.conftest import ROOT
from tests.scripts import load_script


@pytest.fixture(scope="module")
def script() -> Any:
    return load_script(ROOT / "docs" / "where_runtimes_differ.py")


def of_precision(precision: str) -> Path:
    return next(p for p in shipped_models() if p.stem.endswith(precision))


def test_operators_one_by_one_give_what_the_file_gives_and_layers_are_told_apart(
    script: Any,
) -> None:
    path = of_precision("int8")
    graph, session = script.Graph(path), Session(path.read_bytes())
    given = session.stored("infer", verify.check_stacks(graph.spec, 1)[0].inputs)
    whole = session.run("infer", given)[script.OUTPUT]
    np.testing.assert_array_equal(graph.run(given)[graph.output], whole)
    plain = Session(path.read_bytes(), xnnpack=False).run("infer", given)[script.OUTPUT]
    np.testing.assert_array_equal(graph.run(given, lambda _: False)[graph.output], plain)

    found = {f.layer: f for f in script.findings(graph, [given])}
    apart = np.abs(whole.astype(int) - plain)
    assert found["all"].farthest == apart.max()
    assert found["all"].beyond_2 == np.mean(apart > 2)
    assert {"front", "cell"} <= set(found)
    assert "most" not in found, "a maximum on one grid is exact"
    assert all(0 < f.own < 0.2 for name, f in found.items() if name != "all")


def test_a_float_file_is_refused(script: Any) -> None:
    with pytest.raises(SystemExit, match="no int8 model"):
        script.Graph(of_precision("fp32"))
