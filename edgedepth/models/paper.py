"""Preset ``paper``: the network of Bruns, "Scene Representations from Focal Stack for Depth
Estimation", as published.

Encoder of 5x5 convolutions with 12, 48, 48, 48, 48 channels and strides 2, 2, 2, 2, 5 over
RGB and a plane that holds the focus distance; LayerNorm; an LSTM as wide as the flattened
embedding (576 at 240x320); the encoder mirrored in transposed convolutions; LayerNorm; a 5x5
convolution to depth in metres. Its stacks are an all-in-focus frame, labelled 0 m, and five
random planes. The LSTM's cell and layer norms are written out so that they quantise.
"""

from __future__ import annotations

from typing import Any

from edgedepth.models.backend import keras, tf
from edgedepth.models.fakequant import FakeQuant, Mode, Tensor
from edgedepth.models.grids import CELL, TANH, UNIT
from edgedepth.models.layers import Conv, Deconv, Dense, LstmCell
from edgedepth.models.network import FocalNetwork, StateTensor
from edgedepth.preprocess import MAX_METRES
from edgedepth.spec import ModelSpec

CHANNELS = (12, 48, 48, 48, 48)
STRIDES = (2, 2, 2, 2, 5)
SIZE_MULTIPLE = 80
VARIANCE_RANGE = (0.0, 4.0)


def default_spec(height: int = 240, width: int = 320) -> ModelSpec:
    """The preset's ModelSpec.

    Raises:
        ValueError: a size that is not a multiple of 80.
    """
    if height % SIZE_MULTIPLE or width % SIZE_MULTIPLE:
        raise ValueError(f"preset paper needs a size that is a multiple of {SIZE_MULTIPLE}")
    return ModelSpec(
        "paper",
        height,
        width,
        cue_planes=0,
        focus_encoding="metres",
        output="metres",
        all_in_focus_first=True,
    )


