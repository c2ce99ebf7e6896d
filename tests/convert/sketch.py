"""A small stand-in network with everything that is hard to convert: fake quantisation, a
depthwise kernel shared over the frames, a recurrent state, a softmax over focus planes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from edgedepth.models.backend import tf
from edgedepth.spec import ModelSpec

SCORES = (-16.0, 16.0 * 127 / 128)
UNIT = (0.0, 1.0)
OUT = (-0.5, 1.5)


@dataclass(frozen=True)
class StateTensor:
    shape: tuple[int, ...]
    range: tuple[float, float]
    start: float = 0.0
    decoded: bool = True


def sketch_spec(**changes: Any) -> ModelSpec:
    fields: dict[str, Any] = {
        "preset": "mobile",
        "height": 32,
        "width": 48,
        "cue_planes": 4,
        "focus_encoding": "sweep",
        "output": "sweep",
        "frames": 3,
        "streaming": True,
        "training": {"recipe": "test"},
    }
    return ModelSpec(**{**fields, **changes})


class Sketch(tf.Module):
    """A score per frame from the cues, softmax over slots, mean of the focus positions."""

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
        for cue in range(spec.cue_planes):  # a score is the mean of the cues, times 16
            self.stem[:, :, 3 + cue, cue].assign(tf.fill((3, 3), 4 / 9))
            self.depthwise[1, 1, cue, 0].assign(1.0)
            self.point[0, 0, cue, 0].assign(1.0)
        self.sharpen[1, 1, 0, 0].assign(1.0)

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
            x = self._fq(tf.nn.conv2d(x, self._kernel(self.point, 3), 1, "SAME"), *SCORES)
            gain = tf.reshape(self._fq(optics, *UNIT)[:, :1], (1, 1, 1, 1))
            return self._fq(x * gain, *SCORES)

    def state_spec(self) -> dict[str, StateTensor]:
        h, w, slots = self.spec.height // 2, self.spec.width // 2, self.spec.slots
        return {
            "state_scores": StateTensor(
                (1, h, w, slots), SCORES, -16.0 if self.quantized else -1e4
            ),
            "state_focus": StateTensor((1, slots), UNIT),
        }

    def _start(self) -> dict[str, Any]:
        return {k: tf.fill(s.shape, np.float32(s.start)) for k, s in self.state_spec().items()}

    def _grid(self, state: dict[str, Any]) -> dict[str, Any]:
        return {k: self._fq(state[k], *s.range) for k, s in self.state_spec().items()}

    def encode_step(self, frame: Any, focus: Any, optics: Any, state: dict[str, Any]) -> Any:
        state = self._grid(state)
        score = self._score(frame, optics)
        focus = self._fq(focus, *UNIT)
        scores = tf.concat([state["state_scores"][..., 1:], score], axis=-1)
        planes = tf.concat([state["state_focus"][:, 1:], focus], axis=-1)
        return self._grid({"state_scores": scores, "state_focus": planes})

    def decode_state(self, state: dict[str, Any]) -> dict[str, Any]:
        state = self._grid(state)
        weights = self._fq(tf.nn.softmax(state["state_scores"]), 0, 255 / 256)
        with tf.name_scope("decoder/mean"):
            planes = tf.reshape(state["state_focus"], (1, 1, 1, -1))
            mean = self._fq(weights * planes, *UNIT)
            mean = self._fq(tf.reduce_sum(mean, -1, keepdims=True), *UNIT)
        with tf.name_scope("decoder/sharpen"):
            mean = tf.nn.conv2d(mean, self._kernel(self.sharpen, 3), 1, "SAME")
            mean = self._fq(mean, *OUT)
        size = (self.spec.height, self.spec.width)
        top = self._fq(tf.reduce_max(weights, -1, keepdims=True), 0, 255 / 256)
        return {
            "inverse_depth": tf.image.resize(mean, size),
            "confidence": tf.image.resize(top, size),
        }

    def infer(self, frames: list[Any], focus: Any, optics: Any) -> dict[str, Any]:
        state = self._start()
        for i, frame in enumerate(frames):
            state = self.encode_step(frame, focus[:, i : i + 1], optics, state)
        return self.decode_state(state)
