"""Every rule of the audit on a file that breaks it, and on one that does not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from edgedepth.convert import flatbuffer
from edgedepth.convert.audit import BOTH, GPU, Finding, audit, targets_of
from edgedepth.convert.graph import layer_of
from edgedepth.convert.op_tables import TFLITE_RUNTIME_2_14
from tests.capture.tiny_model import tiny_spec
from tests.convert.handmade import INT8, INT32, Handmade, doubler, quantised_convolution


def findings(made: Handmade, rule: str) -> list[Finding]:
    audited = audit(flatbuffer.parse(made.bytes()))
    return [f for f in audited.findings if f.rule == rule]


def test_a_clean_file_has_no_findings() -> None:
    audited = audit(flatbuffer.parse(quantised_convolution(folded=True).bytes()))
    assert audited.findings == ()
    (graph,) = audited.graphs
    assert (graph.name, graph.macs, graph.max_rank, graph.quantised) == ("infer", 96, 4, True)


def test_rank_5_names_the_tensor() -> None:
    (found, *_) = findings(doubler(shape=(1, 2, 3, 4, 5)), "rank")
    assert (found.severity, found.targets, found.where) == ("error", GPU, "x")
    assert "rank 5 [1, 2, 3, 4, 5]" in found.problem


def test_dynamic_dimension_names_the_tensor() -> None:
    made = doubler()
    made.model.subgraphs[0].tensors[0].shapeSignature = np.array([-1, 4, 4, 2], np.int32)
    (found,) = findings(made, "dynamic")
    assert (found.where, found.targets) == ("x", BOTH)


@pytest.mark.parametrize(
    ("kind", "rule"),
    [("CUSTOM:FlexErf", "flex"), ("CUSTOM:Mine", "custom"), ("GATHER_ND", "gpu-operator")],
)
def test_operator_that_a_target_lacks(kind: str, rule: str) -> None:
    made = Handmade()
    x, y = made.tensor("x", (4,)), made.tensor("enc/odd/Thing", (4,))
    made.op(kind, [x], [y])
    made.boundary([x], [y], "infer")
    (found,) = findings(made, rule)
    assert found.severity == "error"
    assert found.layer == "enc/odd/Thing"
    assert kind.split(":")[-1].removeprefix("Flex") in found.problem


def test_control_flow_is_found() -> None:
    made = doubler()
    made.op("WHILE", [0], [1], schema.WhileOptionsT())
    (found,) = findings(made, "control-flow")
    assert "unroll" in found.change


def island() -> Handmade:
    """An int8 convolution, then DEQUANTIZE -> EXP -> QUANTIZE."""
    made = quantised_convolution(folded=True)
    graph = made.model.subgraphs[0]
    y = int(graph.outputs[0])
    real, grown = made.tensor("dec/real", (1, 4, 4, 3)), made.tensor("dec/exp/Exp", (1, 4, 4, 3))
    out = made.tensor("out", (1, 4, 4, 3), INT8, scale=0.1)
    made.op("DEQUANTIZE", [y], [real], schema.DequantizeOptionsT(), version=2)
    made.op("EXP", [real], [grown], schema.ExpOptionsT())
    made.op("QUANTIZE", [grown], [out], schema.QuantizeOptionsT())
    made.model.signatureDefs.clear()
    made.boundary([int(graph.inputs[0])], [out], "infer")
    return made


def test_float_island_counts_its_operators_and_names_the_layer() -> None:
    (found,) = findings(island(), "float-island")
    assert found.count == 3
    assert found.layer == "dec/exp/Exp"
    assert "EXP in float32" in found.problem


def test_two_islands_are_told_apart() -> None:
    made = island()
    out = int(made.model.subgraphs[0].outputs[0])
    real, other = made.tensor("b/real", (1, 4, 4, 3)), made.tensor("b/log/Log", (1, 4, 4, 3))
    last = made.tensor("last", (1, 4, 4, 3), INT8, scale=0.1)
    made.op("DEQUANTIZE", [out], [real], schema.DequantizeOptionsT(), version=2)
    made.op("LOG", [real], [other], schema.AbsOptionsT())
    made.op("QUANTIZE", [other], [last], schema.QuantizeOptionsT())
    made.model.signatureDefs.clear()
    made.boundary([0], [last], "infer")
    assert {f.layer for f in findings(made, "float-island")} == {"dec/exp/Exp", "b/log/Log"}


def test_conversion_at_the_boundary_is_no_island() -> None:
    made = quantised_convolution(folded=True)
    graph = made.model.subgraphs[0]
    real_in, real_out = made.tensor("in", (1, 4, 4, 2)), made.tensor("out", (1, 4, 4, 3))
    y = int(graph.outputs[0])
    made.op("QUANTIZE", [real_in], [0], schema.QuantizeOptionsT())
    made.op("DEQUANTIZE", [y], [real_out], schema.DequantizeOptionsT(), version=2)
    made.model.signatureDefs.clear()
    made.boundary([real_in], [real_out], "infer")
    assert findings(made, "float-island") == []


def test_float_model_has_no_islands() -> None:
    assert findings(doubler(), "float-island") == []


def depthwise(scales: list[float]) -> Handmade:
    made = Handmade()
    x = made.tensor("x", (1, 4, 4, 2), INT8, scale=0.1)
    kernel = made.tensor(
        "k", (1, 3, 3, 2), INT8, np.ones((1, 3, 3, 2), np.int8), scale=scales, axis=3
    )
    bias = made.tensor("b", (2,), INT32, np.zeros(2, np.int32), scale=[0.1 * s for s in scales])
    y = made.tensor("y", (1, 4, 4, 2), INT8, scale=0.1)
    options = schema.DepthwiseConv2DOptionsT()
    options.strideH = options.strideW = options.depthMultiplier = 1
    made.op("DEPTHWISE_CONV_2D", [x, kernel, bias], [y], options, version=3)
    made.boundary([x], [y], "infer")
    return made


def test_per_channel_depthwise_is_for_cpus_only() -> None:
    (found,) = findings(depthwise([0.1, 0.2]), "depthwise-per-channel")
    assert (found.severity, found.targets) == ("error", GPU)
    assert "fp16" in found.change
    assert findings(depthwise([0.1]), "depthwise-per-channel") == []


def test_output_range_too_narrow_for_xnnpack() -> None:
    made = quantised_convolution(folded=True)
    output = made.model.subgraphs[0].tensors[int(made.model.subgraphs[0].outputs[0])]
    output.quantization.scale = np.array([1e-7], np.float32)
    (found,) = findings(made, "requantisation")
    assert "XNNPACK refuses" in found.problem
    assert findings(quantised_convolution(folded=True), "requantisation") == []


def test_version_above_tflite_runtime() -> None:
    made = doubler()
    known = TFLITE_RUNTIME_2_14["ADD"]
    made.model.operatorCodes[0].version = known + 1
    (found,) = findings(made, "version")
    assert (
        found.problem == f"ADD version {known + 1}; tflite-runtime 2.14 has up to version {known}"
    )
    made.model.operatorCodes[0].version = known
    assert findings(made, "version") == []


def test_layer_normalisation_is_known_by_its_shape() -> None:
    made = Handmade()
    names = ["x", "mean", "diff", "square", "variance", "inverse", "y"]
    x, mean, diff, square, variance, inverse, y = (made.tensor(n, (1, 4)) for n in names)
    axis = made.tensor("axis", (1,), INT32, np.array([1], np.int32))
    reduce = schema.ReducerOptionsT()
    made.op("MEAN", [x, axis], [mean], reduce)
    made.op("SUB", [x, mean], [diff], schema.SubOptionsT())
    made.op("MUL", [diff, diff], [square], schema.MulOptionsT())
    made.op("MEAN", [square, axis], [variance], reduce)
    made.op("RSQRT", [variance], [inverse])
    made.op("MUL", [diff, inverse], [y], schema.MulOptionsT())
    made.boundary([x], [y], "infer")
    (found,) = findings(made, "layer-norm")
    assert found.severity == "warning"


def test_operator_of_constants_only() -> None:
    made = doubler()
    a = made.tensor("a", (2,), value=np.ones(2, np.float32))
    made.op("EXP", [a], [made.tensor("b", (2,))], schema.ExpOptionsT())
    (found,) = findings(made, "constant-operator")
    assert "EXP of constants" in found.problem


def test_findings_for_other_targets_become_notes() -> None:
    audited = audit(flatbuffer.parse(depthwise([0.1, 0.2]).bytes()))
    assert audited.for_targets(frozenset({"gpu"})).errors() != []
    on_cpu = audited.for_targets(frozenset({"cpu"}))
    assert on_cpu.errors() == []
    assert [f.severity for f in on_cpu.findings] == ["note"]


@pytest.mark.parametrize(
    ("precision", "targets"), [("int8", {"cpu"}), ("fp16", {"gpu"}), ("fp32", {"cpu", "gpu"})]
)
def test_metadata_names_the_target(precision: str, targets: set[str]) -> None:
    assert targets_of(tiny_spec(precision=precision)) == targets


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("enc/stem/Conv2D;enc/stem/FakeQuantWithMinMaxVars", "enc/stem"),
        ("decoder/up/Relu6;decoder/up/BiasAdd;decoder/up/Conv2D", "decoder/up"),
        ("encoder/stem/conv_2d.3", "encoder/stem"),
        ("StatefulPartitionedCall_1:0", "StatefulPartitionedCall_1:0"),
        ("x", "x"),
    ],
)
def test_layer_of_a_tensor_name(name: str, layer: str) -> None:
    assert layer_of(name) == layer


def test_version_table_is_what_tflite_runtime_says() -> None:
    runtime = pytest.importorskip(
        "tflite_runtime.interpreter", reason="needs the tflite-runtime extra"
    )

    def loads(kind: str, version: int) -> bool:
        made = Handmade()
        x = made.tensor("x", (1,))
        made.op(kind, [x], [x], version=version)
        made.model.subgraphs[0].operators = []
        made.boundary([x], [x])
        try:
            runtime.Interpreter(model_content=made.bytes())
        except ValueError:
            return False
        return True

    try:
        if not loads("ADD", 1):
            pytest.skip("tflite-runtime does not work here (it wants numpy < 2)")
    except ImportError:
        pytest.skip("tflite-runtime does not work here (it wants numpy < 2)")
    for kind in ("CONV_2D", "FULLY_CONNECTED", "SOFTMAX", "RESIZE_BILINEAR", "GELU", "SIGN"):
        known = TFLITE_RUNTIME_2_14[kind]
        assert loads(kind, known), kind
        assert not loads(kind, known + 1), kind
    assert "DILATE" not in TFLITE_RUNTIME_2_14
    assert not loads("DILATE", 1)


@pytest.mark.train
@pytest.mark.parametrize("precision", ["int8", "fp16", "fp32", "dynamic"])
def test_converted_network_keeps_the_contract(
    converted: Callable[[str], bytes], precision: str
) -> None:
    audited = audit(flatbuffer.parse(converted(precision)))
    assert audited.broken_contract() == []
    assert {g.name for g in audited.graphs} == {"infer", "encode_step", "decode"}
    assert audited.graph("infer").quantised is (precision == "int8")
