"""The shipped models on the app's own code path: its core, its pipeline, TFLite's Android library.

No phone is at hand, so Android's x86-64 library runs on the desktop's Java (see
``android_demo/hosttest``). Python hands over the frames that it aligned itself; what comes back is
compared with what Python's runtime makes of the same frames.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edgedepth.capture.decode import decode
from edgedepth.capture.fusion import all_in_focus
from edgedepth.capture.inference import Depth, in_focus_order, prepare, run_stack, settled
from edgedepth.capture.modelfile import ModelFile, read_model_file
from edgedepth.capture.register import RegisteredSweep, cue_size, register_sweep
from edgedepth.capture.runtimes import Runtime
from edgedepth.capture.sweep import Sweep, read_sweep
from edgedepth.preprocess import SweepRange
from tests.android import host

pytestmark = pytest.mark.slow

DESK = host.ROOT / "edgedepth" / "samples" / "desk"
PRETRAINED = host.ROOT / "edgedepth" / "pretrained"
MODELS = ("int8", "fp16")
MOST_STEPS = 2
"""Of an int8 output's grid: kernels of other versions and processors round otherwise."""

FARTHEST_CONFIDENCE = 16 / 256
FLOAT_TOLERANCE_D = 2e-3
FLOAT_TOLERANCE = 2e-3


@dataclass(frozen=True)
class Answer:
    """A model's answer by both paths, on the frames that Python aligned.

    Attributes:
        model: it.
        python: by LiteRT.
        folder: what Java wrote.
        step_dioptres: of the output's grid, 0 for a float output.
        step_confidence: the same of the confidence.
        byte_dioptres: of the input plane that holds depth so far.
    """

    model: ModelFile
    python: Depth
    folder: Path
    step_dioptres: float
    step_confidence: float
    byte_dioptres: float

    def java(self, name: str) -> NDArray[np.float32]:
        return host.floats(self.folder / f"{name}.f32", self.python.dioptres.shape)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> host.HostApp:
    return host.build(tmp_path_factory.mktemp("host"))


@pytest.fixture(scope="module")
def sweep() -> Sweep:
    return read_sweep(DESK)


@pytest.fixture(scope="module")
def registered(sweep: Sweep) -> RegisteredSweep:
    spec = read_model_file(PRETRAINED / "edgedepth-mobile-int8.tflite").spec
    return register_sweep(sweep, (spec.height, spec.width))


def job(sweep: Sweep, registered: RegisteredSweep, folder: Path) -> dict[str, Any]:
    """The stack as Python aligned it and the pictures as captured, written for Java."""
    stack = in_focus_order(registered.stack)
    spec = read_model_file(PRETRAINED / "edgedepth-mobile-int8.tflite").spec
    assert cue_size(sweep.size_px, (spec.height, spec.width)) == stack.size
    rgb = host.write_pictures(folder, "rgb", [f.rgb for f in stack.frames])
    captured = [decode(f.image, 1) for f in sweep.frames]
    assert captured[0].shape[:2] == stack.size
    raw = host.write_pictures(folder, "captured", captured)
    aligned = []
    for i, frame in enumerate(stack.frames):
        valid = None
        if frame.valid is not None:
            (valid,) = host.write_pictures(folder, f"valid{i}", [frame.valid])
        aligned.append({"rgb": rgb[i], "valid": valid, "focus_dioptres": frame.focus_dioptres})
    camera = sweep.camera.camera
    return {
        "threads": 2,
        "height": stack.size[0],
        "width": stack.size[1],
        "coc_px_per_dioptre": stack.coc_px_per_dioptre,
        "aligned": aligned,
        "captured": [
            {"rgb": name, "focus_dioptres": focus}
            for name, focus in zip(raw, sweep.focus_dioptres, strict=True)
        ],
        "lens": {
            "focal_length_mm": camera.focal_length_mm,
            "f_number": camera.f_number,
            "sensor_width_mm": camera.sensor_width_mm,
        },
    }


@pytest.fixture(scope="module", params=MODELS)
def answer(
    request: pytest.FixtureRequest,
    app: host.HostApp,
    sweep: Sweep,
    registered: RegisteredSweep,
    tmp_path_factory: pytest.TempPathFactory,
) -> Answer:
    folder = tmp_path_factory.mktemp(request.param)
    host.write_job(folder, job(sweep, registered, folder))
    model = read_model_file(PRETRAINED / f"edgedepth-mobile-{request.param}.tflite")
    said = app.run(model.path, folder)
    assert "runtime tensorflow-lite 2.16.1" in said
    engine = Runtime(model.path, "litert", 2)
    python = run_stack(registered.stack, model, engine)
    outputs = engine.signature("decode").outputs
    span = SweepRange.of(registered.stack.focus_dioptres).span
    return Answer(
        model,
        python,
        folder,
        outputs["inverse_depth"].scale * span,
        outputs["confidence"].scale,
        span / 255,
    )


