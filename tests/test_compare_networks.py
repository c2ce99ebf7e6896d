"""docs/compare_networks.py: what is taken away from the network, and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import jsonschema
import numpy as np
import pytest

from edgedepth import evaltable
from edgedepth.errors import UserError

from .conftest import ROOT
from .scripts import load_script

pytestmark = pytest.mark.train

SCRIPT = ROOT / "docs" / "compare_networks.py"
SCHEMA = json.loads((ROOT / "docs" / "schemas" / "comparison.schema.json").read_text())


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load_script(SCRIPT)


def variant(script: ModuleType, name: str) -> Any:
    (found,) = (v for v in script.VARIANTS if v.name == name)
    return found


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("as shipped", "none"),
        ("RGB alone", "all but RGB"),
        ("no RGB", "RGB"),
        ("no evidence planes", "between RGB and the vertex"),
        ("vertex for depth so far", "from depth so far on"),
        ("lens unknown", "none"),
    ],
)
def test_masks_take_away_what_they_say(script: ModuleType, name: str, changed: str) -> None:
    planes = script.default_spec(32, 32).channels
    rng = np.random.default_rng(0)
    frames = rng.uniform(0.6, 1, (2, 3, 4, 4, planes)).astype(np.float32)
    optics = rng.uniform(0.6, 1, (2, 3)).astype(np.float32)
    seen, lens = (np.asarray(x) for x in variant(script, name).mask(frames, optics))
    assert seen.shape == frames.shape
    touched = {p for p in range(planes) if (seen[..., p] != frames[..., p]).any()}
    assert (
        touched
        == {
            "none": set(),
            "RGB": {0, 1, 2},
            "all but RGB": set(range(3, planes)),
            "between RGB and the vertex": set(range(3, script.VERTEX)),
            "from depth so far on": set(range(script.DEPTH, planes)),
        }[changed]
    )
    assert (name == "lens unknown") == bool((lens != optics).any())
    if name == "vertex for depth so far":
        np.testing.assert_array_equal(seen[..., script.DEPTH], frames[..., script.VERTEX])


@pytest.mark.slow
def test_variants_differ_in_what_they_say(script: ModuleType) -> None:
    spec = script.default_spec(32, 32)
    shipped, silent, random = (
        script.VariantNetwork(spec, script.Mode.FLOAT, variant(script, name))
        for name in ("as shipped", "no recurrent cell", "random start")
    )
    assert len(silent.kernels()) < len(shipped.kernels())
    rng = np.random.default_rng(0)
    frames = rng.uniform(0, 1, (1, 3, 32, 32, spec.channels)).astype(np.float32)
    inputs = (frames, np.array([[0, 0.5, 1]], np.float32), np.full((1, 3), 0.5, np.float32))
    depth = [n.forward(*inputs)["inverse_depth"].numpy() for n in (shipped, silent, random)]
    so_far = frames[:, -1, ..., script.DEPTH : script.DEPTH + 1]
    errors = [float(np.abs(d - so_far).mean()) for d in depth]
    assert max(errors[:2]) < 0.5 * errors[2], "a random start is no classical answer"


def test_a_pool_is_counted_up_to_its_first_gap(script: ModuleType, tmp_path: Path) -> None:
    for index in (0, 1, 2, 4):
        script.stack_path(tmp_path, index).touch()
    assert script.stacks_of(tmp_path) == 3
    assert script.configuration(tmp_path, 50, 20).pool_size == 3
    with pytest.raises(UserError, match="holds no stacks"):
        script.stacks_of(tmp_path / "none")


def test_other_training_in_the_same_place_is_refused(script: ModuleType, tmp_path: Path) -> None:
    script.stack_path(tmp_path, 0).touch()
    config = script.configuration(tmp_path, 50, 20)
    match = script.Match(config, tmp_path, [], {}, tmp_path / "runs")
    script.RunDirectory(tmp_path / "runs" / "RGB-alone").create(replace(config, float_steps=7))
    with pytest.raises(UserError, match="trained otherwise"):
        script.train_variant(variant(script, "RGB alone"), match)


def test_the_table_has_a_row_for_all() -> None:
    row = {"mae_dioptres": 0.12345, "delta1": 0.8, "rmse": 1.0, "absrel": 0.1}
    better = {**row, "mae_dioptres": 0.1}
    gain = {"change": -0.19, "low": -0.3, "high": -0.1, "scenes_better": 1.0}
    found = {
        "schema": "edgedepth-comparison/1", "commit": None, "steps": 600, "frames_per_batch": 20,
        "size": [128, 160], "stacks": 5000, "seed": 0, "classical": row,
        "variants": [{"name": "as shipped", "hours": 0.1, "validation": better}],
        "reports": [
            {
                "protocol": "phone", "scenes": ["a", "b"], "gains": {"as shipped": gain},
                "rows": {"mean depth": row, "classical": row, "as shipped": better},
            }
        ],
    }  # fmt: skip
    jsonschema.validate(found, SCHEMA)
    table = evaltable.markdown_comparison(found)
    assert "600 steps of about 20 frames of 160x128, 5000 stacks" in table
    assert "| classical | 0.1235 | 0.1235 | 0.800 |  |" in table
    assert "| as shipped | 0.1000 | 0.1000 | 0.800 | -19 % (-30 to -10) |" in table


def test_committed_results_keep_the_schema() -> None:
    path = ROOT / "docs" / "results" / "comparison.json"
    if path.exists():
        jsonschema.validate(json.loads(path.read_text()), SCHEMA)


def test_a_missing_pool_is_one_line(tmp_path: Path) -> None:
    arguments = ["--pool", str(tmp_path / "none"), "--data", "procedural", "--out", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 1
    assert "holds no stacks" in done.stderr
    assert "Traceback" not in done.stderr
