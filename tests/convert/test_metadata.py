"""The spec inside the file, its schema, and names that a viewer can show."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgedepth.capture.modelfile import read_model_file
from edgedepth.convert import flatbuffer, metadata
from edgedepth.convert.flatbuffer import text
from edgedepth.convert.graph import layer_of
from edgedepth.convert.running import Session
from edgedepth.cues import CUE_PLANES
from edgedepth.errors import UserError
from edgedepth.spec import METADATA_NAME, SCHEMA, ModelSpec
from tests.capture.tiny_model import tiny_spec
from tests.conftest import ROOT
from tests.convert.handmade import Handmade, doubler

MODEL_SCHEMA = json.loads((ROOT / "docs" / "schemas" / "model.schema.json").read_text())


@given(
    frames=st.integers(0, 16),
    streaming=st.booleans(),
    precision=st.sampled_from(["fp32", "fp16", "int8", "dynamic"]),
    output=st.sampled_from(["sweep", "metres"]),
    size=st.tuples(st.integers(16, 4096), st.integers(16, 4096)),
)
def test_every_spec_validates_and_comes_back_from_a_file(
    frames: int, streaming: bool, precision: str, output: str, size: tuple[int, int]
) -> None:
    spec = tiny_spec(
        frames=frames,
        streaming=streaming,
        precision=precision,
        output=output,
        height=size[0],
        width=size[1],
        training={"data": ["procedural"], "note": "µ ≤ ü"},
    )
    jsonschema.validate(json.loads(spec.to_json()), MODEL_SCHEMA)
    made = doubler()
    metadata.attach_spec(made.model, spec)
    assert metadata.embedded_spec(flatbuffer.parse(made.bytes())) == spec


def test_schema_names_every_field_and_this_version() -> None:
    record = json.loads(tiny_spec().to_json())
    assert set(MODEL_SCHEMA["required"]) == set(MODEL_SCHEMA["properties"]) == set(record)
    assert MODEL_SCHEMA["properties"]["schema"]["const"] == SCHEMA


@pytest.mark.parametrize(
    "change", [{"frames": 17}, {"precision": "int4"}, {"height": 3}, {"extra": 1}, {"schema": "x"}]
)
def test_schema_refuses_what_the_reader_refuses(change: dict[str, Any]) -> None:
    record = json.loads(tiny_spec().to_json()) | change
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(record, MODEL_SCHEMA)
    with pytest.raises(UserError):
        ModelSpec.from_json(json.dumps(record))


def test_attaching_again_replaces(tmp_path: Path) -> None:
    made = doubler()
    metadata.attach_spec(made.model, tiny_spec(frames=3))
    metadata.attach_spec(made.model, tiny_spec(frames=7))
    assert [text(m.name) for m in made.model.metadata] == [METADATA_NAME]
    path = tmp_path / "m.tflite"
    path.write_bytes(made.bytes())
    assert read_model_file(path).spec.frames == 7


def test_file_of_others_has_no_spec() -> None:
    assert metadata.embedded_spec(doubler().model) is None


def test_broken_metadata_is_named() -> None:
    made = doubler()
    metadata.attach_spec(made.model, tiny_spec())
    made.model.buffers[-1].data = made.model.buffers[-1].data[:40]
    with pytest.raises(UserError, match="the metadata of that file is not valid JSON"):
        metadata.embedded_spec(made.model, "that file")


def test_names_say_layer_and_operator() -> None:
    made = doubler()
    graph = made.model.subgraphs[0]
    for tensor, name in zip(graph.tensors, ["serving_x:0", "Call:0"], strict=True):
        tensor.name = name
    made.model.signatureDefs.clear()
    made.boundary([0], [1], "infer")
    entry = made.model.signatureDefs[0]
    entry.inputs[0].name, entry.outputs[0].name = "frame_0", "inverse_depth"
    metadata.name_parts(made.model)
    assert [text(t.name) for t in graph.tensors] == ["frame_0", "inverse_depth"]
    assert graph.name == "infer"


def test_infer_becomes_the_first_graph() -> None:
    made = Handmade()
    for name in ("decode", "encode_step", "infer"):
        if name != "decode":
            made.graph(name)
        x, y = made.tensor("x", (2,)), made.tensor("y", (2,))
        made.op("ADD", [x, x], [y])
        made.boundary([x], [y], name)
    metadata.in_contract_order(made.model)
    assert [text(s.signatureKey) for s in made.model.signatureDefs] == [
        "infer",
        "encode_step",
        "decode",
    ]
    assert [s.subgraphIndex for s in made.model.signatureDefs] == [0, 1, 2]


@pytest.mark.train
def test_converted_file_has_the_contract_s_tensors(converted: Callable[[str], bytes]) -> None:
    session = Session(converted("int8"))
    assert session.signatures == ["infer", "encode_step", "decode"]
    frames = {"frame_0", "frame_1", "frame_2"}
    carried, decoded = {"state_means", "state_peaks"}, {"state_means", "state_answers"}
    assert set(session.inputs("infer")) == frames | {"focus", "optics"}
    assert set(session.inputs("encode_step")) == {"frame", "focus", "optics"} | carried
    assert set(session.outputs("encode_step")) == carried | decoded
    assert set(session.inputs("decode")) == decoded
    for name in ("infer", "decode"):
        assert set(session.outputs(name)) == {"inverse_depth", "confidence"}
    assert session.inputs("infer")["frame_0"].shape == (1, 32, 48, 3 + CUE_PLANES)
    assert session.inputs("infer")["focus"].shape == (1, 3)
    assert {t.dtype.name for s in session.signatures for t in session.inputs(s).values()} == {
        "int8"
    }


@pytest.mark.train
def test_converted_names_are_short_and_unique(converted: Callable[[str], bytes]) -> None:
    for precision in ("int8", "fp16"):
        model = flatbuffer.parse(converted(precision))
        for graph in model.subgraphs:
            names = [text(t.name) for t in graph.tensors]
            assert len(set(names)) == len(names)
            assert max(map(len, names)) < 60
        first = [text(t.name) for t in model.subgraphs[0].tensors]
        assert text(model.subgraphs[0].name) == "infer"
        assert any(n.startswith("encoder/stem/") for n in first)
        assert any(n.startswith("decoder/sharpen/") for n in first)


@pytest.mark.train
def test_layers_are_called_what_the_code_calls_them() -> None:
    pytest.importorskip("tensorflow", reason="needs the train extra")
    from edgedepth.convert.export import layer_labels
    from edgedepth.models.fakequant import Mode
    from edgedepth.models.layers import Conv, Separable

    class Holder:
        def __init__(self) -> None:
            self.stem = Conv(Mode.FLOAT, 4, 3)
            self.encode4 = [Separable(Mode.FLOAT, 4, 4), Separable(Mode.FLOAT, 4, 4)]
            self.name = "holder"

    held = Holder()
    labels = layer_labels(held)
    assert labels[held.stem.name] == "stem"
    second = held.encode4[1]
    assert (labels[second.name], labels[second.depthwise.name]) == ("encode4_1", "depthwise")
    path = f"{second.name}/{second.depthwise.name}/depthwise_3;{second.depthwise.name}/Relu6"
    assert layer_of(path, labels) == "encode4_1/depthwise"
