"""Files that are there whole, or not at all."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import numpy as np
import pytest

from edgedepth.errors import UserError
from edgedepth.files import not_written, whole_file, write_arrays, write_bytes, write_text


def test_a_file_replaces_the_old_one_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    write_text(target, "old")
    write_text(target, "néw")
    assert target.read_bytes() == "néw".encode()
    write_bytes(target, b"\x00")
    assert target.read_bytes() == b"\x00"
    write_arrays(tmp_path / "b.npz", {"x": np.arange(3)})
    with np.load(tmp_path / "b.npz") as found:
        np.testing.assert_array_equal(found["x"], [0, 1, 2])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.txt", "b.npz"]


def test_what_goes_wrong_on_the_way_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")

    def write() -> None:
        with whole_file(target, "elsewhere") as partial:
            partial.write_text("half")
            raise ValueError("cut short")

    with pytest.raises(ValueError, match="cut short"):
        write()
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("place", ["gone/a.txt", "file/a.txt", "folder"])
def test_a_bad_place_is_told_before_anything_is_written(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    target = tmp_path / place
    with pytest.raises(UserError, match=f"{target.name} cannot be written") as refused:
        write_text(target, "x", "try another")
    assert "try another" in str(refused.value.advice)
    with pytest.raises(OSError, match=target.name):
        write_text(target, "x")
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["file", "folder"]


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "free some space or choose another place with -o"),
        (errno.EDQUOT, "free some space or choose another place with -o"),
        (errno.EACCES, "choose another place with -o"),
        (errno.EROFS, "choose another place with -o"),
    ],
)
def test_only_a_full_disk_is_to_be_emptied(tmp_path: Path, number: int, advice: str) -> None:
    error = OSError(number, os.strerror(number))
    told = not_written(tmp_path / "a", error, "choose another place with -o")
    assert told.advice == advice
    assert os.strerror(number) in told.problem


def test_others_may_read_what_is_written(tmp_path: Path) -> None:
    plain, ours = tmp_path / "plain", tmp_path / "ours"
    plain.write_text("x")
    write_text(ours, "x")
    assert stat.S_IMODE(ours.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)
