"""Where the app's sources lie and what they are called."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import edgedepth
from edgedepth.errors import UserError

MODULES = ("core", "engine", "app")
"""Folders with Java sources that go into the app."""

_SETTINGS = "gradle.properties"


@dataclass(frozen=True)
class Project:
    """The app's source folder.

    Attributes:
        folder: ``android_demo`` of a checkout.
        min_sdk, target_sdk: Android API levels.
        version_name, version_code: of the app.
    """

    folder: Path
    min_sdk: int
    target_sdk: int
    version_name: str
    version_code: int

    @property
    def root(self) -> Path:
        """The checkout."""
        return self.folder.parent

    @property
    def apk(self) -> Path:
        """Where the built app goes unless told otherwise."""
        return self.root / "build" / "android" / "edgedepth-demo.apk"

    @property
    def manifest(self) -> Path:
        """The app's manifest, without what the build adds: package, versions, API levels."""
        return self.folder / "app/src/main/AndroidManifest.xml"

    @property
    def resources(self) -> Path:
        """The app's ``res``."""
        return self.folder / "app/src/main/res"

    def sources(self) -> list[Path]:
        """All Java files of the app, sorted."""
        found: list[Path] = []
        for module in MODULES:
            found += sorted((self.folder / module / "src/main/java").rglob("*.java"))
        return found


def open_project(folder: Path | None = None) -> Project:
    """The app's sources.

    Args:
        folder: ``android_demo`` or the checkout that holds it; by default the one that this
            package runs from, else one in the working directory.

    Raises:
        UserError: there are none, or their settings cannot be read.
    """
    beside = Path(edgedepth.__file__).resolve().parent.parent
    places = [beside, Path.cwd()] if folder is None else [folder]
    for place in places:
        for found in (place / "android_demo", place):
            if (found / _SETTINGS).is_file() and (found / "app").is_dir():
                return _read(found)
    where = "here" if folder is None else f"in {folder}"
    raise UserError(
        f"the app's sources are not {where}",
        "run this in a checkout of edgedepth, or name its folder with --source",
    )


def _read(folder: Path) -> Project:
    path = folder / _SETTINGS
    lines = (line.split("#")[0].partition("=") for line in path.read_text().splitlines())
    values = {key.strip(): value.strip() for key, mark, value in lines if mark}
    try:
        return Project(
            folder,
            int(values["edgedepth.minSdk"]),
            int(values["edgedepth.targetSdk"]),
            values["edgedepth.versionName"],
            int(values["edgedepth.versionCode"]),
        )
    except (KeyError, ValueError) as error:
        raise UserError(f"{path}: {error} is missing or no number", "take it from git") from None
