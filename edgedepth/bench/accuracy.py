"""How well the models answer, beside how fast: accuracy, latency and size of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgedepth import evaluate
from edgedepth.bench.children import Record
from edgedepth.capture.modelfile import ModelFile
from edgedepth.data.sources import Source
from edgedepth.protocols import PROTOCOLS, rendered_cases

PROTOCOL = "phone"
FIGURES = ("mae_dioptres", "rmse", "absrel", "delta1")


def score(models: Sequence[ModelFile], source: Source, data: str, scenes: int) -> Record:
    """Scores on the phone's protocol, each model with the N it is timed with.

    Args:
        data: the source as typed.

    Raises:
        UserError: a model does not run.
    """
    protocol = PROTOCOLS[PROTOCOL]
    contestants = [
        evaluate.classical(),
        *(evaluate.model_file(model.path, frames=_frames(model)) for model in models),
    ]
    result = evaluate.evaluate(rendered_cases(protocol, source, scenes), contestants)
    counts = {model.path.name: _frames(model) for model in models}
    planes = len(protocol.planes_m)
    return {
        "protocol": PROTOCOL,
        "data": data,
        "scenes": len(result.scenes),
        "rows": [
            {
                "name": name,
                "frames": min(planes, counts.get(name, planes)),
                **{figure: row[figure] for figure in FIGURES},
            }
            for name, row in result.rows.items()
        ],
    }


def _frames(model: ModelFile) -> int:
    """Frames that the model is given: its own N, or all there are when it only streams."""
    if not model.spec.frames:
        return len(PROTOCOLS[PROTOCOL].planes_m)
    return evaluate.planes_of(model.spec)


@dataclass(frozen=True)
class Point:
    """A model in three figures: its fastest combination's median, its error, its size."""

    name: str
    seconds: float
    mae_dioptres: float
    size_bytes: int


def points(record: Record) -> list[Point]:
    """The models of a result that have scores, fastest first."""
    errors = {row["name"]: row["mae_dioptres"] for row in record["accuracy"]["rows"]}
    found = []
    for model in record["models"]:
        if model["file"] not in errors:
            continue
        fastest = min(c["latency_s"]["p50"] for c in record["cells"] if c["model"] == model["file"])
        found.append(Point(model["file"], fastest, errors[model["file"]], model["bytes"]))
    return sorted(found, key=lambda p: p.seconds)


def frontier(found: Sequence[Point]) -> list[Point]:
    """Models that no other beats in both latency and error, fastest first."""
    kept: list[Point] = []
    for point in sorted(found, key=lambda p: (p.seconds, p.mae_dioptres)):
        if not kept or point.mae_dioptres < kept[-1].mae_dioptres:
            kept.append(point)
    return kept
