"""Reading, packing and writing files; bad ones are refused in one line."""

from __future__ import annotations

import contextlib
import errno
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from hypothesis import given
from hypothesis import strategies as st

from edgedepth.convert import flatbuffer
from edgedepth.convert.running import Session
from edgedepth.errors import UserError
from tests.convert.handmade import doubler, quantised_convolution


def test_packed_model_reads_back_and_runs() -> None:
    data = doubler().bytes()
    again = flatbuffer.pack(flatbuffer.parse(data))
    x = np.arange(32, dtype=np.float32).reshape(1, 4, 4, 2)
    np.testing.assert_array_equal(Session(again).run("infer", {"x": x})["y"], 2 * x)


def test_constants_are_aligned_to_16_bytes() -> None:
    data = quantised_convolution().bytes()
    root = schema.Model.GetRootAsModel(data, 0)
    starts = []
    for i in range(root.BuffersLength()):
        buffer = root.Buffers(i)
        if buffer.DataLength():
            raw = buffer.DataAsNumpy()
            starts.append(raw.ctypes.data - np.frombuffer(data, np.uint8).ctypes.data)
    assert len(starts) >= 3
    assert all(start % 16 == 0 for start in starts)


@pytest.mark.parametrize("data", [b"", b"hello", b"\0" * 64, b"PK\3\4" + b"x" * 100])
def test_file_without_the_mark_is_named(data: bytes) -> None:
    with pytest.raises(UserError, match=r"thing\.tflite is not a \.tflite file"):
        flatbuffer.parse(data, "thing.tflite")


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.tflite cannot be read"):
        flatbuffer.read(tmp_path / "none.tflite")


@given(share=st.floats(0.05, 0.99))
def test_truncated_file_is_refused(share: float) -> None:
    data = quantised_convolution().bytes()
    with pytest.raises(UserError, match=r"corrupt or truncated|not a \.tflite"):
        flatbuffer.parse(data[: int(share * len(data))])


@given(seed=st.integers(0, 10_000))
def test_flipped_bytes_never_raise_anything_else(seed: int) -> None:
    rng = np.random.default_rng(seed)
    data = np.frombuffer(quantised_convolution().bytes(), np.uint8).copy()
    places = rng.integers(8, len(data), 6)
    data[places] = rng.integers(0, 256, 6)
    with contextlib.suppress(UserError):
        flatbuffer.parse(data.tobytes())


def test_tensor_that_names_a_missing_buffer_is_refused() -> None:
    made = doubler()
    made.model.subgraphs[0].tensors[0].buffer = 99
    with pytest.raises(UserError, match="missing buffer"):
        flatbuffer.parse(made.bytes())


def test_constant_of_the_wrong_size_is_refused() -> None:
    made = quantised_convolution()
    made.model.subgraphs[0].tensors[1].shape = np.array([7], np.int32)
    with pytest.raises(UserError, match="12 bytes where 28 belong"):
        flatbuffer.parse(made.bytes())


def test_write_replaces_the_file_whole(tmp_path: Path) -> None:
    target = tmp_path / "m.tflite"
    target.write_bytes(b"old")
    flatbuffer.write(target, b"new")
    assert target.read_bytes() == b"new"
    assert [p.name for p in tmp_path.iterdir()] == ["m.tflite"]


def test_full_disk_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "m.tflite"
    target.write_bytes(b"old")

    def full(self: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(UserError, match=r"m\.tflite cannot be written \(No space left on device\)"):
        flatbuffer.write(target, b"new")
    assert target.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["m.tflite"]


def test_write_into_a_missing_folder_names_it(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"gone.* cannot be written"):
        flatbuffer.write(tmp_path / "gone" / "m.tflite", b"x")
