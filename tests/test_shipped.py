"""The shipped model on the shipped sweep, whose true depth the renderer knows."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edgedepth import baselines, cards
from edgedepth.capture import infer_depth, read_sweep, register_sweep
from edgedepth.capture.modelfile import default_model_path, read_model_file
from edgedepth.capture.runtimes import Runtime, choose
from edgedepth.convert import flatbuffer, verify
from edgedepth.convert.audit import audit
from edgedepth.convert.running import Session
from edgedepth.evaluate import model_file
from edgedepth.metrics import depth_metrics
from edgedepth.protocols import shuffled

ROOT = Path(__file__).resolve().parent.parent
DESK = ROOT / "edgedepth" / "samples" / "desk"
LARGEST_BYTES = 1_000_000


@pytest.fixture(scope="module")
def truth_m() -> NDArray[np.float32]:
    depth = cv2.imread(str(ROOT / "tests" / "golden" / "desk_depth_mm.png"), cv2.IMREAD_UNCHANGED)
    small = cv2.resize(depth, (640, 480), interpolation=cv2.INTER_NEAREST)
    return np.where(small > 0, small / np.float32(1000), np.nan).astype(np.float32)


def test_every_precision_is_shipped_and_small():
    files = {read_model_file(p).spec.precision: p for p in cards.shipped_models()}
    assert {"int8", "fp16", "fp32"} <= set(files)
    for path in files.values():
        assert path.stat().st_size <= LARGEST_BYTES
    assert default_model_path() in files.values()
    spec = read_model_file().spec
    assert (spec.height, spec.width, spec.frames, spec.streaming) == (240, 320, 5, True)


def test_a_run_takes_at_most_300_million_multiply_adds_at_every_precision():
    found = [
        audit(flatbuffer.parse(path.read_bytes())).graph("infer").macs
        for path in cards.shipped_models()
    ]
    assert 100e6 < max(found) <= 300e6
    assert max(found) - min(found) < 0.02 * max(found)


def test_every_kernel_gives_the_same_bits():
    path = default_model_path()
    stack = verify.check_stacks(read_model_file(path).spec, 1)[0]
    fast, plain = (Session(path.read_bytes(), xnnpack=use) for use in (True, False))
    kinds = [{op["op_name"] for op in session.operators()} for session in (fast, plain)]
    assert ["DELEGATE" in kind for kind in kinds] == [True, False]
    answers = [s.run("infer", s.stored("infer", stack.inputs)) for s in (fast, plain)]
    for name, answer in answers[0].items():
        assert answer.astype(int).max() - answer.min() > 50
        np.testing.assert_array_equal(answer, answers[1][name])


def test_the_sample_s_depth_is_the_same_on_either_runtime():
    pytest.importorskip("tflite_runtime", reason="it has no wheel for this Python")
    sweep = read_sweep(DESK)
    results = [infer_depth(sweep, runtime=name) for name in ("litert", "tflite-runtime")]
    assert np.isfinite(results[0].depth_m).mean() > 0.5
    np.testing.assert_array_equal(results[0].depth_m, results[1].depth_m)


@pytest.mark.parametrize(("stretched", "told"), [(0.8, True), (1.0, False), (1.5, True)])
def test_distances_that_do_not_fit_the_blur_are_told(stretched: float, told: bool):
    """Dioptres that are too few make frames blur too fast for them, too many too slowly."""
    true = read_sweep(DESK).focus_dioptres
    given = ",".join(f"{1 / (dioptres * stretched):.5f}" for dioptres in true)
    result = infer_depth(read_sweep(DESK, focus=given))
    assert any("blur" in warning and "times" in warning for warning in result.warnings) == told
    assert result.coc_ratio is not None
    assert result.coc_ratio * stretched == pytest.approx(1.1, abs=0.15)


def test_the_sample_s_depth_is_right(truth_m: NDArray[np.float32]):
    result = infer_depth(read_sweep(DESK), min_confidence=0.0)
    scores = depth_metrics(result.depth_m, truth_m)
    constant = baselines.mean_depth(truth_m.shape, float(np.nanmean(1 / truth_m)))
    assert scores["mae_dioptres"] < 0.5 * depth_metrics(constant, truth_m)["mae_dioptres"]
    assert scores["delta1"] > 0.75


def test_confidence_tells_good_pixels_from_bad(truth_m: NDArray[np.float32]):
    result = infer_depth(read_sweep(DESK), min_confidence=0.0)
    known = np.isfinite(truth_m)
    ratio = np.maximum(result.depth_m / truth_m, truth_m / result.depth_m)
    middle = np.median(result.confidence[known])
    sure = known & (result.confidence > middle)
    unsure = known & (result.confidence <= middle)
    assert (ratio[sure] < 1.25).mean() > (ratio[unsure] < 1.25).mean()


def test_wrong_focus_distances_ruin_the_answer(truth_m: NDArray[np.float32]):
    spec = read_model_file().spec
    stack = register_sweep(read_sweep(DESK), (spec.height, spec.width)).stack
    contestant = model_file(default_model_path())

    def error(of: Any) -> float:
        depth = cv2.resize(contestant.predict(of).depth_m, (640, 480), interpolation=cv2.INTER_AREA)
        return depth_metrics(depth, truth_m)["mae_dioptres"]

    assert error(shuffled(stack, 0)) > 1.5 * error(stack)


def test_one_frame_runs_with_a_warning(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-m", "edgedepth", "infer", DESK / "frame_02.jpg", "-o", tmp_path / "d"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "d" / "report.json").read_text())
    assert any("frame" in warning for warning in report["warnings"])


def test_frame_order_does_not_matter():
    """The reference stays; the others may come in any order."""
    sweep = read_sweep(DESK)
    model = read_model_file()
    engine = Runtime(model.path, choose("auto"), 2)
    from dataclasses import replace

    from edgedepth.capture.inference import run_stack

    stack = register_sweep(sweep, (model.spec.height, model.spec.width)).stack
    turned = replace(stack, frames=(stack.frames[0], *stack.frames[:0:-1]))
    one, two = run_stack(stack, model, engine), run_stack(turned, model, engine)
    np.testing.assert_array_equal(one.dioptres, two.dioptres)


@pytest.mark.train
def test_the_8_bit_weights_shipped_were_trained_on_the_grids_of_today():
    """Put on others when they are converted, they lose what training won."""
    pytest.importorskip("tensorflow", reason="needs the train extra")
    from edgedepth.learn.adapt import starting_run
    from edgedepth.models.fakequant import Mode
    from edgedepth.models.presets import make_network, preset_spec

    run = starting_run(None)
    config, trained = run.config(), run.load_weights("qat")
    net = make_network(preset_spec(config.preset, config.height, config.width), Mode.QUANTIZED)
    net.load_weights(trained)
    for name, now in net.weights().items():
        np.testing.assert_allclose(now, trained[name], rtol=1e-5, atol=1e-7, err_msg=name)


@pytest.mark.train
def test_a_run_s_8_bit_weights_are_put_on_their_grids_when_it_is_loaded(tmp_path: Path):
    """So that `eval RUN` scores what `convert RUN` writes."""
    pytest.importorskip("tensorflow", reason="needs the train extra")
    from edgedepth.files import write_arrays
    from edgedepth.learn.adapt import starting_run
    from edgedepth.models.checkpoint import load_run
    from edgedepth.rundir import RunDirectory

    run = RunDirectory(shutil.copytree(starting_run(None).path, tmp_path / "run"))
    trained = run.load_weights("qat")
    kernels = [name for name in trained if name.endswith("/kernel")]
    off = {name: w * np.float32(1.003) if name in kernels else w for name, w in trained.items()}
    write_arrays(run.weights_path("qat"), off)
    loaded = load_run(run.path, quantized=True, height=32, width=48)
    assert len(loaded.kernels()) == len(kernels)
    for layer in loaded.kernels():
        quant = layer.weight_quant
        pairs = quant.last(layer.kernel, lambda w, step=quant.step: w / (2 * step)).numpy()
        np.testing.assert_allclose(pairs, np.round(pairs), atol=1e-3)
