"""The order of a sweep's files, and distances that contradict their names."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from edgedepth.capture import read_sweep
from edgedepth.capture.order import natural_order
from tests.capture.conftest import Edgedepth
from tests.capture.scenes import FOCUS_M, exif_bytes, texture, write_sweep

METRES = ["0.35m.jpg", "0.5m.jpg", "0.9m.jpg", "1.33m.jpg", "2.21m.jpg"]


@pytest.mark.parametrize(
    "names",
    [
        METRES,
        ["0.35.jpg", "0.5.jpg", "0.9.jpg", "1.05.jpg", "1.1.jpg", "1.15.jpg", "10.jpg"],
        ["s_0.5D.png", "s_1.25D.png", "s_1.5D.png"],
        ["1.10m.jpg", "1.9m.jpg"],
        ["1.5m.jpg", "2m.jpg", "2.5m.jpg", "inf.jpg"],
        ["IMG_9.jpg", "IMG_10.jpg"],
        ["a.2.jpg", "a.10.jpg"],
        ["v1.9.jpg", "v1.10.jpg", "v1.11.jpg"],
        ["v1.2.jpg", "v1.10.jpg"],
        ["v1.2.9.jpg", "v1.2.10.jpg"],
        ["2026.9.1.jpg", "2026.10.1.jpg"],
        ["IMG_1.jpg", "IMG_1.png", "IMG_1 (2).jpg", "IMG_1b.jpg"],
        ["x.3.webp", "x.20.jpg"],
    ],
)
def test_names_come_in_the_order_in_which_people_count(names: list[str]) -> None:
    assert natural_order(reversed(names)) == names


@given(st.lists(st.integers(1, 99999), min_size=1, unique=True), st.sampled_from(["m", " m", "_D"]))
def test_numbers_with_a_unit_come_by_value(thousandths: list[int], unit: str) -> None:
    values = [t / 1000 for t in thousandths]
    names = [f"shot_{v:g}{unit}.jpg" for v in values]
    assert natural_order(names) == [f"shot_{v:g}{unit}.jpg" for v in sorted(values)]


@given(st.lists(st.text("019.aM_ ", max_size=9).map(lambda t: t + ".jpg"), unique=True))
def test_any_names_have_one_order(names: list[str]) -> None:
    ordered = natural_order(names)
    assert sorted(ordered) == sorted(names)
    assert natural_order(reversed(names)) == ordered


@given(st.lists(st.integers(0, 10**40), unique=True))
def test_whole_numbers_come_by_value(numbers: list[int]) -> None:
    assert natural_order(f"IMG_{n}.jpg" for n in numbers) == [
        f"IMG_{n}.jpg" for n in sorted(numbers)
    ]


def named(folder: Path, names: list[str]) -> Path:
    for name in names:
        Image.fromarray(texture((64, 64))).save(folder / name, exif=exif_bytes(None))
    return folder


def test_distances_go_to_the_frames_by_their_value(tmp_path: Path) -> None:
    read = read_sweep(named(tmp_path, METRES), focus="0.35,0.5,0.9,1.33,2.21")
    assert [f.name for f in read.frames] == METRES
    assert not any("--focus" in w for w in read.warnings)


def test_distances_that_the_names_give_to_other_frames(tmp_path: Path) -> None:
    read = read_sweep(named(tmp_path, METRES), focus="0.35,0.5,1.33,0.9,2.21")
    (warning,) = (w for w in read.warnings if "--focus" in w and "order" in w)
    assert "gives 0.9m.jpg the distance 1.33" in warning
    assert "--focus-from name" in warning


@pytest.mark.parametrize("focus", ["0.4,0.5,1.33,0.9,2.21", "0.35,0.5,0.9,1.33,2.210001"])
def test_other_distances_than_the_names_are_the_users_own(tmp_path: Path, focus: str) -> None:
    read = read_sweep(named(tmp_path, METRES), focus=focus)
    assert not any("in another order" in w for w in read.warnings)


def test_names_that_only_count_contradict_nothing(tmp_path: Path) -> None:
    read = read_sweep(named(tmp_path, ["1.jpg", "2.jpg", "3.jpg"]), focus="3,2,1")
    assert not any("in another order" in w for w in read.warnings)


def test_infer_says_so(edgedepth: Edgedepth, model: Path, tmp_path: Path) -> None:
    sweep = write_sweep(tmp_path / "s", FOCUS_M)
    for i, metres in enumerate(FOCUS_M):
        (sweep / f"frame{i + 1}.jpg").rename(sweep / f"{metres:g}m.jpg")
    options = ("--model", model, "-o", tmp_path / "out")
    done = edgedepth("infer", sweep, *options, "--focus", "3,1.6,1,0.7,0.5")
    assert done.returncode == 0, done.stderr
    assert "in another order" in done.stdout
