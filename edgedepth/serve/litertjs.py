"""LiteRT.js, the runtime in the browser: fetched once from npm, pinned, never in the repository.

``npm pack`` fetches it, so the user's own registry and proxies count; the SHA-512 of each package
is checked every time it is read.
"""

from __future__ import annotations

import base64
import hashlib
import io
import shutil
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from edgedepth.demo.artifacts import cache_folder
from edgedepth.demo.tools import run_tool
from edgedepth.errors import UserError

VERSION = "2.5.3"
FETCH_TIMEOUT_S = 600.0


@dataclass(frozen=True)
class Package:
    """An npm package that is what it was when it was pinned.

    Attributes:
        name, version: as npm knows them.
        integrity: base64 of the tarball's SHA-512, as in npm's lock files.
    """

    name: str
    version: str
    integrity: str

    @property
    def file(self) -> str:
        """Name that ``npm pack`` gives the tarball."""
        return f"{self.name.removeprefix('@').replace('/', '-')}-{self.version}.tgz"


CORE = Package(
    "@litertjs/core",
    VERSION,
    "PlGmbMOq9WitX7FO0jhbdJw9GthatsyuCQXjTt/wJZo0FLaw48q4tz8IwqgqCIkviYGr9OFDL1kCnN4nzWoyJQ==",
)
WASM_UTILS = Package(
    "@litertjs/wasm-utils",
    VERSION,
    "4fJiw6tBQnIs+0jH/OQ16nYOiSl8/+zZnn5h2ul8aTKHi05sVqZW580Tmk78pC2kT39A9OYBVdFawteZ/sI1kQ==",
)
"""The one package that the core imports. Both are Apache-2.0."""


def package_files(package: Package, cache: Path | None = None) -> dict[str, bytes]:
    """Files of a package by their path in it, fetched if it is not in the cache yet.

    Raises:
        UserError: npm is missing, the fetch failed, or the bytes are not those pinned.
    """
    folder = cache_folder() if cache is None else cache
    path = folder / package.file
    data = path.read_bytes() if path.is_file() else b""
    if not is_pinned(data, package):
        data = _fetch(package, folder)
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
        return {
            member.name.partition("/")[2]: stream.read()
            for member in archive
            if member.isfile() and (stream := archive.extractfile(member)) is not None
        }


def is_pinned(data: bytes, package: Package) -> bool:
    """The tarball's bytes are the pinned ones."""
    return base64.b64encode(hashlib.sha512(data).digest()).decode() == package.integrity


def _fetch(package: Package, folder: Path) -> bytes:
    npm = shutil.which("npm")
    if npm is None:
        raise UserError(
            f"npm is not installed, and {package.name} {package.version} is not in {folder} yet",
            f"install npm, or put {package.file} there",
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".fetch-") as name:
            _npm_pack(npm, package, Path(name))
            fetched = Path(name) / package.file
            data = fetched.read_bytes() if fetched.is_file() else b""
            if not is_pinned(data, package):
                raise UserError(
                    f"{package.file} is not the file that was pinned (its SHA-512 differs)",
                    "a mirror or proxy may have changed it; nothing of it was kept",
                )
            fetched.replace(folder / package.file)
    except OSError as error:
        raise UserError(
            f"{folder} cannot be written ({error.strerror or error})",
            "name another with EDGEDEPTH_CACHE",
        ) from None
    return data


def _npm_pack(npm: str, package: Package, folder: Path) -> None:
    wanted = f"{package.name}@{package.version}"
    run_tool(
        [npm, "pack", wanted, "--silent", "--pack-destination", str(folder)],
        f"npm could not fetch {wanted}",
        "check the network and npm's settings (npm ping)",
        FETCH_TIMEOUT_S,
        folder,
    )
