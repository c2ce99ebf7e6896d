from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edgedepth import album, evaluate, protocols
from edgedepth.data.scenes import RgbdScene
from edgedepth.data.sources import open_source
from edgedepth.errors import UserError
from edgedepth.evaluate import Answer
from edgedepth.metrics import psnr
from edgedepth.protocols import (
    DEV_RGBD,
    PROTOCOLS,
    SIZE,
    Case,
    rendered_cases,
    shuffled,
    thinned,
    traced_cases,
)
from edgedepth.stack import FocalStack, Frame

from .capture.tiny_model import build, tiny_spec


@pytest.fixture(scope="module")
def case() -> Case:
    return next(rendered_cases(PROTOCOLS["crop"], open_source("procedural"), 1))


def flat_stack(count: int) -> FocalStack:
    picture = np.zeros((8, 8, 3), np.uint8)
    return FocalStack(tuple(Frame(picture, 0.5 + i) for i in range(count)), 2.0)


def test_protocols_are_those_of_the_literature_and_of_phones():
    assert PROTOCOLS["dered"].planes_m == (1.0, 1.5, 2.5, 4.0, 6.0)
    assert PROTOCOLS["dered"].coc_px_per_dioptre == 26.0
    assert PROTOCOLS["crop"].coc_px_per_dioptre == pytest.approx(
        4 * PROTOCOLS["phone"].coc_px_per_dioptre, rel=0.01
    )
    assert "nyu_*" in DEV_RGBD


def test_a_case_is_a_stack_with_truth(case: Case):
    assert case.stack.size == SIZE == case.truth_m.shape
    assert len(case.stack) == 6
    again = next(rendered_cases(PROTOCOLS["crop"], open_source("procedural"), 1))
    np.testing.assert_array_equal(again.stack.frames[2].rgb, case.stack.frames[2].rgb)


@pytest.mark.parametrize("count", [2, 3, 5, 6])
def test_shuffling_moves_focus_and_nothing_else(count: int):
    stack = flat_stack(count)
    for seed in range(10):
        moved = shuffled(stack, seed)
        assert not np.array_equal(moved.focus_dioptres, stack.focus_dioptres)
        assert sorted(moved.focus_dioptres) == sorted(stack.focus_dioptres)


def test_thinning_keeps_the_ends():
    assert list(thinned(flat_stack(7), 3).focus_dioptres) == [0.5, 3.5, 6.5]
    assert list(thinned(flat_stack(7), 1).focus_dioptres) == [3.5]
    assert len(thinned(flat_stack(3), 9)) == 3


def test_rows_rank_as_they_must(case: Case, tmp_path: Path):
    path = build(tmp_path / "tiny.tflite", tiny_spec(frames=6, streaming=False))
    truth = evaluate.Contestant("truth", lambda _: Answer(np.nan_to_num(case.truth_m, nan=10)))
    result = evaluate.evaluate([case], [evaluate.classical(), evaluate.model_file(path), truth])
    rows = result.rows
    assert list(rows) == ["mean depth", "classical", "tiny.tflite", "truth"]
    assert rows["truth"]["mae_dioptres"] == 0
    assert rows["truth"]["delta1"] == 1
    assert rows["classical"]["mae_dioptres"] < 0.5 * rows["mean depth"]["mae_dioptres"]
    assert 0 < rows["tiny.tflite"]["mae_dioptres"] < 2 * rows["mean depth"]["mae_dioptres"]
    assert list(result.confidence) == ["classical", "tiny.tflite"]
    assert list(result.gains) == ["tiny.tflite", "truth"]
    assert result.gains["truth"] == evaluate.Gain(-1, -1, -1, 1)
    assert [len(found) for found in result.scores.values()] == [1] * 4


def test_shuffled_focus_ruins_the_classical_answer(case: Case):
    honest = evaluate.evaluate([case], [evaluate.classical()]).rows["classical"]
    wrong = Case(shuffled(case.stack, 0), case.truth_m, case.name)
    ruined = evaluate.evaluate([wrong], [evaluate.classical()]).rows["classical"]
    assert ruined["mae_dioptres"] > 3 * honest["mae_dioptres"]


@pytest.mark.slow
def test_the_layered_renderer_agrees_with_the_traced_lens(monkeypatch: pytest.MonkeyPatch):
    """Two ways to the same stack: one scene, two kinds of optics."""
    monkeypatch.setattr(protocols, "SIZE", (120, 160))
    monkeypatch.setattr(protocols, "TRACED_SAMPLES", 32)
    protocol = PROTOCOLS["crop"]
    traced = next(traced_cases(protocol, 1))
    rendered = next(rendered_cases(protocol, open_source("procedural"), 1))
    np.testing.assert_allclose(
        np.nanmedian(traced.truth_m), np.nanmedian(rendered.truth_m), rtol=0.05
    )
    for one, two in zip(traced.stack.frames, rendered.stack.frames, strict=True):
        assert psnr(one.rgb / 255, two.rgb / 255) > 24


def eval_command(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edgedepth", "eval", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.slow
def test_the_command_prints_protocol_data_and_baselines():
    done = eval_command("--protocol", "phone", "--limit", "1")
    assert done.returncode == 0, done.stderr
    for words in ("K 1.64 px/D", "data procedural, 1 scene\n", "mean depth", "classical", "N=6"):
        assert words in done.stdout
    record = json.loads(
        eval_command("--protocol", "phone", "--limit", "1", "--frames", "3", "--json").stdout
    )
    assert record[0]["frames"] == 3
    more = eval_command("--protocol", "phone", "--limit", "1", "--frames", "20")
    assert "N=6" in more.stdout
    assert list(record[0]["rows"]) == ["mean depth", "classical", "classical, relative blur"]


@pytest.mark.parametrize(
    ("arguments", "words", "code"),
    [
        (["nowhere.tflite"], "nowhere.tflite does not exist", 1),
        (["--data", "rgbd:/nowhere"], "not a folder", 1),
        (["--protocol", "best"], "Invalid value for '--protocol'", 2),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], words: str, code: int):
    done = eval_command(*arguments)
    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_traced_pictures_are_kept_and_found_again(tmp_path: Path):
    """A camera that was here before looks them up; another lens, scene or damage traces anew."""
    traced: list[tuple[str, float]] = []

    def camera(scene: RgbdScene) -> album.Shoot:
        def shoot(protocol: protocols.Protocol) -> np.ndarray:
            traced.append((scene.name, protocol.coc_px_per_dioptre))
            value = len(traced) / 7
            return np.full((len(protocol.planes_m), 4, 4, 3), value, np.float32)

        return album.kept(tmp_path / "album", scene, shoot, 4)

    rgb, depth = np.full((4, 4, 3), 0.5, np.float32), np.ones((4, 4), np.float32)
    scene = RgbdScene(rgb, depth, np.ones((4, 4), bool), "one")
    first = camera(scene)(PROTOCOLS["phone"])
    np.testing.assert_array_equal(camera(scene)(PROTOCOLS["phone"]), first)
    assert len(traced) == 1
    camera(scene)(PROTOCOLS["crop"])
    camera(dataclasses.replace(scene, depth_m=2 * depth))(PROTOCOLS["phone"])
    assert len(traced) == 3
    for path in (tmp_path / "album").iterdir():
        path.write_bytes(path.read_bytes()[:50])
    camera(scene)(PROTOCOLS["phone"])
    assert len(traced) == 4
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot keep pictures"):
        album.kept(tmp_path / "file", scene, lambda _: first, 4)(PROTOCOLS["phone"])
