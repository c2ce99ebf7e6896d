"""Does one file give the same on every runtime? Outputs held against a reference's, in steps.

Every combination runs in a process of its own (:mod:`edgedepth.convert.parity_worker`), on the
rendered stacks that verification uses. The reference is what ``edgedepth infer`` uses: LiteRT
with XNNPACK on this machine's processor.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgedepth import cards
from edgedepth.capture.runtimes import Arrays
from edgedepth.convert import flatbuffer, metadata, parity_worker, verify
from edgedepth.convert.running import Session
from edgedepth.errors import UserError

SCHEMA = "edgedepth-parity/1"
LIMIT_LSB = 2.0
"""Largest difference from the reference that counts as the same answer."""

WORKER = Path(parity_worker.__file__)


@dataclass(frozen=True)
class Place:
    """Where a runtime runs.

    Attributes:
        name: ``"here"``, or what stands for another processor.
        python: command that starts its Python.
        runtimes: what is installed there.
    """

    name: str
    python: tuple[str, ...]
    runtimes: tuple[str, ...]


HERE = Place("here", (sys.executable,), tuple(parity_worker.RUNTIMES))


@dataclass(frozen=True)
class Difference:
    """How far one output is from the reference's.

    Attributes:
        max_lsb: in steps of the output's 8-bit grid (of its range / 255 for a float output).
        beyond_1_lsb, beyond_2_lsb: shares of the values.
    """

    max_lsb: float
    beyond_1_lsb: float
    beyond_2_lsb: float


def measure(
    files: Sequence[Path], places: Sequence[Place] = (HERE,), stacks: int = verify.CHECK_STACKS
) -> dict[str, Any]:
    """Run files everywhere; a record of ``docs/schemas/parity.schema.json``.

    Raises:
        UserError: a file is no edgedepth model with ``infer``, or the reference does not run.
    """
    return {
        "schema": SCHEMA,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "limit_lsb": LIMIT_LSB,
        "stacks": stacks,
        "files": [_file(path, places, stacks) for path in files],
    }


def _file(path: Path, places: Sequence[Place], stacks: int) -> dict[str, Any]:
    spec = metadata.embedded_spec(flatbuffer.read(path), str(path))
    if spec is None or not spec.frames:
        raise UserError(f"{path} has no signature infer of edgedepth", "name another file")
    session = Session(path.read_bytes())
    steps = {name: verify.lsb_of(name, port) for name, port in session.outputs("infer").items()}
    raw = {name: 1.0 if port.quantized else steps[name]
           for name, port in session.outputs("infer").items()}  # fmt: skip
    given = {
        f"{i}/{name}": value
        for i, stack in enumerate(verify.check_stacks(spec, stacks))
        for name, value in session.stored("infer", stack.inputs).items()
    }
    rows: list[dict[str, Any]] = []
    reference: Arrays | None = None
    for place in places:
        for runtime in place.runtimes:
            for xnnpack in (True, False):
                told, outputs = _run(path, given, place, runtime, xnnpack)
                if reference is None:
                    if outputs is None:
                        raise UserError(f"{runtime} does not run {path}", told["error"])
                    reference = outputs
                rows.append(
                    {"place": place.name, "runtime": runtime, "xnnpack": xnnpack, **told}
                    | _compared(outputs, reference, raw)
                )
    return {
        "file": path.name,
        "sha256": cards.sha256(path),
        "preset": spec.preset,
        "precision": spec.precision,
        "frames": spec.frames,
        "steps": steps,
        "rows": rows,
    }


def _run(
    path: Path, given: Arrays, place: Place, runtime: str, xnnpack: bool
) -> tuple[dict[str, Any], Arrays | None]:
    """(what the worker told, outputs), or an error and None."""
    with tempfile.TemporaryDirectory(prefix="edgedepth-") as folder:
        inputs, outputs = Path(folder) / "in.npz", Path(folder) / "out.npz"
        np.savez(inputs, **given)  # type: ignore[arg-type]
        command = [*place.python, str(WORKER), str(path.resolve()), str(inputs), str(outputs)]
        command += [runtime, "on" if xnnpack else "off"]
        quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
        done = subprocess.run(command, capture_output=True, text=True, env=quiet, check=False)
        if done.returncode:
            last = (done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1]
            return {"error": last[:200]}, None
        with np.load(outputs) as archive:
            told: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
            return told, {name: archive[name] for name in archive.files}


def _compared(
    outputs: Arrays | None, reference: Arrays, steps: Mapping[str, float]
) -> dict[str, Any]:
    if outputs is None:
        return {}
    found = {
        name: compare(_all(outputs, name), _all(reference, name), step).__dict__
        for name, step in steps.items()
    }
    worst = max(d["max_lsb"] for d in found.values())
    return {"outputs": found, "same": worst <= LIMIT_LSB}


def _all(outputs: Arrays, name: str) -> NDArray[np.float64]:
    """One output over all stacks."""
    parts = [v.astype(np.float64).ravel() for k, v in outputs.items() if k.endswith(f"/{name}")]
    return np.concatenate(parts)


def compare(a: NDArray[Any], b: NDArray[Any], step: float) -> Difference:
    """Difference of two outputs in steps; infinite where either is not finite."""
    apart = np.abs(a - b) / step
    apart = np.where(np.isfinite(apart), apart, np.inf)
    return Difference(
        max_lsb=float(apart.max()),
        beyond_1_lsb=float(np.mean(apart > 1.001)),
        beyond_2_lsb=float(np.mean(apart > 2.001)),
    )


def markdown(record: Mapping[str, Any]) -> str:
    """The record as tables, one per file."""
    lines = [
        f"Measured {record['created'][:10]} on {record['stacks']} rendered stacks. A difference of "
        f"at most {record['limit_lsb']:g} LSB counts as the same; the first row is the reference. "
        "LSB: a step of the output's 8-bit grid, in a float file 1/255 of its range.",
    ]
    for file in record["files"]:
        names = list(file["steps"])
        lines += ["", f"**{file['file']}**, {file['frames']} frames", ""]
        lines += [
            "| runtime | processor | XNNPACK | its partitions | "
            + " | ".join(f"{n}: farthest, over 1, over 2 LSB" for n in names)
            + " | same |",
            "|---|---|---|---|" + "---|" * len(names) + "---|",
        ]
        lines += [_row(row, names) for row in file["rows"]]
    return "\n".join(lines)


def _row(row: Mapping[str, Any], names: Sequence[str]) -> str:
    kernels = "on" if row["xnnpack"] else "off"
    if "error" in row:
        blank = " | ".join("" for _ in names)
        return f"| {row['runtime']} | {row['place']} | {kernels} | | {blank} | did not run |"
    cells = [_cell(row["outputs"][name]) for name in names]
    return (
        f"| {row['runtime']} {row['version']} | {row['machine']} | {kernels} | "
        f"{row['xnnpack_partitions']} | {' | '.join(cells)} | {'yes' if row['same'] else 'no'} |"
    )


def _cell(found: Mapping[str, float]) -> str:
    shares = (100 * found[key] for key in ("beyond_1_lsb", "beyond_2_lsb"))
    return f"{found['max_lsb']:.2g}, " + ", ".join(f"{share:.2g} %" for share in shares)
