"""Passes that give XNNPACK's integer kernels full tiles to work on, with the same numbers.

A convolution kernel of XNNPACK makes 16 output channels at a time and has a price per pixel,
whatever is in it. Layers with few channels therefore take several neighbouring pixels for one of
more channels: in memory (NHWC) that is the same array under another shape.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from edgedepth.convert.flatbuffer import Model, constant, shape_of, text
from edgedepth.convert.graph import Node, nodes
from edgedepth.convert.rewriter import Rewriter

TILE = 16
"""Output channels that XNNPACK's int8 kernels make at a time (AVX-512 and Arm dot product)."""

ROW = 256
"""Values that a broadcast addition handles at a time."""

_INT8 = schema.TensorType.INT8


def pack_pixels(model: Model) -> int:
    """Let convolutions whose windows do not overlap read a window's row as one pixel, and those
    of few outputs make several neighbouring pixels at once; returns how many were changed.

    The kernel of a packed convolution is block-diagonal: each block makes one of the pixels.
    """
    changed = 0
    for graph in model.subgraphs:
        write, operators = Rewriter(model, graph), []
        shared: dict[tuple[int, tuple[int, ...]], int] = {}
        for node in nodes(model, graph):
            group = _pixels_at_once(model, node)
            if group:
                operators += _packed(write, node, group, shared)
                changed += 1
            else:
                operators.append(node.operator)
        graph.operators = operators
    return changed


