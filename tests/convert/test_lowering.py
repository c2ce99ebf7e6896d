"""Operators brought into a form XNNPACK takes, with the same numbers."""

from __future__ import annotations

import copy

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgedepth.convert import flatbuffer, lowering, passes
from edgedepth.convert.audit import audit
from edgedepth.convert.graph import histogram, nodes
from edgedepth.convert.running import Session
from tests.convert.handmade import INT8, INT32, Handmade


def float_split() -> Handmade:
    """int8 x -> DEQUANTIZE -> SPLIT in two -> QUANTIZE of the first half -> LOGISTIC."""
    made = Handmade()
    x = made.tensor("x", (1, 2, 2, 6), INT8, scale=0.05, zero=3)
    axis = made.tensor("axis", (), INT32, np.array(3, np.int32))
    real = made.tensor("real", (1, 2, 2, 6))
    used, unused = (made.tensor(n, (1, 2, 2, 3)) for n in ("used", "unused"))
    stored = made.tensor("stored", (1, 2, 2, 3), INT8, scale=0.05, zero=3)
    y = made.tensor("y", (1, 2, 2, 3), INT8, scale=1 / 256, zero=-128)
    options = schema.SplitOptionsT()
    options.numSplits = 2
    made.op("DEQUANTIZE", [x], [real], schema.DequantizeOptionsT(), version=2)
    made.op("SPLIT", [axis, real], [used, unused], options)
    made.op("QUANTIZE", [used], [stored], schema.QuantizeOptionsT())
    made.op("LOGISTIC", [stored], [y], version=2)
    made.boundary([x], [y], "infer")
    return made


def outputs(made: Handmade, x: np.ndarray) -> np.ndarray:
    session = Session(flatbuffer.pack(made.model), xnnpack=False)
    result: np.ndarray = session.run("infer", {"x": x})["y"]
    return result


def some(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(5).integers(-128, 128, shape).astype(np.int8)


def test_split_moves_integers_and_keeps_the_numbers() -> None:
    made, x = float_split(), some((1, 2, 2, 6))
    before = outputs(made, x)
    assert lowering.move_integers(made.model) == 1
    passes.drop_unused(made.model)
    assert dict(histogram(made.model, made.model.subgraphs[0])) == {"SPLIT": 1, "LOGISTIC": 1}
    np.testing.assert_array_equal(outputs(made, x), before)
    assert before.std() > 1
    assert not [f for f in audit(made.model).findings if f.rule == "version"]


def test_split_to_another_grid_keeps_its_quantise() -> None:
    made, x = float_split(), some((1, 2, 2, 6))
    made.model.subgraphs[0].tensors[5].quantization.scale = np.array([0.1], np.float32)
    before = outputs(made, x)
    assert lowering.move_integers(made.model) == 1
    assert histogram(made.model, made.model.subgraphs[0])["QUANTIZE"] == 1
    one_step = 0.1 * 0.25 * 256  # of the coarser grid, through the sigmoid's steepest point
    assert np.abs(outputs(made, x).astype(int) - before).max() <= one_step


def test_float_split_that_is_used_as_float_stays() -> None:
    made = float_split()
    made.model.signatureDefs.clear()
    made.boundary([0], [6, 4], "infer")  # the unused half becomes an output
    assert lowering.move_integers(made.model) == 0


def computed_product(zero: int = -128) -> Handmade:
    """x (1, 6, 4) times computed weights (1, 4), both int8 with 0 at ``zero``."""
    made = Handmade()
    x = made.tensor("x", (1, 6, 4), INT8, scale=1 / 256, zero=-128)
    weights = made.tensor("weights", (1, 4), INT8, scale=1 / 255, zero=zero)
    y = made.tensor("y", (1, 6, 1), INT8, scale=4 / 255, zero=-128)
    options = schema.FullyConnectedOptionsT()
    options.keepNumDims = True
    made.op("FULLY_CONNECTED", [x, weights, -1], [y], options, version=5)
    made.boundary([x, weights], [y], "infer")
    return made


def product(made: Handmade, x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    session = Session(flatbuffer.pack(made.model), xnnpack=False)
    result: np.ndarray = session.run("infer", {"x": x, "weights": weights})["y"]
    return result


def test_computed_weights_lose_their_lowest_step_and_hardly_change_the_product() -> None:
    made, x = computed_product(), some((1, 6, 4))
    weights = np.array([[-128, 0, 60, 127]], np.int8)
    before = product(made, x, weights)
    assert [f.rule for f in audit(made.model).findings] == ["computed-weights"]
    assert lowering.narrow_computed_weights(made.model) == 1
    assert audit(made.model).findings == ()
    np.testing.assert_allclose(product(made, x, weights), before, atol=1)
    assert before.std() > 5
    graph = made.model.subgraphs[0]
    quantise, product_node = nodes(made.model, graph)
    narrow = quantise.output
    assert product_node.inputs()[1] is narrow
    low = (-127 - flatbuffer.zero_points_of(narrow)) * flatbuffer.scales_of(narrow)
    top = (127 - flatbuffer.zero_points_of(narrow)) * flatbuffer.scales_of(narrow)
    np.testing.assert_allclose([low, top], [[0], [1]], atol=1e-6)


def test_weights_that_two_products_share_are_narrowed_once() -> None:
    made = computed_product()
    z = made.tensor("z", (1, 6, 1), INT8, scale=4 / 255, zero=-128)
    made.model.subgraphs[0].operators.append(copy.deepcopy(made.model.subgraphs[0].operators[0]))
    made.model.subgraphs[0].operators[1].outputs = np.array([z], np.int32)
    assert lowering.narrow_computed_weights(made.model) == 2
    assert histogram(made.model, made.model.subgraphs[0])["QUANTIZE"] == 1


def test_weights_that_never_hold_the_lowest_step_stay() -> None:
    made = computed_product(zero=0)
    assert lowering.narrow_computed_weights(made.model) == 0
    assert audit(made.model).findings == ()
