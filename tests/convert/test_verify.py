"""The comparison with the training graph passes what is right and fails what is broken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from edgedepth.convert import flatbuffer, metadata, verify
from edgedepth.convert.running import Session
from tests.capture.tiny_model import build, tiny_spec

SPEC = tiny_spec(frames=3)


@pytest.fixture(scope="module")
def stacks() -> list[verify.CheckStack]:
    return verify.check_stacks(SPEC, 1)


def test_check_stacks_are_what_a_model_takes(stacks: list[verify.CheckStack]) -> None:
    (stack,) = stacks
    assert stack.inputs["frame_2"].shape == (1, SPEC.height, SPEC.width, SPEC.channels)
    assert stack.inputs["focus"].shape == (1, 3)
    assert np.all(np.diff(stack.inputs["focus"][0]) > 0)  # far to near
    assert stack.inputs["optics"].shape == (1, 3)
    assert stack.depth_m.shape == stack.valid.shape == (SPEC.height, SPEC.width)
    again = verify.check_stacks(SPEC, 1)[0]
    np.testing.assert_array_equal(again.inputs["frame_1"], stack.inputs["frame_1"])


def test_check_stacks_of_a_model_with_a_sharp_frame_first() -> None:
    spec = replace(
        SPEC,
        preset="paper",
        frames=4,
        cue_planes=0,
        focus_encoding="metres",
        output="metres",
        all_in_focus_first=True,
    )
    (stack,) = verify.check_stacks(spec, 1)
    assert set(stack.inputs) == {"frame_0", "frame_1", "frame_2", "frame_3", "focus"}
    assert stack.inputs["focus"][0, 0] == 0
    assert stack.inputs["frame_0"].shape[-1] == 3


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return build(tmp_path_factory.mktemp("model") / "tiny.tflite", SPEC).read_bytes()


def agreement(data: bytes, stacks: list[verify.CheckStack], spoil: float = 0.0) -> verify.Agreement:
    """The hand-made model against itself, off by ``spoil`` in its own output."""
    own = Session(data)

    def reference(inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        outputs = own.run_real("infer", inputs)
        return {**outputs, "inverse_depth": outputs["inverse_depth"] + np.float32(spoil)}

    return verify.agreement(reference, data, SPEC, stacks)


def test_a_file_agrees_with_itself(data: bytes, stacks: list[verify.CheckStack]) -> None:
    found = agreement(data, stacks)
    depth = found.outputs["inverse_depth"]
    assert depth.max_lsb == 0
    assert depth.share_within_1_lsb == 1
    assert found.mae_dioptres[0] == found.mae_dioptres[1] > 0
    assert found.streaming == 0
    assert found.failures(verify.STRICT_LIMITS["int8"]) == []


def test_an_offset_is_measured_in_steps_and_refused(
    data: bytes, stacks: list[verify.CheckStack]
) -> None:
    found = agreement(data, stacks, spoil=0.5)
    depth = found.outputs["inverse_depth"]
    assert depth.max_lsb == pytest.approx(0.5 / depth.lsb, rel=1e-3)
    failures = found.failures(verify.LIMITS["int8"])
    assert any("inverse_depth differs by" in line for line in failures)
    assert any("PSNR" in line for line in failures)


def test_nan_is_refused(data: bytes, stacks: list[verify.CheckStack]) -> None:
    found = agreement(data, stacks, spoil=float("nan"))
    assert found.failures(verify.LIMITS["dynamic"])


@pytest.mark.parametrize(
    ("streaming", "unit", "passes"),
    [(0.0, "LSB", True), (1.0, "LSB", False), (9e-4, "D", True), (2e-3, "D", False)],
)
def test_streaming_must_equal_infer(streaming: float, unit: str, passes: bool) -> None:
    found = verify.Agreement({}, (0.1, 0.1), (0.5, 0.5), streaming, unit)
    assert (found.streaming_failures() == []) is passes


@pytest.mark.parametrize(
    ("mae", "delta1", "what"),
    [((0.1, 0.2), (0.5, 0.5), "MAE grows by 0.1"), ((0.1, 0.1), (0.9, 0.8), "delta1 falls by 0.1")],
)
def test_loss_against_the_truth_is_refused(
    mae: tuple[float, float], delta1: tuple[float, float], what: str
) -> None:
    (line,) = verify.Agreement({}, mae, delta1, None).failures(verify.LIMITS["int8"])
    assert line.startswith(what)


def test_strict_limits_are_tighter() -> None:
    for precision, loose in verify.LIMITS.items():
        strict = verify.STRICT_LIMITS[precision]
        for output in ("inverse_depth", "confidence"):
            a, b = strict.of(output), loose.of(output)
            assert a.max_lsb < b.max_lsb
            assert a.psnr_db > b.psnr_db
            assert a.correlation >= b.correlation
        assert strict.mae_change_dioptres < loose.mae_change_dioptres


@pytest.mark.train
@pytest.mark.parametrize("precision", ["int8", "fp16", "fp32", "dynamic"])
def test_converted_network_agrees_and_streams(
    converted: Callable[[str], bytes], precision: str
) -> None:
    from edgedepth.convert.export import INFER, signature_functions
    from edgedepth.convert.pipeline import training_graph
    from tests.convert.sketch import Sketch, sketch_spec

    net = Sketch(sketch_spec(), quantized=precision == "int8")
    reference = training_graph(signature_functions(net)[INFER])
    data = converted(precision)
    spec = metadata.embedded_spec(flatbuffer.parse(data))
    assert spec is not None
    assert spec.precision == precision
    found = verify.agreement(reference, data, spec, verify.check_stacks(spec, 2))
    assert found.failures(verify.LIMITS[precision]) == []  # type: ignore[index]
    assert found.streaming_failures() == []
    assert found.streaming_unit == ("LSB" if precision == "int8" else "D")
    depth = found.outputs["inverse_depth"]
    assert depth.correlation is not None  # the sketch answers more than a constant


@pytest.mark.train
def test_spoiled_weights_are_found_and_the_layer_named(
    converted: Callable[[str], bytes],
) -> None:
    from edgedepth.convert import divergence
    from edgedepth.convert.export import INFER, signature_functions
    from edgedepth.convert.pipeline import training_graph
    from tests.convert.sketch import Sketch, sketch_spec

    net = Sketch(sketch_spec(), quantized=True)
    stack = verify.check_stacks(net.spec, 1)[0]
    found = divergence.departures(net, "int8", stack.inputs)
    assert {"CONV_2D", "DEPTHWISE_CONV_2D", "LOGISTIC"} <= {d.kind for d in found}
    assert divergence.first_departure(found, share=0.05) is None

    spoiled = Sketch(sketch_spec(), quantized=True)
    spoiled.point.assign(-spoiled.point)
    raw = divergence.infer_alone(spoiled, "int8")
    first = divergence.first_departure(divergence.departures(net, "int8", stack.inputs, raw))
    assert first is not None
    assert first.layer.startswith("combiner/score")
    reference = training_graph(signature_functions(spoiled)[INFER])
    broken = verify.agreement(reference, converted("int8"), net.spec, [stack])
    assert broken.failures(verify.LIMITS["int8"])
