"""Preset ``mobile``: a small network for phones, built from the classical answer.

Per frame: a separable-convolution encoder at 1/2 .. 1/16, conditioned on the frame's focus
and the sweep's optics; score maps ("how sharp is this pixel here?") that start out as the
log focus energy of the cue planes; skip features under a running maximum; a convolutional
LSTM at 1/16. After the last frame: a softmax over the frames turns each score map into a
mean focus position, and the decoder blends these and corrects what focus alone cannot tell.
"""

from __future__ import annotations

import numpy as np

from edgedepth.models.backend import tf
from edgedepth.models.layers import (
    CELL,
    RELU6,
    SIGMOID,
    TANH,
    UNIT,
    Conv,
    Dense,
    FakeQuant,
    Gates,
    LstmCell,
    Mode,
    Range,
    Separable,
    Sum,
    Tensor,
)
from edgedepth.models.network import FocalNetwork, StateTensor
from edgedepth.preprocess import OUTPUT_RANGE
from edgedepth.spec import EMPTY_SCORE, ModelSpec

C2, C4, C8, C16 = 12, 24, 48, 64
"""Channels at 1/2, 1/4, 1/8 and 1/16 of the input size."""

UNITS = 48
"""Channels of the convolutional LSTM at 1/16."""

CONTEXT = 112
"""Channels of the decoder's context at 1/16, run once per sweep."""

HEADS = 4
SCORE: Range = (-16.0, 16.0 * 127 / 128)
"""8-bit grid of the score maps. A memory slot without a frame sits at its lower end."""

SCORE_LIMIT = 0.95 * 8 * 127 / 128
"""Training keeps scores within this: nothing is clipped, and an empty slot weighs nothing."""

CUE_GAIN, CUE_BIAS = 16.0, -8.0
"""Initial score of a cue plane: about 2.5 per unit of log energy, over what training allows."""

SIZE_MULTIPLE = 16


def default_spec(height: int = 240, width: int = 320) -> ModelSpec:
    """The preset's ModelSpec.

    Raises:
        ValueError: a size that is not a multiple of 16.
    """
    if height % SIZE_MULTIPLE or width % SIZE_MULTIPLE:
        raise ValueError(f"preset mobile needs a size that is a multiple of {SIZE_MULTIPLE}")
    return ModelSpec("mobile", height, width, 4, focus_encoding="sweep", output="sweep")


def double(x: Tensor) -> Tensor:
    """Bilinear upsampling by 2; keeps its input's 8-bit grid."""
    return tf.image.resize(x, (x.shape[1] * 2, x.shape[2] * 2), method="bilinear")


