"""In strict mode, which continuous integration uses, a skipped test fails the run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PASSES = "def test_passes():\n    assert 1 + 1 == 2\n"
SKIPS = "import pytest\n\ndef test_skips():\n    pytest.skip('no such phone here')\n"
SKIPS_WHOLE_FILE = "import pytest\n\npytest.importorskip('no_such_module')\n"


def run(folder: Path, text: str, strict: bool, *options: str) -> subprocess.CompletedProcess[str]:
    shutil.copy(HERE / "conftest.py", folder)
    (folder / "test_it.py").write_text(PASSES)
    (folder / "test_other.py").write_text(text)
    (folder / "pytest.ini").write_text("[pytest]\n")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("EDGEDEPTH", "PYTEST"))}
    if strict:
        environment["EDGEDEPTH_STRICT"] = "1"
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options, str(folder)]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("options", [(), ("-n", "1")], ids=["alone", "spread"])
def test_a_skip_fails_a_strict_run_and_is_named(tmp_path: Path, options: tuple[str, ...]) -> None:
    done = run(tmp_path, SKIPS, True, *options)
    assert done.returncode == 1
    assert "no such phone here" in done.stdout
    assert "test_other.py" in done.stdout
    assert "1 passed, 1 skipped" in done.stdout.splitlines()[-1]


def test_a_skipped_file_fails_a_strict_run(tmp_path: Path) -> None:
    done = run(tmp_path, SKIPS_WHOLE_FILE, True)
    assert done.returncode == 1
    assert "no_such_module" in done.stdout


def test_a_skip_is_fine_otherwise(tmp_path: Path) -> None:
    assert run(tmp_path, SKIPS, False).returncode == 0


def test_a_strict_run_without_skips_passes(tmp_path: Path) -> None:
    assert run(tmp_path, PASSES, True).returncode == 0
