"""TFLite's Android library on the desktop's Java, with the app's own classes around it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edgedepth.demo.artifacts import TFLITE, Artifact, fetch

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "android_demo"
HOST = DEMO / "hosttest"
JNI = "jni/x86_64/libtensorflowlite_jni.so"
ANDROID_LIBRARIES = ("libc.so", "libm.so", "libdl.so", "liblog.so")
ANDROID_JSON = Artifact(
    "android-json-0.0.20131108.vaadin1.jar",
    "dfb7bae2f404cfe0b72b4d23944698cb716b7665171812a0a4d0f5926c0fac79",
    ("com.vaadin.external.google", "android-json", "0.0.20131108.vaadin1", "jar"),
)
"""Android's own org.json."""

PROGRAMS = ("mvn", "javac", "java", "gcc")


def need(*programs: str) -> None:
    """Skip where a program is missing."""
    missing = [name for name in programs if shutil.which(name) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} not found (make tools)")


def run(command: list[str], **environment: str) -> str:
    """A program's output; the test fails with what it said when it does."""
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
        env={**os.environ, "LC_ALL": "C.UTF-8", **environment},
    )
    assert done.returncode == 0, f"{command[0]}: {done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def attempt(command: list[str], **environment: str) -> str:
    """All that a program prints, whatever becomes of it."""
    done = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=1200,
        env={**os.environ, "LC_ALL": "C.UTF-8", **environment},
    )
    return done.stdout


@dataclass(frozen=True)
class HostApp:
    """The app's classes and the adapted native library, ready to run.

    Attributes:
        classpath: of the app's classes and what they need.
        libraries: folder of the native library and the shim.
        shimmed: the symbols that the shim answers.
    """

    classpath: str
    libraries: Path
    shimmed: frozenset[str]

    def run(self, model: Path, folder: Path) -> str:
        """Run a job, see ``HostRun.java``."""
        return run(
            [
                *("java", "-XX:TieredStopAtLevel=1", f"-Djava.library.path={self.libraries}"),
                *("-cp", self.classpath, "org.edgedepth.demo.HostRun", str(model), str(folder)),
            ],
            LD_LIBRARY_PATH=str(self.libraries),
        )


def build(folder: Path) -> HostApp:
    """Compile the app's classes and make TFLite's library loadable."""
    need(*PROGRAMS)
    files = fetch((*TFLITE[:2], ANDROID_JSON))
    jars = [files[ANDROID_JSON.file]]
    libraries = folder / "lib"
    libraries.mkdir()
    native = folder / "android.so"
    for artifact in TFLITE[:2]:
        with zipfile.ZipFile(files[artifact.file]) as aar:
            jar = folder / f"{artifact.file}.jar"
            jar.write_bytes(aar.read("classes.jar"))
            jars.append(jar)
            if JNI in aar.namelist():
                native.write_bytes(aar.read(JNI))
    command = [sys.executable, str(HOST / "adapt_elf.py"), str(native)]
    shimmed = run([*command, str(libraries / Path(JNI).name)]).split()
    build_shim(libraries)
    classes = folder / "classes"
    sources = [
        *sorted((DEMO / "core" / "src" / "main").rglob("*.java")),
        *sorted((DEMO / "engine").rglob("*.java")),
        *sorted((HOST / "src").rglob("*.java")),
        *sorted((DEMO / "app").rglob("DepthPipeline.java")),
    ]
    classpath = os.pathsep.join(str(jar) for jar in jars)
    compiler = ["javac", "--release", "8", "-nowarn", "-proc:none", "-Xlint:-options"]
    run([*compiler, "-cp", classpath, "-d", str(classes), *map(str, sources)])
    return HostApp(f"{classes}{os.pathsep}{classpath}", libraries, frozenset(shimmed))


def build_shim(libraries: Path) -> None:
    """One library that answers to the names of Android's."""
    shim = libraries / "libbionic_shim.so"
    run(
        [
            *("gcc", "-O2", "-Wall", "-Werror", "-shared", "-fPIC"),
            *("-o", str(shim), str(HOST / "bionic_shim.c")),
            *("-Wl,--no-as-needed", "-lm", "-ldl"),
        ]
    )
    for name in ANDROID_LIBRARIES:
        (libraries / name).symlink_to(shim.name)


def write_pictures(folder: Path, kind: str, pictures: list[NDArray[Any]]) -> list[str]:
    """Raw bytes of each picture; returns the file names."""
    names = []
    for i, picture in enumerate(pictures):
        names.append(f"{kind}_{i}.raw")
        (folder / names[-1]).write_bytes(np.ascontiguousarray(picture).astype(np.uint8).tobytes())
    return names


def write_job(folder: Path, job: dict[str, Any]) -> None:
    (folder / "job.json").write_text(json.dumps(job))


def floats(path: Path, shape: tuple[int, ...]) -> NDArray[np.float32]:
    return np.frombuffer(path.read_bytes(), "<f4").reshape(shape)
