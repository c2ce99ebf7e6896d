"""Curves, error against confidence, gains and pictures, on tiny scenes."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import jsonschema
import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgedepth import evalpictures, evaltable, evaluate, protocols
from edgedepth.cli import cli
from edgedepth.commands.eval import CURVE_NAMES
from edgedepth.curves import CURVES, evaluate_curves
from edgedepth.data.sources import open_source
from edgedepth.evaluate import Answer, Contestant
from edgedepth.protocols import (
    PROTOCOLS,
    Stage,
    make_case,
    misaligned,
    rendered_stages,
    single,
    spread,
)
from edgedepth.sparsification import REMOVED, mean_curves, sparsify
from edgedepth.stack import FocalStack, Frame

from .conftest import ROOT
from .test_evaluate import eval_command, flat_stack

SIZE = (48, 64)
SCHEMA = json.loads((ROOT / "docs" / "schemas" / "eval.schema.json").read_text())


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> list[Stage]:
    """Two scenes of 64x48 within reach of the protocol `crop`."""
    monkeypatch.setattr(protocols, "SIZE", SIZE)
    return list(rendered_stages(PROTOCOLS["crop"], open_source("procedural"), 2))


def constant(metres: float) -> Contestant:
    return Contestant(f"{metres} m", lambda stack: Answer(np.full(stack.size, metres, np.float32)))


class TestProtocols:
    def test_planes_between_the_ends(self) -> None:
        phone = PROTOCOLS["phone"]
        for count in (2, 5, 10):
            planes = spread(phone, count).planes_m
            assert (planes[0], planes[-1]) == pytest.approx((0.35, 4.0))
            dioptres = 1 / np.array(planes)
            np.testing.assert_allclose(np.diff(dioptres), np.diff(dioptres)[0])

    def test_single_pictures_are_focused_at_what_they_show(self, small: list[Stage]) -> None:
        for stage in small:
            known = stage.truth_m[np.isfinite(stage.truth_m)]
            (near,), (middle,), (far,) = (
                single(PROTOCOLS["crop"], stage, place).planes_m for place in (0.0, 0.5, 1.0)
            )
            assert np.mean(known < near) == pytest.approx(0.03, abs=0.01)
            assert np.mean(known > far) == pytest.approx(0.03, abs=0.01)
            assert middle == pytest.approx(float(np.median(known)))
            (taken,) = CURVES["frames"].protocol(PROTOCOLS["crop"], 1, stage).planes_m
            assert taken == middle

    def test_crowded_planes(self) -> None:
        gaps = -np.diff(1 / np.array(spread(PROTOCOLS["phone"], 6, 2.5).planes_m))
        assert np.all(np.diff(gaps) < 0)  # the last gaps, far away, are the smallest
        gaps = -np.diff(1 / np.array(spread(PROTOCOLS["phone"], 6, 0.4).planes_m))
        assert np.all(np.diff(gaps) > 0)

    def test_moved_frames(self, texture: NDArray[np.uint8]) -> None:
        stack = FocalStack(tuple(Frame(texture, 0.5 + i) for i in range(3)), 2.0)
        moved = misaligned(stack, 3.0, seed=0)
        np.testing.assert_array_equal(moved.frames[0].rgb, texture)
        assert list(moved.focus_dioptres) == list(stack.focus_dioptres)
        for frame in moved.frames[1:]:
            gray, shifted = (p.astype(np.float64).mean(2) for p in (texture, frame.rgb))
            (x, y), response = cv2.phaseCorrelate(gray, shifted)
            assert response > 0.5
            assert np.hypot(x, y) == pytest.approx(3, abs=0.1)
        assert misaligned(stack, 0.0, seed=0) is stack

    def test_cases_of_a_stage_are_those_of_the_source(self, small: list[Stage]) -> None:
        source = open_source("procedural")
        (case,) = protocols.rendered_cases(PROTOCOLS["crop"], source, 1)
        again = make_case(PROTOCOLS["crop"], small[0], small[0].shoot(PROTOCOLS["crop"]))
        np.testing.assert_array_equal(case.stack.frames[1].rgb, again.stack.frames[1].rgb)
        np.testing.assert_array_equal(case.truth_m, again.truth_m)


class TestCurves:
    def test_every_point_scores_everyone(self, small: list[Stage]) -> None:
        contestants = [evaluate.classical(), constant(1.0)]
        ticks: list[str] = []
        found = evaluate_curves(PROTOCOLS["crop"], small, contestants, tick=ticks.append)
        assert [curve["name"] for curve in found] == list(CURVES)
        for curve in found:
            values = [point["value"] for point in curve["points"]]
            assert values == list(CURVES[curve["name"]].values)
            for point in curve["points"]:
                assert list(point["rows"]) == ["mean depth", "classical", "1.0 m"]
                assert list(point["gains"]) == ["1.0 m"]
        json.dumps(found)
        assert len(ticks) == len(small) * len(CURVES)
        flat = {
            round(point["rows"]["1.0 m"]["mae_dioptres"], 9)
            for curve in found
            for point in curve["points"]
        }
        assert len(flat) == 1, "the truth is the same at every point"

    def test_they_vary_what_they_say(self, small: list[Stage]) -> None:
        seen: list[FocalStack] = []

        def look(stack: FocalStack) -> Answer:
            seen.append(stack)
            return Answer(np.ones(stack.size, np.float32))

        spies = [Contestant("spy", look)]

        def stacks(name: str) -> list[FocalStack]:
            seen.clear()
            evaluate_curves(PROTOCOLS["crop"], small[:1], spies, [name])
            return list(seen)

        assert [len(stack) for stack in stacks("frames")] == [1, 2, 3, 5, 8, 10]
        assert [s.coc_px_per_dioptre for s in stacks("coc")] == list(CURVES["coc"].values)
        straight, shuffled = stacks("shuffle")
        assert list(straight.focus_dioptres) != list(shuffled.focus_dioptres)
        assert sorted(straight.focus_dioptres) == sorted(shuffled.focus_dioptres)
        grain = [np.std(np.diff(s.frames[0].rgb.astype(float), axis=1)) for s in stacks("noise")]
        assert grain == sorted(grain)
        assert grain[-1] > 1.3 * grain[0]

    def test_a_scene_is_photographed_once_per_camera(self, small: list[Stage]) -> None:
        stage, shots = small[0], []

        def shoot(protocol: protocols.Protocol) -> NDArray[np.float32]:
            shots.append(protocol)
            return stage.shoot(protocol)

        counted = Stage(stage.scene, shoot, 0)
        names = ["noise", "misalignment", "shuffle", "coc"]
        evaluate_curves(PROTOCOLS["crop"], [counted], [constant(1.0)], names)
        assert len(shots) == len(CURVES["coc"].values)  # K of `crop` is one of them


Maps = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]


@pytest.fixture
def maps() -> Callable[[str], Maps]:
    """Depth, truth, and a confidence that is perfect, meaningless or the wrong way round."""
    rng = np.random.default_rng(0)
    truth = rng.uniform(0.5, 4, SIZE).astype(np.float32)
    errors = rng.exponential(0.1, SIZE)
    depth = (1 / (1 / truth + errors)).astype(np.float32)

    def make(kind: str) -> Maps:
        sure = {"perfect": -errors, "wrong": errors, "none": np.zeros(SIZE)}
        return depth, sure.get(kind, rng.uniform(size=SIZE)).astype(np.float32), truth

    return make


class TestConfidence:
    def test_a_perfect_one(self, maps: Callable[[str], Maps]) -> None:
        found = sparsify(*maps("perfect"))
        assert found.ause == pytest.approx(0, abs=1e-3)
        assert found.error[0] == found.oracle[0] == 1
        assert list(found.oracle) == sorted(found.oracle, reverse=True)

    @pytest.mark.parametrize("kind", ["none", "random"])
    def test_one_without_meaning(self, maps: Callable[[str], Maps], kind: str) -> None:
        found = sparsify(*maps(kind))
        assert np.abs(np.array(found.error) - 1).max() < 0.15
        assert 0.3 < found.ause < 1

    def test_what_the_help_says_of_one_without_meaning(self) -> None:
        """It keeps the error at 1, so what it has follows from the oracle's curve alone."""
        results = json.loads((ROOT / "docs" / "results" / "eval.json").read_text())
        worth = [
            1 - np.mean(found["oracle"])
            for report in results["reports"]
            for found in report["confidence"].values()
        ]
        assert len(worth) > 6
        assert 0.55 < min(worth) < np.mean(worth) < max(worth) < 0.8
        help_text = CliRunner().invoke(cli, ["eval", "-h"]).output
        assert "about 0.7 (0.55 to 0.8 on ours)" in " ".join(help_text.split())
        assert round(float(np.mean(worth)), 1) == 0.7

    def test_the_wrong_way_round_is_worse(self, maps: Callable[[str], Maps]) -> None:
        assert sparsify(*maps("wrong")).ause > sparsify(*maps("none")).ause + 0.3

    def test_unknown_pixels_do_not_count(self, maps: Callable[[str], Maps]) -> None:
        depth, sure, truth = maps("perfect")
        holes = truth.copy()
        holes[::2] = np.nan
        lies = sure.copy()
        lies[::2] = 9.0
        assert sparsify(depth, lies, holes).ause == pytest.approx(0, abs=2e-3)
        with pytest.raises(ValueError, match="no valid pixel"):
            sparsify(depth, sure, np.full_like(truth, np.nan))

    def test_no_error_at_all(self, maps: Callable[[str], Maps]) -> None:
        _, sure, truth = maps("random")
        assert sparsify(truth, sure, truth).ause == 0

    def test_means(self, maps: Callable[[str], Maps]) -> None:
        one, two = sparsify(*maps("perfect")), sparsify(*maps("wrong"))
        middle = mean_curves([one, two])
        assert middle.ause == pytest.approx((one.ause + two.ause) / 2)
        assert len(middle.error) == len(REMOVED)
        with pytest.raises(ValueError, match="no scenes"):
            mean_curves([])