def test_the_app_packs_the_frames_that_python_packs(
    answer: Answer, registered: RegisteredSweep
) -> None:
    inputs = prepare(registered.stack, answer.model.spec)
    for i, frame in enumerate(inputs.frames):
        packed = np.frombuffer((answer.folder / f"packed_{i}.raw").read_bytes(), np.uint8)
        difference = np.abs(packed.reshape(frame.shape).astype(int) - frame)
        assert difference.max() <= 1
        assert (difference > 0).mean() < 1e-3


def test_the_app_gives_the_depth_that_python_gives(answer: Answer) -> None:
    difference = np.abs(answer.java("aligned_dioptres") - answer.python.dioptres)
    own = MOST_STEPS * answer.step_dioptres if answer.step_dioptres else FLOAT_TOLERANCE_D
    # A byte of the plane that holds depth so far goes straight into the answer, and a gate on its
    # slope multiplies what the kernels of two runtimes round differently: single pixels.
    farthest = max(own + answer.byte_dioptres, 2 * own if answer.step_dioptres else 0)
    assert difference.max() <= farthest + 1e-5
    assert np.percentile(difference, 99.9) <= own + 1e-5
    assert np.ptp(answer.java("aligned_dioptres")) > 0.5


def test_the_app_settles_the_answer_as_python_does(
    answer: Answer, registered: RegisteredSweep
) -> None:
    raw = replace(
        answer.python,
        dioptres=answer.java("aligned_dioptres"),
        confidence=answer.java("aligned_confidence"),
    )
    given = in_focus_order(registered.stack)
    composite = all_in_focus(given)
    sharp = np.fromfile(answer.folder / "aligned_sharp.raw", np.uint8).reshape(composite.shape)
    assert np.percentile(cv2.absdiff(sharp, composite), 99.9) <= 1
    python = settled(raw, given, sharp, answer.model.spec).dioptres
    assert np.abs(python - raw.dioptres).mean() > 0.003
    difference = np.abs(answer.java("aligned_settled") - python)
    assert np.percentile(difference, 99.9) < 1e-3


def test_the_app_gives_the_confidence_that_python_gives(answer: Answer) -> None:
    assert answer.python.confidence is not None
    difference = np.abs(answer.java("aligned_confidence") - answer.python.confidence)
    if answer.step_confidence:
        assert np.median(difference) <= MOST_STEPS * answer.step_confidence
        assert difference.max() <= FARTHEST_CONFIDENCE
    else:
        assert difference.max() <= FLOAT_TOLERANCE


def test_the_apps_own_alignment_finds_what_pythons_finds(
    answer: Answer, registered: RegisteredSweep
) -> None:
    motions = json.loads((answer.folder / "motions.json").read_text())
    assert len(motions) == len(registered.reports)
    for motion, report in zip(motions, registered.reports, strict=True):
        assert motion["verdict"] == report.motion.verdict
        right, down = report.motion.shift_px
        assert abs(motion["right"] - right) < 0.25
        assert abs(motion["down"] - down) < 0.25
        assert abs(motion["scale"] - report.motion.scale) < 0.25 / 320


def test_the_whole_pipeline_gives_nearly_pythons_depth(
    answer: Answer, registered: RegisteredSweep
) -> None:
    """Its own alignment and brightness included, hence not to the last step."""
    difference = np.abs(answer.java("sweep_dioptres") - answer.python.dioptres)
    assert np.median(difference) < 0.02
    assert np.percentile(difference, 95) < 0.1
    sharp = all_in_focus(registered.stack)
    python = settled(answer.python, registered.stack, sharp, answer.model.spec).dioptres
    difference = np.abs(answer.java("sweep_settled") - python)
    assert np.median(difference) < 0.02
    assert np.percentile(difference, 95) < 0.1


def test_every_symbol_is_bound_to_something(app: host.HostApp) -> None:
    """What Android's library misses in glibc is what the shim answers."""
    host.need("readelf")
    table = host.run(["readelf", "--dyn-syms", "-W", str(app.libraries / "libbionic_shim.so")])
    offered = set(re.findall(r"\b(Z\w+)", table))
    assert {"__errno", "__sF", "sysconf"} <= app.shimmed
    assert {"Z" + name[1:] for name in app.shimmed} <= offered
