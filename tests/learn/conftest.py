"""Fixtures of the learning tests: sweeps by a camera that lies, and the real command."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgedepth.data.sweep_writer import write_sweep
from tests.capture.conftest import Edgedepth, edgedepth  # noqa: F401
from tests.learn.pages import Lie, page_sweep

__all__ = ["Edgedepth"]

LIE = Lie(scale=1.1, bias=0.2, k_ratio=1.3)
TRUE_PLANES = (0.3, 0.8, 1.3, 1.8, 2.3, 2.8)
PAGES_M = (0.45, 0.7, 1.2)


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Hand-held sweeps of pages at ``PAGES_M`` by the lying camera."""
    root = tmp_path_factory.mktemp("pages")
    folders = []
    for index, metres in enumerate(PAGES_M):
        folders.append(root / f"page_{index}")
        write_sweep(page_sweep(metres, TRUE_PLANES, LIE, shake_px=3, index=index), folders[-1])
    return folders
