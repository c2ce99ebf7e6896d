"""Layers that live three lives: float with batch norm, folded, and fake-quantised.

TFMOT's ``quantize_model`` refuses weight sharing over a stack, recurrent cells and nested
models, so its quantizers are attached layer by layer here. Every layer may be called once
per frame with the same weights and the same ranges. What TFLite demands decides the ranges:
logistic [0, 255/256], tanh [-1, 127/128], weights per output channel except for transposed
convolutions and dense layers, which the converter only takes per tensor.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from edgedepth.models.backend import keras, tf
from edgedepth.models.fakequant import EvenWeightQuant, FakeQuant, Mode, Tensor, WeightQuant
from edgedepth.models.grids import (
    CELL,
    RELU6,
    SIGMOID,
    SIGNED,
    TANH,
    UNEVEN_TANH,
    Range,
)


class Kernel(keras.layers.Layer):
    """A linear map with kernel and bias, then batch norm (float only), activation, quantiser.

    Subclasses give the kernel's shape, the axis of its output channels and the operation.

    Args:
        before: grid of what enters an activation that is an operation of its own; one that
            follows the data where None.
        out: grid of the result, likewise.
        clips: keep the result within ``out`` where it is not quantised too.
        reads: grid of the input; where it is known, weights are even (``EvenWeightQuant``).
    """

    def __init__(
        self,
        mode: Mode,
        filters: int,
        *,
        norm: bool = True,
        bias: bool = True,
        activation: Callable[[Tensor], Tensor] | None = None,
        before: Range | None = None,
        out: Range | None = None,
        clips: bool = False,
        reads: FakeQuant | Range | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.mode = mode
        grid = FakeQuant(mode, reads) if isinstance(reads, tuple) else reads
        self.read_step = grid and grid.step
        self.filters = filters
        self.use_norm = norm and mode is Mode.FLOAT
        self.use_bias = bias
        self.activation = activation
        # TFLite fuses ReLU into the operation; any other activation is an operation of its
        # own and wants its input on a grid.
        fused = activation is None or activation in (tf.nn.relu, tf.nn.relu6)
        self.before = None if fused else FakeQuant(mode, before)
        self.quant = FakeQuant(mode, out, clips=clips)

    channel_axis: int = -1
    weight_axis: int | None = -1
    frozen_norm: bool = False
    pattern: np.ndarray | None = None
    """Of the kernel's shape: 0 where a weight is and stays 0."""

    def kernel_shape(self, channels: int) -> tuple[int, ...]:
        raise NotImplementedError

    def linear(self, x: Tensor, kernel: Tensor) -> Tensor:
        raise NotImplementedError

    def build(self, input_shape: Any) -> None:
        shape = self.kernel_shape(int(input_shape[-1]))
        self.kernel = self.add_weight(name="kernel", shape=shape, initializer="he_normal")
        if self.use_norm:
            several = tf.distribute.get_strategy().num_replicas_in_sync > 1
            self.norm = keras.layers.BatchNormalization(
                momentum=0.95, name="norm", synchronized=several
            )
        elif self.use_bias:
            self.bias = self.add_weight(name="bias", shape=(self.filters,), initializer="zeros")
        if self.mode is Mode.QUANTIZED:
            self.weight_quant = self._weight_quant(shape)
        super().build(input_shape)

    def _weight_quant(self, shape: tuple[int, ...]) -> WeightQuant | EvenWeightQuant:
        read, made = self.read_step, (self.before or self.quant).step
        if read is None:
            return WeightQuant(self, shape, self.weight_axis)
        return EvenWeightQuant(self, shape, self.weight_axis, lambda: (read(), made()))

    def settle(self) -> None:
        """Put kernel and bias on their 8-bit grids for good.

        Trained ranges are one step older than the weights, and averaged weights have neither. The
        converter keeps such a range where a kernel serves one frame and measures anew where it
        serves N, so that streaming and unrolled graphs would round apart.
        """
        if self.mode is Mode.QUANTIZED:
            self.weight_quant.settle(self.kernel, self.bias if self.use_bias else None)

    def call(self, x: Tensor, training: bool = False) -> Tensor:
        kernel = self.kernel
        if self.pattern is not None and (training or self.mode is Mode.FLOAT):
            kernel = kernel * self.pattern  # what is loaded into the other modes has it already
        if self.mode is Mode.QUANTIZED:
            kernel = self.weight_quant(kernel, training)
        y = self.linear(x, kernel)
        if self.use_norm:
            y = self.norm(y, training=training and not self.frozen_norm)
        elif self.use_bias:
            y = y + self.bias
        elif self.mode is Mode.QUANTIZED and isinstance(self.weight_quant, EvenWeightQuant):
            y = y + self.weight_quant.unit()  # the least odd bias: a sum of 0 remains one
        if self.before is not None:
            y = self.before(y, training=training)
        if self.activation is not None:
            y = self.activation(y)
        return self.quant(y, training=training)

    def folded(self) -> tuple[np.ndarray, np.ndarray | None]:
        """(kernel, bias) with the batch norm's running statistics folded in."""
        kernel = self.kernel.numpy()
        if self.pattern is not None:
            kernel = kernel * self.pattern
        if not self.use_norm:
            return kernel, (self.bias.numpy() if self.use_bias else None)
        norm = self.norm
        gain = norm.gamma.numpy() / np.sqrt(norm.moving_variance.numpy() + norm.epsilon)
        shape = [1] * kernel.ndim
        shape[self.channel_axis] = -1
        return kernel * gain.reshape(shape), norm.beta.numpy() - norm.moving_mean.numpy() * gain

    def load(self, kernel: np.ndarray, bias: np.ndarray | None) -> None:
        """Take over another layer's kernel and bias."""
        self.kernel.assign(kernel)
        if bias is not None:
            self.bias.assign(bias)


