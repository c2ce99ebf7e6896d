from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgedepth.errors import UserError

pytestmark = pytest.mark.train

N = 3


@pytest.fixture(scope="module")
def presets():  # TensorFlow is imported inside, so that collection stays quick
    from edgedepth.models import presets

    return presets


def small_spec(presets, preset: str):
    height, width = (64, 80) if preset == "mobile" else (80, 80)
    return replace(presets.preset_spec(preset, height, width), frames=N)


def stack_for(spec, seed: int = 0):
    rng = np.random.default_rng(seed)
    frames = rng.random((1, N, spec.height, spec.width, spec.channels), dtype=np.float32)
    focus = np.linspace(0, 1, N, dtype=np.float32)[None]
    return frames, focus, np.full((1, 3), 0.4, np.float32)


def enliven(network, seed: int = 1) -> None:
    """Give every weight and running statistic a value that training could give it."""
    rng = np.random.default_rng(seed)
    for variable in network.variables:
        if not np.issubdtype(variable.dtype.as_numpy_dtype, np.floating):
            continue
        noise = rng.normal(0, 0.05, tuple(variable.shape)).astype(np.float32)
        shifted = variable.numpy() + noise
        variable.assign(np.abs(shifted) if "variance" in variable.name else shifted)


@pytest.mark.parametrize("preset", ["mobile", "paper"])
def test_folding_changes_nothing_and_unrolling_equals_the_batch(presets, preset):
    from edgedepth.models.fakequant import Mode

    spec = small_spec(presets, preset)
    floating = presets.make_network(spec, Mode.FLOAT)
    enliven(floating)
    folded = presets.make_network(spec, Mode.FOLDED)
    folded.copy_folded(floating)
    frames, focus, optics = stack_for(spec)
    expected = floating.forward(frames, focus, optics)
    batch = folded.forward(frames, focus, optics)
    unrolled = folded.infer([frames[:, i] for i in range(N)], focus, optics)
    for name, value in unrolled.items():
        assert np.ptp(value.numpy()) > 1e-4
        np.testing.assert_allclose(batch[name], expected[name], atol=2e-5)
        np.testing.assert_allclose(value, batch[name], atol=2e-5)


def test_mobile_begins_with_the_depth_that_its_last_frame_carries(presets):
    from edgedepth.models.fakequant import Mode
    from edgedepth.models.mobile import DEPTH

    network = presets.make_network(small_spec(presets, "mobile"), Mode.FLOAT)
    frames, focus, optics = stack_for(network.spec)
    answer = network.forward(frames, focus, optics)["inverse_depth"][0, ..., 0].numpy()
    apart = np.abs(answer - frames[0, -1, ..., DEPTH])
    assert apart.mean() < 0.05
    assert np.abs(answer - frames[0, 0, ..., DEPTH]).mean() > 0.2


def test_layers_that_only_move_numbers_stay_sparse(presets):
    from edgedepth.models.fakequant import Mode
    from edgedepth.models.mobile import C2

    networks = [
        presets.make_network(small_spec(presets, "mobile"), mode)
        for mode in (Mode.FLOAT, Mode.FOLDED, Mode.QUANTIZED)
    ]
    enliven(networks[0])
    found = 0
    for network in networks[1:]:
        network.copy_folded(networks[0])
        for layer in network.kernels():
            if layer.pattern is None:
                continue
            kernel, _ = layer.folded()
            moving = kernel[..., C2:] if layer is network.front else kernel
            assert np.mean(moving != 0) < 0.2
            assert np.array_equal(kernel != 0, layer.pattern != 0)
            found += 1
    assert found == 10


def test_planes_of_the_last_frame_reach_the_decoder_unchanged(presets):
    from edgedepth.models.fakequant import Mode
    from edgedepth.models.mobile import DEPTH, SUPPORT, VERTEX

    network = presets.make_network(small_spec(presets, "mobile"), Mode.FOLDED)
    network.copy_folded(presets.make_network(small_spec(presets, "mobile"), Mode.FLOAT))
    frames, focus, optics = stack_for(network.spec)
    held = network.step(frames[:, 0], focus[:, :1], optics, None)["state_answers"].numpy()[0]
    cells = frames[0, 0].reshape(held.shape[0], 4, held.shape[1], 4, -1).transpose(0, 2, 1, 3, 4)
    np.testing.assert_allclose(held[..., :16], cells[..., DEPTH].reshape(*held.shape[:2], 16), 1e-5)
    halves = cells.reshape(*held.shape[:2], 2, 2, 2, 2, -1).mean((3, 5))
    for plane, first in ((VERTEX, 16), (SUPPORT, 20)):
        found, wanted = held[..., first : first + 4], halves[..., plane]
        np.testing.assert_allclose(found, wanted.reshape(found.shape), 1e-5)


def test_settled_weights_are_even_and_biases_odd(presets):
    from edgedepth.models.fakequant import Mode

    network = presets.make_network(small_spec(presets, "mobile"), Mode.QUANTIZED)
    enliven(network)
    network.settle()
    before = network.weights()
    for kernel in network.kernels():
        quant = kernel.weight_quant
        whole = quant.last(kernel.kernel, lambda w, step=quant.step: w / step).numpy()
        np.testing.assert_allclose(whole, 2 * np.round(whole / 2), atol=1e-3)
        assert 0 < np.abs(whole).max() < 127
        read, made = (float(step) for step in quant.steps())
        exponents = np.log2(quant.step.numpy() * read / made)
        np.testing.assert_allclose(exponents, np.round(exponents), atol=1e-4)
        if kernel.use_bias:
            bias = kernel.bias.numpy() / (quant.step.numpy() * read)
            np.testing.assert_array_equal(np.round(bias) % 2, 1)
    network.settle()
    for name, weight in network.weights().items():
        np.testing.assert_array_equal(weight, before[name])


