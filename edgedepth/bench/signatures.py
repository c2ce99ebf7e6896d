"""Which file holds which signature: a streaming pair may lie in two files."""

from __future__ import annotations

from pathlib import Path

from edgedepth.capture.runtimes import PAIR, partner


def holders(path: Path) -> dict[str, Path]:
    """Signature -> the file that holds it, the other half of a streaming pair included.

    Raises:
        ImportError: the schema of TFLite files, which ai-edge-litert brings, is not installed.
        UserError: the other half is missing.
    """
    from edgedepth.convert import flatbuffer, graph

    found = dict.fromkeys(graph.signatures(flatbuffer.read(path)).values(), path)
    missing = set(PAIR) - set(found)
    if len(missing) == 1:
        other = partner(path, *(set(PAIR) - missing), *missing)
        found |= dict.fromkeys(missing, other)
    return found


def multiply_accumulates(path: Path, signature: str) -> int:
    """Of one call.

    Raises:
        ImportError, UserError: as :func:`holders`.
        KeyError: the model has no such signature.
    """
    from edgedepth.convert import flatbuffer, graph

    model = flatbuffer.read(holders(path)[signature])
    indices = {name: index for index, name in graph.signatures(model).items()}
    return graph.macs(model, model.subgraphs[indices[signature]])
