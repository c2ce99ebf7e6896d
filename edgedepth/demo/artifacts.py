"""The pinned files that the app is built from, fetched once and checked every time.

Java artifacts come through Maven, so a user's own mirrors and proxies count. D8, Android's
compiler from class files to dex, is in no public Maven repository that Maven knows by itself;
a wheel that carries it is fetched through pip.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from edgedepth.demo.tools import run_tool
from edgedepth.errors import UserError

COPY_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1"
FETCH_TIMEOUT_S = 1800.0


@dataclass(frozen=True)
class Artifact:
    """A file that is what it was when it was pinned.

    Attributes:
        file: name in the cache.
        sha256: of its bytes.
        maven: group, artifact, version, type; None for a file from a wheel.
        wheel: a requirement, and the file's path inside the wheel.
        licence: its licence.
    """

    file: str
    sha256: str
    maven: tuple[str, str, str, str] | None = None
    wheel: tuple[str, str] | None = None
    licence: str = "Apache-2.0"


def _tflite(name: str, version: str, sha256: str) -> Artifact:
    return Artifact(f"{name}-{version}.aar", sha256, ("org.tensorflow", name, version, "aar"))


def _android(api: int, version: str, sha256: str) -> Artifact:
    return Artifact(
        f"android-{api}.jar", sha256, ("org.robolectric", "android-all", version, "jar")
    )


PLATFORM = _android(
    34,
    "14-robolectric-10818077",
    "6be2218c6a53fe3c57bc22ebdc723edcb7270a8a6f187545708aa5c0ed813977",
)
"""Android's classes and resources at the API level that the app is compiled against."""

OLDEST_PLATFORM = _android(
    29,
    "10-robolectric-5803371",
    "a0ad701eedd47bdaefbac1c2cc80dd400c0adea3cccd8a3ad286f79da1ca294c",
)
"""The same at the lowest API level that the app claims to run on; only to check that."""

TFLITE_VERSION = "2.16.1"
TFLITE = (
    _tflite(
        "tensorflow-lite",
        TFLITE_VERSION,
        "34b065817e294e7dd3569504e8b9454938ceae453b6a459da54d5f6e45d3c94e",
    ),
    _tflite(
        "tensorflow-lite-api",
        TFLITE_VERSION,
        "885b95bc9e47a4aa5cf8e71523aed9b05e397cfef1ea09773f13fea8b649fcee",
    ),
    _tflite(
        "tensorflow-lite-gpu",
        TFLITE_VERSION,
        "4440e44d295e0e13964d4fe9d9e8c3d2c3f870b92fcb7b945e45036acdfcd459",
    ),
    _tflite(
        "tensorflow-lite-gpu-api",
        "2.14.0",
        "3e7cece2c5eaaf05f93d0399e7d86eee83bd818b037965cbe52291223acae286",
    ),
)
"""The runtime: Java API and native code. The last version that is on Maven Central whole."""

D8 = Artifact(
    "r8-3.3.75.jar",
    "92104f8584add622a08347d95ae27623ef48bfbda6f6c6093e9b8efcc14b883d",
    wheel=("mobsf==3.9.7", "mobsf/StaticAnalyzer/tools/jadx/lib/r8-3.3.75.jar"),
    licence="BSD-3-Clause",
)

TO_BUILD = (PLATFORM, *TFLITE, D8)


def cache_folder() -> Path:
    """Where artifacts are kept: ``$EDGEDEPTH_CACHE`` or the user's cache directory."""
    named = os.environ.get("EDGEDEPTH_CACHE")
    if named:
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "edgedepth"


