"""Preset ``mobile``: a small network for phones, built on the classical answer.

Everything happens at a quarter of the input size, what is finer being packed into channels:
sixteen sub-pixels of depth, four of the running means. Per frame: an encoder at 1/4 .. 1/16,
conditioned on the frame's focus and the sweep's optics; gates ("is this frame sharper here than
all before it?") that start out as the focus evidence of the cue planes; running means of the
focus position under these gates, which weigh the frames as a softmax over them would; a
convolutional LSTM at 1/16, whose state is brought back to 1/4 and joined with depth so far; these
features under a running maximum. After the last frame the decoder, which is short since a user
waits for it, corrects the classical answer that this frame carries: by the means, by the vertex,
and by what focus alone cannot tell.

In 8 bits every runtime computes the same numbers, those of training (:mod:`.grids`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edgedepth.cues import ANSWERS, CUE_PLANES, CUES, EVIDENCE_LIMIT
from edgedepth.models.backend import keras, tf
from edgedepth.models.exact import HardLstmCell, HardMix, RunningMeans
from edgedepth.models.fakequant import FakeQuant, Mode, Tensor
from edgedepth.models.grids import (
    COARSE,
    FINE_SIGNED,
    HIDDEN,
    LOGIT,
    MEMORY,
    MIX_TERM,
    RELU6,
    SIGMOID,
    SIGNED,
    UNIT,
    Range,
    step_of,
)
from edgedepth.models.layers import Conv, Dense, Gates, Maximum, Separable, Sum
from edgedepth.models.network import FIRST_FOCUS, FocalNetwork, StateTensor
from edgedepth.preprocess import OUTPUT_RANGE
from edgedepth.spec import ModelSpec

C2, C4, C8, C16 = 10, 32, 40, 64
"""Channels at 1/2, 1/4, 1/8 and 1/16 of the input size."""

UNITS = 40
"""Channels of the convolutional LSTM at 1/16."""

CONDITION = 16
"""Hidden units of what focus and optics make of the first layer's bias."""

HEADS = len(CUES)
"""Running means of the focus position; each starts from the evidence of one cue plane."""

PACK, HALVES = 4, 2
"""Sub-pixels along each side of a cell: of the answer, and of the means."""

VERTEX, DEPTH, SUPPORT = (3 + HEADS + ANSWERS.index(name) for name in ANSWERS)
"""Planes of a frame."""

PASSED = HALVES**2 + 2
"""Channels at 1/2 that hand on planes of a frame: the depth so far at all four sub-pixels, the
vertex and the support averaged over them."""

FRONT = C2 + PASSED
"""As many as a kernel makes at once, so that one convolution alone reads the frame."""

MIXED = 32
"""Corrections of the answer: differences of a mean or the vertex from it; the rest are constants,
for what focus alone cannot tell."""

TINY = 1e-3

DIFFERENCE: Range = (-0.8, 0.8 * 127 / 128)
"""Grid of how far a mean or the vertex is from the answer, in shares of the sweep."""

BASE: Range = (0.0, 128 * step_of(OUTPUT_RANGE))
BLEND: Range = (-64 * 254 / 255 * step_of(OUTPUT_RANGE), 191 * 254 / 255 * step_of(OUTPUT_RANGE))
"""Grids of the two terms of the answer: their steps are 128 and 254 parts in 255 of the answer's,
so that no sum lies halfway."""

CERTAINTY: Range = (-6.0, 6 * 127 / 128)
"""Confidence's logit is kept within this: sigmoid changes little beyond."""

UPPER_HALF: Range = (-192 * 2 * COARSE, 63 * 2 * COARSE)
"""Grid of what is added to a ReLU6 after doubling. Its integers are not negative where it matters,
nor are those of a ReLU6 on ``SIGNED``: halfway between two steps, where doubling by interpolation
often ends, kernels agree on rounding positive numbers alone."""

SIZE_MULTIPLE = 16


def default_spec(height: int = 240, width: int = 320) -> ModelSpec:
    """The preset's ModelSpec.

    Raises:
        ValueError: a size that is not a multiple of 16.
    """
    if height % SIZE_MULTIPLE or width % SIZE_MULTIPLE:
        raise ValueError(f"preset mobile needs a size that is a multiple of {SIZE_MULTIPLE}")
    return ModelSpec("mobile", height, width, CUE_PLANES, focus_encoding="sweep", output="sweep")


