"""What was measured as a record of ``docs/schemas/bench.schema.json``."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from edgedepth import cards
from edgedepth.bench import crosscheck, environment, signatures, stats
from edgedepth.bench.cells import Cell, cell_record
from edgedepth.bench.children import Record
from edgedepth.bench.measure import Measured
from edgedepth.bench.peak import ARITHMETIC, MACS
from edgedepth.capture.modelfile import ModelFile
from edgedepth.errors import UserError
from edgedepth.files import write_text

SCHEMA = "edgedepth-bench/1"
PARTS = ("per_frame", "after_last_frame")


def make_record(measured: Measured, options: Record, accuracy: Record | None = None) -> Record:
    """The whole result as plain data.

    Args:
        options: the command's, as given or by default.
        accuracy: scores of the models, see :mod:`edgedepth.bench.accuracy`.
    """
    peaks = {key: _rounds(answers, "whole") for key, answers in measured.peaks.items()}
    cells = [
        _cell(cell, answers, peaks, measured.checks.get(index))
        for index, (cell, answers) in enumerate(measured.cells)
    ]
    return rounded(
        {
            "schema": SCHEMA,
            "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "options": options,
            "input": measured.source,
            "environment": {
                "machine": measured.machine,
                "before": measured.before,
                "after": measured.after,
                "others_cores": measured.neighbours.cores,
                "stolen_share": measured.neighbours.stolen_share,
            },
            "models": [_model(model) for model in measured.plan.models],
            "peaks": [
                {"arithmetic": kind, "threads": threads, "gmac_per_s": MACS / 1e9 / _median(rounds)}
                for (kind, threads), rounds in peaks.items()
            ],
            "cells": cells,
            "jobs": [
                _job(name, answers, measured) for name, answers in measured.jobs.items() if answers
            ],
            "sustained": _sustained(measured),
            "profiles": [
                {
                    **cell_record(measured.cells[index][0], measured.cells[index][1][0]["version"]),
                    **answer,
                }
                for index, answer in measured.profiles.items()
            ],
            "accuracy": accuracy,
            "warnings": _warnings(measured, cells),
        }
    )


def _rounds(answers: Sequence[Record], part: str) -> list[list[float]]:
    return [answer["series"][part] for answer in answers]


def _median(rounds: Sequence[Sequence[float]]) -> float:
    return float(np.median(np.asarray(rounds)))


def _cell(
    cell: Cell,
    answers: list[Record],
    peaks: dict[Any, list[list[float]]],
    check: list[Record] | None,
) -> Record:
    whole = _rounds(answers, "whole")
    count = multiply_accumulates(cell)
    kind = ARITHMETIC[cell.model.spec.precision]
    found: Record = {
        **cell_record(cell, answers[0]["version"]),
        "arithmetic": kind,
        "macs": count,
        "latency_s": dataclasses.asdict(stats.summarise(whole)),
        "load_s": float(np.median([a["load_s"] for a in answers])),
        "first_run_s": float(np.median([a["first_s"] for a in answers])),
        "warmup_s": [float(v) for v in np.median([a["warmup_s"] for a in answers], axis=0)],
        "peak_memory_bytes": max(a["peak_bytes"] for a in answers),
        "model_memory_bytes": _added(answers),
        "gmac_per_s": None if count is None else count / 1e9 / _median(whole),
        "share_of_peak": _share(count, whole, peaks.get((kind, cell.threads))),
        "cross_check": crosscheck.summary(whole, check) if check else None,
        "samples_s": whole,
    }
    for part in PARTS:
        streamed = cell.mode == "streaming"
        rounds = _rounds(answers, part) if streamed else []
        found[f"{part}_s"] = dataclasses.asdict(stats.summarise(rounds)) if streamed else None
    return found


def _added(answers: list[Record]) -> int | None:
    """Memory that the model, its inputs and its kernels took beyond the bare runtime."""
    added = [a["peak_bytes"] - a["before_bytes"] for a in answers if a["before_bytes"] is not None]
    return int(np.median(added)) if added else None


def _share(
    count: int | None, whole: list[list[float]], peak: list[list[float]] | None
) -> float | None:
    """Multiply-accumulates per second over the yardstick's, each round against its own."""
    if count is None or not peak:
        return None
    ratios = [
        (count / np.median(ours)) / (MACS / np.median(best))
        for ours, best in zip(whole, peak, strict=True)
    ]
    return float(np.median(ratios))


def multiply_accumulates(cell: Cell) -> int | None:
    """Of one stack; None where the file's schema is not installed."""

    def of(signature: str) -> int:
        return signatures.multiply_accumulates(cell.model.path, signature)

    try:
        if cell.mode == "unrolled":
            return of("infer")
        return cell.frames * of("encode_step") + of("decode")
    except ImportError:
        return None


