"""Cells, inputs, the yardstick, the timing loop, children: without a whole benchmark."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgedepth.bench import children, crosscheck, inputs, running, worker
from edgedepth.bench.cells import make_cells, modes, parse_runtimes, parse_threads
from edgedepth.bench.measure import Plan, steps
from edgedepth.bench.peak import CHANNELS, MACS, SIDE, Kind, write_peak_model
from edgedepth.capture.inference import run_stack
from edgedepth.capture.modelfile import ModelFile, read_model_file
from edgedepth.capture.runtimes import Runtime
from edgedepth.errors import UserError
from tests.capture.tiny_model import build, tiny_spec


def test_every_combination_once(model: Path) -> None:
    file = read_model_file(model)
    other = ModelFile(Path("other.tflite"), replace(file.spec, streaming=False))
    cells = make_cells([(file, 5), (other, 5)], ["litert", "tflite-runtime"], [True, False], [1, 2])
    assert len(cells) == len({cell.label for cell in cells}) == (2 + 1) * 2 * 2 * 2


def test_the_ways_of_running(model: Path) -> None:
    spec = read_model_file(model).spec
    assert modes(spec, 5) == ["unrolled", "streaming"]
    assert modes(spec, 3) == ["streaming"]
    assert modes(replace(spec, streaming=False), 5) == ["unrolled"]
    assert modes(replace(spec, frames=0), 5) == ["streaming"]


def test_threads() -> None:
    assert parse_threads("1,2, 4,2") == [1, 2, 4]
    for text in ("0", "65", "", "two", "1,,2"):
        with pytest.raises(ValueError, match=r".+"):
            parse_threads(text)


def test_runtimes() -> None:
    assert parse_runtimes("litert, litert,auto") == ["litert"]
    with pytest.raises(UserError, match="nonsense is unknown"):
        parse_runtimes("litert,nonsense")


@pytest.mark.parametrize("kind", ["int8", "fp32"])
def test_the_yardstick_runs_and_is_what_it_says(kind: Kind, tmp_path: Path) -> None:
    from edgedepth.convert import flatbuffer, graph
    from edgedepth.convert.running import xnnpack_partitions

    path = write_peak_model(tmp_path / "peak.tflite", kind)
    parsed = flatbuffer.read(path)
    assert graph.macs(parsed, parsed.subgraphs[0]) == MACS
    taken = xnnpack_partitions(parsed)["peak"]
    assert (taken.partitions, taken.left) == (1, ())
    signature = Runtime(path, "litert", 1).signature("peak")
    x = signature.inputs["x"]
    assert x.quantized == (kind == "int8")
    rng = np.random.default_rng(0)
    given = x.quantize(rng.uniform(-0.9, 0.9, x.shape).astype(np.float32))
    (answer,) = signature.run({"x": given}).values()
    assert answer.shape == (1, SIDE, SIDE, CHANNELS)
    assert np.std(answer.astype(np.float32)) > 0


def test_a_stream_is_fed_as_infer_feeds_it(model: Path, sweep: Path, tmp_path: Path) -> None:
    """What is timed is the true computation: the runs' last answer is infer's."""
    file = read_model_file(model)
    pictures = inputs.Pictures(sweep)
    engine = Runtime(model, "litert", 1)
    expected = run_stack(pictures.stack(file), file, engine).dioptres
    assert np.std(expected) > 0.05
    running.save_inputs(tmp_path / "in.npz", pictures.model_inputs(file))
    again = running.load_inputs(tmp_path / "in.npz")
    np.testing.assert_array_equal(again.frames, pictures.model_inputs(file).frames)
    assert again.frames.std() > 10
    for mode, parts in (
        ("unrolled", {"whole": 1}),
        ("streaming", {"whole": 1, "per_frame": 5, "after_last_frame": 1}),
    ):
        found = running.runner(engine, {"mode": mode, "inputs": tmp_path / "in.npz"})()
        assert {part: len(seconds) for part, seconds in found.items()} == parts
        assert min(min(seconds) for seconds in found.values()) > 0
    stream = running.runner(engine, {"mode": "streaming", "inputs": tmp_path / "in.npz"})()
    assert stream["per_frame"][-1] < stream["after_last_frame"][0] < stream["whole"][0]


def test_frames_fit_the_model(model: Path, sweep: Path, tmp_path: Path) -> None:
    pictures = inputs.Pictures(sweep)
    three = read_model_file(build(tmp_path / "3.tflite", tiny_spec(frames=3, streaming=False)))
    assert len(pictures.stack(three)) == 3
    assert pictures.stack(three).reference is pictures.stack(read_model_file(model)).reference
    only_stream = read_model_file(build(tmp_path / "s.tflite", tiny_spec(frames=0)))
    assert len(pictures.stack(only_stream)) == 5
    nine = read_model_file(build(tmp_path / "9.tflite", tiny_spec(frames=9, streaming=False)))
    with pytest.raises(UserError, match="takes 9 frames, the sweep has 5"):
        pictures.stack(nine)


@pytest.mark.slow
def test_without_a_sweep_frames_are_rendered(model: Path) -> None:
    file = read_model_file(model)
    long = ModelFile(file.path, replace(file.spec, frames=15))
    pictures = inputs.default_pictures([file, long], 1)
    assert pictures.sweep is None
    frames = pictures.model_inputs(long).frames
    assert frames.shape == (15, 96, 128, file.spec.channels)
    assert frames[..., :3].std() > 10
    assert "rendered" in pictures.source


def test_the_sample_is_the_default(model: Path) -> None:
    pictures = inputs.default_pictures([read_model_file(model)], 1)
    assert pictures.sweep == inputs.SAMPLE
    assert "desk" in pictures.source


def test_the_loop_costs_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two per cent of the fastest model's five milliseconds would be a hundred microseconds."""
    monkeypatch.setattr(worker.gc, "collect", lambda: 0)  # once before the loop, not in it

    def run() -> dict[str, list[float]]:
        start = time.perf_counter()
        return {"whole": [time.perf_counter() - start]}

    costs = []
    for _ in range(20):
        start = time.perf_counter()
        worker.steady(run, 100)
        costs.append((time.perf_counter() - start) / 100)
    assert min(costs) < 50e-6


