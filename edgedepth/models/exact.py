"""Layers of which every runtime makes the same 8-bit numbers; :mod:`edgedepth.models.grids` says
how."""

from __future__ import annotations

from typing import Any

from edgedepth.models.backend import keras, tf
from edgedepth.models.fakequant import FakeQuant, Mode, Tensor
from edgedepth.models.grids import (
    GATE,
    HIDDEN,
    LOGIT,
    MEMORY,
    MIX,
    MIX_TERM,
    TANH,
    UNIT,
    Range,
    gated,
    mixed,
)
from edgedepth.models.layers import Gates


class HardGate(keras.layers.Layer):
    """a + b clipped to [0, 1]; both terms are within ``LOGIT``."""

    def __init__(self, mode: Mode, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.quantized = mode is Mode.QUANTIZED
        self.quant = FakeQuant(mode, GATE)

    def call(self, a: Tensor, b: Tensor) -> Tensor:
        if self.quantized:  # there the grid is the upper limit
            return self.quant(tf.nn.relu(a + b))
        return tf.clip_by_value(a + b, 0.0, 1.0)


class RunningMeans(keras.layers.Layer):
    """Means of the focus position under gates, frame by frame, on ``UNIT``."""

    def __init__(self, mode: Mode, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.new, self.old = HardGate(mode), FakeQuant(mode, GATE)
        self.added, self.kept = FakeQuant(mode, gated(UNIT)), FakeQuant(mode, gated(UNIT))
        self.mean = FakeQuant(mode, UNIT)

    def call(self, scores: tuple[Tensor, Tensor], focus: Tensor, means: Tensor) -> Tensor:
        """The means after one more frame.

        Args:
            scores: two terms (B, h, w, c) of the newest frame's weight, within ``LOGIT``.
            focus: (B, 1, 1, 1) its position.
            means: of the frames before; the first frame's position where there is none.
        """
        new = self.new(*scores)
        old = self.old(1 - new)
        return self.mean(self.kept(old * means) + self.added(new * focus))


class HardMix(keras.layers.Layer):
    """A map on ``MIX_TERM`` plus a level per channel, clipped to [-1, 1], times another map."""

    def __init__(self, mode: Mode, channels: int, other: Range, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.level = self.add_weight(name="level", shape=(channels,), initializer="zeros")
        self.level_quant, self.mix = FakeQuant(mode, MIX_TERM), FakeQuant(mode, MIX)
        self.quant = FakeQuant(mode, mixed(other))

    def call(self, x: Tensor, other: Tensor) -> Tensor:
        # So written, the clipping becomes part of the sum.
        both = tf.minimum(tf.maximum(x + self.level_quant(self.level), -1.0), 1.0)
        return self.quant(self.mix(both) * other)


class HardLstmCell(keras.layers.Layer):
    """One LSTM step (Hochreiter & Schmidhuber 1997) with hard sigmoids and a hard candidate.

    Args:
        from_input, from_state: :class:`Gates` with 4 x units outputs on ``LOGIT``; the recurrent
            one has no bias, so that a zero state adds exactly nothing.
    """

    def __init__(self, mode: Mode, from_input: Gates, from_state: Gates, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.from_input, self.from_state = from_input, from_state
        self.input_gate, self.forget_gate, self.output_gate = (HardGate(mode) for _ in range(3))
        self.candidate = FakeQuant(mode, LOGIT, clips=True)
        self.added, self.kept = FakeQuant(mode, gated(MEMORY)), FakeQuant(mode, gated(MEMORY))
        self.cell = FakeQuant(mode, MEMORY, clips=True)
        self.squashed = FakeQuant(mode, TANH)
        self.hidden = FakeQuant(mode, HIDDEN)

    def call(
        self, x: Tensor, state: tuple[Tensor, Tensor] | None, training: bool = False
    ) -> tuple[Tensor, Tensor]:
        """(h, c) after one step; ``state`` None stands for zeros.

        A first step adds zeros on the grids that a real state would have, so that the unrolled
        graph and the streaming one round alike. It runs no convolution on them: GPU delegates
        refuse a node without runtime inputs.
        """
        new = tf.split(self.from_input(x, training=training), 4, axis=-1)
        if state is None:
            # A plain zero would be left out of the sum, and the sum's grid with it.
            old = [self.from_state.quant(part * tf.zeros_like(part)) for part in new]
        else:
            old = tf.split(self.from_state(state[0], training=training), 4, axis=-1)
        gates = self.input_gate, self.forget_gate, self.output_gate
        i, f, o = (gate(a, b) for gate, a, b in zip(gates, old[:3], new[:3], strict=True))
        g = self.candidate(old[3] + new[3])
        before = tf.zeros_like(g) if state is None else state[1]
        cell = self.cell(self.kept(f * before) + self.added(i * g))
        return self.hidden(o * self.squashed(tf.tanh(cell))), cell