class Doubled(keras.layers.Layer):
    """Bilinear upsampling by 2, on the 8-bit grid that its input is on."""

    def __init__(self, mode: Mode, grid: Range, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.quant = FakeQuant(mode, grid)

    def call(self, x: Tensor) -> Tensor:
        size = x.shape[1] * 2, x.shape[2] * 2
        return self.quant(tf.image.resize(x, size, method="bilinear"))


class MobileNetwork(FocalNetwork):
    """See the module's text; about 290 million multiply-adds for 5 frames of 320x240."""

    def __init__(self, spec: ModelSpec, mode: Mode) -> None:
        super().__init__(spec, mode)
        relu6 = tf.nn.relu6
        self.frame_quant, self.condition_quant = FakeQuant(mode, UNIT), FakeQuant(mode, UNIT)

        unit: dict[str, Any] = {"norm": False, "reads": UNIT}
        self.condition_hidden = Dense(mode, CONDITION, activation=relu6, out=RELU6, **unit)
        self.condition = Dense(mode, C4, norm=False, out=FINE_SIGNED, reads=RELU6)
        self.front = Conv(mode, FRONT, HALVES, HALVES, activation=relu6, out=RELU6, **unit)
        self.stem = Conv(mode, C4, 1, out=SIGNED, reads=RELU6)
        self.conditioned = Sum(mode, 2, activation=relu6, out=RELU6)
        self.encode4 = [Separable(mode, C4, C4), Separable(mode, C4, C4)]
        self.encode8 = Separable(mode, C4, C8, 2)
        self.encode16 = Conv(mode, C16, 3, 2, activation=relu6, out=RELU6, reads=RELU6)

        heads: dict[str, Any] = {"norm": False, "reads": RELU6}
        self.scores2 = Conv(mode, HALVES**2 * HEADS, 1, out=LOGIT, clips=True, **heads)
        self.scores4 = Conv(mode, HALVES**2 * HEADS, 1, out=LOGIT, clips=True, **heads)
        self.combine = RunningMeans(mode)
        self.answers = Conv(mode, PACK**2 + 2 * HALVES**2, 1, out=UNIT, clips=True, **heads)
        self.cell = HardLstmCell(
            mode,
            Gates(mode, C16, 4 * UNITS, out=LOGIT, reads=RELU6),
            Gates(mode, UNITS, 4 * UNITS, bias=False, out=LOGIT, reads=HIDDEN),
        )
        self.up8 = Conv(mode, C8, 1, out=UPPER_HALF, reads=HIDDEN)
        self.double8 = Doubled(mode, UPPER_HALF)
        self.join8 = Sum(mode, 2, activation=relu6, out=RELU6)
        self.context = Separable(mode, C8, C4, out=SIGNED)
        self.double4 = Doubled(mode, SIGNED)
        self.focus4 = Conv(mode, C4, 1, out=SIGNED, reads=UNIT)
        self.join4 = Sum(mode, 3, activation=relu6, out=RELU6, partial=SIGNED)
        self.most = Maximum(mode, RELU6)

        self.decode4 = Separable(mode, C4, C4)

        self.difference = Conv(mode, MIXED, 1, out=DIFFERENCE, **unit)
        self.mix = Conv(mode, MIXED, 1, bias=False, out=MIX_TERM, **heads)
        self.mixed = HardMix(mode, MIXED, DIFFERENCE)
        self.base = Conv(mode, PACK**2, 1, out=BASE, **unit)
        self.blend = Conv(
            mode, PACK**2, 1, norm=False, bias=False, out=BLEND, reads=self.mixed.quant
        )
        self.position = Sum(mode, 2, out=OUTPUT_RANGE)
        self.certainty = Conv(
            mode, PACK**2, 1, activation=tf.sigmoid, before=CERTAINTY, out=SIGMOID, **heads
        )
        self.build()
        moves = self._moves()
        for layer, kernel in moves.items():
            layer.pattern = (kernel != 0).astype(np.float32)
        self.front.pattern = (_front_kernel(spec.channels) != 0).astype(np.float32)
        self.front.pattern[..., :C2] = 1
        if mode is Mode.FLOAT:
            self._start_classical(moves)

    def _moves(self) -> dict[Conv, np.ndarray]:
        """Layers that bring numbers to their places, and the kernels they begin with.

        What is 0 in these stays so: they stand for slices and sums, which convolutions make
        faster than TFLite's own operators do.
        """
        fine, halves, means = PACK**2, HALVES**2, HALVES**2 * HEADS
        within = _half_of_fine()
        scores = np.zeros((halves * FRONT, means), np.float32)
        base = np.zeros((means + self.answers.filters, fine), np.float32)
        difference = np.zeros((means + self.answers.filters, MIXED), np.float32)
        base[means : means + fine] = np.eye(fine)
        # A channel of zeros has no 8-bit scale, and none for its bias.
        difference[means + fine + halves, halves * (HEADS + 1) :] = TINY
        for half in range(halves):
            for source in range(HEADS + 1):
                mean = source < HEADS
                column = half * HEADS + source if mean else means + half
                difference[column if mean else means + fine + half, column] = 1
                difference[means : means + fine, column] = -within[:, half] / halves
                if mean:
                    scores[half * FRONT + source, column] = 0.5
        return {
            self.answers: _answers_kernel()[None, None],
            self.scores2: scores[None, None],
            self.base: base[None, None],
            self.difference: difference[None, None],
        }

    def _start_classical(self, moves: dict[Conv, np.ndarray]) -> None:
        """Begin with the classical answer: gates are the evidence, depth is depth so far."""
        for layer, kernel in moves.items():
            layer.load(kernel, np.zeros(layer.filters))
        self.scores2.bias.assign(np.full(self.scores2.filters, -1.0))
        front = _front_kernel(self.spec.channels)
        front[..., HEADS:C2] = self.front.kernel.numpy()[..., HEADS:C2]
        self.front.load(front, np.zeros(FRONT))
        for layer in (self.scores4, self.mix):
            layer.kernel.assign(layer.kernel * 0.005)
        differences = HALVES**2 * (HEADS + 1)
        constant = np.zeros(MIXED)
        constant[differences:] = 1
        self.difference.bias.assign(constant)
        blend = self.blend.kernel.numpy()
        blend[0, 0, :differences] = 0
        for half, inside in enumerate(_half_of_fine().T):
            blend[0, 0, half * HEADS : (half + 1) * HEADS] = inside
            blend[0, 0, HALVES**2 * HEADS + half] = inside
        self.blend.load(blend, None)

    def plain_weights(self) -> list[Any]:
        return [self.mixed.level]

    def state_spec(self) -> dict[str, StateTensor]:
        h, w = self.spec.height, self.spec.width
        return {
            "state_h": StateTensor((1, h // 16, w // 16, UNITS), HIDDEN, decoded=False),
            "state_c": StateTensor((1, h // 16, w // 16, UNITS), MEMORY, decoded=False),
            "state_features": StateTensor((1, h // 4, w // 4, C4), RELU6),
            "state_means": StateTensor((1, h // 4, w // 4, HALVES**2 * HEADS), UNIT, FIRST_FOCUS),
            "state_answers": StateTensor(
                (1, h // 4, w // 4, self.answers.filters), UNIT, carried=False
            ),
        }

    def _encode(self, frames: Tensor, condition: Tensor, training: bool) -> tuple[Tensor, ...]:
        """Of frames (B, H, W, C) under condition (B, 4): features at 1/4, 1/8 and 1/16, scores,
        answers.
        """
        frames = self.frame_quant(frames)
        condition = self.condition_hidden(self.condition_quant(condition), training=training)
        bias = tf.reshape(self.condition(condition, training=training), (-1, 1, 1, C4))
        x2 = tf.nn.space_to_depth(self.front(frames, training=training), HALVES)
        x4 = self.conditioned([self.stem(x2, training=training), bias], training=training)
        for layer in self.encode4:
            x4 = layer(x4, training=training)
        x8 = self.encode8(x4, training=training)
        x16 = self.encode16(x8, training=training)
        scores2, scores4 = self.scores2(x2, training=training), self.scores4(x4, training=training)
        answers = self.answers(x2, training=training)
        return x4, x8, x16, scores2, scores4, answers

    def _in_context(
        self, x4: Tensor, x8: Tensor, hidden: Tensor, sources: Tensor, training: bool
    ) -> Tensor:
        """Features at 1/4 of a frame in the light of all frames so far and of depth so far."""
        kw = {"training": training}
        y = self.context(self.join8([self.double8(self.up8(hidden, **kw)), x8], **kw), **kw)
        return self.join4([self.double4(y), self.focus4(sources, **kw), x4], **kw)

    def _decode(self, features: Tensor, sources: Tensor, training: bool) -> dict[str, Tensor]:
        kw = {"training": training}
        y = self.decode4(features, **kw)
        mixed = self.mixed(self.mix(y, **kw), self.difference(sources, **kw))
        position = self.position([self.base(sources, **kw), self.blend(mixed, **kw)], **kw)
        return {
            "inverse_depth": tf.nn.depth_to_space(position, PACK),
            "confidence": tf.nn.depth_to_space(self.certainty(y, **kw), PACK),
        }

    def step(
        self, frame: Tensor, focus: Tensor, optics: Tensor, state: dict[str, Tensor] | None
    ) -> dict[str, Tensor]:
        focus = self.condition_quant(focus)
        condition = tf.concat([focus, self.condition_quant(optics)], -1)
        x4, x8, x16, scores2, scores4, answers = self._encode(frame, condition, False)
        before = None if state is None else (state["state_h"], state["state_c"])
        hidden, cell = self.cell(x16, before)
        position = tf.reshape(focus, (1, 1, 1, 1))
        before_means = position if state is None else state["state_means"]
        means = self.combine((scores2, scores4), position, before_means)
        sources = tf.concat([means, answers], -1)
        features = self._in_context(x4, x8, hidden, sources, False)
        if state is not None:
            features = self.most(state["state_features"], features)
        return {
            "state_h": hidden,
            "state_c": cell,
            "state_features": features,
            "state_means": means,
            "state_answers": answers,
        }

    def decode(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        return self._decode(
            state["state_features"],
            tf.concat([state["state_means"], state["state_answers"]], -1),
            False,
        )

    def forward(
        self, frames: Tensor, focus: Tensor, optics: Tensor, training: bool = False
    ) -> dict[str, Tensor]:
        batch, count = frames.shape[0], frames.shape[1]
        if not batch or not count:
            raise ValueError("forward needs a known batch size and at least one frame")
        condition = tf.concat([focus[..., None], tf.repeat(optics[:, None, :], count, axis=1)], -1)
        x4, x8, x16, scores2, scores4, answers = (
            tf.reshape(x, (batch, count, *x.shape[1:]))
            for x in self._encode(
                tf.reshape(frames, (batch * count, *frames.shape[2:])),
                tf.reshape(condition, (batch * count, 4)),
                training,
            )
        )
        positions = tf.reshape(self.condition_quant(focus), (batch, count, 1, 1, 1))
        means, state = positions[:, 0], None
        hidden: list[Tensor] = []
        sources: list[Tensor] = []
        for index in range(count):
            state = self.cell(x16[:, index], state, training=training)
            hidden.append(state[0])
            scores = scores2[:, index], scores4[:, index]
            means = self.combine(scores, positions[:, index], means)
            sources.append(tf.concat([means, answers[:, index]], -1))
        features = self._in_context(
            _flat(x4),
            _flat(x8),
            _flat(tf.stack(hidden, axis=1)),
            _flat(tf.stack(sources, axis=1)),
            training,
        )
        features = tf.reshape(features, (batch, count, *features.shape[1:]))
        outputs = self._decode(tf.reduce_max(features, axis=1), sources[-1], training)
        return {**outputs, "means": tf.nn.depth_to_space(means, HALVES)}


def _flat(x: Tensor) -> Tensor:
    """(B, N, ...) -> (B N, ...)."""
    return tf.reshape(x, (-1, *x.shape[2:]))


def _half_of_fine() -> np.ndarray:
    """(16, 4): which of the means' sub-pixels a sub-pixel of the answer lies in, as 0 and 1."""
    row, column = np.divmod(np.arange(PACK**2), PACK)
    ratio = PACK // HALVES
    return np.eye(HALVES**2, dtype=np.float32)[row // ratio * HALVES + column // ratio]


def _front_kernel(channels: int) -> np.ndarray:
    """(2, 2, channels, FRONT) that averages evidence into the first channels and hands planes
    on in the last ones, on a grid six times as wide; 0 in between."""
    kernel = np.zeros((HALVES**2, channels, FRONT), np.float32)
    for head in range(HEADS):
        kernel[:, 3 + head, head] = EVIDENCE_LIMIT / HALVES**2
    most = RELU6[1]
    kernel[:, DEPTH, C2 : C2 + HALVES**2] = most * np.eye(HALVES**2)
    kernel[:, VERTEX, C2 + HALVES**2] = kernel[:, SUPPORT, C2 + HALVES**2 + 1] = most / HALVES**2
    return kernel.reshape(HALVES, HALVES, channels, -1)


def _answers_kernel() -> np.ndarray:
    """(4 FRONT, 24) that picks out of a cell's sub-pixels the depth so far at all of its
    pixels, then the vertex, then the support."""
    halves, fine = HALVES**2, PACK**2
    kernel = np.zeros((halves * FRONT, fine + 2 * halves), np.float32)
    row, column = np.divmod(np.arange(fine), PACK)
    inner = row % HALVES * HALVES + column % HALVES
    for pixel, half in enumerate(_half_of_fine().argmax(axis=1)):
        kernel[half * FRONT + C2 + inner[pixel], pixel] = 1
    for half in range(halves):
        kernel[half * FRONT + C2 + halves, fine + half] = 1
        kernel[half * FRONT + C2 + halves + 1, fine + halves + half] = 1
    return kernel / np.float32(RELU6[1])
