"""A pass after which sums of even weights are rounded alike by all kernels.

The network gives the weights (``edgedepth.models.fakequant.EvenWeightQuant``): even numbers whose
sums are scaled by a power of two. What is left to do is what only shows in the file:

* TensorFlow's converter keeps the range that weights were given where they serve one frame, and
  measures their largest one where they serve several. Even numbers are twice as far apart as what
  that makes of them, so they can be told.
* The scale, which a runtime computes from three others, must be a hair below the power of two and
  not above, where TFLite's kernels would round in two steps.
* Biases must be odd, so that no sum lies halfway between two steps.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from edgedepth.convert.flatbuffer import Model, along_axis, constant, scales_of, text
from edgedepth.convert.graph import Node, nodes
from edgedepth.convert.rewriter import Rewriter
from edgedepth.models.grids import EVEN_LIMIT, FINEST

SUMS = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"})

SLACK = 1e-5
"""A few times what single precision loses in a division."""


def round_alike(model: Model) -> int:
    """Put even weights on their grid and set scales and biases; returns how many sums have them."""
    changed = 0
    for graph in model.subgraphs:
        write = Rewriter(model, graph)
        for node in nodes(model, graph):
            changed += node.kind in SUMS and _round_alike(write, node)
    return changed


def _round_alike(write: Rewriter, node: Node) -> bool:
    if len(node.inputs()) != 3 or node.inputs()[1].type != schema.TensorType.INT8:
        return False
    source, kernel, bias = node.inputs()
    weights, biases = (constant(write.model, tensor) for tensor in (kernel, bias))
    if weights is None or biases is None or node.output.type != schema.TensorType.INT8:
        return False
    read, made = (np.float32(scales_of(tensor)[0]) for tensor in (source, node.output))
    given = scales_of(kernel)
    scales = _just_below(_targets(weights, given * read / made, kernel), read, made)
    steps = along_axis(given / scales, kernel)
    even = np.clip(2 * np.round(weights * steps / 2), -EVEN_LIMIT, EVEN_LIMIT)
    if np.any(np.abs(even / steps - weights) > 0.5 + 100 * SLACK):
        return False  # not what the network trained
    odd = 2 * np.round((biases * (given / scales) - 1) / 2) + 1
    places = [int(i) for i in node.operator.inputs]
    places[1] = _replaced(write, places[1], even.astype(np.int8), scales)
    places[2] = _replaced(write, places[2], odd.astype(np.int32), read * scales)
    node.operator.inputs = np.array(places, np.int32)
    return True


def _targets(
    weights: NDArray[Any], ratios: NDArray[np.float64], kernel: Any
) -> NDArray[np.float64]:
    """Per channel, or for all, the least power of two for which the weights fit."""
    real = np.abs(weights * along_axis(ratios, kernel))
    channels = kernel.quantization.quantizedDimension if len(ratios) > 1 else None
    others = tuple(i for i in range(real.ndim) if i != channels)
    largest = real.max(axis=others).reshape(ratios.shape)
    fitting = np.log2(np.maximum(largest / EVEN_LIMIT, 2.0 ** -(FINEST + 1))) - SLACK
    exponents = np.maximum(np.ceil(fitting), -FINEST)
    exact: NDArray[np.float64] = 2.0 ** np.where(exponents == -1, 0, exponents)
    return exact


def _just_below(
    targets: NDArray[np.float64], read: np.float32, made: np.float32
) -> NDArray[np.float32]:
    """The largest weight scales with which every runtime's way of computing what a sum is scaled
    by, in single or in double precision, stays below its target."""
    scales: NDArray[np.float32] = (targets * made / read).astype(np.float32)
    while True:
        double = np.float64(read) * scales / np.float64(made)
        single = (read * scales).astype(np.float64) / np.float64(made)
        above = np.maximum(double, single) >= targets
        if not above.any():
            return scales
        scales = np.where(above, np.nextafter(scales, np.float32(0)), scales)


def _replaced(write: Rewriter, index: int, value: NDArray[Any], scales: NDArray[np.float32]) -> int:
    tensor = write.graph.tensors[index]
    quantization = copy.copy(tensor.quantization)
    quantization.scale = scales
    return write.constant(value, text(tensor.name), quantization)
