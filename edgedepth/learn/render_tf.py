"""The lens as a differentiable function of depth.

A sharp picture blurred beforehand at a few diameters; each pixel of a frame is interpolated
between them by the variance of its own blur, which is quadratic in depth, so gradients reach
depth wherever there is texture (aperture supervision, Srinivasan et al. 2018). Occlusion is left
out: at depth edges the supervision is wrong by a blur's width.
"""

from __future__ import annotations

from typing import Any

from edgedepth.light import DISPLAY_GAMMA
from edgedepth.models.backend import tf

Tensor = Any


def render(
    levels: Tensor,
    diameters: Tensor,
    dioptres: Tensor,
    focus: Tensor,
    captured: Tensor,
    k: Tensor,
) -> Tensor:
    """Frames that a lens takes of a composite.

    The composite shows each place as the captured frame that is focused nearest to it did, so
    that frame's own blur is taken off: variances of blurs add.

    Args:
        levels: (J, h, w, 3) composite in linear light, blurred at each of ``diameters``.
        diameters: (J,) ascending from 0, pixels.
        dioptres: (h, w) depth.
        focus: (N,) planes to render, dioptres.
        captured: (M,) planes that the composite was made from.
        k: pixels per dioptre.

    Returns:
        (N, h, w, 3), gamma-encoded.
    """
    squares = tf.square(diameters)
    wanted = _beyond_sharpest(dioptres, focus, captured, k)
    gaps = squares[1:] - squares[:-1]
    share = tf.clip_by_value((wanted[..., None] - squares[:-1]) / gaps, 0.0, 1.0)
    steps = levels[1:] - levels[:-1]
    light = levels[0] + tf.einsum("nhwj,jhwc->nhwc", share, steps)
    return tf.pow(tf.maximum(light, 0.0) + 1e-4, 1 / DISPLAY_GAMMA)


def _beyond_sharpest(dioptres: Tensor, focus: Tensor, captured: Tensor, k: Tensor) -> Tensor:
    """(N, h, w) variance, in units of squared diameter, that a frame's blur has beyond that of
    the captured frame focused nearest."""
    apart = tf.square(dioptres[None] - focus[:, None, None])
    nearest = tf.reduce_min(tf.square(dioptres[None] - captured[:, None, None]), axis=0)
    return tf.square(k) * tf.nn.relu(apart - nearest[None])


def dissimilarity(rendered: Tensor, real: Tensor, mask: Tensor) -> Tensor:
    """(N,) 0.85 (1 - SSIM) / 2 + 0.15 |difference| of each frame over ``mask`` (N, h, w)
    (weights of Godard et al. 2017)."""
    ssim = _ssim(rendered, real)
    difference = tf.reduce_mean(tf.abs(rendered - real), -1)
    total = 0.85 * (1 - ssim) / 2 + 0.15 * difference
    return tf.reduce_sum(total * mask, (1, 2)) / (tf.reduce_sum(mask, (1, 2)) + 1e-3)


def _ssim(a: Tensor, b: Tensor) -> Tensor:
    """(N, h, w) structural similarity in windows of 7 x 7 (Wang et al. 2004)."""

    def mean(x: Tensor) -> Tensor:
        return tf.nn.avg_pool2d(x, 7, 1, "SAME")

    ma, mb = mean(a), mean(b)
    va, vb = mean(a * a) - ma * ma, mean(b * b) - mb * mb
    cov = mean(a * b) - ma * mb
    c1, c2 = 0.01**2, 0.03**2
    index = (2 * ma * mb + c1) * (2 * cov + c2) / ((ma * ma + mb * mb + c1) * (va + vb + c2))
    return tf.reduce_mean(index, -1)


def smoothness(position: Tensor, picture: Tensor) -> Tensor:
    """Mean gradient of (h, w) ``position``, less where the (h, w, 3) ``picture`` has edges."""

    def along(axis: int) -> Tensor:
        depth = tf.abs(_difference(position, axis))
        edge = tf.reduce_mean(tf.abs(_difference(picture, axis)), -1)
        return tf.reduce_mean(depth * tf.exp(-10 * edge))

    return along(0) + along(1)


def _difference(x: Tensor, axis: int) -> Tensor:
    return x[1:] - x[:-1] if axis == 0 else x[:, 1:] - x[:, :-1]