def _pixels_at_once(model: Model, node: Node) -> int:
    """Output pixels that a convolution can make at once; 0 where there is nothing to gain."""
    if node.kind != "CONV_2D" or node.output.type != _INT8 or len(node.inputs()) != 3:
        return 0
    source, kernel, bias = node.inputs()
    if source.type != _INT8 or constant(model, kernel) is None or constant(model, bias) is None:
        return 0
    options, (count, height, width, _) = node.operator.builtinOptions, shape_of(kernel)
    (batch, rows, columns, _), out = shape_of(source), shape_of(node.output)
    apart = (
        (options.strideH, options.strideW) == (height, width)
        and (options.dilationHFactor, options.dilationWFactor) == (1, 1)
        and batch == 1
        and (rows, columns) == (height * out[1], width * out[2])
    )
    if not apart:
        return 0
    along = out[1] * out[2] if height == 1 else out[2]
    most = max(TILE // count, 1)
    group = max(g for g in range(1, most + 1) if along % g == 0)
    return group if group * width > 1 else 0


def _packed(
    write: Rewriter, node: Node, group: int, shared: dict[tuple[int, tuple[int, ...]], int]
) -> list[Any]:
    """Operators in place of a convolution; ``shared`` holds reshaped inputs by their shape."""
    made = []
    source, kernel, bias = (int(i) for i in node.operator.inputs)
    count, height, width, channels = write.shape(kernel)
    _, rows, columns, _ = write.shape(source)
    if height == 1:  # then all pixels lie in one row
        rows, columns = 1, rows * columns
    wide = (1, rows, columns // width // group, group * width * channels)
    if (source, wide) not in shared:
        shared[source, wide] = write.like(source, wide, "packed")
        made.append(write.reshape(source, shared[source, wide]))
    place, target = shared[source, wide], int(node.operator.outputs[0])
    made_shape = (1, rows // height, wide[2], group * count)
    unpack = []
    if write.shape(target) != made_shape:
        result, target = target, write.like(target, made_shape, "packed")
        unpack.append(write.reshape(target, result))
    operator = copy.copy(node.operator)
    operator.builtinOptions = copy.copy(node.operator.builtinOptions)
    operator.builtinOptions.strideW = 1
    weights = _blocks(_value(write, kernel), group)
    biases = np.tile(_value(write, bias), group)
    operator.inputs = np.array(
        [
            place,
            _wider(write, kernel, weights, group),
            _wider(write, bias, biases, group),
        ],
        np.int32,
    )
    operator.outputs = np.array([target], np.int32)
    return [*made, operator, *unpack]


def _value(write: Rewriter, index: int) -> NDArray[Any]:
    value = constant(write.model, write.graph.tensors[index])
    if value is None:
        raise ValueError("weights that are no constant")
    return value


def _wider(write: Rewriter, index: int, value: NDArray[Any], group: int) -> int:
    """A constant of ``group`` pixels in place of one of a single pixel."""
    tensor = write.graph.tensors[index]
    return write.constant(value, f"{text(tensor.name)}/packed", _repeated(tensor, group))


def _blocks(kernel: NDArray[Any], group: int) -> NDArray[Any]:
    """(n, h, w, c) -> (g n, h, 1, g w c), block-diagonal."""
    count, height, width, channels = kernel.shape
    row = kernel.reshape(count, height, width * channels)
    packed = np.zeros((group, count, height, group, width * channels), kernel.dtype)
    for pixel in range(group):
        packed[pixel, :, :, pixel] = row
    return packed.reshape(group * count, height, 1, group * width * channels)


def _repeated(tensor: Any, group: int) -> Any:
    """A weight's or bias's quantisation for ``group`` times its channels."""
    quantization = copy.deepcopy(tensor.quantization)
    if len(quantization.scale) > 1:
        quantization.scale = np.tile(quantization.scale, group)
        quantization.zeroPoint = np.tile(quantization.zeroPoint, group)
    return quantization


def repeat_bias(model: Model) -> int:
    """Where a product's few outputs are added to every pixel of a map, let it give them several
    times over, for as many pixels at once; returns how many were changed."""
    changed = 0
    for graph in model.subgraphs:
        write, operators = Rewriter(model, graph), []
        makers = {int(o): node for node in nodes(model, graph) for o in node.operator.outputs}
        for node in nodes(model, graph):
            maker = makers.get(int(node.operator.inputs[1])) if node.kind == "ADD" else None
            group = _repeats(model, node, maker)
            if maker is None or not group:
                operators.append(node.operator)
                continue
            operators += _with_repeats(write, node, maker, group)
            changed += 1
        graph.operators = operators
    return changed


def _repeats(model: Model, node: Node, maker: Node | None) -> int:
    """How often a bias can be repeated; 0 where an addition is none of a bias to a map."""
    if maker is None or maker.kind != "FULLY_CONNECTED" or len(maker.inputs()) != 3:
        return 0
    there, bias = node.inputs()
    shape = shape_of(there)
    fits = (
        there.type == bias.type == node.output.type == _INT8
        and all(constant(model, t) is not None for t in maker.inputs()[1:])
        and len(shape) == 4
        and shape[0] == 1
        and shape_of(bias) == (1, shape[3])
    )
    if not fits:
        return 0
    most = ROW // shape[3]
    pixels = shape[1] * shape[2]
    return max((g for g in range(2, most + 1) if pixels % g == 0), default=0)


def _with_repeats(write: Rewriter, node: Node, maker: Node, group: int) -> list[Any]:
    there, bias = (int(i) for i in node.operator.inputs)
    result = int(node.operator.outputs[0])
    _, rows, columns, channels = write.shape(there)
    flat = (1, 1, rows * columns // group, group * channels)
    given, kernel, offset = (int(i) for i in maker.operator.inputs)
    product, addition = copy.copy(maker.operator), copy.copy(node.operator)
    weights = np.tile(_value(write, kernel), (group, 1))
    offsets = np.tile(_value(write, offset), group)
    product.inputs = np.array(
        [
            given,
            _wider(write, kernel, weights, group),
            _wider(write, offset, offsets, group),
        ],
        np.int32,
    )
    repeated = write.like(bias, (1, group * channels), "packed")
    packed, total = (write.like(i, flat, "packed") for i in (there, result))
    product.outputs = np.array([repeated], np.int32)
    addition.inputs = np.array([packed, repeated], np.int32)
    addition.outputs = np.array([total], np.int32)
    return [product, write.reshape(there, packed), addition, write.reshape(total, result)]
