"""Gather the 999 meshes of PyBullet's data into a folder for ``data pathtrace --meshes``.

python docs/make_meshes.py objects        downloads about 100 MB

PyBullet is under the zlib licence. A mesh whose corners are no numbers is left out: there is one.
Needs pip, and a system that PyBullet has wheels for.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

PACKAGE = "pybullet==3.2.7"
MEMBERS = "pybullet_data/random_urdfs/*/*.obj"


def gather(wheel: Path, folder: Path) -> int:
    """Write the meshes of a wheel into a folder; how many they are."""
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if PurePosixPath(name).match(MEMBERS)]
        meshes = {PurePosixPath(name).name: archive.read(name) for name in names}
    whole = {name: data for name, data in meshes.items() if b" nan " not in data}
    for name, data in whole.items():
        partial = folder / f".{name}.part"
        partial.write_bytes(data)
        partial.replace(folder / name)
    return len(whole)


def main(arguments: Sequence[str]) -> None:
    """Download the package and gather its meshes."""
    if len(arguments) != 1 or arguments[0].startswith("-"):
        raise SystemExit(__doc__)
    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        options = ["-q", "--no-deps", "--only-binary", ":all:", "-d", place, PACKAGE]
        subprocess.run([sys.executable, "-m", "pip", "download", *options], check=True)
        count = gather(next(Path(place).glob("*.whl")), folder)
    print(f"{folder}: {count} meshes of {PACKAGE}")


if __name__ == "__main__":
    main(sys.argv[1:])
