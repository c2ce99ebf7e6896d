"""Signatures in files apart: the same graphs, and a pair that finds its other half."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgedepth.capture.modelfile import read_model_file
from edgedepth.capture.runtimes import Runtime
from edgedepth.convert import flatbuffer, separate
from edgedepth.convert.graph import signatures
from edgedepth.convert.probe import probe_inputs
from edgedepth.convert.running import Session
from edgedepth.errors import UserError
from tests.capture.tiny_model import build, tiny_spec

SPEC = tiny_spec(frames=3)
PAIR = ("m-encode_step.tflite", "m-decode.tflite")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return build(tmp_path_factory.mktemp("model") / "tiny.tflite", SPEC).read_bytes()


@pytest.fixture
def parts(whole: bytes, tmp_path: Path) -> Path:
    """A folder with the parts of ``m.tflite``."""
    separate.write_parts(tmp_path / "m.tflite", separate.separate(whole, SPEC))
    return tmp_path


def same_answers(whole: bytes, parts: dict[str, bytes]) -> None:
    inputs = probe_inputs(whole)
    joined = Session(whole)
    for key, data in parts.items():
        alone = Session(data)
        assert alone.signatures == [key]
        given = {name: inputs[f"{key}/{name}"] for name in alone.inputs(key)}
        expected = joined.run(key, given)
        for name, value in alone.run(key, given).items():
            np.testing.assert_array_equal(value, expected[name])


def test_parts_hold_one_graph_each_and_answer_alike(whole: bytes) -> None:
    parts = separate.separate(whole, SPEC)
    assert list(parts) == list(signatures(flatbuffer.parse(whole)).values())
    for data in parts.values():
        assert len(flatbuffer.parse(data).subgraphs) == 1
        assert len(data) < len(whole) + 4096
    same_answers(whole, parts)


@pytest.mark.train
def test_parts_of_a_converted_network_answer_alike(converted: Callable[[str], bytes]) -> None:
    from tests.convert.sketch import sketch_spec

    whole = converted("int8")
    same_answers(whole, separate.separate(whole, sketch_spec(precision="int8")))


def test_parts_say_what_they_are(parts: Path) -> None:
    names = {p.name for p in parts.iterdir()}
    assert names == {"m-infer.tflite", *PAIR}
    infer = read_model_file(parts / "m-infer.tflite").spec
    assert (infer.frames, infer.streaming) == (SPEC.frames, False)
    for name in PAIR:
        spec = read_model_file(parts / name).spec
        assert (spec.frames, spec.streaming) == (0, True)


@pytest.mark.parametrize("name", PAIR)
def test_either_file_of_the_pair_brings_the_other(parts: Path, name: str) -> None:
    engine = Runtime(parts / name)
    assert "encode_step" in engine
    assert "decode" in engine
    assert "infer" not in engine
    state = engine.signature("encode_step")
    assert set(engine.signature("decode").inputs) <= set(state.outputs)


def test_half_a_pair_says_what_is_missing(parts: Path) -> None:
    (parts / "m-decode.tflite").unlink()
    with pytest.raises(UserError, match=r"holds only encode_step; no file m-decode\.tflite"):
        Runtime(parts / "m-encode_step.tflite")


def test_half_a_pair_under_another_name_says_how_to_name_it(parts: Path) -> None:
    shutil.move(parts / "m-encode_step.tflite", parts / "first.tflite")
    with pytest.raises(UserError, match=r"named \*encode_step\* and \*decode\*"):
        Runtime(parts / "first.tflite")


def test_halves_of_two_conversions_are_refused(parts: Path, tmp_path: Path) -> None:
    other = tiny_spec(frames=3, training={"seed": 2})
    data = build(tmp_path / "other.tflite", other).read_bytes()
    (parts / "m-decode.tflite").write_bytes(separate.separate(data, other)["decode"])
    with pytest.raises(UserError, match="not of one conversion"):
        Runtime(parts / "m-encode_step.tflite")


def test_full_disk_leaves_no_part(
    whole: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Path.write_bytes
    calls: list[Any] = []

    def full(self: Path, data: bytes) -> int:
        calls.append(self)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(self, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(UserError, match="No space left on device"):
        separate.write_parts(tmp_path / "m.tflite", separate.separate(whole, SPEC))
    assert list(tmp_path.iterdir()) == []
