"""Starting the processes that measure, and reading what they found."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from edgedepth.errors import UserError

Record = dict[str, Any]
TIMEOUT_S = 600.0


def run_child(task: Record, timeout_s: float = TIMEOUT_S) -> Record:
    """Do a task in a process of its own.

    Args:
        task: see :mod:`edgedepth.bench.worker`; ``what`` names it in messages.

    Raises:
        UserError: the child says so, crashed, or did not end in time.
    """
    with tempfile.TemporaryDirectory(prefix="edgedepth-bench-") as folder:
        ask, answer = Path(folder) / "task.json", Path(folder) / "result.json"
        task = {**task, "spawned_at": time.time(), "out": str(Path(folder) / "out")}
        ask.write_text(json.dumps(task))
        command = [sys.executable, "-m", "edgedepth.bench.worker", str(ask), str(answer)]
        try:
            done = subprocess.run(command, capture_output=True, timeout=timeout_s, check=False)
        except subprocess.TimeoutExpired:
            raise UserError(
                f"{task['what']} did not end within {timeout_s:.0f} s", "ask for fewer --runs"
            ) from None
        if not answer.exists():
            raise UserError(
                f"{task['what']} crashed ({_cause(done)})", "try another --runtime"
            ) from None
        result: Record = json.loads(answer.read_text())
    if "error" in result:
        raise _told(task, result["error"])
    return result


def _told(task: Record, error: Record) -> UserError:
    if "while" in error:
        return UserError(
            f"{task['what']} fails while running ({error['problem']})",
            "see `edgedepth check`, or try another --runtime",
        )
    return UserError(error["problem"], error["advice"])


def _cause(done: subprocess.CompletedProcess[bytes]) -> str:
    if done.returncode < 0:
        return signal.Signals(-done.returncode).name
    lines = done.stderr.decode(errors="replace").strip().splitlines()
    return lines[-1][:160] if lines else f"exit code {done.returncode}"
