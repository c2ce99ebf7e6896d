"""Preset ``mobile``: a small network for phones, built from the classical answer.

Per frame: a separable-convolution encoder at 1/2 .. 1/16, conditioned on the frame's focus
and the sweep's optics; gates ("is this frame sharper here than all before it?") that start
out as the focus evidence of the cue planes; running means of the focus position under these
gates, which equal a softmax over the frames; skip features under a running maximum; a
convolutional LSTM at 1/16. After the last frame the decoder blends the means and the vertices
of the classical method, and corrects what focus alone cannot tell.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edgedepth.cues import CUE_PLANES, CUES, EVIDENCE_LIMIT, VERTICES
from edgedepth.models.backend import keras, tf
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
    Maximum,
    Mode,
    Range,
    Separable,
    Sum,
    Tensor,
)
from edgedepth.models.network import FIRST_FOCUS, FocalNetwork, StateTensor
from edgedepth.preprocess import OUTPUT_RANGE
from edgedepth.spec import ModelSpec

C2, C4, C8, C16 = 16, 24, 48, 64
"""Channels at 1/2, 1/4, 1/8 and 1/16 of the input size."""

UNITS = 44
"""Channels of the convolutional LSTM at 1/16."""

CONTEXT = 96
"""Channels of the decoder's context at 1/16, run once per sweep."""

HEADS = len(CUES)
"""Running means of the focus position; each starts from the evidence of one cue plane."""

SOURCES = HEADS + len(VERTICES)
"""Positions that the answer is blended from: the means, and the parabolas' vertices."""

START = np.array([1, 0, 1, 0, 0, 1, 1], np.float32) / 4
"""How the untrained network blends them."""

VERTEX: Range = (-0.25, 1.5)
"""What the network makes of a vertex may lie beyond the planes. Within, it is kept as a share of
this range, so that it has the grid of the means."""

SCORE: Range = (-EVIDENCE_LIMIT, EVIDENCE_LIMIT * 127 / 128)
"""A gate's logit is kept within this: sigmoid changes little beyond."""

SIZE_MULTIPLE = 16


def default_spec(height: int = 240, width: int = 320) -> ModelSpec:
    """The preset's ModelSpec.

    Raises:
        ValueError: a size that is not a multiple of 16.
    """
    if height % SIZE_MULTIPLE or width % SIZE_MULTIPLE:
        raise ValueError(f"preset mobile needs a size that is a multiple of {SIZE_MULTIPLE}")
    return ModelSpec("mobile", height, width, CUE_PLANES, focus_encoding="sweep", output="sweep")


def double(x: Tensor) -> Tensor:
    """Bilinear upsampling by 2; keeps its input's 8-bit grid."""
    return tf.image.resize(x, (x.shape[1] * 2, x.shape[2] * 2), method="bilinear")


