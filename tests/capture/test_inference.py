"""From stack to depth: signatures, boundaries, runtimes, limits."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgedepth import stack as stacks
from edgedepth.capture import infer_depth, read_model_file, read_sweep, register_sweep
from edgedepth.capture.inference import initial_state, output_size, run_stack
from edgedepth.capture.modelfile import default_model_path
from edgedepth.capture.runtimes import Runtime, Tensor, choose
from edgedepth.errors import UserError
from edgedepth.stack import FocalStack
from tests.capture.scenes import FAR_M, FOCUS_M, NEAR_M, write_sweep
from tests.capture.tiny_model import build, tiny_spec

LSB = 2 / 255


@pytest.fixture(scope="module")
def stack(good_sweep: Path) -> FocalStack:
    return register_sweep(read_sweep(good_sweep), (96, 128)).stack


def dioptres(stack: FocalStack, path: Path) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    file = read_model_file(path)
    return run_stack(stack, file, Runtime(path, "litert")).dioptres


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_streaming_gives_what_the_unrolled_graph_gives(
    stack: FocalStack, tmp_path: Path, precision: str
) -> None:
    both = build(tmp_path / "a.tflite", tiny_spec(precision=precision))
    alone = build(tmp_path / "b.tflite", tiny_spec(precision=precision, frames=0))
    file = read_model_file(both)
    unrolled = run_stack(stack, file, Runtime(both))
    streamed = run_stack(stack, read_model_file(alone), Runtime(alone))
    assert (unrolled.signature, streamed.signature) == ("infer", "streaming")
    span = 1 / FOCUS_M[0] - 1 / FOCUS_M[-1]
    tolerance = 1e-5 if precision == "fp32" else 12.1 * LSB * span
    np.testing.assert_allclose(unrolled.dioptres, streamed.dioptres, atol=tolerance)


def test_int8_boundary_agrees_with_float(stack: FocalStack, models: Path) -> None:
    apart = dioptres(stack, models / "int8.tflite") - dioptres(stack, models / "float.tflite")
    span = 1 / FOCUS_M[0] - 1 / FOCUS_M[-1]
    assert np.abs(apart).max() < 1.5 * LSB * span


@pytest.mark.parametrize("count", [2, 3, 7, 20])
def test_any_number_of_frames_streams(tmp_path: Path, model: Path, count: int) -> None:
    focus = 1 / np.linspace(2.0, 0.3, count)
    sweep = read_sweep(write_sweep(tmp_path, [float(m) for m in focus]))
    result = infer_depth(sweep, model)
    assert result.raw.signature == "streaming"
    assert np.isfinite(result.depth_m).any()
    said = 1 / result.raw.dioptres
    assert said.min() >= focus.min() * 0.99
    assert said.max() <= focus.max() * 1.01


def test_model_with_metres_and_a_composite_first(stack: FocalStack, tmp_path: Path) -> None:
    """The paper preset: six inputs for five frames, the first being the composite at 0."""
    spec = tiny_spec(frames=6, streaming=False, all_in_focus_first=True, focus_encoding="metres",
                     output="metres", preset="paper")  # fmt: skip
    path = build(tmp_path / "paper.tflite", spec)
    rename_output(path)
    file = read_model_file(path)
    assert file.spec.all_in_focus_first
    answer = run_stack(stack, file, Runtime(path))
    assert answer.signature == "infer"
    assert answer.confidence is None
    assert np.isfinite(answer.dioptres).all()


def rename_output(path: Path) -> None:
    """Make the tiny model answer as the paper preset does: ``depth`` and no confidence."""
    from edgedepth.convert import flatbuffer

    model = flatbuffer.parse(path.read_bytes())
    (signature,) = model.signatureDefs
    signature.outputs = [o for o in signature.outputs if flatbuffer.text(o.name) != "confidence"]
    signature.outputs[0].name = "depth"
    path.write_bytes(flatbuffer.pack(model))


def test_shuffled_focus_distances_give_another_answer(stack: FocalStack, model: Path) -> None:
    wrong = stack.with_focus(stack.focus_dioptres[::-1])
    assert np.abs(dioptres(stack, model) - dioptres(wrong, model)).mean() > 0.1


def test_bytes_enter_an_int8_boundary_exactly() -> None:
    tensor = Tensor((1, 256), np.dtype(np.int8), 1 / 255, -128)
    stored = tensor.quantize_bytes(np.arange(256, dtype=np.uint8))
    np.testing.assert_array_equal(stored[0], np.arange(-128, 128))
    np.testing.assert_allclose(tensor.real(stored)[0], np.arange(256) / 255, atol=1e-6)
    other = Tensor((1, 3), np.dtype(np.int8), 0.01, 0)
    np.testing.assert_array_equal(
        other.quantize_bytes(np.array([0, 128, 255], np.uint8))[0], [0, 50, 100]
    )


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_the_means_start_at_the_first_frames_focus_and_the_rest_at_zero(
    tmp_path: Path, precision: str
) -> None:
    path = build(tmp_path / "m.tflite", tiny_spec(precision=precision))
    encode = Runtime(path).signature("encode_step")
    state = initial_state(encode, 0.8)
    assert set(state) == {"state_means", "state_peaks"}
    real = {name: encode.inputs[name].real(value) for name, value in state.items()}
    assert real["state_means"] == pytest.approx(0.8, abs=1e-6)
    assert (real["state_peaks"] == 0.0).all()


def test_confidence_below_the_limit_becomes_nan(good_sweep: Path, model: Path) -> None:
    sweep = read_sweep(good_sweep)
    everything = infer_depth(sweep, model, min_confidence=0.0)
    certain = infer_depth(sweep, model, min_confidence=0.6)
    assert np.isfinite(everything.depth_m).all()
    np.testing.assert_array_equal(np.isnan(certain.depth_m), certain.confidence < 0.6)
    assert np.isnan(certain.depth_m).any()


def test_alignment_saves_a_shaken_sweep(tmp_path: Path, model: Path) -> None:
    from tests.capture.scenes import similarity

    motions = [
        similarity(1, 0, 0, 0), similarity(0.99, 0.5, 6, -3), similarity(0.98, -1, -8, 2),
        similarity(0.975, 0.3, 3, 9), similarity(0.97, 1, -5, -6),
    ]  # fmt: skip
    shaken = read_sweep(write_sweep(tmp_path / "shaken", motions=motions))
    still = read_sweep(write_sweep(tmp_path / "still"))
    inner = (slice(60, -60), slice(60, -60))

    def error(sweep_result: np.ndarray[tuple[int, int], np.dtype[np.float32]]) -> float:
        return float(np.nanmean(np.abs(1 / sweep_result - 1 / truth)[inner]))

    truth = np.full((480, 640), FAR_M)
    truth[:, :320] = NEAR_M
    reference, aligned = infer_depth(still, model), infer_depth(shaken, model)
    assert error(aligned.depth_m) < 1.1 * error(reference.depth_m) + 0.01
    unaligned = register_sweep(shaken, (96, 128), align=False)
    for i in range(1, 5):
        still_rgb, aligned_rgb, unaligned_rgb = (
            r.stack.frames[i].rgb[inner].astype(int)
            for r in (reference.registered, aligned.registered, unaligned)
        )
        left, before = np.abs(aligned_rgb - still_rgb), np.abs(unaligned_rgb - still_rgb)
        assert left.mean() < 0.3 * before.mean()


def test_frames_of_another_scene_are_left_out(tmp_path: Path, model: Path) -> None:
    from PIL import Image

    from tests.capture.scenes import exif_bytes, texture

    folder = write_sweep(tmp_path)
    Image.fromarray(texture((480, 640), 99)).save(folder / "frame4.jpg", exif=exif_bytes(1.6))
    result = infer_depth(read_sweep(folder), model)
    assert [r.used for r in result.registered.reports] == [True, True, True, False, True]
    assert any(w.startswith("frame4.jpg is left out") for w in result.warnings)
    exact = build(tmp_path / "exact.tflite", tiny_spec(streaming=False))
    with pytest.raises(UserError, match=r"the sweep has 4 without frame4\.jpg"):
        infer_depth(read_sweep(folder), exact)
    for name in ("frame2.jpg", "frame3.jpg", "frame5.jpg"):
        Image.fromarray(texture((480, 640), len(name) + ord(name[5]))).save(
            folder / name, exif=exif_bytes(float(name[5]))
        )
    with pytest.raises(UserError, match=r"no frame could be aligned to frame1.jpg"):
        infer_depth(read_sweep(folder), model)


def test_model_that_was_trained_for_another_lens_warns(good_sweep: Path, tmp_path: Path) -> None:
    path = build(tmp_path / "m.tflite", tiny_spec(trained_coc=(20.0, 30.0)))
    result = infer_depth(read_sweep(good_sweep), path)
    assert any("px per dioptre" in w for w in result.warnings)


def test_output_size_keeps_the_aspect() -> None:
    assert output_size((3072, 4080)) == (482, 640)
    assert output_size((4080, 3072)) == (640, 482)
    assert output_size((100, 200)) == (100, 200)


def test_default_model_is_found_or_missed_clearly() -> None:
    try:
        assert default_model_path().is_file()
    except UserError as error:
        assert "--model" in error.advice  # noqa: PT017


def test_sweep_of_one_width_and_another(good_sweep: Path, model: Path) -> None:
    """K goes with the width of the stack, not of the capture."""
    sweep = read_sweep(good_sweep)
    registered = register_sweep(sweep, (96, 128))
    height, width = registered.stack.size
    assert (height, width) == (384, 512)
    assert registered.stack.coc_px_per_dioptre == pytest.approx(
        sweep.camera.camera.coc_px_per_dioptre(512)
    )
    assert isinstance(registered.stack, stacks.FocalStack)
    assert replace(sweep, warnings=()) == replace(sweep, warnings=())


class TestRuntimes:
    def test_unknown_and_missing(self) -> None:
        with pytest.raises(UserError, match="unknown"):
            choose("onnx")
        assert choose("auto") == "litert"

    def test_numpy_2_and_tflite_runtime_do_not_go_together(
        self, model: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        if importlib.util.find_spec("tflite_runtime") is None:
            with pytest.raises(UserError, match="not installed"):
                choose("tflite-runtime")
            return
        monkeypatch.setattr(np, "__version__", "2.1.0")
        with pytest.raises(UserError, match=r"NumPy 2.1.0"):
            Runtime(model, "tflite-runtime")

    def test_garbage_after_a_good_header(self, tmp_path: Path) -> None:
        (tmp_path / "m.tflite").write_bytes(b"\x1c\0\0\0TFL3" + bytes(range(256)) * 8)
        with pytest.raises(UserError, match=r"m.tflite"):
            read_model_file(tmp_path / "m.tflite")

    @pytest.mark.parametrize("name", ["float.tflite", "int8.tflite"])
    def test_litert_and_tflite_runtime_agree(
        self, good_sweep: Path, models: Path, tmp_path: Path, name: str
    ) -> None:
        if importlib.util.find_spec("tflite_runtime") is None:
            pytest.skip("tflite-runtime is not installed (it has no wheel for this Python)")
        code = (
            "import sys, numpy as np\n"
            "from edgedepth.capture import read_sweep, infer_depth\n"
            "sweep, model, runtime, out = sys.argv[1:]\n"
            "np.save(out, infer_depth(read_sweep(sweep), model, runtime).raw.dioptres)\n"
        )
        answers = []
        for runtime in ("litert", "tflite-runtime"):
            out = tmp_path / f"{runtime}.npy"
            subprocess.run(
                [sys.executable, "-c", code, good_sweep, models / name, runtime, out],
                check=True, capture_output=True, timeout=120,
            )  # fmt: skip
            answers.append(np.load(out))
        span = 1 / FOCUS_M[0] - 1 / FOCUS_M[-1]
        assert np.abs(answers[0] - answers[1]).max() <= 2 * LSB * span


@pytest.mark.slow
def test_shake_costs_little_accuracy(tmp_path: Path) -> None:
    """Depth after shake and alignment within 10 % of still."""
    from tests.capture import measure_alignment

    still, shaken = measure_alignment.depth_errors(tmp_path, 16)
    assert shaken < 1.1 * still
