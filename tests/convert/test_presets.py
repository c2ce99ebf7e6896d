"""The real presets at the ends of what may be asked for: few and many frames, odd sizes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from edgedepth.convert import flatbuffer, verify
from edgedepth.convert.audit import audit
from edgedepth.convert.running import Session, xnnpack_partitions

pytestmark = [pytest.mark.train, pytest.mark.slow]

MOST_PARTITIONS = 2
"""XNNPACK partitions of an int8 graph of ``mobile``."""


def untrained(preset: str, height: int, width: int, frames: int) -> Any:
    pytest.importorskip("tensorflow", reason="needs the train extra")
    from edgedepth.models.fakequant import Mode
    from edgedepth.models.presets import NETWORKS, preset_spec

    spec = preset_spec(preset, height, width)
    spec = replace(spec, frames=frames, streaming=not spec.all_in_focus_first)
    net = NETWORKS[preset](spec, Mode.QUANTIZED)
    rng = np.random.default_rng(0)
    for kernel in net.kernels():
        if kernel.use_bias:  # a dense layer whose biases are all one number stays in float
            kernel.bias.assign(rng.normal(0, 0.3, kernel.bias.shape))
    net.settle()
    return net


@pytest.mark.parametrize(("frames", "height", "width"), [(1, 96, 32), (16, 32, 48)])
def test_mobile_converts_whole_and_computes_the_same_everywhere(
    frames: int, height: int, width: int
) -> None:
    from edgedepth.convert.export import INFER, export, signature_functions
    from edgedepth.convert.pipeline import training_graph

    net = untrained("mobile", height, width, frames)
    exported = export(net, "int8")
    model = flatbuffer.parse(exported.data)
    assert audit(model).broken_contract() == []
    partitions = {k: p.partitions for k, p in xnnpack_partitions(model).items()}
    assert set(partitions) == {"infer", "encode_step", "decode"}
    assert max(partitions.values()) <= MOST_PARTITIONS
    session, stack = Session(exported.data), verify.check_stacks(exported.spec, 1)[0]
    assert sum(name.startswith("frame_") for name in stack.inputs) == frames
    whole = session.run("infer", session.stored("infer", stack.inputs))
    streamed = verify.stream(session, stack.inputs)
    plain = Session(exported.data, xnnpack=False)
    kernels = plain.run("infer", plain.stored("infer", stack.inputs))
    trained = training_graph(signature_functions(net)[INFER])
    graph = trained(session.on_grid("infer", stack.inputs))
    assert max(value.std() for value in whole.values()) > 0.5
    for name, value in whole.items():
        assert value.shape == (1, height, width, 1)
        np.testing.assert_array_equal(streamed[name], value)
        np.testing.assert_array_equal(kernels[name], value)
        steps = graph[name] - session.outputs("infer")[name].real(value)
        assert np.abs(steps).max() < 1e-5


def test_paper_converts_with_its_sharp_frame_alone() -> None:
    from edgedepth.convert.export import export

    exported = export(untrained("paper", 80, 160, 1), "int8")
    model = flatbuffer.parse(exported.data)
    assert audit(model).broken_contract() == []
    assert {g.name for g in audit(model).graphs} == {"infer"}
    assert exported.passes["sums rounded alike"] == 0  # its weights are not even
