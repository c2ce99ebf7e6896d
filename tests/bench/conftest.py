"""A small model, a small sweep, and a result measured once with the real command."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.capture.scenes import write_sweep
from tests.capture.tiny_model import build, tiny_spec

Bench = Callable[..., "subprocess.CompletedProcess[str]"]
QUICK = ("--runs", "4", "--rounds", "2", "--warmup", "1")


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """int8, five frames unrolled and streaming."""
    return build(tmp_path_factory.mktemp("bench") / "tiny.tflite", tiny_spec(precision="int8"))


@pytest.fixture(scope="session")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sweep(tmp_path_factory.mktemp("bench") / "two_planes")


def run_bench(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edgedepth", "bench", *map(str, arguments)],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


@pytest.fixture
def bench() -> Bench:
    """Run the real command."""
    return run_bench


@pytest.fixture(scope="session")
def measured(
    model: Path, sweep: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, Any], str, Path]:
    """A record, what was printed, and the folder with result.json and result.png."""
    folder = tmp_path_factory.mktemp("measured")
    done = run_bench(
        model, "--sweep", sweep, *QUICK, "--json", folder / "result.json",
        "--picture", folder / "result.png",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "result.json").read_text()), done.stdout, folder
