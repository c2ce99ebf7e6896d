"""Fixtures of the capture tests: a small model, a small sweep, the real command."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.capture.scenes import write_sweep
from tests.capture.tiny_model import build, tiny_spec

Edgedepth = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with float.tflite and int8.tflite: 5 frames and streaming."""
    folder = tmp_path_factory.mktemp("models")
    build(folder / "float.tflite")
    build(folder / "int8.tflite", tiny_spec(precision="int8"))
    return folder


@pytest.fixture(scope="session")
def model(models: Path) -> Path:
    return models / "float.tflite"


@pytest.fixture(scope="session")
def good_sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five frames of two planes; not to be written to."""
    return write_sweep(tmp_path_factory.mktemp("sweeps") / "two_planes")


@pytest.fixture
def edgedepth() -> Edgedepth:
    """Run the real command; only one that hangs takes longer than it may."""

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "edgedepth", *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )

    return run
