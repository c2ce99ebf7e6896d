"""Fake quantisation: of activations on a grid, of weights per channel or per tensor."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from edgedepth.models.backend import keras, quantizers, tf
from edgedepth.models.grids import EVEN_LIMIT, FINEST, Range, step_of

Tensor: TypeAlias = Any


class Mode(enum.Enum):
    """Which of its lives a network leads."""

    FLOAT = "float"
    FOLDED = "folded"
    QUANTIZED = "quantized"


class FakeQuant(keras.layers.Layer):
    """8-bit fake quantisation of an activation if the mode is QUANTIZED.

    Args:
        mode: the network's mode.
        fixed: (low, high), or None for a range that follows a moving average.
        clips: keep what is not quantised within ``fixed`` too.
    """

    def __init__(
        self, mode: Mode, fixed: Range | None = None, *, clips: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.active = mode is Mode.QUANTIZED
        self.fixed = fixed
        self.clipped = fixed if clips else None
        self.observed: Range | None = None
        self.observing = False
        if self.active and fixed is None:
            self.quantizer = quantizers.MovingAverageQuantizer(
                num_bits=8, per_axis=False, symmetric=False, narrow_range=False
            )
            self.limits = self.quantizer.build(None, "range", self)

    def call(self, x: Tensor, training: bool = False) -> Tensor:
        if not self.active:
            return tf.clip_by_value(x, *self.clipped) if self.clipped else x
        if self.fixed is not None:
            return tf.quantization.fake_quant_with_min_max_args(x, *self.fixed, num_bits=8)
        if self.observing:
            low, high = float(tf.reduce_min(x)), float(tf.reduce_max(x))
            old = self.observed or (0.0, 0.0)
            self.observed = (min(low, old[0], 0.0), max(high, old[1], 0.0))
            return x
        return self.quantizer(x, training, weights=self.limits)

    def step(self) -> Tensor | float:
        """Step of the grid.

        Raises:
            ValueError: the mode is not QUANTIZED, and the range follows the data.
        """
        if self.fixed is not None:
            return step_of(self.fixed)
        if not self.active:
            raise ValueError("a range that follows the data has no step before quantisation")
        return (self.limits["max_var"] - self.limits["min_var"]) / 255

    def adopt(self) -> None:
        """Take the observed range as the starting point of the moving average."""
        self.observing = False
        if self.observed is not None:
            low, high = self.observed
            self.limits["min_var"].assign(low)
            self.limits["max_var"].assign(max(high, low + 1e-3))


class AxisLast:
    """Moves an axis of a weight to the end and back: fake quantisation per channel knows the last
    one only. With None nothing moves."""

    def __init__(self, rank: int, axis: int | None) -> None:
        self.order = list(range(rank))
        if axis is not None:
            self.order.append(self.order.pop(axis % rank))
        self.back = [int(i) for i in np.argsort(self.order)]
        self.moves = self.order != list(range(rank))

    def __call__(self, weight: Tensor, quantised: Callable[[Tensor], Tensor]) -> Tensor:
        if not self.moves:
            return quantised(weight)
        return tf.transpose(quantised(tf.transpose(weight, self.order)), self.back)


class WeightQuant:
    """Symmetric 8-bit fake quantisation of a weight, per ``axis`` or per tensor."""

    def __init__(self, owner: keras.layers.Layer, shape: tuple[int, ...], axis: int | None) -> None:
        self.quantizer = quantizers.LastValueQuantizer(
            num_bits=8, per_axis=axis is not None, symmetric=True, narrow_range=True
        )
        self.last = AxisLast(len(shape), axis)
        self.limits = self.quantizer.build(
            tf.TensorShape([shape[i] for i in self.last.order]), "weight", owner
        )

    def __call__(self, weight: Tensor, training: bool) -> Tensor:
        return self.last(weight, lambda w: self.quantizer(w, training, weights=self.limits))

    def settle(self, weight: Any, bias: Any) -> None:
        """Take the range that the weight has now."""
        self(weight, training=True)


class EvenWeightQuant:
    """Fake quantisation of a weight to even numbers, scaled by a power of two.

    Sums of such products are rounded alike by all kernels (:mod:`edgedepth.models.grids`): what
    they are scaled by, input's step times weight's over output's, is a power of two.

    Args:
        steps: of the input's grid and of the output's.
    """

    def __init__(
        self,
        owner: keras.layers.Layer,
        shape: tuple[int, ...],
        axis: int | None,
        steps: Callable[[], tuple[Tensor, Tensor]],
    ) -> None:
        self.steps = steps
        self.last = AxisLast(len(shape), axis)
        self.axes = [i for i in range(len(shape)) if axis is None or i != axis % len(shape)]
        channels = () if axis is None else (shape[axis],)
        self.step = owner.add_weight(
            name="weight_step", shape=channels, initializer="ones", trainable=False
        )
        self.settled = False

    def __call__(self, weight: Tensor, training: bool) -> Tensor:
        if training:
            self.step.assign(self._fitting(weight))
            self.settled = False
        return self.last(weight, self._on_grid)

    def unit(self) -> Tensor:
        """What a sum and its bias are multiples of."""
        return self.step * self.steps()[0]

    def _fitting(self, weight: Tensor) -> Tensor:
        """The least step, a power of two given what goes in and out, for which weights fit."""
        read, made = self.steps()
        largest = tf.reduce_max(tf.abs(weight), axis=self.axes)
        exponent = tf.math.ceil(tf.math.log(largest * read / (EVEN_LIMIT * made)) / np.log(2.0))
        exponent = tf.where(exponent == -1.0, 0.0, exponent)  # half of what is odd is halfway
        return made / read * tf.pow(2.0, tf.maximum(exponent, -FINEST))

    def _even(self, weight: Tensor) -> Tensor:
        pair, half = 2 * self.step, EVEN_LIMIT // 2
        return pair * tf.clip_by_value(tf.round(weight / pair), -half, half)

    def _on_grid(self, weight: Tensor) -> Tensor:
        if not self.settled:
            weight = weight + tf.stop_gradient(self._even(weight) - weight)
        fake = tf.quantization
        limit, kind = 127 * self.step, {"num_bits": 8, "narrow_range": True}
        if self.step.shape.rank:
            return fake.fake_quant_with_min_max_vars_per_channel(weight, -limit, limit, **kind)
        return fake.fake_quant_with_min_max_vars(weight, -limit, limit, **kind)

    def settle(self, weight: Any, bias: Any) -> None:
        """Put the weight on the even numbers of its grid and the bias on the odd ones of its."""
        self(weight, training=True)
        weight.assign(self.last(weight, self._even))
        if bias is not None:
            unit = self.unit()
            bias.assign(unit * (2 * tf.round((bias / unit - 1) / 2) + 1))
        self.settled = True
