"""Training losses, in dioptres with a metric term.

An error of one dioptre counts for more where the lens can resolve it, since blur grows with K and
depth noise shrinks with it: terms in dioptres are weighted by a power of K. Its square root served
wide lenses at the cost of phones.
"""

from __future__ import annotations

from typing import Any

from edgedepth.config import LossWeights
from edgedepth.models.backend import tf
from edgedepth.models.mobile import DEPTH
from edgedepth.preprocess import MAX_METRES, OUTPUT_RANGE

Tensor = Any
PHONE_COC, COC_POWER = 1.64, 0.35
DELTA = 1.25

OUT_OF_REACH_WEIGHT = 0.1
"""Of a pixel whose depth the output cannot say. Counting fully, such pixels drew to the border what
is merely a little nearer than the planes."""

LITTLE_BLUR_PX, ENOUGH_BLUR_PX = 4.0, 8.0
"""Blur at the cue image between a sweep's ends: up to the first a network's habits decide more than
what it sees, from the second on less. A phone's sweep at 640 pixels' width has 4.3, a crop 17."""

CLASSICAL_FRAMES = 4
"""Fewest frames of which the classical answer is worth something."""


def masked_mean(x: Tensor, mask: Tensor) -> Tensor:
    """Mean over (H, W) where ``mask`` is 1, per item of the batch."""
    return tf.reduce_sum(x * mask, (1, 2)) / (tf.reduce_sum(mask, (1, 2)) + 1e-3)


def _per_item(batch: dict[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """(B, 1, 1) lowest dioptre, span in dioptres and weight of a dioptre's error, per item."""
    gain = (tf.maximum(batch["blur"], 1.0) / PHONE_COC) ** COC_POWER
    low, span, gain = (tf.reshape(x, (-1, 1, 1)) for x in (batch["low"], batch["span"], gain))
    return low, span, gain


def _log(dioptres: Tensor) -> Tensor:
    return tf.math.log(tf.maximum(dioptres, 1 / MAX_METRES))


def sweep_loss(outputs: dict[str, Tensor], batch: dict[str, Tensor], w: LossWeights) -> Tensor:
    """Loss of a network that answers in sweep positions with confidence.

    Truth outside what the output can say (``OUTPUT_RANGE``) is moved to its border and counts
    little. The confidence learns the probability that depth is within 25 % of the truth.
    """
    low, span, gain = _per_item(batch)
    known, true = batch["valid"], batch["inverse_depth"]
    reachable = low + span * OUTPUT_RANGE[0], low + span * OUTPUT_RANGE[1] * 0.99
    truth = tf.clip_by_value(true, *reachable)
    mask = known * tf.where(tf.equal(truth, true), 1.0, OUT_OF_REACH_WEIGHT)

    def dioptres(position: Tensor) -> Tensor:
        return low + span * position

    predicted = dioptres(outputs["inverse_depth"][..., 0])
    error = tf.abs(predicted - truth)
    relative = tf.abs(_log(predicted) - _log(truth))
    total = w.dioptres * masked_mean(gain * error, mask)
    total += w.relative * masked_mean(relative, mask)
    total += w.gradient * gradient_error(gain * (predicted - truth), mask)

    small = known[:, ::2, ::2]
    inside = tf.clip_by_value(truth[:, ::2, ::2], low, low + span)
    position = ((inside - low) / span)[..., None]
    apart = tf.reduce_mean(tf.abs(outputs["means"] - position), -1)
    total += w.focus_only * masked_mean(gain * span * apart, small)

    off = tf.abs(_log(tf.stop_gradient(predicted)) - _log(true))
    good = tf.cast(off < tf.math.log(DELTA), tf.float32)
    probability = tf.clip_by_value(outputs["confidence"][..., 0], 1e-3, 1 - 1e-3)
    entropy = -good * tf.math.log(probability) - (1 - good) * tf.math.log(1 - probability)
    total += w.confidence * masked_mean(entropy, known)
    return tf.reduce_mean(total)


def imitation_loss(
    outputs: dict[str, Tensor], taught: dict[str, Tensor], batch: dict[str, Tensor], w: LossWeights
) -> Tensor:
    """Distance of a network's answer from one that it is taught instead of the truth.

    A quantised network is taught that of the float network it came from: learning the truth again
    in fewer steps would trade one camera's accuracy for another's; the float answer is what
    quantisation is to cost nothing of (Hinton et al. 2015).

    Args:
        taught: outputs for the same batch of a float network, or made from these.
    """
    low, span, gain = _per_item(batch)
    taught = {name: tf.stop_gradient(value) for name, value in taught.items()}
    everywhere = tf.ones_like(batch["valid"])

    def dioptres(answer: dict[str, Tensor]) -> Tensor:
        position = tf.clip_by_value(
            answer["inverse_depth"][..., 0], OUTPUT_RANGE[0], OUTPUT_RANGE[1] * 0.99
        )
        return low + span * position

    mine, theirs = dioptres(outputs), dioptres(taught)
    error = mine - theirs
    total = w.dioptres * masked_mean(gain * tf.abs(error), everywhere)
    total += w.relative * masked_mean(tf.abs(_log(mine) - _log(theirs)), everywhere)
    total += w.gradient * gradient_error(gain * error, everywhere)
    apart = tf.reduce_mean(tf.abs(outputs["means"] - taught["means"]), -1)
    total += w.focus_only * masked_mean(gain * span * apart, everywhere[:, ::2, ::2])
    doubt = tf.abs(outputs["confidence"] - taught["confidence"])[..., 0]
    return tf.reduce_mean(total + w.confidence * masked_mean(doubt, everywhere))


def towards_classical(
    taught: dict[str, Tensor], batch: dict[str, Tensor], share: float
) -> dict[str, Tensor]:
    """A network's answers moved towards depth so far where blur says little.

    There a network answers what scenes were like in training, and other scenes are not; the
    classical method knows nothing of either.

    Args:
        taught: outputs for the batch of a network that answers in sweep positions.
        batch: with its ``frames`` (B, N, H, W, C), whose last one has depth so far.
        share: of the way, where blur is least; none with fewer than ``CLASSICAL_FRAMES`` frames.
    """
    frames = batch["frames"]
    if frames.shape[1] < CLASSICAL_FRAMES:
        return taught
    blur = batch["blur"] * batch["span"]
    lack = (ENOUGH_BLUR_PX - blur) / (ENOUGH_BLUR_PX - LITTLE_BLUR_PX)
    moved = share * tf.reshape(tf.clip_by_value(lack, 0.0, 1.0), (-1, 1, 1, 1))
    classical = frames[:, -1, ..., DEPTH, None]
    answer = taught["inverse_depth"]
    return {**taught, "inverse_depth": answer + moved * (classical - answer)}


def gradient_error(error: Tensor, mask: Tensor) -> Tensor:
    """Mean absolute difference of ``error`` between neighbours, both valid, per item."""
    down = masked_mean(tf.abs(error[:, 1:] - error[:, :-1]), mask[:, 1:] * mask[:, :-1])
    across = masked_mean(
        tf.abs(error[:, :, 1:] - error[:, :, :-1]), mask[:, :, 1:] * mask[:, :, :-1]
    )
    return down + across


def metres_loss(outputs: dict[str, Tensor], batch: dict[str, Tensor]) -> Tensor:
    """The published loss: mean squared error of depth in metres."""
    truth = tf.clip_by_value(1 / tf.maximum(batch["inverse_depth"], 1e-3), 0.0, MAX_METRES)
    return tf.reduce_mean(masked_mean((outputs["depth"][..., 0] - truth) ** 2, batch["valid"]))
