"""The programs that a build calls."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from edgedepth.errors import UserError

PACKAGES = {
    "javac": "default-jdk-headless",
    "java": "default-jdk-headless",
    "keytool": "default-jdk-headless",
    "mvn": "maven",
    "aapt2": "aapt",
    "zipalign": "zipalign",
    "apksigner": "apksigner",
}
"""Program -> the Debian package that brings it."""

TIMEOUT_S = 600.0


def missing_tools() -> list[str]:
    """Programs of the build that are not on the PATH."""
    return [name for name in PACKAGES if shutil.which(name) is None]


def require_tools() -> None:
    """Check all programs before the first one runs.

    Raises:
        UserError: some are missing; names the packages.
    """
    missing = missing_tools()
    if missing:
        packages = " ".join(dict.fromkeys(PACKAGES[name] for name in missing))
        raise UserError(
            f"{', '.join(missing)} not found", f"`make tools`, or apt install {packages}"
        )


def java_home() -> Path:
    """The JDK that javac belongs to; D8 reads the Java library from it."""
    javac = shutil.which("javac")
    if javac is None:
        require_tools()
    return Path(str(javac)).resolve().parent.parent


def run_tool(
    command: Sequence[str],
    problem: str,
    advice: str = "",
    timeout_s: float = TIMEOUT_S,
    folder: Path | None = None,
) -> str:
    """What a program prints on its standard output.

    Raises:
        UserError: it fails: ``problem`` and the first line that names an error.
    """
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "TZ": "UTC"}
    try:
        done = subprocess.run(
            list(command),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
            check=False,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        raise UserError(f"{problem} ({command[0]} took over {timeout_s:.0f} s)", advice) from None
    except OSError as error:
        raise UserError(f"{problem} ({command[0]}: {error.strerror})", advice) from None
    if done.returncode:
        raise UserError(f"{problem} ({_complaint(done.stderr + done.stdout)})", advice)
    return done.stdout


def _complaint(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    told = [line for line in lines if "error" in line.lower()] or lines or ["no message"]
    return told[0][:300]
