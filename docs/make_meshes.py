"""Gather the 1000 meshes of PyBullet's data into a folder for ``data pathtrace --meshes``.

python docs/make_meshes.py objects        downloads about 100 MB

PyBullet is under the zlib licence. Needs pip, and a system that it has wheels for.
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
        for name in names:
            path = folder / PurePosixPath(name).name
            partial = path.with_name(f".{path.name}.part")
            partial.write_bytes(archive.read(name))
            partial.replace(path)
    return len(names)


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
