"""A small stand-in network with everything that is hard to convert: fake quantisation, a
depthwise kernel shared over the frames, a recurrent state under gates, state that only the next
step or only the decoder reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from edgedepth.cues import CUE_PLANES
from edgedepth.models.backend import tf
from edgedepth.spec import ModelSpec

SCORES = (-8.0, 8.0 * 127 / 128)
GATE = (0.0, 255 / 256)
UNIT = (0.0, 1.0)
OUT = (-0.5, 1.5)


@dataclass(frozen=True)
class StateTensor:
    shape: tuple[int, ...]
    range: tuple[float, float]
    start: float | str = 0.0
    decoded: bool = True
    carried: bool = True


def sketch_spec(**changes: Any) -> ModelSpec:
    fields: dict[str, Any] = {
        "preset": "mobile",
        "height": 32,
        "width": 48,
        "cue_planes": CUE_PLANES,
        "focus_encoding": "sweep",
        "output": "sweep",
        "frames": 3,
        "streaming": True,
        "training": {"recipe": "test"},
    }
    return ModelSpec(**{**fields, **changes})


class Sketch(tf.Module):
    """A score per frame from the cues, a running mean of the focus positions under its sigmoid."""

    def __init__(self, spec: ModelSpec, quantized: bool, seed: int = 0) -> None:
        super().__init__(name="sketch")
        self.spec, self.quantized = spec, quantized
        rng = np.random.default_rng(seed)

        def weight(*shape: int, noise: float) -> Any:
            return tf.Variable(rng.normal(0, noise, shape).astype(np.float32))

        self.stem = weight(3, 3, spec.channels, 8, noise=0.03)
        self.depthwise = weight(3, 3, 8, 1, noise=0.05)
        self.point = weight(1, 1, 8, 1, noise=0.05)
        self.sharpen = weight(3, 3, 1, 1, noise=0.01)
        self.pick = weight(2, 2, spec.channels, 1, noise=0.01)
        for cue in range(4):  # a score is the sum of four cues
            self.stem[:, :, 3 + cue, cue].assign(tf.fill((3, 3), 4 / 9))
            self.depthwise[1, 1, cue, 0].assign(1.0)
            self.point[0, 0, cue, 0].assign(1.0)
        self.sharpen[1, 1, 0, 0].assign(1.0)
        self.pick[:, :, -1, 0].assign(tf.fill((2, 2), 0.25))

    def _fq(self, x: Any, low: float, high: float) -> Any:
        if not self.quantized:
            return x
        return tf.quantization.fake_quant_with_min_max_args(x, low, high)

    def _kernel(self, w: Any, axis: int) -> Any:
        """Per-channel symmetric fake quantisation along ``axis``."""
        if not self.quantized:
            return w
        order = [i for i in range(4) if i != axis] + [axis]
        turned = tf.transpose(w, order)
        top = tf.reduce_max(tf.abs(turned), axis=(0, 1, 2)) + 1e-6
        turned = tf.quantization.fake_quant_with_min_max_vars_per_channel(
            turned, -top, top, narrow_range=True
        )
        return tf.transpose(turned, np.argsort(order))

    def _score(self, frame: Any, optics: Any) -> Any:
        with tf.name_scope("encoder/stem"):
            x = self._fq(frame, *UNIT)
            x = tf.nn.conv2d(x, self._kernel(self.stem, 3), 2, "SAME")
            x = self._fq(tf.nn.relu6(x), 0, 6)
        with tf.name_scope("encoder/depthwise"):
            w = self._kernel(self.depthwise, 2)
            x = tf.nn.depthwise_conv2d(x, w, (1, 1, 1, 1), "SAME")
            x = self._fq(tf.nn.relu6(x), 0, 6)
        with tf.name_scope("combiner/score"):
            x = tf.nn.conv2d(x, self._kernel(self.point, 3), 1, "SAME") - 4
            x = self._fq(x, *SCORES)
            gain = tf.reshape(self._fq(optics, *UNIT)[:, :1], (1, 1, 1, 1))
            return self._fq(x * gain, *SCORES)

    def state_spec(self) -> dict[str, StateTensor]:
        plane = (1, self.spec.height // 2, self.spec.width // 2, 1)
        return {
            "state_means": StateTensor(plane, UNIT, "focus"),
            "state_peaks": StateTensor(plane, GATE, decoded=False),
            "state_answers": StateTensor(plane, UNIT, carried=False),
        }

    def _grid(self, state: dict[str, Any]) -> dict[str, Any]:
        spec = self.state_spec()
        return {name: self._fq(value, *spec[name].range) for name, value in state.items()}

    def _step(self, frame: Any, focus: Any, optics: Any, mean: Any, peak: Any) -> tuple[Any, ...]:
        position = tf.reshape(self._fq(focus, *UNIT), (1, 1, 1, 1))
        score = self._score(frame, optics)
        with tf.name_scope("combiner/gate"):
            new = self._fq(tf.sigmoid(score), *GATE)
            old = self._fq(1 - new, *UNIT)
        with tf.name_scope("combiner/mean"):
            kept = self._fq(old * (position if mean is None else mean), *UNIT)
            mean = self._fq(kept + self._fq(new * position, *UNIT), *UNIT)
        with tf.name_scope("combiner/peak"):
            peak = new if peak is None else tf.maximum(self._fq(old * peak, *GATE), new)
        with tf.name_scope("encoder/answers"):
            x = self._fq(frame, *UNIT)
            answers = tf.nn.conv2d(x, self._kernel(self.pick, 3), 2, "SAME")
            if not self.quantized:  # there the grid clips
                answers = tf.clip_by_value(answers, *UNIT)
            answers = self._fq(answers, *UNIT)
        return mean, peak, answers

    def encode_step(self, frame: Any, focus: Any, optics: Any, state: dict[str, Any]) -> Any:
        state = self._grid(state)
        return dict(
            zip(
                self.state_spec(),
                self._step(frame, focus, optics, state["state_means"], state["state_peaks"]),
                strict=True,
            )
        )

    def decode_state(self, state: dict[str, Any]) -> dict[str, Any]:
        state = self._grid(state)
        with tf.name_scope("decoder/sharpen"):
            mean = tf.nn.conv2d(state["state_means"], self._kernel(self.sharpen, 3), 1, "SAME")
            mean = self._fq(mean, *OUT)
        size = (self.spec.height, self.spec.width)
        return {
            "inverse_depth": tf.image.resize(mean, size),
            "confidence": tf.image.resize(state["state_answers"], size),
        }

    def infer(self, frames: list[Any], focus: Any, optics: Any) -> dict[str, Any]:
        mean = peak = answers = None
        for i, frame in enumerate(frames):
            mean, peak, answers = self._step(frame, focus[:, i : i + 1], optics, mean, peak)
        return self.decode_state({"state_means": mean, "state_answers": answers})