class RunningMeans(keras.layers.Layer):
    """Means of the focus position and the largest weight, under gates, frame by frame.

    Both stay on the grid [0, 1]: a sum of two products on one grid rounds alike everywhere.
    """

    def __init__(self, mode: Mode, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.new, self.old = FakeQuant(mode, SIGMOID), FakeQuant(mode, UNIT)
        self.added, self.kept, self.mean = (FakeQuant(mode, UNIT) for _ in range(3))
        self.faded, self.largest = FakeQuant(mode, SIGMOID), Maximum(mode, SIGMOID)

    def call(
        self, scores: Tensor, focus: Tensor, means: Tensor | None, peaks: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """(means, peaks) after one more frame.

        Args:
            scores: (B, h, w, heads) logits of the newest frame's weight.
            focus: (B, 1, 1, 1) its position, or one per pixel and head.
            means, peaks: of the frames before, None where there is none.
        """
        new = self.new(tf.sigmoid(scores))
        old = self.old(1 - new)
        added = self.added(new * focus)
        means = added if means is None else self.mean(self.kept(old * means) + added)
        peaks = new if peaks is None else self.largest(self.faded(old * peaks), new)
        return means, peaks


class MobileNetwork(FocalNetwork):
    """See the module's text; about 290 million multiply-adds for 5 frames of 320x240."""

    def __init__(self, spec: ModelSpec, mode: Mode) -> None:
        super().__init__(spec, mode)
        relu6 = tf.nn.relu6
        self.frame_quant, self.condition_quant = FakeQuant(mode, UNIT), FakeQuant(mode, UNIT)

        self.condition_hidden = Dense(mode, 16, norm=False, activation=relu6, out=RELU6)
        self.condition = Dense(mode, C2, norm=False)
        self.stem = Conv(mode, C2, 2, 2)
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

        self.combine = RunningMeans(mode)
        self.vertex = Conv(mode, len(VERTICES), 2, 2, norm=False, out=UNIT)
        self.vertex_score = Conv(mode, len(VERTICES), 1, norm=False, out=SCORE)
        self.follow = RunningMeans(mode)
        self.sharpest = Maximum(mode, RELU6)
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
        self.up2, self.skip2, self.focus2, self.peak2 = (Conv(mode, C2, 1) for _ in range(4))
        self.join2 = Sum(mode, 4, activation=relu6, out=RELU6)
        self.decode2 = [Separable(mode, C2, C2), Separable(mode, C2, C2)]

        self.difference = Conv(mode, SOURCES, 1, norm=False)
        self.mix = Conv(mode, SOURCES, 1, norm=False, activation=tf.tanh, before=CELL, out=TANH)
        self.mixed = FakeQuant(mode)
        self.base = Conv(mode, 1, 1, norm=False)
        self.blend = Conv(mode, 1, 1, norm=False, bias=False)
        self.residual = Conv(mode, 1, 1, norm=False)
        self.position = Sum(mode, 3, out=OUTPUT_RANGE)
        self.certainty = Conv(
            mode, 1, 1, norm=False, activation=tf.sigmoid, before=SCORE, out=SIGMOID
        )
        self.build()
        if mode is Mode.FLOAT:
            self._start_classical()

    def _start_classical(self) -> None:
        """Begin with the classical answer: gates are the evidence, depth is one head's mean."""
        kernel = np.zeros(self.cue_score.kernel.shape, np.float32)
        for head in range(HEADS):
            kernel[:, :, 3 + head, head] = 2 * EVIDENCE_LIMIT / kernel[:, :, 0, 0].size
        self.cue_score.load(kernel, np.full(HEADS, -EVIDENCE_LIMIT, np.float32))
        for layer in (self.scores2, self.scores4, self.scores8, self.residual, self.mix):
            layer.kernel.assign(layer.kernel * 0.05)
        low, span = VERTEX[0], VERTEX[1] - VERTEX[0]
        kernel = np.zeros(self.vertex.kernel.shape, np.float32)
        for vertex in range(len(VERTICES)):
            kernel[:, :, 3 + HEADS + vertex, vertex] = 1 / span / kernel[:, :, 0, 0].size
        self.vertex.load(kernel, np.full(len(VERTICES), -low / span, np.float32))
        always = np.full(len(VERTICES), EVIDENCE_LIMIT, np.float32)
        self.vertex_score.load(self.vertex_score.kernel.numpy() * 0.05, always)
        scale, offset = np.ones(SOURCES, np.float32), np.zeros(SOURCES, np.float32)
        scale[HEADS:], offset[HEADS:] = span, low
        self.base.load((START * scale).reshape(1, 1, SOURCES, 1), np.array([START @ offset]))
        difference = np.eye(SOURCES, dtype=np.float32) - START[:, None]
        self.difference.load((scale[:, None] * difference)[None, None], offset @ difference)
        self.blend.load(np.ones((1, 1, SOURCES, 1), np.float32), None)

    def state_spec(self) -> dict[str, StateTensor]:
        h, w = self.spec.height, self.spec.width
        return {
            "state_h": StateTensor((1, h // 16, w // 16, UNITS), TANH),
            "state_c": StateTensor((1, h // 16, w // 16, UNITS), CELL, decoded=False),
            "state_skip2": StateTensor((1, h // 2, w // 2, C2), RELU6),
            "state_skip4": StateTensor((1, h // 4, w // 4, C4), RELU6),
            "state_skip8": StateTensor((1, h // 8, w // 8, C8), RELU6),
            "state_means": StateTensor((1, h // 2, w // 2, HEADS), UNIT, FIRST_FOCUS),
            "state_peaks": StateTensor((1, h // 2, w // 2, HEADS), SIGMOID),
            "state_vertices": StateTensor((1, h // 2, w // 2, len(VERTICES)), UNIT),
        }

    def _encode(self, frames: Tensor, condition: Tensor, training: bool) -> tuple[Tensor, ...]:
        """Of frames (B, H, W, C) under condition (B, 4): skip2, skip4, skip8, features16, scores,
        vertices and their scores.
        """
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
        vertices = self.vertex(frames, training=training)
        trust = self.vertex_score(x2, training=training)
        if not self.quantized:  # there the grid clips
            scores, trust = (tf.clip_by_value(x, *SCORE) for x in (scores, trust))
            vertices = tf.clip_by_value(vertices, *UNIT)
        return x2, x4, x8, x16, scores, vertices, trust

    def _decode(
        self,
        skips: tuple[Tensor, Tensor, Tensor],
        hidden: Tensor,
        sources: Tensor,
        peaks: Tensor,
        training: bool,
    ) -> dict[str, Tensor]:
        skip2, skip4, skip8 = skips
        kw = {"training": training}
        y = run(self.context, hidden, training)
        y = self.decode8(self.join8([double(self.up8(y, **kw)), skip8], **kw), **kw)
        pooled, pooled_peaks = (tf.nn.avg_pool2d(t, 2, 2, "SAME") for t in (sources, peaks))
        y = self.join4(
            [
                double(self.up4(y, **kw)),
                skip4,
                self.focus4(pooled, **kw),
                self.peak4(pooled_peaks, **kw),
            ],
            **kw,
        )
        y = run(self.decode4, y, training)
        y = self.join2(
            [
                double(self.up2(y, **kw)),
                self.skip2(skip2, **kw),
                self.focus2(sources, **kw),
                self.peak2(peaks, **kw),
            ],
            **kw,
        )
        y = run(self.decode2, y, training)
        mixed = self.mixed(self.mix(y, **kw) * self.difference(sources, **kw), **kw)
        position = self.position(
            [self.base(sources, **kw), self.blend(mixed, **kw), self.residual(y, **kw)], **kw
        )
        return {
            "inverse_depth": double(position),
            "confidence": double(self.certainty(y, **kw)),
        }

    def step(
        self, frame: Tensor, focus: Tensor, optics: Tensor, state: dict[str, Tensor] | None
    ) -> dict[str, Tensor]:
        focus = self.condition_quant(focus)
        condition = tf.concat([focus, self.condition_quant(optics)], -1)
        x2, x4, x8, x16, scores, vertices, trust = self._encode(frame, condition, False)
        before = None if state is None else (state["state_h"], state["state_c"])
        hidden, cell = self.cell(x16, before)
        position = tf.reshape(focus, (1, 1, 1, 1))
        if state is None:
            means, peaks = self.combine(scores, position, position, None)
            vertices, _ = self.follow(trust, vertices, None, None)
        else:
            x2 = self.sharpest(state["state_skip2"], x2)
            x4 = self.sharpest(state["state_skip4"], x4)
            x8 = self.sharpest(state["state_skip8"], x8)
            means, peaks = self.combine(
                scores, position, state["state_means"], state["state_peaks"]
            )
            vertices, _ = self.follow(trust, vertices, state["state_vertices"], None)
        return {
            "state_h": hidden,
            "state_c": cell,
            "state_skip2": x2,
            "state_skip4": x4,
            "state_skip8": x8,
            "state_means": means,
            "state_peaks": peaks,
            "state_vertices": vertices,
        }

    def decode(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        return self._decode(
            (state["state_skip2"], state["state_skip4"], state["state_skip8"]),
            state["state_h"],
            tf.concat([state["state_means"], state["state_vertices"]], -1),
            state["state_peaks"],
            False,
        )

    def forward(
        self, frames: Tensor, focus: Tensor, optics: Tensor, training: bool = False
    ) -> dict[str, Tensor]:
        batch, count = frames.shape[0], frames.shape[1]
        if not batch or not count:
            raise ValueError("forward needs a known batch size and at least one frame")
        condition = tf.concat([focus[..., None], tf.repeat(optics[:, None, :], count, axis=1)], -1)
        x2, x4, x8, x16, scores, vertices, trust = (
            tf.reshape(x, (batch, count, *x.shape[1:]))
            for x in self._encode(
                tf.reshape(frames, (batch * count, *frames.shape[2:])),
                tf.reshape(condition, (batch * count, 4)),
                training,
            )
        )
        positions = tf.reshape(self.condition_quant(focus), (batch, count, 1, 1, 1))
        means, peaks = positions[:, 0], None
        followed = state = None
        for index in range(count):
            state = self.cell(x16[:, index], state, training=training)
            means, peaks = self.combine(scores[:, index], positions[:, index], means, peaks)
            followed, _ = self.follow(trust[:, index], vertices[:, index], followed, None)
        outputs = self._decode(
            tuple(tf.reduce_max(x, axis=1) for x in (x2, x4, x8)),  # type: ignore[arg-type]
            state[0],  # type: ignore[index]
            tf.concat([means, followed], -1),
            peaks,
            training,
        )
        return {**outputs, "means": means}


def run(layers: list[Separable], x: Tensor, training: bool) -> Tensor:
    """Apply layers one after another."""
    for layer in layers:
        x = layer(x, training=training)
    return x
