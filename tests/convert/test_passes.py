"""Each pass on a file that needs it, with the same numbers before and after."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from edgedepth.convert import flatbuffer, passes
from edgedepth.convert.flatbuffer import constant, text
from edgedepth.convert.graph import histogram, signatures
from edgedepth.convert.running import Session, xnnpack_partitions
from tests.convert.handmade import INT8, INT32, Handmade, doubler, quantised_convolution


def run(model: Any, x: np.ndarray) -> np.ndarray:
    """The plain kernels' answer: XNNPACK requantises with fewer bits."""
    session = Session(flatbuffer.pack(model), xnnpack=False)
    result: np.ndarray = session.run("infer", {"x": x})["y"]
    return result


def some_input() -> np.ndarray:
    return np.random.default_rng(3).integers(-128, 128, (1, 4, 4, 2)).astype(np.int8)


def test_folding_leaves_only_the_convolution_and_its_numbers() -> None:
    model = quantised_convolution().model
    before = run(model, some_input())
    assert passes.fold_constants(model) == 3
    assert dict(histogram(model, model.subgraphs[0])) == {"CONV_2D": 1}
    np.testing.assert_array_equal(run(model, some_input()), before)
    assert before.std() > 1


def test_folding_frees_xnnpack() -> None:
    model = quantised_convolution().model
    assert xnnpack_partitions(model)["infer"].left != ()
    passes.fold_constants(model)
    taken = xnnpack_partitions(model)["infer"]
    assert (taken.partitions, taken.left) == (1, ())


def test_quantise_of_a_constant_rounds_as_the_runtime_does() -> None:
    """The runtime's own kernel is the judge, over every int8 value and a scale that ties."""
    values = np.arange(-128, 128, dtype=np.int8)
    for zero, scale in [(0, 0.01), (5, 0.04), (-3, 0.013)]:
        made = Handmade()
        source = made.tensor("source", (256,), INT8, values, scale=0.02)
        x = made.tensor("x", (256,), INT8, scale=scale, zero=zero)
        fine = made.tensor("fine", (256,), INT8, scale=scale, zero=zero)
        y = made.tensor("y", (256,), INT8, scale=scale, zero=zero)
        made.op("QUANTIZE", [source], [fine], schema.QuantizeOptionsT())
        made.op("MAXIMUM", [x, fine], [y], schema.MaximumMinimumOptionsT(), version=2)
        made.boundary([x], [y], "infer")
        lowest = np.full(256, -128, np.int8)
        before = run(made.model, lowest)
        assert passes.fold_constants(made.model) == 1
        np.testing.assert_array_equal(run(made.model, lowest), before)


def test_transpose_keeps_per_channel_scales() -> None:
    made = Handmade()
    raw = np.arange(-6, 6, dtype=np.int8).reshape(2, 6)
    scales = [0.5, 0.25]
    kernel = made.tensor("kernel", (2, 6), INT8, raw, scale=scales, axis=0)
    order = made.tensor("order", (2,), INT32, np.array([1, 0], np.int32))
    turned = made.tensor("turned", (6, 2), INT8, scale=scales, axis=1)
    y = made.tensor("y", (6, 2), INT8, scale=0.5)
    made.op("TRANSPOSE", [kernel, order], [turned], schema.TransposeOptionsT())
    made.op("QUANTIZE", [turned], [y], schema.QuantizeOptionsT())
    z = made.tensor("z", (6, 2), INT8, scale=0.5)
    made.op("ADD", [y, y], [z], schema.AddOptionsT())
    made.boundary([], [z])
    assert passes.fold_constants(made.model) == 2
    got = constant(made.model, made.model.subgraphs[0].tensors[y])
    # the second channel's 0.25 steps land halfway between 0.5 ones; halves go up
    expected = np.floor(raw.T * np.array(scales) / 0.5 + 0.5)
    np.testing.assert_array_equal(got, expected.astype(np.int8))


def test_constant_that_is_an_output_stays_an_operator() -> None:
    made = Handmade()
    value = made.tensor("value", (4,), value=np.ones(4, np.float32))
    shape = made.tensor("shape", (2,), INT32, np.array([2, 2], np.int32))
    y = made.tensor("y", (2, 2))
    made.op("RESHAPE", [value, shape], [y], schema.ReshapeOptionsT())
    made.boundary([], [y])
    assert passes.fold_constants(made.model) == 0


def test_equal_constants_share_a_buffer_across_graphs() -> None:
    made = Handmade()
    weights = np.arange(8, dtype=np.float32)
    for name in ("infer", "decode"):
        if name == "decode":
            made.graph(name)
        x, y = made.tensor("x", (8,)), made.tensor("y", (8,))
        w = made.tensor("w", (8,), value=weights.copy())
        made.op("MUL", [x, w], [y], schema.MulOptionsT())
        made.boundary([x], [y], name)
    size = len(made.bytes())
    assert passes.deduplicate_buffers(made.model) == 1
    first, second = (g.tensors[2].buffer for g in made.model.subgraphs)
    assert first == second
    data = made.bytes()
    assert len(data) < size
    session = Session(data)
    for name in ("infer", "decode"):
        got = session.run(name, {"x": np.full(8, 2, np.float32)})["y"]
        np.testing.assert_array_equal(got, 2 * weights)


def test_unused_tensors_buffers_and_codes_go() -> None:
    made = doubler()
    made.tensor("dead", (1000,), value=np.zeros(1000, np.float32))
    made.model.operatorCodes.append(made.model.operatorCodes[0])
    size = len(made.bytes())
    assert passes.drop_unused(made.model) == 3
    assert len(made.bytes()) < size - 4000
    assert [text(t.name) for t in made.model.subgraphs[0].tensors] == ["x", "y"]
    x = np.ones((1, 4, 4, 2), np.float32)
    np.testing.assert_array_equal(run(made.model, x), 2 * x)


def test_extract_makes_a_graph_stand_alone() -> None:
    made = doubler()
    made.graph("other")
    x, y = made.tensor("x", (2,)), made.tensor("y", (2,))
    w = made.tensor("w", (2,), value=np.array([3, 4], np.float32))
    made.op("MUL", [x, w], [y], schema.MulOptionsT())
    made.boundary([x], [y], "decode")
    alone = passes.extract(made.model, 1)
    assert signatures(alone) == {0: "decode"}
    got = Session(flatbuffer.pack(alone)).run("decode", {"x": np.ones(2, np.float32)})["y"]
    np.testing.assert_array_equal(got, [3, 4])
    assert len(made.model.subgraphs) == 2


def test_extract_refuses_control_flow() -> None:
    made = doubler()
    made.op("WHILE", [0], [1], schema.WhileOptionsT())
    with pytest.raises(ValueError, match="control flow"):
        passes.extract(made.model, 0)