class TestGain:
    def test_half_the_error(self) -> None:
        theirs = np.array([0.1, 0.2, 0.3, 0.4])
        found = evaluate.gain(theirs / 2, theirs)
        assert (found.change, found.low, found.high) == pytest.approx((-0.5, -0.5, -0.5))
        assert found.scenes_better == 1

    @given(st.integers(0, 1000))
    def test_the_interval_holds_the_change(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        found = evaluate.gain(rng.uniform(0.1, 1, 12), rng.uniform(0.1, 1, 12))
        assert found.low <= found.change <= found.high
        assert 0 <= found.scenes_better <= 1

    def test_without_a_classical_row_there_is_none(self, small: list[Stage]) -> None:
        crop = PROTOCOLS["crop"]
        case = make_case(crop, small[0], small[0].shoot(crop))
        assert evaluate.evaluate([case], [constant(1.0)]).gains == {}


class TestPictures:
    def result(self, errors: list[float]) -> evaluate.Result:
        scores = {"x": [{"mae_dioptres": error} for error in errors]}
        return evaluate.Result({}, [str(e) for e in errors], scores)

    def test_the_scenes(self) -> None:
        found = evalpictures.chosen_scenes(self.result([0.3, 0.1, 0.5, 0.2, 0.4]), "x")
        assert found == {"best": 1, "median": 0, "worst": 2}
        assert evalpictures.chosen_scenes(self.result([0.3]), "x") == dict.fromkeys(found, 0)

    def test_a_scene_shows_every_answer_in_the_truths_colours(self, small: list[Stage]) -> None:
        crop = PROTOCOLS["crop"]
        case = make_case(crop, small[0], small[0].shoot(crop))
        answers = {"truth again": Answer(case.truth_m), "far": Answer(case.truth_m * 3)}
        picture = evalpictures.draw_scene(case, answers, dict.fromkeys(answers, 0.1))
        width = picture.shape[1] // 4
        tiles = [picture[28:, i * width : (i + 1) * width].astype(int) for i in range(4)]
        assert np.abs(tiles[1] - tiles[2]).max() == 0
        assert np.abs(tiles[1] - tiles[3]).mean() > 20

    def test_curves_show_what_is_worse(self) -> None:
        def curve(*errors: float) -> dict[str, object]:
            rows = [{"mean depth": {"mae_dioptres": 0.4}, "x": {"mae_dioptres": e}} for e in errors]
            points = [{"value": i, "rows": row} for i, row in enumerate(rows)]
            return {"name": "c", "label": "label", "points": points}

        def height(picture: NDArray[np.uint8]) -> float:
            colour = np.array(evalpictures.COLOURS[0])
            return float(np.nonzero((picture[110:] == colour).all(2))[0].mean())

        low = evalpictures.draw_curves([curve(0.1, 0.1)], "t")
        high = evalpictures.draw_curves([curve(0.3, 0.3)], "t")
        assert height(high) < height(low) - 50
        assert evalpictures.draw_curves([curve(0.1, 0.2)] * 3, "t").shape[0] > low.shape[0]


class TestTables:
    @pytest.fixture
    def report(self, small: list[Stage]) -> dict[str, Any]:
        crop = PROTOCOLS["crop"]
        contestants = [evaluate.classical(), constant(1.0)]
        cases = [make_case(crop, stage, stage.shoot(crop)) for stage in small]
        result = evaluate.evaluate(cases, contestants)
        ause = {name: {"ause": found.ause} for name, found in result.confidence.items()}
        return {
            "protocol": dataclasses.asdict(crop), "data": "procedural", "scenes": result.scenes,
            "frames": 6, "shuffled_focus": False, "rows": result.rows, "confidence": ause,
            "gains": {name: dataclasses.asdict(gain) for name, gain in result.gains.items()},
            "curves": evaluate_curves(crop, small, contestants, ["shuffle"]),
        }  # fmt: skip

    def test_terminal(self, report: dict[str, Any]) -> None:
        text = evaltable.terminal(report)
        lines = text.splitlines()
        assert "K 6.55 px/D" in lines[1]
        assert lines[2] == "  data procedural, 2 scenes"
        rows = {line.split("  ")[1]: line for line in lines[4:7]}
        assert list(rows) == ["mean depth", "classical", "1.0 m"]
        assert rows["1.0 m"].endswith(")")
        assert f"{report['confidence']['classical']['ause']:.3f}" in rows["classical"]
        assert "MAE D by focus distances shuffled" in text

    def test_markdown(self, report: dict[str, Any]) -> None:
        text = evaltable.markdown([report])
        assert text.count("\n| ") == 4
        assert text.startswith("`crop`, the same camera at a 4x native crop: K 6.55")
        curves = evaltable.markdown_curves([report])
        assert curves.splitlines()[2] == "|  | 0 | 1 |"
        assert f"{report['rows']['classical']['mae_dioptres']:.3f}" in curves


@pytest.mark.slow
def test_the_command(tmp_path: Path) -> None:
    folder = tmp_path / "look"
    done = eval_command(
        "--protocol", "crop", "--limit", "1", "--curve", "shuffle", "--curve", "misalignment",
        "--pictures", folder, "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (report,) = json.loads(done.stdout)
    jsonschema.validate(report, {"$ref": "#/$defs/report", "$defs": SCHEMA["$defs"]})
    assert [curve["name"] for curve in report["curves"]] == ["shuffle", "misalignment"]
    straight, shuffled = report["curves"][0]["points"]
    mae = [point["rows"]["classical"]["mae_dioptres"] for point in (straight, shuffled)]
    assert mae[1] > 3 * mae[0]
    assert mae[0] == report["rows"]["classical"]["mae_dioptres"]
    assert 0 < report["confidence"]["classical"]["ause"] < 1
    assert sorted(path.name for path in folder.iterdir()) == [
        f"crop-{name}.png" for name in ("best", "confidence", "curves", "median", "worst")
    ]
    for path in folder.iterdir():
        assert cv2.imread(str(path)).std() > 5


def test_a_fixed_model_gets_as_many_frames_as_it_takes(tmp_path: Path) -> None:
    from .capture.tiny_model import build, tiny_spec

    three = evaluate.model_file(
        build(tmp_path / "three.tflite", tiny_spec(frames=3, streaming=False))
    )
    answer = three.predict(flat_stack(7))
    assert answer.depth_m.shape == (8, 8)
    assert answer.confidence is not None
    assert answer.confidence.shape == (8, 8)


def test_two_models_of_one_name(tmp_path: Path) -> None:
    from .capture.tiny_model import build, tiny_spec

    (tmp_path / "other").mkdir()
    for folder in (tmp_path, tmp_path / "other"):
        build(folder / "tiny.tflite", tiny_spec())
    done = eval_command(tmp_path / "tiny.tflite", tmp_path / "other" / "tiny.tflite")
    assert done.returncode == 1
    assert done.stderr == (
        "edgedepth: two models are named tiny.tflite; rename one: rows go by name\n"
    )


def test_pictures_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = eval_command("--limit", "1", "--pictures", tmp_path / "file" / "look")
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert "Not a directory" in done.stderr


def test_every_curve_can_be_asked_for() -> None:
    assert set(CURVE_NAMES) == set(CURVES)
