"""Converted stand-in networks, made once per session."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from edgedepth.spec import Precision


@pytest.fixture(scope="session")
def converted() -> Callable[[Precision], bytes]:
    """``converted("int8")``: the sketch network as a file's bytes."""
    pytest.importorskip("tensorflow", reason="needs the train extra")
    from edgedepth.convert.export import export
    from tests.convert.sketch import Sketch, sketch_spec

    made: dict[str, bytes] = {}

    def convert(precision: Precision) -> bytes:
        if precision not in made:
            net = Sketch(sketch_spec(), quantized=precision == "int8")
            made[precision] = export(net, precision).data
        return made[precision]

    return convert
