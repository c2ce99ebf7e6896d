"""Focus distances that cannot be: centimetres for metres, an order that the frames contradict."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgedepth.capture.doubts import about_unit
from edgedepth.capture.sources import from_names, from_option
from tests.capture.conftest import Edgedepth
from tests.capture.scenes import similarity, write_sweep

PHONE_K, PORTRAIT_LENS_K, TELEPHOTO_K = 1.5, 25.0, 250.0


def given_by_hand(text: str) -> list:
    return from_option(text, [f"{i}.jpg" for i in range(text.count(",") + 1)])


def test_centimetres_are_asked_about_and_told_in_metres() -> None:
    doubt = about_unit(given_by_hand("35,50,90,133,221"), PHONE_K)
    assert doubt is not None
    assert "35 m" in doubt.text
    assert "centimetres" in doubt.todo
    assert doubt.todo.endswith("--focus 0.35,0.5,0.9,1.33,2.21")


def test_millimetres_are_told_from_centimetres() -> None:
    doubt = about_unit(given_by_hand("350,500,inf"), PHONE_K)
    assert doubt is not None
    assert "millimetres" in doubt.todo
    assert doubt.todo.endswith("--focus 0.35,0.5,inf")


@pytest.mark.parametrize(
    ("text", "k"),
    [
        ("0.35,0.5,0.9,1.33,2.21", PHONE_K),
        ("0.35,50,90", PHONE_K),
        ("9,12,20,inf", PHONE_K),
        ("35,50,90,133,221", TELEPHOTO_K),
        ("inf", PHONE_K),
    ],
)
def test_metres_are_not_doubted(text: str, k: float) -> None:
    assert about_unit(given_by_hand(text), k) is None


def test_a_fast_normal_lens_tells_nothing_beyond_35_m_either() -> None:
    assert about_unit(given_by_hand("35,50,90,133,221"), PORTRAIT_LENS_K) is not None


def test_a_name_that_says_metres_is_believed() -> None:
    assert about_unit(from_names(["35m.jpg", "50m.jpg"]), PHONE_K) is None
    assert about_unit(from_names(["35.jpg", "50.jpg"]), PHONE_K) is not None


@given(st.lists(st.floats(0.1, 9000), min_size=1, max_size=8), st.floats(0.1, 1000), st.booleans())
def test_only_far_sweeps_without_blur_are_doubted(
    metres: list[float], k: float, infinity: bool
) -> None:
    text = ",".join([*(f"{m:.3f}" for m in metres), *(["inf"] if infinity else [])])
    readings = given_by_hand(text)
    planes = [r.dioptres or 0.0 for r in readings]
    if about_unit(readings, k) is not None:
        assert max(planes) <= 0.1
        assert len(planes) == 1 or k * (max(planes) - min(planes)) < 1


@pytest.mark.parametrize("command", ["infer", "inspect"])
def test_the_commands_ask_about_centimetres(
    edgedepth: Edgedepth, good_sweep: Path, model: Path, tmp_path: Path, command: str
) -> None:
    options = ("--model", model, "-o", tmp_path / "out") if command == "infer" else ()
    done = edgedepth(command, good_sweep, *options, "--focus", "50,70,100,160,300")
    assert done.returncode == 0, done.stderr
    assert "are these centimetres?" in done.stdout
    assert "--focus 0.5,0.7,1,1.6,3" in done.stdout


def test_infer_and_inspect_say_the_same_of_reversed_distances(
    edgedepth: Edgedepth, model: Path, tmp_path: Path
) -> None:
    """Frames shrink as their distances say that the lens comes nearer."""
    motions = [similarity(s, 0, 0, 0) for s in (1.0, 0.99, 0.98, 0.97)]
    sweep = write_sweep(tmp_path / "s", (2.0, 1.0, 0.7, 0.5), motions=motions)
    inferred = edgedepth("infer", sweep, "--model", model, "-o", tmp_path / "out")
    assert inferred.returncode == 0, inferred.stderr
    looked_at = edgedepth("inspect", sweep)
    for words in (
        "the picture grows as the distances say it focuses farther",
        "check that the distances belong to these frames and are not reversed",
    ):
        assert words in inferred.stdout
        assert words in looked_at.stdout
