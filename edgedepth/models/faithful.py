"""The ``paper`` network as Keras layers would be put together: what not to export.

It computes what :class:`edgedepth.models.paper.PaperNetwork` computes, with the same weights, but
takes the stack as one tensor of rank 5, and leaves recurrence and normalisation to Keras's own
LSTM and LayerNormalization. Phones' GPU delegates refuse the first two and get the third wrong,
and quantization-aware training accepts neither layer.
"""

from __future__ import annotations

from typing import Any

from edgedepth.models.backend import keras, tf
from edgedepth.models.paper import CHANNELS, STRIDES, PaperNetwork


def faithful(net: PaperNetwork) -> Any:
    """A Keras model: stack (1, N, H, W, 3) and focus (1, N) -> depth (1, H, W, 1) in metres.

    Args:
        net: in float; its size, frames and weights are taken over.
    """
    spec, layers = net.spec, keras.layers
    stack = layers.Input((spec.frames, spec.height, spec.width, 3), batch_size=1, name="stack")
    focus = layers.Input((spec.frames,), batch_size=1, name="focus")
    shape = (1, spec.frames, spec.height, spec.width, 1)
    plane = layers.Lambda(
        lambda f: tf.broadcast_to(tf.reshape(f, (1, spec.frames, 1, 1, 1)), shape),
        name="focus_plane",
    )(focus)
    x = layers.Concatenate(name="frames_with_focus")([stack, plane])
    for index, (channels, stride) in enumerate(zip(CHANNELS, STRIDES, strict=True)):
        convolution = layers.Conv2D(channels, 5, stride, "same", activation="relu")
        x = layers.TimeDistributed(convolution, name=f"encoder_{index}")(x)
    x = layers.TimeDistributed(_norm(net.embedding_norm), name="embedding_norm")(x)
    x = layers.TimeDistributed(layers.Flatten(), name="flatten")(x)
    x = layers.LSTM(net.width, name="combiner")(x)
    x = layers.Reshape((net.rows, net.columns, CHANNELS[-1]), name="cells")(x)
    for index, (channels, stride) in enumerate(zip(CHANNELS[::-1], STRIDES[::-1], strict=True)):
        x = layers.Conv2DTranspose(
            channels, 5, stride, "same", activation="relu", name=f"decoder_{index}"
        )(x)
    x = _norm(net.decoder_norm, "decoder_norm")(x)
    depth = layers.Conv2D(1, 5, padding="same", name="depth")(x)
    model = keras.Model([stack, focus], depth, name="faithful")
    _take_over(model, net)
    return model


def _norm(norm: Any, name: str | None = None) -> Any:
    return keras.layers.LayerNormalization(epsilon=norm.epsilon, name=name)


def _take_over(model: Any, net: PaperNetwork) -> None:
    """Copy the weights."""

    def linear(name: str, kernel: Any) -> None:
        model.get_layer(name).set_weights([kernel.kernel.numpy(), kernel.bias.numpy()])

    def affine(name: str, norm: Any) -> None:
        weights = [part.weight.numpy() for part in (norm.gain, norm.offset)]
        model.get_layer(name).set_weights(weights)

    for index, (encoder, decoder) in enumerate(zip(net.encoder, net.decoder, strict=True)):
        linear(f"encoder_{index}", encoder)
        linear(f"decoder_{index}", decoder)
    affine("embedding_norm", net.embedding_norm)
    affine("decoder_norm", net.decoder_norm)
    linear("depth", net.head)
    cell = net.cell
    model.get_layer("combiner").set_weights(
        [v.numpy() for v in (cell.from_input.kernel, cell.from_state.kernel, cell.from_input.bias)]
    )
