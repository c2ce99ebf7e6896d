"""The signatures of a converted model as files of their own, for delegates that want one graph.

The graphs are those of the one file, bit for bit; only their shared weights are stored anew in
each. ``infer`` alone is a model without streaming. ``encode_step`` and ``decode`` are a pair: each
says that it streams, and :class:`edgedepth.capture.runtimes.Runtime` finds the other beside it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from edgedepth.convert import flatbuffer, metadata, passes, standard_metadata
from edgedepth.convert.graph import signatures
from edgedepth.files import whole_file
from edgedepth.spec import ModelSpec


def separate(data: bytes, spec: ModelSpec) -> dict[str, bytes]:
    """Signature -> the file that holds it alone.

    Args:
        data, spec: a converted model.
    """
    model = flatbuffer.parse(data)
    files = {}
    for index, key in signatures(model).items():
        alone = passes.extract(model, index)
        whole = key == "infer"
        own = replace(spec, streaming=False) if whole else replace(spec, frames=0)
        metadata.attach_spec(alone, own)
        standard_metadata.attach(alone, own)
        passes.drop_unused(alone)  # the metadata of the whole file
        files[key] = flatbuffer.pack(alone)
    return files


def part_path(path: Path, signature: str) -> Path:
    """Where the part of a model goes that would be written to ``path``."""
    return path.with_name(f"{path.stem}-{signature}{path.suffix}")


def write_parts(path: Path, parts: Mapping[str, bytes]) -> list[Path]:
    """Write all parts, or none.

    Raises:
        UserError: the folder is missing or not writable, or the disk is full.
    """
    paths = [part_path(path, key) for key in parts]
    with contextlib.ExitStack() as stack:
        for target, data in zip(paths, parts.values(), strict=True):
            stack.enter_context(whole_file(target, flatbuffer.ADVICE)).write_bytes(data)
    return paths
