"""The app, built once for the tests that look at it."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgedepth.demo import artifacts
from edgedepth.demo.build import Built, build
from edgedepth.demo.project import Project, open_project
from edgedepth.demo.tools import PACKAGES
from tests.android.host import need


@pytest.fixture(scope="session")
def project() -> Project:
    """The app's sources."""
    return open_project()


@pytest.fixture(scope="session")
def keystore(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a debug key goes that is not the user's."""
    return tmp_path_factory.mktemp("key") / "debug.p12"


@pytest.fixture(scope="session")
def built(project: Project, keystore: Path, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The app, signed."""
    need(*PACKAGES)
    return build(project, tmp_path_factory.mktemp("apk") / "demo.apk", keystore=keystore)


@pytest.fixture(scope="session")
def platforms() -> dict[int, Path]:
    """Android's own classes by API level."""
    need("mvn")
    wanted = {34: artifacts.PLATFORM, 29: artifacts.OLDEST_PLATFORM}
    found = artifacts.fetch(wanted.values())
    return {level: found[artifact.file] for level, artifact in wanted.items()}