def fetch(wanted: Iterable[Artifact] = TO_BUILD, cache: Path | None = None) -> dict[str, Path]:
    """Artifacts by file name, fetched if they are not in the cache yet.

    Raises:
        UserError: one cannot be fetched, or is not what was pinned.
    """
    folder = cache_folder() if cache is None else cache
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"{folder} cannot be made ({error.strerror})", "name another with EDGEDEPTH_CACHE"
        ) from None
    found = {artifact.file: artifact for artifact in wanted}
    if any(not is_whole(folder / a.file, a) for a in found.values()):
        with _alone(folder):
            _fetch_missing(list(found.values()), folder)
    return {file: folder / file for file in found}


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let one process fetch at a time, where the system can tell (not on Windows)."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fetch_missing(artifacts: list[Artifact], folder: Path) -> None:
    missing = [a for a in artifacts if not is_whole(folder / a.file, a)]
    with tempfile.TemporaryDirectory(dir=folder, prefix=".fetch-") as name:
        temporary = Path(name)
        if any(a.maven for a in missing):
            _from_maven([a for a in missing if a.maven], temporary)
        for artifact in missing:
            if artifact.wheel:
                _from_wheel(artifact, *artifact.wheel, temporary)
        for artifact in missing:
            _keep(artifact, temporary / artifact.file, folder / artifact.file)


def is_whole(path: Path, artifact: Artifact) -> bool:
    """The file is there and is the pinned one."""
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        return _sha256(stream) == artifact.sha256


def _sha256(stream: object) -> str:
    digest = hashlib.sha256()
    while block := stream.read(1 << 20):  # type: ignore[attr-defined]
        digest.update(block)
    return digest.hexdigest()


def _keep(artifact: Artifact, fetched: Path, goal: Path) -> None:
    if not fetched.is_file():
        raise UserError(f"{artifact.file} did not come", "try again, or check the network")
    if not is_whole(fetched, artifact):
        raise UserError(
            f"{artifact.file} is not the file that was pinned (its SHA-256 differs)",
            "a mirror or proxy may have changed it; nothing of it was kept",
        )
    fetched.replace(goal)


def _from_maven(artifacts: list[Artifact], folder: Path) -> None:
    """Let Maven resolve and copy artifacts in one go."""
    pom = folder / "pom.xml"
    pom.write_text(_pom(artifacts, folder))
    run_tool(
        ["mvn", "-B", "-q", "-f", str(pom), f"{COPY_PLUGIN}:copy"],
        "Maven could not fetch what the app is built from",
        "check the network and Maven's settings",
        FETCH_TIMEOUT_S,
    )


def _pom(artifacts: list[Artifact], folder: Path) -> str:
    items = ""
    for artifact in artifacts:
        assert artifact.maven is not None
        keys = ("groupId", "artifactId", "version", "type")
        tags = "".join(f"<{k}>{escape(v)}</{k}>" for k, v in zip(keys, artifact.maven, strict=True))
        items += f"<artifactItem>{tags}<destFileName>{artifact.file}</destFileName></artifactItem>"
    plugin = COPY_PLUGIN.split(":")
    return (
        "<project><modelVersion>4.0.0</modelVersion>"
        "<groupId>org.edgedepth</groupId><artifactId>fetch</artifactId><version>1</version>"
        "<packaging>pom</packaging><build><plugins><plugin>"
        f"<groupId>{plugin[0]}</groupId><artifactId>{plugin[1]}</artifactId>"
        f"<version>{plugin[2]}</version><configuration>"
        f"<outputDirectory>{escape(str(folder))}</outputDirectory>"
        f"<artifactItems>{items}</artifactItems>"
        "</configuration></plugin></plugins></build></project>"
    )


def _from_wheel(artifact: Artifact, requirement: str, member: str, folder: Path) -> None:
    """Take one file out of a wheel; the rest of it is not kept."""
    wheels = folder / "wheel"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--only-binary", ":all:", "--ignore-requires-python"]
    done = subprocess.run(
        [*command, "-d", str(wheels), requirement],
        capture_output=True,
        text=True,
        check=False,
        timeout=FETCH_TIMEOUT_S,
    )
    found = sorted(wheels.glob("*.whl")) if wheels.is_dir() else []
    if done.returncode or not found:
        lines = done.stderr.strip().splitlines() or ["no message"]
        raise UserError(f"pip could not fetch {artifact.file} ({lines[-1][:160]})", "check pip")
    with zipfile.ZipFile(found[0]) as wheel:
        try:
            with wheel.open(member) as source, (folder / artifact.file).open("wb") as goal:
                shutil.copyfileobj(source, goal)
        except KeyError:
            raise UserError(f"{found[0].name} holds no {artifact.file}", "report this") from None
    shutil.rmtree(wheels)