class LayerNorm(keras.layers.Layer):
    """Layer normalisation over channels (Ba et al. 2016), every intermediate on a grid.

    The variance has a fixed 8-bit range and epsilon is one of its steps, since the inverse
    square root of a variance that rounds to 0 is not finite.
    """

    def __init__(self, mode: Mode, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.epsilon = 2 * VARIANCE_RANGE[1] / 255
        self.mean, self.centred, self.square = (FakeQuant(mode) for _ in range(3))
        self.variance, self.shifted = (FakeQuant(mode, VARIANCE_RANGE) for _ in range(2))
        self.inverse, self.scaled, self.weighted, self.out = (FakeQuant(mode) for _ in range(4))
        self.gain, self.offset = Affine(mode, "ones"), Affine(mode, "zeros")

    def build(self, input_shape: Any) -> None:
        self.gain.build(input_shape)
        self.offset.build(input_shape)
        super().build(input_shape)

    def call(self, x: Tensor, training: bool = False) -> Tensor:
        kw = {"training": training}
        centred = self.centred(x - self.mean(tf.reduce_mean(x, -1, keepdims=True), **kw), **kw)
        square = self.square(centred * centred, **kw)
        variance = self.variance(tf.reduce_mean(square, -1, keepdims=True), **kw)
        inverse = self.inverse(tf.math.rsqrt(self.shifted(variance + self.epsilon, **kw)), **kw)
        scaled = self.scaled(centred * inverse, **kw)
        return self.out(self.weighted(scaled * self.gain(scaled), **kw) + self.offset(scaled), **kw)


class Affine(keras.layers.Layer):
    """A per-channel weight of a LayerNorm, quantised to its own largest magnitude."""

    def __init__(self, mode: Mode, start: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mode, self.start = mode, start

    def build(self, input_shape: Any) -> None:
        self.weight = self.add_weight(
            name="weight", shape=(int(input_shape[-1]),), initializer=self.start
        )
        super().build(input_shape)

    def call(self, like: Tensor) -> Tensor:
        weight = tf.reshape(self.weight, (1,) * (len(like.shape) - 1) + (-1,))
        if self.mode is not Mode.QUANTIZED:
            return weight
        limit = tf.maximum(tf.stop_gradient(tf.reduce_max(tf.abs(weight))), 1e-3)
        return tf.quantization.fake_quant_with_min_max_vars(
            weight, -limit, limit, num_bits=8, narrow_range=True
        )


class PaperNetwork(FocalNetwork):
    """See the module's text; 3.09 million parameters at 240x320."""

    def __init__(self, spec: ModelSpec, mode: Mode) -> None:
        super().__init__(spec, mode)
        relu = tf.nn.relu
        self.rows, self.columns = spec.height // SIZE_MULTIPLE, spec.width // SIZE_MULTIPLE
        self.width = self.rows * self.columns * CHANNELS[-1]
        self.frame_quant, self.focus_quant = FakeQuant(mode, UNIT), FakeQuant(mode, UNIT)
        self.encoder = [
            Conv(mode, c, 5, s, norm=False, activation=relu)
            for c, s in zip(CHANNELS, STRIDES, strict=True)
        ]
        self.embedding_norm = LayerNorm(mode)
        self.cell = LstmCell(
            mode,
            Dense(mode, 4 * self.width, norm=False),
            Dense(mode, 4 * self.width, norm=False, bias=False),
        )
        self.decoder = [
            Deconv(mode, c, 5, s, norm=False)
            for c, s in zip(CHANNELS[::-1], STRIDES[::-1], strict=True)
        ]
        # The converter fuses no ReLU into a quantised transposed convolution.
        self.decoder_relu = [FakeQuant(mode) for _ in self.decoder]
        self.decoder_norm = LayerNorm(mode)
        self.head = Conv(mode, 1, 5, norm=False, out=(0.0, MAX_METRES))
        self.build()
        if mode is Mode.FLOAT:
            # Depth starts at the middle of the range instead of at 0 m.
            self.head.bias.assign([MAX_METRES / 4])

    def plain_weights(self) -> list[Any]:
        norms = (self.embedding_norm, self.decoder_norm)
        return [part.weight for norm in norms for part in (norm.gain, norm.offset)]

    def state_spec(self) -> dict[str, StateTensor]:
        return {
            "state_h": StateTensor((1, self.width), TANH),
            "state_c": StateTensor((1, self.width), CELL, decoded=False),
        }

    def _encode(self, frames: Tensor, focus: Tensor, training: bool) -> Tensor:
        """(B, H, W, 3), (B, 1) -> (B, embedding)."""
        frames, focus = self.frame_quant(frames), self.focus_quant(focus)
        plane = tf.reshape(focus, (-1, 1, 1, 1)) * tf.ones((1, *frames.shape[1:3], 1))
        x = tf.concat([frames, self.focus_quant(plane)], -1)
        for layer in self.encoder:
            x = layer(x, training=training)
        x = self.embedding_norm(x, training=training)
        return tf.reshape(x, (-1, self.width))

    def _decode(self, hidden: Tensor, training: bool) -> dict[str, Tensor]:
        x = tf.reshape(hidden, (-1, self.rows, self.columns, CHANNELS[-1]))
        for layer, quant in zip(self.decoder, self.decoder_relu, strict=True):
            x = quant(tf.nn.relu(layer(x, training=training)), training=training)
        x = self.decoder_norm(x, training=training)
        return {"depth": self.head(x, training=training)}

    def step(
        self, frame: Tensor, focus: Tensor, optics: Tensor, state: dict[str, Tensor] | None
    ) -> dict[str, Tensor]:
        before = None if state is None else (state["state_h"], state["state_c"])
        hidden, cell = self.cell(self._encode(frame, focus, False), before)
        return {"state_h": hidden, "state_c": cell}

    def decode(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        return self._decode(state["state_h"], False)

    def forward(
        self, frames: Tensor, focus: Tensor, optics: Tensor, training: bool = False
    ) -> dict[str, Tensor]:
        batch, count = frames.shape[0], frames.shape[1]
        flat = tf.reshape(frames, (batch * count, *frames.shape[2:]))
        encoded = self._encode(flat, tf.reshape(focus, (batch * count, 1)), training)
        encoded = tf.reshape(encoded, (batch, count, self.width))
        state = None
        for index in range(count):
            state = self.cell(encoded[:, index], state, training=training)
        if state is None:
            raise ValueError("forward needs at least one frame")
        return self._decode(state[0], training)