def test_a_sustained_run_gives_a_curve(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "SHORTEST_WINDOW_S", 0.01)
    points = worker.sustained(lambda: {"whole": [0.25]}, 0.5)
    assert len(points) >= 2
    assert all(p["p50_s"] == p["p90_s"] == 0.25 and p["runs"] > 0 for p in points)
    assert [p["at_s"] for p in points] == sorted(p["at_s"] for p in points)
    assert points[-1]["at_s"] >= 0.04


def test_as_many_ticks_as_announced(
    model: Path, sweep: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgedepth.bench import measure

    asked: list[str] = []

    def child(task: children.Record, timeout_s: float = 0) -> children.Record:
        asked.append(task["what"])
        return {"curve": []}

    monkeypatch.setattr(measure, "run_child", child)
    monkeypatch.setattr(crosscheck, "run_tool", child)
    plan = Plan((read_model_file(model),), ("litert",), (True, False), (1, 2), 40, 4, 1, 60.0, True)
    pictures = inputs.Pictures(sweep)
    ticks: list[str] = []
    measured = measure.run_plan(plan, pictures, ticks.append)
    assert len(ticks) == len(asked) == steps(plan, pictures)
    assert {len(answers) for _, answers in measured.cells} == {4}
    assert {len(answers) for answers in measured.peaks.values()} == {4}
    assert [len(answers) for answers in measured.jobs.values()] == [3]
    first, second = ticks[: len(ticks) // 4], ticks[len(ticks) // 4 : len(ticks) // 2]
    assert sorted(first) != first or first != second, "the order is drawn anew"


class TestChildren:
    def test_a_crash_is_one_line(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        fake = tmp_path / "python"
        fake.write_text("#!/bin/sh\nkill -SEGV $$\n")
        fake.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(fake))
        with pytest.raises(UserError, match=r"litert with x crashed \(SIGSEGV\)"):
            children.run_child({"what": "litert with x"})

    def test_an_exception_is_one_line(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        fake = tmp_path / "python"
        fake.write_text("#!/bin/sh\necho Traceback >&2\necho 'ImportError: nothing' >&2\nexit 1\n")
        fake.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(fake))
        with pytest.raises(UserError, match=r"crashed \(ImportError: nothing\); try another"):
            children.run_child({"what": "x"})

    def test_a_child_that_hangs(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        fake = tmp_path / "python"
        fake.write_text("#!/bin/sh\nexec sleep 30\n")
        fake.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(fake))
        with pytest.raises(UserError, match="did not end within 0 s"):
            children.run_child({"what": "x"}, timeout_s=0.2)

    def test_a_model_that_the_runtime_refuses(self, tmp_path: Path) -> None:
        path = tmp_path / "m.tflite"
        path.write_bytes(b"\x1c\0\0\0TFL3" + bytes(64))
        task = {"kind": "cell", "what": "x", "model": str(path), "runtime": "litert",
                "xnnpack": True, "threads": 1, "mode": "peak", "runs": 1, "warmup": 1}  # fmt: skip
        with pytest.raises(UserError, match=r"m\.tflite") as caught:
            children.run_child(task)
        assert "\n" not in str(caught.value)


def test_the_yardstick_is_of_one_shape() -> None:
    assert MACS == 2 * SIDE**2 * 9 * CHANNELS**2


class TestCrossCheck:
    def test_the_tool_answers_for_the_same_model(self, model: Path) -> None:
        task = {"model": str(model), "runs": 3, "warmup": 1, "threads": 1}
        assert crosscheck.run_tool(task)["p50_s"] > 0

    def test_a_tool_that_fails_is_one_line(self, tmp_path: Path) -> None:
        task = {"model": str(tmp_path / "no.tflite"), "runs": 1, "warmup": 1, "threads": 1}
        with pytest.raises(UserError, match=r"litert-benchmark failed on .*no\.tflite"):
            crosscheck.run_tool(task)

    @pytest.mark.parametrize(("ours", "ratio", "agrees"), [(1.1, 1.1, True), (1.2, 1.2, False)])
    def test_rounds_are_compared_each_with_its_own(
        self, ours: float, ratio: float, agrees: bool
    ) -> None:
        """The second round is three times slower for both: that says nothing."""
        found = crosscheck.summary([[ours] * 3, [3 * ours] * 3], [{"p50_s": 1.0}, {"p50_s": 3.0}])
        assert found["ratio"] == pytest.approx(ratio)
        assert found["agrees"] is agrees

    def test_only_what_the_tool_can_run(self, model: Path) -> None:
        file = read_model_file(model)
        cells = make_cells([(file, 5)], ["litert", "tflite-runtime"], [True, False], [1])
        assert [crosscheck.applies(cell) for cell in cells].count(True) == 1
