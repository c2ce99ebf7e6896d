from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgedepth.errors import UserError
from edgedepth.spec import MAX_FRAMES, ModelSpec

MOBILE = ModelSpec("mobile", 240, 320, 4, "sweep", "sweep")

specs = st.builds(
    ModelSpec,
    preset=st.sampled_from(["mobile", "paper"]),
    height=st.integers(16, 4096),
    width=st.integers(16, 4096),
    cue_planes=st.integers(0, 8),
    focus_encoding=st.sampled_from(["sweep", "metres"]),
    output=st.sampled_from(["sweep", "metres"]),
    all_in_focus_first=st.booleans(),
    precision=st.sampled_from(["fp32", "fp16", "int8", "dynamic"]),
    frames=st.integers(0, MAX_FRAMES),
    streaming=st.booleans(),
    trained_dioptres=st.tuples(st.floats(0, 1), st.floats(1, 10)),
    trained_coc=st.tuples(st.floats(0, 1), st.floats(1, 30)),
    training=st.dictionaries(st.text(max_size=8), st.integers() | st.text(max_size=8), max_size=3),
)


def changed(**fields: Any) -> str:
    return json.dumps({**json.loads(MOBILE.to_json()), **fields})


@given(specs)
def test_a_spec_survives_its_file(spec: ModelSpec) -> None:
    assert ModelSpec.from_json(spec.to_json()) == spec


def test_channels() -> None:
    assert MOBILE.channels == 7


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({"schema": "edgedepth-model/99"}, "schema"),
        ({"colour": "red"}, "colour"),
        ({"precision": "int4"}, "precision"),
        ({"focus_encoding": "feet"}, "focus_encoding"),
        ({"output": "disparity"}, "output"),
        ({"height": 8}, "height"),
        ({"width": "320"}, "width"),
        ({"frames": MAX_FRAMES + 1}, "frames"),
        ({"frames": -1}, "frames"),
        ({"cue_planes": -1}, "cue_planes"),
        ({"trained_coc": [1.0]}, "field"),
        ({"trained_dioptres": "wide"}, "field"),
    ],
)
def test_a_bad_field_is_named(fields: dict[str, Any], names: str) -> None:
    with pytest.raises(UserError, match=names) as error:
        ModelSpec.from_json(changed(**fields), "phone.tflite")
    assert "phone.tflite" in error.value.problem
    assert "convert" in error.value.advice


def test_a_missing_field_is_named() -> None:
    record = json.loads(MOBILE.to_json())
    del record["width"]
    with pytest.raises(UserError, match="width"):
        ModelSpec.from_json(json.dumps(record))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "3"])
def test_what_is_no_spec_is_refused(text: str) -> None:
    with pytest.raises(UserError, match=r"JSON|schema"):
        ModelSpec.from_json(text)
