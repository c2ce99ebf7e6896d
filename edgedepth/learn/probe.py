"""Do features know which pixels belong together? A linear probe and a small head on pairs.

A pair of pixels not far apart, of one object or of two, half of each: the probe sees the
absolute difference of their features. It works for instances, whose numbers mean nothing
across pictures, and for classes alike. Frozen features and a linear map are how embeddings are
compared (Alain and Bengio 2017; Eslami et al. 2018 for scenes).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Labels = NDArray[np.uint16]

UNKNOWN = 0
"""Label of pixels that belong to nothing known."""

NEAREST, FARTHEST = 0.015, 0.08
"""How far apart the pixels of a pair are, as shares of the picture's width."""

BATCH = 512
STEPS = 1200
LEARNING_RATE = 1e-2
WEIGHT_DECAY = 1e-4
MOST_DEVIATION = 8.0


@dataclass(frozen=True)
class Pairs:
    """Pairs of pixels.

    Attributes:
        difference: float32 (P, C), absolute difference of their features.
        same: bool (P,), one object.
    """

    difference: Floats
    same: NDArray[np.bool_]


def sample_pairs(
    maps: Mapping[int, Floats], labels: Labels, count: int, rng: np.random.Generator
) -> Pairs:
    """Pairs of one picture, as many of one object as of two where both are to be had.

    Args:
        maps: stride -> (h, w, C) feature maps of the picture.
        labels: (H, W), ``UNKNOWN`` where nothing is known.
        count: pairs wanted.
    """
    height, width = labels.shape
    many = 20 * count
    first = np.stack([rng.integers(0, height, many), rng.integers(0, width, many)], axis=1)
    angle = rng.uniform(0, 2 * np.pi, many)
    apart = rng.uniform(NEAREST, FARTHEST, many) * width
    step = np.rint(np.stack([np.sin(angle), np.cos(angle)], axis=1) * apart[:, None])
    second = first + step.astype(np.intp)
    inside = ((second >= 0) & (second < (height, width))).all(axis=1)
    first, second = first[inside], second[inside]
    a, b = labels[first[:, 0], first[:, 1]], labels[second[:, 0], second[:, 1]]
    known = (a != UNKNOWN) & (b != UNKNOWN)
    same, different = (np.flatnonzero(known & hit) for hit in (a == b, a != b))
    half = min(count // 2, len(same), len(different))
    picked = np.concatenate([same[:half], different[:half]])
    vectors = [_sampled(maps, places[picked], (height, width)) for places in (first, second)]
    return Pairs(np.abs(vectors[0] - vectors[1]), (a == b)[picked])


def _sampled(maps: Mapping[int, Floats], places: NDArray[np.intp], size: tuple[int, int]) -> Floats:
    """(P, C) features of all maps at pixels of a picture of ``size``."""
    found = []
    for plane in maps.values():
        share = (places + 0.5) / size * plane.shape[:2]
        row, column = np.minimum(share.astype(np.intp), np.array(plane.shape[:2]) - 1).T
        found.append(plane[row, column])
    return np.concatenate(found, axis=1).astype(np.float32)


def joined(pairs: list[Pairs]) -> Pairs:
    """Pairs of several pictures."""
    return Pairs(
        np.concatenate([p.difference for p in pairs]), np.concatenate([p.same for p in pairs])
    )


class Head:
    """Logistic regression, or one hidden layer of ReLU before it, on standardised features.

    Args:
        channels: of the features.
        hidden: units of the hidden layer; 0 for a linear probe.
    """

    def __init__(self, channels: int, hidden: int = 0, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        sizes = [channels, hidden, 1] if hidden else [channels, 1]
        self.weights = [
            rng.normal(0, (2 / a) ** 0.5, (a, b)).astype(np.float32)
            for a, b in itertools.pairwise(sizes)
        ]
        self.biases = [np.zeros(b, np.float32) for b in sizes[1:]]
        self.mean, self.spread = np.zeros(channels, np.float32), np.ones(channels, np.float32)
        self._rng = rng

    def logits(self, x: Floats) -> Floats:
        """(P,) log odds that the pixels belong together."""
        return np.asarray(self._forward(self._standardised(x))[-1][:, 0], np.float32)

    def _standardised(self, x: Floats) -> Floats:
        """Clipped: a channel that hardly ever says anything would outweigh all others."""
        return np.clip((x - self.mean) / self.spread, -MOST_DEVIATION, MOST_DEVIATION)

    def _forward(self, x: Floats) -> list[Floats]:
        layers = [x]
        for index, (w, b) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = x @ w + b
            layers.append(np.maximum(x, 0) if index < len(self.weights) - 1 else x)
        return layers

    def fit(self, pairs: Pairs) -> Head:
        """Train with Adam (Kingma and Ba 2015) on the cross-entropy."""
        self.mean = pairs.difference.mean(axis=0)
        self.spread = pairs.difference.std(axis=0) + np.float32(1e-4)
        x, y = self._standardised(pairs.difference), pairs.same.astype(np.float32)
        values = [*self.weights, *self.biases]
        firsts, seconds = ([np.zeros_like(p) for p in values] for _ in range(2))
        for step in range(STEPS):
            part = self._rng.integers(0, len(x), min(BATCH, len(x)))
            rate = LEARNING_RATE * (1 - step / STEPS)
            slopes = self._slopes(x[part], y[part])
            for p, g, first, second in zip(values, slopes, firsts, seconds, strict=True):
                first += 0.1 * (g - first)
                second += 0.001 * (g * g - second)
                mean = first / (1 - 0.9 ** (step + 1))
                size = np.sqrt(second / (1 - 0.999 ** (step + 1)))
                p -= rate * (mean / (size + 1e-8) + WEIGHT_DECAY * p)
        return self

    def _slopes(self, x: Floats, y: Floats) -> list[Floats]:
        """Gradients of the mean cross-entropy, weights first."""
        layers = self._forward(x)
        error = (0.5 + 0.5 * np.tanh(layers[-1][:, 0] / 2) - y)[:, None] / len(x)
        weights: list[Floats] = []
        biases: list[Floats] = []
        for index in reversed(range(len(self.weights))):
            weights.insert(0, layers[index].T @ error)
            biases.insert(0, error.sum(axis=0))
            error = (error @ self.weights[index].T) * (layers[index] > 0)
        return [*weights, *biases]


def area_under_curve(scores: Floats, positive: NDArray[np.bool_]) -> float:
    """Chance that a positive scores higher than a negative (Mann-Whitney), ties counted half.

    Raises:
        ValueError: all are positive, or none is.
    """
    count = int(positive.sum())
    if not 0 < count < len(positive):
        raise ValueError("both kinds are needed")
    _, place, repeats = np.unique(scores, return_inverse=True, return_counts=True)
    rank = np.cumsum(repeats) - (repeats - 1) / 2
    total = float(rank[place][positive].sum())
    return (total - count * (count + 1) / 2) / (count * (len(positive) - count))
