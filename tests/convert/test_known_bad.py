"""The models that mobile engineers bring: what stands in their way is found and named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from edgedepth.convert import flatbuffer
from edgedepth.convert.audit import Audit, audit

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