class MobileNetwork(FocalNetwork):
    """See the module's text; about 260 million multiply-adds for 5 frames of 320x240."""

    def __init__(self, spec: ModelSpec, mode: Mode) -> None:
        super().__init__(spec, mode)
        relu6 = tf.nn.relu6
        self.frame_quant, self.condition_quant = FakeQuant(mode, UNIT), FakeQuant(mode, UNIT)
        self.score_quant = FakeQuant(mode, SCORE)

        self.condition_hidden = Dense(mode, 16, norm=False, activation=relu6, out=RELU6)
        self.condition = Dense(mode, C2, norm=False)
        self.stem = Conv(mode, C2, 3, 2)
        self.conditioned = Sum(mode, 2, activation=relu6, out=RELU6)
        self.encode2 = Separable(mode, C2, C2)
        self.encode4 = [Separable(mode, C2, C4, 2), Separable(mode, C4, C4)]
        self.encode8 = [Separable(mode, C4, C8, 2), Separable(mode, C8, C8)]
        self.encode16 = [Separable(mode, C8, C16, 2), Separable(mode, C16, C16)]

        self.cue_score = Conv(mode, HEADS, 2, 2, norm=False)
        self.scores2 = Conv(mode, HEADS, 1, norm=False)
        self.scores4 = Conv(mode, HEADS, 1, norm=False)
        self.scores8 = Conv(mode, HEADS, 1, norm=False)
        self.coarse_scores = Sum(mode, 2)
        self.scores = Sum(mode, 3, out=SCORE)

        self.cell = LstmCell(
            mode,
            Gates(mode, C16, 4 * UNITS),
            Gates(mode, UNITS, 4 * UNITS, bias=False),
        )

        self.weight_quant = FakeQuant(mode, SIGMOID)
        self.mean_quant = FakeQuant(mode, UNIT)
        self.context = [
            Separable(mode, UNITS, CONTEXT),
            Separable(mode, CONTEXT, CONTEXT),
            Separable(mode, CONTEXT, CONTEXT),
        ]
        self.up8 = Conv(mode, C8, 1)
        self.join8 = Sum(mode, 2, activation=relu6, out=RELU6)
        self.decode8 = Separable(mode, C8, C8)
        self.up4, self.focus4, self.peak4 = (Conv(mode, C4, 1) for _ in range(3))
        self.join4 = Sum(mode, 4, activation=relu6, out=RELU6)
        self.decode4 = [Separable(mode, C4, C4), Separable(mode, C4, C4)]
        c = C2 + 4
        self.up2, self.skip2, self.focus2, self.peak2 = (Conv(mode, c, 1) for _ in range(4))
        self.join2 = Sum(mode, 4, activation=relu6, out=RELU6)
        self.decode2 = [Separable(mode, c, c), Separable(mode, c, c)]

        self.difference = Conv(mode, HEADS - 1, 1, norm=False, bias=False)
        self.mix = Conv(mode, HEADS - 1, 3, norm=False, activation=tf.tanh, out=TANH)
        self.mixed = FakeQuant(mode)
        self.base = Conv(mode, 1, 1, norm=False)
        self.blend = Conv(mode, 1, 1, norm=False, bias=False)
        self.residual = Conv(mode, 1, 3, norm=False)
        self.position = Sum(mode, 3, out=OUTPUT_RANGE)
        self.certainty = Conv(mode, 1, 3, norm=False, activation=tf.sigmoid, out=SIGMOID)
        self.build()
        if mode is Mode.FLOAT:
            self._start_classical()

    def _start_classical(self) -> None:
        """Begin with depth = the first head's soft argmax of log focus energy."""
        kernel = np.zeros(self.cue_score.kernel.shape, np.float32)
        for head in range(HEADS):
            kernel[:, :, 3 + (head + 1) % HEADS, head] = CUE_GAIN / 4
        self.cue_score.load(kernel, np.full(HEADS, CUE_BIAS, np.float32))
        for layer in (self.scores2, self.scores4, self.scores8, self.residual, self.mix):
            layer.kernel.assign(layer.kernel * 0.05)
        difference = np.zeros((1, 1, HEADS, HEADS - 1), np.float32)
        difference[0, 0, 0] = -1
        for head in range(1, HEADS):
            difference[0, 0, head, head - 1] = 1
        self.difference.load(difference, None)
        first = np.zeros((1, 1, HEADS, 1), np.float32)
        first[0, 0, 0] = 1
        self.base.load(first, None)
        self.blend.load(np.ones((1, 1, HEADS - 1, 1), np.float32), None)

    @property
    def empty_score(self) -> float:
        """Score of a memory slot that holds no frame: no frame's score is lower."""
        return SCORE[0] if self.quantized else EMPTY_SCORE

    def state_spec(self) -> dict[str, StateTensor]:
        h, w, slots = self.spec.height, self.spec.width, self.spec.slots
        return {
            "state_h": StateTensor((1, h // 16, w // 16, UNITS), TANH),
            "state_c": StateTensor((1, h // 16, w // 16, UNITS), CELL, decoded=False),
            "state_skip2": StateTensor((1, h // 2, w // 2, C2), RELU6),
            "state_skip4": StateTensor((1, h // 4, w // 4, C4), RELU6),
            "state_skip8": StateTensor((1, h // 8, w // 8, C8), RELU6),
            "state_scores": StateTensor(
                (1, h // 2, w // 2 * HEADS, slots), SCORE, self.empty_score
            ),
            "state_focus": StateTensor((1, slots), UNIT),
        }

    def _encode(
        self, frames: Tensor, condition: Tensor, training: bool
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """(skip2, skip4, skip8, features16, scores) of frames (B, H, W, C), condition (B, 4)."""
        frames = self.frame_quant(frames)
        condition = self.condition_hidden(self.condition_quant(condition), training=training)
        bias = tf.reshape(self.condition(condition, training=training), (-1, 1, 1, C2))
        x2 = self.conditioned([self.stem(frames, training=training), bias], training=training)
        x2 = self.encode2(x2, training=training)
        x4 = run(self.encode4, x2, training)
        x8 = run(self.encode8, x4, training)
        x16 = run(self.encode16, x8, training)
        coarse = self.coarse_scores(
            [self.scores4(x4, training=training), double(self.scores8(x8, training=training))],
            training=training,
        )
        scores = self.scores(
            [
                self.cue_score(frames, training=training),
                self.scores2(x2, training=training),
                double(coarse),
            ],
            training=training,
        )
        return x2, x4, x8, x16, scores

    def _decode(
        self,
        skips: tuple[Tensor, Tensor, Tensor],
        hidden: Tensor,
        means: Tensor,
        peaks: Tensor,
        training: bool,
    ) -> dict[str, Tensor]:
        skip2, skip4, skip8 = skips
        kw = {"training": training}
        y = run(self.context, hidden, training)
        y = self.decode8(self.join8([double(self.up8(y, **kw)), skip8], **kw), **kw)
        pooled_means, pooled_peaks = (tf.nn.avg_pool2d(t, 2, 2, "SAME") for t in (means, peaks))
        y = self.join4(
            [
                double(self.up4(y, **kw)),
                skip4,
                self.focus4(pooled_means, **kw),
                self.peak4(pooled_peaks, **kw),
            ],
            **kw,
        )
        y = run(self.decode4, y, training)
        y = self.join2(
            [
                double(self.up2(y, **kw)),
                self.skip2(skip2, **kw),
                self.focus2(means, **kw),
                self.peak2(peaks, **kw),
            ],
            **kw,
        )
        y = run(self.decode2, y, training)
        mixed = self.mixed(self.mix(y, **kw) * self.difference(means, **kw), **kw)
        position = self.position(
            [self.base(means, **kw), self.blend(mixed, **kw), self.residual(y, **kw)], **kw
        )
        return {
            "inverse_depth": double(position),
            "confidence": double(self.certainty(y, **kw)),
        }

    def _advance(
        self, frame: Tensor, focus: Tensor, optics: Tensor, state: dict[str, Tensor] | None
    ) -> tuple[dict[str, Tensor], Tensor]:
        """(recurrent state, score maps of this frame as one memory slot)."""
        condition = tf.concat([focus, self.condition_quant(optics)], -1)
        x2, x4, x8, x16, scores = self._encode(frame, condition, False)
        before = None if state is None else (state["state_h"], state["state_c"])
        hidden, cell = self.cell(x16, before)
        if state is not None:
            x2 = tf.maximum(state["state_skip2"], x2)
            x4 = tf.maximum(state["state_skip4"], x4)
            x8 = tf.maximum(state["state_skip8"], x8)
        after = {
            "state_h": hidden,
            "state_c": cell,
            "state_skip2": x2,
            "state_skip4": x4,
            "state_skip8": x8,
        }
        return after, tf.reshape(scores, (1, scores.shape[1], scores.shape[2] * HEADS, 1))

    def step(
        self, frame: Tensor, focus: Tensor, optics: Tensor, state: dict[str, Tensor] | None
    ) -> dict[str, Tensor]:
        focus = self.condition_quant(focus)
        after, scores = self._advance(frame, focus, optics, state)
        if state is None:
            memory = tf.fill((*scores.shape[:3], self.spec.slots - 1), self.empty_score)
            positions = tf.zeros((1, self.spec.slots - 1))
        else:
            memory, positions = state["state_scores"][..., 1:], state["state_focus"][:, 1:]
        return {
            **after,
            "state_scores": tf.concat([memory, scores], -1),
            "state_focus": tf.concat([positions, focus], -1),
        }

    def infer(self, frames: list[Tensor], focus: Tensor, optics: Tensor) -> dict[str, Tensor]:
        """The step unrolled. Score maps meet in one concatenation instead of a shifted memory."""
        if not frames:
            raise ValueError("infer needs at least one frame")
        focus = self.condition_quant(focus)
        state, scores = None, []
        for index, frame in enumerate(frames):
            state, score = self._advance(frame, focus[:, index : index + 1], optics, state)
            scores.append(score)
        joined = tf.concat(scores, -1) if len(scores) > 1 else scores[0]
        missing = self.spec.slots - len(frames)
        if self.quantized and missing > 0:
            # Empty slots weigh e^-16 at most, but streaming equals this bit for bit only if
            # both have them.
            joined = tf.pad(joined, [[0, 0]] * 3 + [[missing, 0]], constant_values=SCORE[0])
            joined = self.score_quant(joined)
            focus = self.condition_quant(tf.pad(focus, [[0, 0], [missing, 0]]))
        return self.decode({**(state or {}), "state_scores": joined, "state_focus": focus})

    def decode(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        scores = state["state_scores"]
        _, h, columns, slots = scores.shape
        weights = self.weight_quant(tf.nn.softmax(scores))
        focus = tf.reshape(self.condition_quant(state["state_focus"]), (slots, 1))
        flat = tf.reshape(weights, (h * columns, slots))
        means = self.mean_quant(tf.linalg.matmul(flat, focus))
        shape = (1, h, columns // HEADS, HEADS)
        return self._decode(
            (state["state_skip2"], state["state_skip4"], state["state_skip8"]),
            state["state_h"],
            tf.reshape(means, shape),
            tf.reshape(tf.reduce_max(weights, -1), shape),
            False,
        )

    def forward(
        self, frames: Tensor, focus: Tensor, optics: Tensor, training: bool = False
    ) -> dict[str, Tensor]:
        batch, count = frames.shape[0], frames.shape[1]
        if batch is None or count is None:
            raise ValueError("forward needs a known batch size and frame count")
        condition = tf.concat([focus[..., None], tf.repeat(optics[:, None, :], count, axis=1)], -1)
        x2, x4, x8, x16, scores = self._encode(
            tf.reshape(frames, (batch * count, *frames.shape[2:])),
            tf.reshape(condition, (batch * count, 4)),
            training,
        )

        def stack(x: Tensor) -> Tensor:
            return tf.reshape(x, (batch, count, *x.shape[1:]))

        features = stack(x16)
        state = None
        for index in range(count):
            state = self.cell(features[:, index], state, training=training)
        if state is None:
            raise ValueError("forward needs at least one frame")
        weights = self.weight_quant(tf.nn.softmax(stack(scores), axis=1))
        positions = self.condition_quant(focus)[:, :, None, None, None]
        means = self.mean_quant(tf.reduce_sum(weights * positions, axis=1))
        outputs = self._decode(
            tuple(tf.reduce_max(stack(x), axis=1) for x in (x2, x4, x8)),  # type: ignore[arg-type]
            state[0],
            means,
            tf.reduce_max(weights, axis=1),
            training,
        )
        excess = tf.reduce_mean(tf.nn.relu(tf.abs(scores) - SCORE_LIMIT))
        return {**outputs, "means": means, "excess": excess}


def run(layers: list[Separable], x: Tensor, training: bool) -> Tensor:
    """Apply layers one after another."""
    for layer in layers:
        x = layer(x, training=training)
    return x