def _model(model: ModelFile) -> Record:
    spec = model.spec
    return {
        "file": model.path.name,
        "bytes": model.path.stat().st_size,
        "sha256": cards.sha256(model.path),
        "preset": spec.preset,
        "precision": spec.precision,
        "height": spec.height,
        "width": spec.width,
        "frames": spec.frames,
        "streaming": spec.streaming,
    }


def _job(name: str, answers: list[Record], measured: Measured) -> Record:
    stages = {
        stage: float(np.median([a["stages_s"][stage] for a in answers]))
        for stage in answers[0]["stages_s"]
    }
    totals = [sum(a["stages_s"].values()) for a in answers]
    return {
        "model": name,
        "runtime": measured.plan.runtimes[0],
        "threads": max(measured.plan.threads),
        "frames": answers[0]["frames"],
        "runs": len(answers),
        "total_s": float(np.median(totals)),
        "stages_s": stages,
        "peak_memory_bytes": max(a["peak_bytes"] for a in answers),
    }


def _sustained(measured: Measured) -> Record | None:
    if not measured.curve:
        return None
    cell = measured.cells[0][0]
    points = [[p["p50_s"]] for p in measured.curve]
    drift = stats.drift_of(points)
    return {
        "label": cell.label,
        "minutes": measured.curve[-1]["at_s"] / 60,
        "drift": drift,
        "throttled": stats.is_throttled(points),
        "curve": measured.curve,
    }


def _warnings(measured: Measured, cells: list[Record]) -> list[str]:
    found = environment.warnings(
        measured.machine["cores"], measured.before, measured.after, measured.neighbours
    )
    found += measured.doubts
    for (cell, _), record in zip(measured.cells, cells, strict=True):
        latency = record["latency_s"]
        if latency["throttled"]:
            found.append(
                f"{cell.label}: the last third is {100 * latency['drift']:.0f} % slower than the "
                "first: throttled, or the machine got busier"
            )
        check = record["cross_check"]
        if check and not check["agrees"]:
            found.append(
                f"{cell.label}: {check['tool']} disagrees, ours is {check['ratio']:.2f} of it"
            )
    if measured.plan.rounds < stats.FEWEST_ROUNDS:
        found.append(f"{measured.plan.rounds} rounds are too few for an interval to rely on")
    most = max(measured.plan.threads)
    if most > measured.machine["cores_allowed"]:
        found.append(f"{most} threads on {measured.machine['cores_allowed']} cores")
    sustained = _sustained(measured)
    if sustained and sustained["throttled"]:
        found.append(f"slower by {100 * sustained['drift']:.0f} % under sustained load")
    return found


def rounded(value: Any, digits: int = 7) -> Any:
    """Floats to a tenth of a microsecond: what is beyond it is noise that fills files."""
    if isinstance(value, float):
        return round(value, digits)
    if isinstance(value, dict):
        return {key: rounded(v, digits) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(v, digits) for v in value]
    return value


_NUMBERS = re.compile(r"\[\s+((?:[-+.\deE]+,?\s+)+)\]")


def to_json(record: Record) -> str:
    """JSON with a line per thing, but lists of numbers in one."""
    text = json.dumps(record, indent=1)
    return _NUMBERS.sub(lambda match: f"[{' '.join(match[1].split())}]", text) + "\n"


def write_record(path: Path, record: Record) -> None:
    """Write a result, whole or not at all.

    Raises:
        UserError: it cannot be written.
    """
    write_text(path, to_json(record), "choose another place with --json")


def read_record(path: Path) -> Record:
    """Read a result.

    Raises:
        UserError: missing, or not a result of this schema.
    """
    advice = "make one with `edgedepth bench --json FILE`"
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror})", advice) from None
    except ValueError:
        raise UserError(f"{path} is not JSON", advice) from None
    if not isinstance(record, dict) or record.get("schema") != SCHEMA:
        raise UserError(f"{path} is not of schema {SCHEMA}", advice)
    missing = _missing(record)
    if missing:
        raise UserError(f"{path} is incomplete: it has no {missing}", advice)
    return record


REQUIRED = ("environment", "models", "input", "peaks", "cells", "warnings")
REQUIRED_OF_CELLS = (
    "model", "runtime", "xnnpack", "threads", "delegate", "mode", "frames", "latency_s",
    "samples_s",
)  # fmt: skip


def _missing(record: Record) -> str:
    """The first thing that a comparison needs and a result lacks; empty if there is none."""
    cells = record.get("cells")
    rows = cells if isinstance(cells, list) else []
    lacking = [name for name in REQUIRED if name not in record]
    lacking += [
        n for row in rows for n in REQUIRED_OF_CELLS if not isinstance(row, dict) or n not in row
    ]
    if not rows:
        lacking.append("cells")
    return lacking[0] if lacking else ""