class Conv(Kernel):
    """2-D convolution, "same" padding, NHWC."""

    def __init__(self, mode: Mode, filters: int, size: int, stride: int = 1, **kwargs: Any) -> None:
        super().__init__(mode, filters, **kwargs)
        self.size, self.stride = size, stride

    def kernel_shape(self, channels: int) -> tuple[int, ...]:
        return (self.size, self.size, channels, self.filters)

    def linear(self, x: Tensor, kernel: Tensor) -> Tensor:
        return tf.nn.conv2d(x, kernel, self.stride, "SAME")


class Depthwise(Kernel):
    """3x3 depthwise convolution, "same" padding, NHWC."""

    channel_axis = 2
    weight_axis = 2

    def __init__(self, mode: Mode, channels: int, stride: int = 1, **kwargs: Any) -> None:
        super().__init__(mode, channels, **kwargs)
        self.stride = stride

    def kernel_shape(self, channels: int) -> tuple[int, ...]:
        return (3, 3, channels, 1)

    def linear(self, x: Tensor, kernel: Tensor) -> Tensor:
        return tf.nn.depthwise_conv2d(x, kernel, [1, self.stride, self.stride, 1], "SAME")


class Deconv(Kernel):
    """Transposed 2-D convolution, "same" padding, NHWC."""

    channel_axis = 2
    weight_axis = None

    def __init__(self, mode: Mode, filters: int, size: int, stride: int, **kwargs: Any) -> None:
        super().__init__(mode, filters, **kwargs)
        self.size, self.stride = size, stride

    def kernel_shape(self, channels: int) -> tuple[int, ...]:
        return (self.size, self.size, self.filters, channels)

    def linear(self, x: Tensor, kernel: Tensor) -> Tensor:
        batch = x.shape[0] if x.shape[0] is not None else tf.shape(x)[0]
        size = (batch, x.shape[1] * self.stride, x.shape[2] * self.stride, self.filters)
        return tf.nn.conv2d_transpose(x, kernel, size, self.stride, "SAME")


class Dense(Kernel):
    """Fully connected layer on (B, C)."""

    weight_axis = None

    def kernel_shape(self, channels: int) -> tuple[int, ...]:
        return (channels, self.filters)

    def linear(self, x: Tensor, kernel: Tensor) -> Tensor:
        return tf.linalg.matmul(x, kernel)


