"""Narrow layers packed for XNNPACK's tiles: the same bits, other shapes."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from edgedepth.convert import flatbuffer, lowering, packing, passes
from edgedepth.convert.audit import audit
from edgedepth.convert.graph import histogram, macs
from edgedepth.convert.running import Session, xnnpack_partitions
from tests.convert.handmade import INT8, INT32, Handmade

RANDOM = np.random.default_rng(8)


def convolution(
    kernel: tuple[int, int, int, int],
    size: tuple[int, int],
    stride: tuple[int, int] | None = None,
    per_channel: bool = True,
) -> Handmade:
    """CONV_2D of kernel (n, h, w, c) on x (1, *size, c), windows side by side unless told."""
    made = Handmade()
    count, height, width, channels = kernel
    down, right = stride or (height, width)
    scales = RANDOM.uniform(0.001, 0.003, count) if per_channel else 0.002
    x = made.tensor("x", (1, *size, channels), INT8, scale=0.02, zero=-30)
    weights = RANDOM.integers(-127, 128, kernel).astype(np.int8)
    weights[weights == 0] = 1
    bias = RANDOM.integers(-900, 900, count).astype(np.int32)
    w = made.tensor("w", kernel, INT8, weights, scale=scales)
    b = made.tensor("b", (count,), INT32, bias, scale=0.02 * np.asarray(scales))
    y = made.tensor("y", (1, size[0] // down, size[1] // right, count), INT8, scale=0.04, zero=5)
    options = schema.Conv2DOptionsT()
    options.strideH, options.strideW = down, right
    made.op("CONV_2D", [x, w, b], [y], options, version=3)
    made.boundary([x], [y], "infer")
    return made


def same_after(
    made: Handmade, change: Callable[[flatbuffer.Model], int], times: int = 1
) -> dict[str, int]:
    """Apply a pass and compare bits, kernels of XNNPACK on and off; the operators then."""
    graph = made.model.subgraphs[0]
    feeds = {
        entry.name: RANDOM.integers(-128, 128, shape).astype(np.int8)
        for entry in made.model.signatureDefs[0].inputs
        for shape in [flatbuffer.shape_of(graph.tensors[entry.tensorIndex])]
    }
    before = copy.deepcopy(made.model)
    assert change(made.model) == times
    lowering.drop_idle(made.model)
    passes.drop_unused(made.model)
    for xnnpack in (True, False):
        old, new = (
            Session(flatbuffer.pack(m), xnnpack=xnnpack).run("infer", feeds)["y"]
            for m in (before, made.model)
        )
        np.testing.assert_array_equal(new, old)
        assert old.std() > 5
    assert xnnpack_partitions(made.model)["infer"].left == ()
    assert not [f for f in audit(made.model).findings if f.level == "error"]
    return dict(histogram(made.model, made.model.subgraphs[0]))


@pytest.mark.parametrize(
    ("kernel", "size"),
    [
        ((2, 1, 1, 16), (6, 8)),  # 8 pixels at once
        ((5, 1, 1, 16), (6, 7)),  # 3
        ((1, 1, 1, 7), (8, 4)),  # 16
        ((7, 1, 1, 7), (3, 6)),  # 2
        ((2, 2, 2, 11), (6, 16)),  # windows of 2 x 2, 8 of them
        ((5, 2, 2, 11), (4, 12)),  # 3
        ((16, 2, 2, 11), (6, 16)),  # rows of a window alone
        ((48, 5, 5, 12), (15, 20)),  # more channels than a tile
    ],
)
@pytest.mark.parametrize("per_channel", [True, False])
def test_packed_pixels_give_the_same_bits(
    kernel: tuple[int, int, int, int], size: tuple[int, int], per_channel: bool
) -> None:
    made = convolution(kernel, size, per_channel=per_channel)
    work = macs(made.model, made.model.subgraphs[0])
    alone = 2 * kernel[0] > packing.TILE  # its outputs have their shape already
    found = same_after(made, packing.pack_pixels)
    assert found == {"RESHAPE": 1 if alone else 2, "CONV_2D": 1}
    assert (
        macs(made.model, made.model.subgraphs[0])
        == work
        == np.prod(kernel) * np.prod(size) // (kernel[1] * kernel[2])
    )


def test_convolutions_of_one_map_share_its_reshape() -> None:
    made = convolution((2, 1, 1, 16), (6, 8))
    graph = made.model.subgraphs[0]
    graph.operators.append(copy.deepcopy(graph.operators[0]))
    z = made.tensor("z", (1, 6, 8, 2), INT8, scale=0.04, zero=5)
    graph.operators[1].outputs = np.array([z], np.int32)
    made.model.signatureDefs.clear()
    made.boundary([0], [3, z], "infer")
    found = same_after(made, packing.pack_pixels, times=2)
    assert found == {"RESHAPE": 3, "CONV_2D": 2}


@pytest.mark.parametrize(
    ("kernel", "size", "stride"),
    [
        ((16, 1, 1, 16), (6, 8), None),  # as many channels as a tile
        ((2, 3, 3, 8), (6, 6), (1, 1)),  # windows overlap
        ((2, 1, 1, 8), (6, 8), (2, 2)),  # pixels are left out
        ((9, 1, 1, 8), (6, 8), None),  # two pixels do not fit
        ((2, 1, 1, 8), (11, 13), None),  # pixels that no group divides up
    ],
)
def test_other_convolutions_stay(
    kernel: tuple[int, int, int, int], size: tuple[int, int], stride: tuple[int, int] | None
) -> None:
    assert packing.pack_pixels(convolution(kernel, size, stride).model) == 0


def test_computed_weights_are_not_packed() -> None:
    made = convolution((2, 1, 1, 16), (6, 8))
    made.model.subgraphs[0].tensors[1].buffer = 0
    assert packing.pack_pixels(made.model) == 0


def bias_of_a_product(pixels: tuple[int, int] = (6, 8)) -> Handmade:
    """y = relu6(x + product of z), x (1, *pixels, 16), z (1, 4)."""
    made = Handmade()
    x = made.tensor("x", (1, *pixels, 16), INT8, scale=0.04, zero=2)
    z = made.tensor("z", (1, 4), INT8, scale=1 / 255, zero=-128)
    weights = RANDOM.integers(-127, 128, (16, 4)).astype(np.int8)
    w = made.tensor("w", (16, 4), INT8, weights, scale=0.02)
    b = made.tensor("b", (16,), INT32, np.arange(16, dtype=np.int32), scale=0.02 / 255)
    product = made.tensor("product", (1, 16), INT8, scale=0.03, zero=-7)
    y = made.tensor("y", (1, *pixels, 16), INT8, scale=6 / 255, zero=-128)
    options = schema.AddOptionsT()
    options.fusedActivationFunction = schema.ActivationFunctionType.RELU6
    made.op("FULLY_CONNECTED", [z, w, b], [product], schema.FullyConnectedOptionsT(), version=4)
    made.op("ADD", [x, product], [y], options, version=2)
    made.boundary([x, z], [y], "infer")
    return made


def test_repeated_bias_gives_the_same_bits() -> None:
    made = bias_of_a_product()
    found = same_after(made, packing.repeat_bias)
    assert found == {"FULLY_CONNECTED": 1, "RESHAPE": 2, "ADD": 1}


def test_bias_of_pixels_that_no_group_divides_up_stays() -> None:
    assert packing.repeat_bias(bias_of_a_product((1, 1)).model) == 0
    assert packing.repeat_bias(bias_of_a_product((17, 19)).model) == 0
