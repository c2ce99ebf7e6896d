"""TFLite's own metadata, read back by slot as ``metadata_schema.fbs`` numbers them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flatbuffers import encode
from flatbuffers import number_types as kinds
from flatbuffers.table import Table

from edgedepth.convert import flatbuffer, metadata, standard_metadata
from edgedepth.convert.flatbuffer import text
from edgedepth.spec import METADATA_NAME, ModelSpec
from tests.capture.tiny_model import tiny_spec
from tests.convert.handmade import doubler


class Reader:
    """A table of a flatbuffer, its fields by slot."""

    def __init__(self, data: bytes, place: int) -> None:
        self.table = Table(data, place)

    def _place(self, slot: int) -> int | None:
        offset = self.table.Offset(4 + 2 * slot)
        return self.table.Pos + offset if offset else None

    def string(self, slot: int) -> str | None:
        place = self._place(slot)
        return None if place is None else self.table.String(place).decode()

    def _vector(self, slot: int) -> Iterator[int]:
        if self._place(slot) is not None:
            offset = self.table.Offset(4 + 2 * slot)
            start = self.table.Vector(offset)
            yield from (start + 4 * i for i in range(self.table.VectorLen(offset)))

    def tables(self, slot: int) -> list[Reader]:
        return [Reader(self.table.Bytes, self.table.Indirect(p)) for p in self._vector(slot)]

    def table_at(self, slot: int) -> Reader | None:
        place = self._place(slot)
        return None if place is None else Reader(self.table.Bytes, self.table.Indirect(place))

    def strings(self, slot: int) -> list[str]:
        return [self.table.String(p).decode() for p in self._vector(slot)]

    def floats(self, slot: int) -> list[float]:
        return [self.table.Get(kinds.Float32Flags, p) for p in self._vector(slot)]


def read(model: Any) -> Reader:
    (entry,) = [m for m in model.metadata if text(m.name) == standard_metadata.ENTRY]
    data = bytes(model.buffers[entry.buffer].data)
    assert data[4:8] == b"M001"
    return Reader(data, encode.Get(kinds.UOffsetTFlags.packer_type, data, 0))


def named(spec: ModelSpec) -> Any:
    made = doubler()
    for tensor, name in zip(
        made.model.subgraphs[0].tensors, ("frame_0", "confidence"), strict=True
    ):
        tensor.name = name
    metadata.attach_spec(made.model, spec)
    standard_metadata.attach(made.model, spec)
    return flatbuffer.parse(made.bytes())


def test_model_graph_and_tensors_are_described() -> None:
    root = read(named(tiny_spec(cue_planes=4, training={"licence": "Apache-2.0"})))
    assert root.string(0) == "edgedepth mobile fp32"
    assert "focal stack" in str(root.string(1))
    assert (root.string(5), root.string(7)) == ("Apache-2.0", "1.0.0")
    (graph,) = root.tables(3)
    assert graph.string(0) == "infer"
    (frame,), (confidence,) = graph.tables(2), graph.tables(3)
    assert frame.string(0) == "frame_0"
    assert "RGB, then 4 focus-cue planes" in str(frame.string(1))
    assert frame.strings(2) == ["batch", "row", "column", "channel"]
    stats = confidence.table_at(5)
    assert stats is not None
    assert (stats.floats(0), stats.floats(1)) == ([1.0], [0.0])


def test_it_is_replaced_and_leaves_our_own_entry_alone() -> None:
    model = named(tiny_spec(precision="fp16"))
    standard_metadata.attach(model, tiny_spec(precision="int8"))
    assert [text(m.name) for m in model.metadata] == [METADATA_NAME, standard_metadata.ENTRY]
    assert read(model).string(0) == "edgedepth mobile int8"
    assert metadata.embedded_spec(model) == tiny_spec(precision="fp16")


@pytest.mark.parametrize("name", ["frame", "frame_3", "focus", "optics", "state_h", "depth"])
def test_every_tensor_of_the_contract_has_a_description(name: str) -> None:
    for encoding in ("sweep", "metres"):
        assert standard_metadata.describe(name, tiny_spec(focus_encoding=encoding))[0]


@pytest.mark.train
def test_converted_file_is_described_in_the_order_of_its_tensors(
    converted: Callable[[str], bytes],
) -> None:
    model = flatbuffer.parse(converted("int8"))
    graphs = read(model).tables(3)
    assert [g.string(0) for g in graphs] == ["infer", "encode_step", "decode"]
    for told, graph in zip(graphs, model.subgraphs, strict=True):
        for slot, indices in ((2, graph.inputs), (3, graph.outputs)):
            names = [text(graph.tensors[i].name).removesuffix(".out") for i in indices]
            assert [t.string(0) for t in told.tables(slot)] == names
            assert all(t.string(1) for t in told.tables(slot))