@pytest.mark.parametrize("quantized", [False, True])
def test_streaming_equals_unrolled(presets, quantized):
    from edgedepth.models.fakequant import Mode

    spec = replace(small_spec(presets, "mobile"), streaming=True)
    mode = Mode.QUANTIZED if quantized else Mode.FOLDED
    network = presets.make_network(spec, mode)
    floating = presets.make_network(spec, Mode.FLOAT)
    enliven(floating)
    network.copy_folded(floating)
    frames, focus, optics = stack_for(spec)
    if quantized:
        calibrate(network, frames, focus, optics)
    unrolled = network.infer([frames[:, i] for i in range(N)], focus, optics)
    state = {
        name: np.full(
            tensor.shape, focus[0, 0] if tensor.start == "focus" else tensor.start, np.float32
        )
        for name, tensor in network.state_spec().items()
    }
    for i in range(N):
        state = network.encode_step(frames[:, i], focus[:, i : i + 1], optics, state)
    answer = network.decode_state(
        {n: v for n, v in state.items() if network.state_spec()[n].decoded}
    )
    for name, value in unrolled.items():
        np.testing.assert_allclose(answer[name], value, atol=1e-5)


def calibrate(network, frames, focus, optics) -> None:
    ranges = network.moving_ranges()
    for layer in ranges:
        layer.observing = True
    network.forward(frames, focus, optics, training=True)
    for layer in ranges:
        layer.adopt()


def test_quantisation_stays_near_the_float_network(presets):
    from edgedepth.models.fakequant import Mode

    spec = small_spec(presets, "mobile")
    floating = presets.make_network(spec, Mode.FLOAT)
    quantized = presets.make_network(spec, Mode.QUANTIZED)
    quantized.copy_folded(floating)
    frames, focus, optics = stack_for(spec)
    calibrate(quantized, frames, focus, optics)
    a = floating.forward(frames, focus, optics)["inverse_depth"].numpy()
    b = quantized.forward(frames, focus, optics)["inverse_depth"].numpy()
    assert 0 < np.abs(a - b).mean() < 0.03


def test_an_untrained_network_finds_the_sharpest_frame(presets):
    """It starts as a soft argmax of focus energy: depth from focus."""
    from edgedepth.models.fakequant import Mode

    spec = small_spec(presets, "mobile")
    network = presets.make_network(spec, Mode.FLOAT)
    frames, focus, optics = stack_for(spec)
    frames[..., 3:] = 0.0
    frames[:, 2, :, 40:, 3:] = 1.0  # far more evidence than the frames before
    means = network.forward(frames, focus, optics)["means"].numpy()[0]
    assert means[:, :16].max() < 0.1
    assert means[:, 24:].min() > 0.9


def test_the_paper_network_has_the_published_size(presets):
    from edgedepth.models.fakequant import Mode

    network = presets.make_network(presets.preset_spec("paper", 240, 320), Mode.FLOAT)
    count = sum(int(np.prod(v.shape)) for v in network.trainable_variables)
    assert round(count / 1e6, 2) == 3.09
    assert network.width == 576


@pytest.mark.parametrize(("preset", "size"), [("mobile", (100, 160)), ("paper", (120, 160))])
def test_an_impossible_size_is_named(presets, preset, size):
    with pytest.raises(UserError, match="multiple of"):
        presets.preset_spec(preset, *size)
    with pytest.raises(UserError, match="no preset named"):
        presets.preset_spec("huge", 240, 320)


def test_weights_of_another_network_are_refused(presets):
    from edgedepth.models.fakequant import Mode

    mobile = presets.make_network(small_spec(presets, "mobile"), Mode.FOLDED)
    paper = presets.make_network(small_spec(presets, "paper"), Mode.FOLDED)
    with pytest.raises(UserError, match="another network"):
        mobile.load_weights(paper.weights())
    copy = presets.make_network(small_spec(presets, "mobile"), Mode.FOLDED)
    copy.load_weights(mobile.weights())
    for a, b in zip(mobile.variables, copy.variables, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_models_metadata_tells_no_paths(tmp_path):
    from edgedepth.config import TrainConfig
    from edgedepth.models.checkpoint import training_summary
    from edgedepth.rundir import RunDirectory

    config = TrainConfig(data=("procedural", "rgbd:/data/mine/rooms?scale=0.001"))
    assert training_summary(config, RunDirectory(tmp_path))["data"] == ["procedural", "rgbd:rooms"]


def test_the_sum_that_is_the_answer_is_never_halfway(presets):
    from edgedepth.models.grids import step_of
    from edgedepth.models.mobile import BASE, BLEND
    from edgedepth.preprocess import OUTPUT_RANGE

    steps = [step_of(grid) / step_of(OUTPUT_RANGE) for grid in (BASE, BLEND)]
    sums = np.add.outer(steps[0] * np.arange(256), steps[1] * np.arange(-64, 192))
    assert np.abs(sums % 1 - 0.5).min() > 1e-3
    assert BASE[1] >= 1  # an untrained network's answer is depth so far
