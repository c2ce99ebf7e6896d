"""What every preset offers to the trainer and to the converter."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from edgedepth.errors import UserError
from edgedepth.models.backend import tf
from edgedepth.models.fakequant import FakeQuant, Mode, Tensor
from edgedepth.models.grids import Range
from edgedepth.models.layers import Kernel
from edgedepth.spec import ModelSpec

FIRST_FOCUS: Literal["focus"] = "focus"
"""Start of a state tensor that the first frame's encoded focus fills."""


@dataclass(frozen=True)
class StateTensor:
    """One tensor of the streaming state.

    Attributes:
        shape: with the batch dimension of 1.
        range: (low, high) of its 8-bit grid.
        start: real value that fills it before the first frame, or ``FIRST_FOCUS``.
        decoded: the decoder reads it, so it is an input of the ``decode`` signature.
        carried: the next step reads it, so it is an input of the ``encode_step`` signature.
    """

    shape: tuple[int, ...]
    range: Range
    start: float | Literal["focus"] = 0.0
    decoded: bool = True
    carried: bool = True


class FocalNetwork(tf.Module):
    """A focal-stack network: one weight-shared step per frame, then a decoder.

    Subclasses build their layers in ``__init__`` and implement :meth:`step`, :meth:`decode`
    and :meth:`state_spec`; training uses :meth:`forward`, which does the same work on a
    whole batch.
    """

    def __init__(self, spec: ModelSpec, mode: Mode) -> None:
        super().__init__(name=spec.preset)
        self.spec = spec
        self.mode = mode

    @property
    def quantized(self) -> bool:
        """Whether the graph carries fake quantisation."""
        return self.mode is Mode.QUANTIZED

    def state_spec(self) -> dict[str, StateTensor]:
        """Streaming state by tensor name."""
        raise NotImplementedError

    def step(
        self, frame: Tensor, focus: Tensor, optics: Tensor, state: dict[str, Tensor] | None
    ) -> dict[str, Tensor]:
        """State after one more frame.

        Args:
            frame: (1, H, W, C) in [0, 1]; focus: (1, 1); optics: (1, 3).
            state: what the previous step returned, None before the first frame.
        """
        raise NotImplementedError

    def decode(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """Outputs by name, each (1, H, W, 1)."""
        raise NotImplementedError

    def forward(
        self, frames: Tensor, focus: Tensor, optics: Tensor, training: bool = False
    ) -> dict[str, Tensor]:
        """Outputs for a batch of stacks.

        Args:
            frames: (B, N, H, W, C) in [0, 1]; focus: (B, N); optics: (B, 3).
        """
        raise NotImplementedError

    def encode_step(
        self, frame: Tensor, focus: Tensor, optics: Tensor, state: dict[str, Tensor]
    ) -> dict[str, Tensor]:
        """The ``encode_step`` signature: :meth:`step` from its ``carried`` tensors on their 8-bit
        grids.
        """
        return self.step(frame, focus, optics, self._on_grid(state))

    def decode_state(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """The ``decode`` signature: :meth:`decode` from its ``decoded`` tensors."""
        return self.decode(self._on_grid(state))

    def infer(self, frames: list[Tensor], focus: Tensor, optics: Tensor) -> dict[str, Tensor]:
        """The ``infer`` signature: the step unrolled over the frames, then the decoder."""
        state = None
        for index, frame in enumerate(frames):
            state = self.step(frame, focus[:, index : index + 1], optics, state)
        if state is None:
            raise ValueError("infer needs at least one frame")
        return self.decode(state)

    def build(self) -> None:
        """Create the variables by running one small stack."""
        spec = self.spec
        self.forward(
            tf.zeros((1, 2, spec.height, spec.width, spec.channels)),
            tf.constant([[0.0, 1.0]]),
            tf.zeros((1, 3)),
        )

    def _on_grid(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        if not self.quantized:
            return state
        return {
            name: tf.quantization.fake_quant_with_min_max_args(
                state[name], *tensor.range, num_bits=8
            )
            for name, tensor in self.state_spec().items()
            if name in state
        }

    def kernels(self) -> list[Kernel]:
        """All linear layers, in an order that does not depend on the mode."""
        return [m for m in self.submodules if isinstance(m, Kernel)]

    def copy_folded(self, source: FocalNetwork) -> None:
        """Take over a float network's weights with its batch norms folded in."""
        for mine, theirs in zip(self.kernels(), source.kernels(), strict=True):
            mine.load(*theirs.folded())
        for mine, theirs in zip(self.plain_weights(), source.plain_weights(), strict=True):
            mine.assign(theirs)

    def plain_weights(self) -> list[Any]:
        """Weights outside linear layers, taken over unchanged when folding."""
        return []

    def settle(self) -> None:
        """Put all kernels and biases on their 8-bit grids; only a quantised network has these."""
        for kernel in self.kernels():
            kernel.settle()

    def moving_ranges(self) -> list[FakeQuant]:
        """Activation quantisers whose range follows the data."""
        return [
            m for m in self.submodules if isinstance(m, FakeQuant) and m.active and m.fixed is None
        ]

    def named_variables(self) -> dict[str, Any]:
        """Variables under names that are stable between processes."""
        # Keras numbers its layers per process, so only a variable's own name is kept.
        return {
            f"{index:03d}/{v.name.split('/')[-1].split(':')[0]}": v
            for index, v in enumerate(self.variables)
        }

    def weights(self) -> dict[str, np.ndarray]:
        """A copy of all variables."""
        return {name: v.numpy() for name, v in self.named_variables().items()}

    def load_weights(self, weights: dict[str, np.ndarray], source: Path | str = "weights") -> None:
        """Set all variables, those of 8 bits to the nearest on their grids.

        So what is read is what would be converted, whatever grids it was trained on.

        Raises:
            UserError: the names or shapes are those of another network.
        """
        mine = self.named_variables()
        shapes = {n: tuple(v.shape) for n, v in mine.items()}
        theirs = {n: tuple(w.shape) for n, w in weights.items()}
        if shapes != theirs:
            raise UserError(
                f"{source} holds weights of another network than preset {self.spec.preset}",
                "use the run directory that these weights were trained in",
            )
        for name, variable in mine.items():
            variable.assign(weights[name])
        self.settle()


def at_size(spec: ModelSpec, height: int | None, width: int | None) -> ModelSpec:
    """The same model at another input size."""
    return replace(spec, height=height or spec.height, width=width or spec.width)
