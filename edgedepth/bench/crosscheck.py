"""LiteRT's own ``litert-benchmark`` on the same model, in the same rounds.

It runs another interface (``CompiledModel``, inputs already in its buffers) on random numbers, in
a process of its own. Agreement says that neither our loop nor our inputs make the figure.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from edgedepth.bench.cells import Cell
from edgedepth.bench.children import TIMEOUT_S, Record
from edgedepth.errors import UserError

TOOL = "litert-benchmark"
MODULE = "ai_edge_litert.tools.benchmark_litert_model"
AGREEMENT = 0.15
"""Difference of the medians up to which the two are said to agree."""


def applies(cell: Cell) -> bool:
    """Whether the tool can run this combination."""
    return cell.runtime == "litert" and cell.xnnpack and cell.mode == "unrolled"


def run_tool(task: Record) -> Record:
    """Median seconds of the tool for a cell's task.

    Raises:
        UserError: the tool is not installed, or failed.
    """
    with tempfile.TemporaryDirectory(prefix="edgedepth-bench-") as folder:
        answer = Path(folder) / "result.json"
        command = [
            sys.executable, "-m", MODULE, "--model", task["model"], "--signature", "infer",
            "--num_runs", str(task["runs"]), "--warmup_runs", str(task["warmup"]),
            "--num_threads", str(task["threads"]), "--result_json", str(answer),
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, timeout=TIMEOUT_S, check=False)
        if done.returncode or not answer.exists():
            lines = done.stderr.decode(errors="replace").strip().splitlines() or ["no answer"]
            raise UserError(
                f"{TOOL} failed on {task['model']} ({lines[-1][:120]})",
                "pip install -U ai-edge-litert, or leave --cross-check out",
            )
        found: dict[str, Any] = json.loads(answer.read_text())
    return {"p50_s": found["latency"]["median_ms"] / 1e3}


def summary(ours: list[list[float]], theirs: list[Record]) -> Record:
    """The tool's median, and ours over it: each round against its own."""
    medians = [answer["p50_s"] for answer in theirs]
    ratios = [np.median(o) / t for o, t in zip(ours, medians, strict=True)]
    return {
        "tool": TOOL,
        "p50_s": float(np.median(medians)),
        "ratio": float(np.median(ratios)),
        "agrees": bool(abs(np.median(ratios) - 1) <= AGREEMENT),
    }
