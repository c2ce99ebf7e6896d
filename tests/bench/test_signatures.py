"""A streaming pair in two files counts, runs and is profiled like one."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgedepth.bench import signatures
from edgedepth.bench.children import run_child
from edgedepth.bench.device import _require_streaming
from edgedepth.bench.inputs import Pictures
from edgedepth.bench.running import save_inputs
from edgedepth.capture.modelfile import read_model_file
from edgedepth.convert.separate import separate
from edgedepth.errors import UserError


@pytest.fixture(scope="module")
def pair(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The encode_step file, its other half beside it."""
    folder = tmp_path_factory.mktemp("pair")
    for name, data in separate(model.read_bytes(), read_model_file(model).spec).items():
        (folder / f"tiny-{name}.tflite").write_bytes(data)
    return folder / "tiny-encode_step.tflite"


def test_which_file_holds_what(pair: Path, model: Path) -> None:
    other = pair.with_name("tiny-decode.tflite")
    assert signatures.holders(pair) == {"encode_step": pair, "decode": other}
    assert set(signatures.holders(model)) == {"infer", "encode_step", "decode"}
    assert set(signatures.holders(model).values()) == {model}
    for name in ("encode_step", "decode"):
        one, two = (signatures.multiply_accumulates(path, name) for path in (pair, model))
        assert one == two


def test_a_pair_is_profiled(pair: Path, sweep: Path, tmp_path: Path) -> None:
    save_inputs(tmp_path / "in.npz", Pictures(sweep).model_inputs(read_model_file(pair)))
    task = {
        "kind": "profile", "what": "x", "model": str(pair), "threads": 1, "mode": "streaming",
        "inputs": str(tmp_path / "in.npz"), "runs": 2, "warmup": 1,
    }  # fmt: skip
    found = run_child(task)["signatures"]
    assert list(found) == ["encode_step", "decode"]
    assert all(found.values())


def test_the_app_takes_one_file(pair: Path, model: Path) -> None:
    _require_streaming([read_model_file(model)])
    with pytest.raises(UserError, match="half of a pair, and the app takes one file"):
        _require_streaming([read_model_file(pair)])


def test_half_a_pair(pair: Path, tmp_path: Path) -> None:
    alone = tmp_path / pair.name
    alone.write_bytes(pair.read_bytes())
    with pytest.raises(UserError, match="holds only encode_step"):
        signatures.holders(alone)
