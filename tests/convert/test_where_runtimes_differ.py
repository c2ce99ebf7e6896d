"""The script that asks which layers make runtimes differ, on the shipped model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgedepth.cards import shipped_models
from edgedepth.convert import flatbuffer, verify
from edgedepth.convert.flatbuffer import scales_of
from edgedepth.convert.graph import nodes
from edgedepth.convert.rounding import SUMS
from edgedepth.convert.running import Session
from tests.conftest import ROOT
from tests.scripts import load_script


@pytest.fixture(scope="module")
def script() -> Any:
    return load_script(ROOT / "docs" / "where_runtimes_differ.py")


def of_precision(precision: str) -> Path:
    return next(p for p in shipped_models() if p.stem.endswith(precision))


def off_its_powers_of_two(path: Path, folder: Path) -> Path:
    """The model with sums that are divided by other numbers than it was trained for."""
    model = flatbuffer.read(path)
    summed = {
        id(tensor): tensor
        for graph in model.subgraphs
        for node in nodes(model, graph)
        if node.kind in SUMS
        for tensor in node.inputs()[1:]
    }
    for tensor in summed.values():
        tensor.quantization.scale = (1.003 * scales_of(tensor)).astype(np.float32)
    (folder / path.name).write_bytes(flatbuffer.pack(model))
    return folder / path.name


def test_operators_one_by_one_give_what_the_file_gives_and_layers_are_told_apart(
    script: Any, tmp_path: Path
) -> None:
    path = off_its_powers_of_two(of_precision("int8"), tmp_path)
    graph, session = script.Graph(path), Session(path.read_bytes())
    given = session.stored("infer", verify.check_stacks(graph.spec, 1)[0].inputs)
    whole = session.run("infer", given)[script.OUTPUT]
    np.testing.assert_array_equal(graph.run(given)[graph.output], whole)
    plain = Session(path.read_bytes(), xnnpack=False).run("infer", given)[script.OUTPUT]
    np.testing.assert_array_equal(graph.run(given, lambda _: False)[graph.output], plain)

    found = {f.layer: f for f in script.findings(graph, [given])}
    apart = np.abs(whole.astype(int) - plain)
    assert found["all"].farthest == apart.max() > 0
    assert found["all"].beyond_2 == np.mean(apart > 2)
    assert {"front", "cell"} <= set(found)
    assert "most" not in found, "a maximum on one grid is exact"
    assert all(0 < f.own < 0.2 for name, f in found.items() if name != "all")


def test_nothing_of_the_shipped_model_matters(script: Any) -> None:
    path = of_precision("int8")
    graph, session = script.Graph(path), Session(path.read_bytes())
    given = session.stored("infer", verify.check_stacks(graph.spec, 1)[0].inputs)
    found = {f.layer: f for f in script.findings(graph, [given])}
    # Doubling rounds negative halves either way: what they are added to is then 0 in any case.
    assert set(found) <= {"all", "double8"}
    assert all(f.farthest == 0 for f in found.values())


def test_a_float_file_is_refused(script: Any) -> None:
    with pytest.raises(SystemExit, match="no int8 model"):
        script.Graph(of_precision("fp32"))
