"""The app on Robolectric: Android's own framework code on the desktop's Java, drawn by Skia."""

from __future__ import annotations

import os
import re
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path

from edgedepth.capture.picture import palette
from edgedepth.demo import artifacts, build
from edgedepth.demo.apkfile import write_apk
from edgedepth.demo.project import Project
from tests.android import host

COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"
TEST_METHOD = re.compile(r"@Test\s+public void (\w+)\(")
OPENED = ("java.io", "java.lang", "java.net", "java.nio", "java.util")
"""Packages of Java's that Robolectric reaches into."""

PROGRAMS = (*host.PROGRAMS, "aapt2")


def sources(project: Project) -> list[Path]:
    """The Java tests of the app's screens."""
    return sorted((project.folder / "app/src/test/java").rglob("*.java"))


def test_names(project: Project) -> list[str]:
    """``Class.method`` of every test."""
    found = []
    for path in sources(project):
        found += [f"{path.stem}.{name}" for name in TEST_METHOD.findall(path.read_text())]
    return found


def libraries(project: Project) -> list[Path]:
    """Robolectric and what it needs, fetched once."""
    pom = project.folder / "app/src/test/robolectric.pom"
    folder = artifacts.cache_folder() / "robolectric-4.13"
    if not (folder / "complete").is_file():
        shutil.rmtree(folder, ignore_errors=True)
        host.run(["mvn", "-B", "-q", "-f", str(pom), COPY, f"-DoutputDirectory={folder}"])
        for aar in folder.glob("*.aar"):
            with zipfile.ZipFile(aar) as archive:
                (folder / f"{aar.stem}.jar").write_bytes(archive.read("classes.jar"))
        (folder / "complete").touch()
    return sorted(folder.glob("*.jar"))


@dataclass(frozen=True)
class Outcome:
    """What a run of the Java tests left.

    Attributes:
        lines: test -> its line, beginning with ok or FAIL.
        folder: what the tests wrote: pictures of screens, a captured sweep, answers.
        log: all that was printed.
    """

    lines: dict[str, str]
    folder: Path
    log: str


def run_tests(project: Project, folder: Path) -> Outcome:
    """Compile the app and its tests and run them in one Java process."""
    host.need(*PROGRAMS)
    files = artifacts.fetch()
    platform = files[artifacts.PLATFORM.file]
    native = host.build(_made(folder / "host")).libraries
    work = _made(folder / "app")
    entries = build.link_resources(project, platform, work) | build.assets(project)
    write_apk(work / "resources.apk", entries)
    jars = build.class_jars([files[a.file] for a in artifacts.TFLITE], work)
    build.compile_java(project, platform, jars, work)
    brought = libraries(project)
    classpath = os.pathsep.join(
        str(path)
        for path in [
            _tests(project, work, [*jars, *brought, platform]),
            work / "classes",
            *jars,
            *(path for path in brought if not path.name.startswith("android-all")),
            platform,
        ]
    )
    given, out = _made(folder / "in"), _made(folder / "out")
    (given / "palette.rgb").write_bytes(palette().tobytes())
    names = [f"org.edgedepth.demo.{p.stem}" for p in sources(project) if "@Test" in p.read_text()]
    log = folder / "log.txt"
    command = ["java", "-Xmx2g", "-XX:+UseSerialGC", f"-Djava.library.path={native}"]
    for package in OPENED:
        command.append(f"--add-opens=java.base/{package}=ALL-UNNAMED")
    command += ["-Drobolectric.offline=true", f"-Drobolectric.dependency.dir={brought[0].parent}"]
    command += [f"-Dedgedepth.in={given}", f"-Dedgedepth.out={out}"]
    command += ["-cp", classpath, "org.edgedepth.demo.RunTests", *names]
    said = host.attempt(command, LD_LIBRARY_PATH=str(native))
    log.write_text(said)
    lines = [line for line in said.splitlines() if line.startswith(("ok ", "FAIL "))]
    return Outcome({line.split()[1]: line for line in lines}, out, said)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _tests(project: Project, work: Path, classpath: list[Path]) -> Path:
    """The compiled tests, with what tells Robolectric where the app is."""
    goal = _made(work / "tests")
    joined = os.pathsep.join(str(path) for path in (work / "classes", *classpath))
    command = ["javac", "-nowarn", "-proc:none", "-encoding", "UTF-8", "-cp", joined]
    host.run([*command, "-d", str(goal), *map(str, sources(project))])
    for path in (project.folder / "app/src/test/resources").iterdir():
        shutil.copy(path, goal)
    told = {
        "android_merged_manifest": work / "AndroidManifest.xml",
        "android_resource_apk": work / "resources.apk",
        "android_merged_assets": work / "assets",
        "android_custom_package": "org.edgedepth.demo",
    }
    settings = _made(goal / "com/android/tools") / "test_config.properties"
    settings.write_text("".join(f"{key}={value}\n" for key, value in told.items()))
    return goal