class Sum(keras.layers.Layer):
    """Add tensors pairwise, each partial sum on its own 8-bit grid; optional activation last."""

    def __init__(
        self,
        mode: Mode,
        terms: int,
        activation: Callable[[Tensor], Tensor] | None = None,
        out: Range | None = None,
        partial: Range | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.activation = activation
        self.partial = [FakeQuant(mode, partial) for _ in range(terms - 2)]
        self.quant = FakeQuant(mode, out)

    def call(self, terms: list[Tensor], training: bool = False) -> Tensor:
        total = terms[0]
        for index, term in enumerate(terms[1:]):
            total = total + term
            if index < len(self.partial):
                total = self.partial[index](total, training=training)
        if self.activation is not None:
            total = self.activation(total)
        return self.quant(total, training=training)


class Maximum(keras.layers.Layer):
    """Larger of two tensors on one 8-bit grid that starts at 0.

    In int8 as ``a + relu(b - a)``, which is exact on one grid: XNNPACK has no int8 maximum, and
    TFLite's own takes longer than the convolution before it.
    """

    def __init__(self, mode: Mode, grid: Range, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.quantized = mode is Mode.QUANTIZED
        self.more, self.quant = FakeQuant(mode, grid), FakeQuant(mode, grid)

    def call(self, a: Tensor, b: Tensor) -> Tensor:
        if not self.quantized:
            return tf.maximum(a, b)
        return self.quant(a + self.more(tf.nn.relu(b - a)))


class Separable(keras.layers.Layer):
    """Depthwise 3x3 then 1x1, each with batch norm and ReLU6; residual where shapes allow."""

    def __init__(
        self,
        mode: Mode,
        channels: int,
        filters: int,
        stride: int = 1,
        out: Range = RELU6,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.residual = stride == 1 and channels == filters
        relu6, kinds = tf.nn.relu6, {"activation": tf.nn.relu6, "reads": RELU6}
        self.depthwise = Depthwise(mode, channels, stride, out=RELU6, **kinds)
        if self.residual:
            # x is in [0, 6] and so is the clipped sum: beyond 6 either way y changes nothing.
            self.pointwise = Conv(mode, filters, 1, out=SIGNED, reads=RELU6)
            self.add = Sum(mode, 2, activation=relu6, out=out)
        else:
            self.pointwise = Conv(mode, filters, 1, out=out, **kinds)

    def call(self, x: Tensor, training: bool = False) -> Tensor:
        y = self.pointwise(self.depthwise(x, training=training), training=training)
        return self.add([x, y], training=training) if self.residual else y


class Gates(keras.layers.Layer):
    """Depthwise 3x3 and 1x1 convolution without activation: the maps of a convolutional LSTM, kept
    within ``out`` if that is given."""

    def __init__(
        self,
        mode: Mode,
        channels: int,
        filters: int,
        bias: bool = True,
        out: Range | None = None,
        reads: Range | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.depthwise = Depthwise(mode, channels, norm=False, bias=bias, reads=reads)
        between = None if reads is None else self.depthwise.quant
        kinds: dict[str, Any] = {"norm": False, "bias": bias, "clips": out is not None}
        self.pointwise = Conv(mode, filters, 1, out=out, reads=between, **kinds)
        self.quant = self.pointwise.quant

    def call(self, x: Tensor, training: bool = False) -> Tensor:
        return self.pointwise(self.depthwise(x, training=training), training=training)


class LstmCell(keras.layers.Layer):
    """One LSTM step (Hochreiter & Schmidhuber 1997) whose gates come as four equal parts.

    The input and the recurrent part are added rather than concatenated: TFLite wants equal
    scales in a concatenation, which quantisation-aware ranges do not give.

    Args:
        from_input, from_state: :class:`Gates` or :class:`Dense` with 4 x units outputs; the
            recurrent one has no bias, so that a zero state adds exactly nothing.
    """

    def __init__(
        self,
        mode: Mode,
        from_input: Gates | Dense,
        from_state: Gates | Dense,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.quantized = mode is Mode.QUANTIZED
        self.from_input, self.from_state = from_input, from_state
        self.gates = Sum(mode, 2)
        self.input_gate = FakeQuant(mode, SIGMOID)
        self.forget_gate = FakeQuant(mode, SIGMOID)
        self.output_gate = FakeQuant(mode, SIGMOID)
        self.candidate = FakeQuant(mode, TANH)
        self.added = FakeQuant(mode, UNEVEN_TANH)
        self.kept = FakeQuant(mode, CELL)
        self.cell = FakeQuant(mode, CELL)
        self.squashed = FakeQuant(mode, TANH)
        self.hidden = FakeQuant(mode, TANH)

    def call(
        self, x: Tensor, state: tuple[Tensor, Tensor] | None, training: bool = False
    ) -> tuple[Tensor, Tensor]:
        """(h, c) after one step; ``state`` None stands for zeros.

        A quantised first step adds zeros on the grids that a real state would have, so that
        the unrolled graph and the streaming one round alike. It runs no convolution on them:
        GPU delegates refuse a node without runtime inputs.
        """
        gates = self.from_input(x, training=training)
        if state is not None:
            gates = self.gates(
                [gates, self.from_state(state[0], training=training)], training=training
            )
        elif self.quantized:
            zeros = self.from_state.quant(tf.zeros_like(gates), training=False)
            gates = self.gates([gates, zeros], training=training)
        i, f, g, o = tf.split(gates, 4, axis=-1)
        i = self.input_gate(tf.sigmoid(i))
        f = self.forget_gate(tf.sigmoid(f))
        o = self.output_gate(tf.sigmoid(o))
        g = self.candidate(tf.tanh(g))
        cell = self.added(i * g)
        if state is not None:
            cell = self.kept(f * state[1]) + cell
        elif self.quantized:
            cell = self.kept(tf.zeros_like(cell)) + cell
        cell = self.cell(cell)
        return self.hidden(o * self.squashed(tf.tanh(cell))), cell
