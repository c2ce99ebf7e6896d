"""Shared fixtures, and the strict mode in which a skipped test is a failure."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent

settings.register_profile("edgedepth", deadline=None, max_examples=60)
settings.load_profile("edgedepth")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """With EDGEDEPTH_STRICT set, a run that skipped something has failed."""
    if os.environ.get("EDGEDEPTH_STRICT") and _skipped(session.config) and not session.exitstatus:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    skipped = _skipped(config)
    if os.environ.get("EDGEDEPTH_STRICT") and skipped:
        terminalreporter.section("skipped, which strict mode (EDGEDEPTH_STRICT) does not allow")
        for report in skipped:
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
            terminalreporter.write_line(f"{report.nodeid}: {reason}")


def _skipped(config: pytest.Config) -> list[pytest.TestReport]:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    return list(reporter.stats.get("skipped", [])) if reporter else []


@pytest.fixture(scope="session")
def dev_data() -> Path:
    """The development data, which is not part of the repository."""
    folder = Path(os.environ.get("EDGEDEPTH_DEV_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no development data at {folder} (set EDGEDEPTH_DEV_DATA)")
    return folder


@pytest.fixture
def texture() -> NDArray[np.uint8]:
    """A sharp (240, 320, 3) picture with detail everywhere."""
    rng = np.random.default_rng(7)
    return rng.integers(0, 256, (240, 320, 3), dtype=np.uint8)
