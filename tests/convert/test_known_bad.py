"""The models that mobile engineers bring: what stands in their way is found and named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgedepth.convert import flatbuffer
from edgedepth.convert.audit import Audit, audit
from edgedepth.errors import UserError

pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def tf() -> Any:
    pytest.importorskip("tensorflow", reason="needs the train extra")
    from edgedepth.models.backend import tf

    return tf


def converted(tf: Any, function: Callable[..., Any], *shapes: tuple[int | None, ...]) -> Audit:
    specs = [tf.TensorSpec(shape, tf.float32) for shape in shapes]
    concrete = tf.function(function).get_concrete_function(*specs)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete])
    converter.target_spec.supported_ops = [
        tf.lite.OpsSet.TFLITE_BUILTINS,
        tf.lite.OpsSet.SELECT_TF_OPS,
    ]
    return audit(flatbuffer.parse(converter.convert()))


def rules(audited: Audit) -> set[str]:
    return {f.rule for f in audited.findings}


def test_keras_lstm(tf: Any) -> None:
    from edgedepth.models.backend import keras

    model = keras.Sequential([keras.layers.Input((5, 3), batch_size=1), keras.layers.LSTM(4)])
    data = tf.lite.TFLiteConverter.from_keras_model(model).convert()
    audited = audit(flatbuffer.parse(data))
    (fused,) = [f for f in audited.findings if f.rule == "gpu-operator"]
    assert "UNIDIRECTIONAL_SEQUENCE_LSTM" in fused.problem
    assert "unroll" in fused.change


def test_while_loop(tf: Any) -> None:
    def loop(x: Any) -> Any:
        return tf.while_loop(lambda i, y: i < 3.0, lambda i, y: (i + 1.0, y * 2.0), (0.0, x))[1]

    audited = converted(tf, loop, (1, 4))
    assert "control-flow" in rules(audited)
    assert audited.broken_contract()


def test_rank_5(tf: Any) -> None:
    audited = converted(tf, lambda x: tf.nn.relu(x * 2.0), (1, 5, 8, 8, 3))
    assert rules(audited) == {"rank"}


def test_flex(tf: Any) -> None:
    audited = converted(tf, lambda x: tf.linalg.inv(x), (1, 4, 4))
    (found,) = [f for f in audited.findings if f.rule == "flex"]
    assert "MatrixInverse" in found.problem


def test_dynamic_batch(tf: Any) -> None:
    assert "dynamic" in rules(converted(tf, lambda x: x * 2.0, (None, 4)))


def test_layer_normalisation(tf: Any) -> None:
    from edgedepth.models.backend import keras

    layer = keras.layers.LayerNormalization()
    audited = converted(tf, lambda x: layer(x), (1, 6, 6, 8))
    assert "layer-norm" in rules(audited)


@pytest.mark.slow
def test_paper_network_of_plain_keras_layers_computes_the_same_and_is_refused(
    tf: Any, tmp_path: Path
) -> None:
    from edgedepth.convert.check import check_file
    from edgedepth.convert.faithful import convert_faithful
    from edgedepth.models.faithful import faithful
    from edgedepth.models.fakequant import Mode
    from edgedepth.models.paper import PaperNetwork, default_spec

    rng = np.random.default_rng(3)
    net = PaperNetwork(replace(default_spec(80, 80), frames=3), Mode.FOLDED)
    for weight in net.plain_weights():
        weight.assign(weight + rng.normal(0, 0.1, weight.shape))
    model = faithful(net)
    frames = [tf.constant(rng.random((1, 80, 80, 3), np.float32)) for _ in range(3)]
    focus = tf.constant([[0.0, 0.05, 0.3]])
    expected = net.infer(frames, focus, None)["depth"].numpy()
    assert expected.std() > 1e-3
    np.testing.assert_allclose(model([tf.stack(frames, 1), focus]).numpy(), expected, atol=1e-5)

    path = tmp_path / "faithful.tflite"
    path.write_bytes(convert_faithful(model, "fp32"))
    verdict = check_file(path)
    assert {"rank", "gpu-operator", "layer-norm"} <= {f.rule for f in verdict.audit.findings}
    lines = "\n".join(verdict.failures())
    assert "UNIDIRECTIONAL_SEQUENCE_LSTM" in lines
    assert "embedding_norm" in lines  # the LSTM has no name of its own; what it follows has
    assert "frames_with_focus" in lines
    (lstm,) = [f for f in verdict.audit.errors() if "LSTM" in f.problem]
    assert "unroll" in lstm.change


def test_faithful_is_for_paper_and_for_floats(tf: Any, tmp_path: Path) -> None:
    from edgedepth.convert.faithful import convert_faithful
    from edgedepth.models.backend import keras

    model = keras.Sequential([keras.layers.Input((2,), batch_size=1), keras.layers.Dense(1)])
    with pytest.raises(UserError, match="cannot be int8"):
        convert_faithful(model, "int8")


def test_while_loop_of_an_lstm(tf: Any) -> None:
    from edgedepth.models.backend import keras

    layers = [keras.layers.Input((5, 3), batch_size=1), keras.layers.LSTM(4, activation="relu")]
    converter = tf.lite.TFLiteConverter.from_keras_model(keras.Sequential(layers))
    converter.target_spec.supported_ops = [
        tf.lite.OpsSet.TFLITE_BUILTINS,
        tf.lite.OpsSet.SELECT_TF_OPS,
    ]
    converter._experimental_lower_tensor_list_ops = False
    audited = audit(flatbuffer.parse(converter.convert()))
    assert {"control-flow", "flex"} <= rules(audited)
