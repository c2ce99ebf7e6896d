"""Run the shipped models on every runtime, arm64 under qemu included, and write the table.

python docs/make_parity.py                 all of edgedepth/pretrained
python docs/make_parity.py FILE...         other files
python docs/make_parity.py --no-arm64      this machine's processor only

Writes docs/results/parity.json and the tables of the pages that show it. For arm64 it fetches
Debian's Python and the aarch64 wheels into build/arm64 once (no root needed) and runs them with
qemu-user, which `make tools` installs.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "docs" / "results" / "parity.json"
FOLDER = ROOT / "build" / "arm64"
QEMU = "qemu-aarch64"

DEBIAN = ("python3.11-minimal", "libpython3.11-stdlib", "libstdc++6")
WHEELS = ("numpy==1.26.4", "tflite-runtime==2.14.0")
PLATFORMS = ("manylinux2014_aarch64", *(f"manylinux_2_{n}_aarch64" for n in (17, 27, 28, 31, 34)))
RUNTIMES = ("tflite-runtime",)
"""What runs under qemu: ai-edge-litert 2.3.0 is stopped there by a segmentation fault."""


def apt(folder: Path, *arguments: str) -> None:
    """apt-get for arm64 that leaves the system's own lists and packages alone."""
    state, cache = folder / "apt" / "state", folder / "apt" / "cache"
    for path in (state / "lists" / "partial", cache / "archives" / "partial"):
        path.mkdir(parents=True, exist_ok=True)
    (state / "status").touch()
    settings = {
        "APT::Architecture": "arm64",
        "APT::Architectures": "arm64",
        "APT::Sandbox::User": "",
        "Dir::State": state,
        "Dir::State::status": state / "status",
        "Dir::Cache": cache,
        "Debug::NoLocking": "1",
    }
    options = [part for name, value in settings.items() for part in ("-o", f"{name}={value}")]
    subprocess.run(["apt-get", "-q", *options, *arguments], check=True)


def fetch_system(folder: Path) -> Path:
    """Debian's Python 3.11 for arm64, unpacked."""
    system = folder / "system"
    apt(folder, "update")
    apt(folder, "install", "--download-only", "-y", "--no-install-recommends", *DEBIAN)
    for package in sorted((folder / "apt" / "cache" / "archives").glob("*.deb")):
        subprocess.run(["dpkg-deb", "-x", package, system], check=True)
    return system


def fetch_wheels(folder: Path) -> Path:
    """The aarch64 wheels, unpacked."""
    platforms = [part for name in PLATFORMS for part in ("--platform", name)]
    wheels, site = folder / "wheels", folder / "site"
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:",
         *platforms, "--python-version", "3.11", "--implementation", "cp", "--abi", "cp311",
         "-d", wheels, *WHEELS],
        check=True,
    )  # fmt: skip
    for wheel in wheels.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(site)
    return site


def python_command(folder: Path) -> tuple[str, ...]:
    """The command that starts arm64's Python with the wheels in its path."""
    system, site = folder / "system", folder / "site"
    settings = (f"PYTHONHOME={system / 'usr'}", f"PYTHONPATH={site}", "LD_LIBRARY_PATH=")
    given = [part for setting in settings for part in ("-E", setting)]
    return (QEMU, "-L", str(system), *given, str(system / "usr" / "bin" / "python3.11"))


def arm64(folder: Path = FOLDER) -> tuple[str, ...]:
    """:func:`python_command`, everything fetched if it is not there yet.

    Raises:
        SystemExit: a tool is missing.
    """
    for tool in (QEMU, "apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            sys.exit(f"{tool} is missing: run `make tools`, or give --no-arm64")
    done = folder / "complete"
    if not done.exists():
        fetch_system(folder)
        fetch_wheels(folder)
        done.touch()
    return python_command(folder)


def main(arguments: Sequence[str]) -> None:
    from edgedepth.convert import parity

    places = [parity.HERE]
    if "--no-arm64" not in arguments:
        places.append(parity.Place("arm64 under qemu", arm64(), RUNTIMES))
    named = [Path(a) for a in arguments if not a.startswith("-")]
    files = named or sorted((ROOT / "edgedepth" / "pretrained").glob("*.tflite"))
    record = parity.measure(files, places)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(parity.markdown(record))
    subprocess.run([sys.executable, ROOT / "docs" / "make_results.py"], check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
