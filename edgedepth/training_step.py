"""One step of training: a batch as tensors, the loss, the optimizer and its schedule."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from edgedepth.config import LossWeights
from edgedepth.data.pool import Batch
from edgedepth.distributed import Team, replica_mean
from edgedepth.losses import imitation_loss, metres_loss, sweep_loss
from edgedepth.models.backend import keras, tf
from edgedepth.models.network import FocalNetwork

WARMUP_STEPS = 100
GRADIENT_NORM = 2.0
EMA_MOMENTUM = 0.998

Teacher = Callable[[dict[str, Any]], dict[str, Any]]
"""Gives for a batch's tensors the outputs that a network is to learn."""


def learning_rate(step: int, steps: int, peak: float) -> float:
    """Linear warm-up, then a cosine down to 1 % of the peak (Loshchilov & Hutter 2017)."""
    warmup = min(1.0, (step + 1) / min(WARMUP_STEPS, max(1, steps // 10)))
    return peak * warmup * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * step / max(1, steps))))


def tensors(batch: Batch) -> dict[str, Any]:
    """A batch as tensors, frames scaled to [0, 1]."""
    return {
        "frames": tf.cast(tf.constant(batch.frames), tf.float32) / 255,
        "focus": tf.constant(batch.focus),
        "optics": tf.constant(batch.optics),
        "low": tf.constant(batch.low),
        "span": tf.constant(batch.span),
        "blur": tf.constant(batch.blur),
        "inverse_depth": tf.constant(batch.inverse_depth),
        "valid": tf.constant(batch.valid),
    }


def answers_of(network: FocalNetwork) -> Teacher:
    """A network as a teacher."""

    def answers(batch: dict[str, Any]) -> dict[str, Any]:
        return network.forward(batch["frames"], batch["focus"], batch["optics"], training=False)

    return answers


def make_optimizer(peak_rate: float, weight_decay: float) -> Any:
    """The optimizer of either phase, which keeps a running average of the weights."""
    return keras.optimizers.AdamW(
        learning_rate=peak_rate,
        weight_decay=weight_decay,
        global_clipnorm=GRADIENT_NORM,
        use_ema=True,
        ema_momentum=EMA_MOMENTUM,
        jit_compile=False,
    )


def make_update(
    network: FocalNetwork,
    optimizer: Any,
    team: Team,
    weights: LossWeights,
    teacher: Teacher | None = None,
) -> Callable[[list[dict[str, Any]]], float]:
    """One optimizer step from a batch per replica, which returns the mean loss.

    Gradients are averaged over all replicas before they are clipped. Only they are traced per
    batch shape, which is slow enough.
    """
    variables = network.trainable_variables

    def of_replica(batch: dict[str, Any]) -> tuple[Any, list[Any]]:
        with tf.GradientTape() as tape:
            outputs = network.forward(
                batch["frames"], batch["focus"], batch["optics"], training=True
            )
            if teacher is not None:
                loss = imitation_loss(outputs, teacher(batch), batch, weights)
            elif network.spec.output == "sweep":
                loss = sweep_loss(outputs, batch, weights)
            else:
                loss = metres_loss(outputs, batch)
        found = tape.gradient(loss, variables, unconnected_gradients="zero")
        return replica_mean(loss), replica_mean(found)

    def apply_in_replica(found: list[Any]) -> None:
        pairs = zip(found, variables, strict=True)
        optimizer.apply_gradients(pairs, skip_gradients_aggregation=True)

    @tf.function
    def gradients(batch: Any) -> Any:
        return team.strategy.run(of_replica, args=(batch,))

    @tf.function
    def apply(found: Any) -> None:
        team.strategy.run(apply_in_replica, args=(found,))

    def update(drawn: list[dict[str, Any]]) -> float:
        loss, found = gradients(team.spread(drawn))
        apply(found)
        return float(team.strategy.experimental_local_results(loss)[0])

    return update


def evaluate(network: FocalNetwork) -> Callable[..., dict[str, Any]]:
    """The network's forward pass without training, traced once per network and shape."""
    traced: Callable[..., dict[str, Any]] | None = getattr(network, "_evaluate", None)
    if traced is None:
        traced = tf.function(lambda f, s, o: network.forward(f, s, o, training=False))
        network._evaluate = traced
    return traced
