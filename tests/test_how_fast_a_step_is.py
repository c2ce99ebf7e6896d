"""docs/how_fast_a_step_is.py: the trainer's step in other forms."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.train, pytest.mark.slow]

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "docs" / "how_fast_a_step_is.py"
SMALL = ["--rounds", "1", "--steps", "2", "--size", "64", "64", "--stacks", "3", "--frames", "2"]


def rows(phase: str) -> dict[str, list[str]]:
    """Cells of the printed table by form."""
    done = subprocess.run(
        [sys.executable, SCRIPT, "--phase", phase, *SMALL],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    lines = [line.split("|") for line in done.stdout.splitlines() if line.startswith("| ")]
    return {cells[1].strip(): [c.strip() for c in cells[2:-1]] for cells in lines}


@pytest.mark.parametrize("phase", ["float", "qat"])
def test_every_form_has_a_row_and_learns_alike(phase: str) -> None:
    table = rows(phase)
    assert table["plain"][1] == "1.00 (1.00 to 1.00)"
    forms = {"XLA", "bfloat16", "XLA, bfloat16"} if phase == "float" else {"XLA"}
    assert forms <= set(table)
    for name in forms & {"XLA", "bfloat16"}:
        assert not table[name][0].startswith("fails"), table[name]
        # The same start and batches: another loss would be another step.
        assert float(table[name][-1].rstrip(" %")) < 2
    if phase == "float":
        assert float(table["bfloat16"][-1].rstrip(" %")) > 0, "it computed in float32"
