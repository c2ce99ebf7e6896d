"""The app's core in plain Java, held to Python: golden vectors, JUnit, and sweeps across."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from edgedepth.capture.sweep import read_sweep
from tests.android import host
from tests.golden import make_core

GOLDEN = host.ROOT / "tests" / "golden"
CORE = host.DEMO / "core"
FEWEST_TESTS = 50


def test_the_committed_vectors_are_what_python_makes_now() -> None:
    arrays, record = make_core.vectors()
    with np.load(GOLDEN / "core.npz") as committed:
        assert set(committed) == set(arrays)
        for name, array in arrays.items():
            assert committed[name].dtype == array.dtype, name
            close = {"atol": 1e-5} if array.dtype.kind == "f" else {"atol": 0}
            np.testing.assert_allclose(committed[name], array, rtol=0, err_msg=name, **close)
    assert_alike(json.loads((GOLDEN / "core.json").read_text()), json.loads(json.dumps(record)))


def assert_alike(committed: object, made: object, where: str = "core.json") -> None:
    """Equal, numbers within 1e-5."""
    if isinstance(committed, dict) and isinstance(made, dict):
        assert set(committed) == set(made), where
        for key in committed:
            assert_alike(committed[key], made[key], f"{where} {key}")
    elif isinstance(committed, list) and isinstance(made, list):
        assert len(committed) == len(made), where
        for index, pair in enumerate(zip(committed, made, strict=True)):
            assert_alike(*pair, f"{where} {index}")
    elif isinstance(committed, float):
        assert made == pytest.approx(committed, abs=1e-5), where
    else:
        assert made == committed, where


@dataclass(frozen=True)
class Run:
    """A run of the core's own tests.

    Attributes:
        tests, bad: how many ran, and how many of them failed or were skipped.
        said: the end of what Maven said.
        sweep: a sweep folder that they wrote.
    """

    tests: int
    bad: int
    said: str
    sweep: Path


@pytest.fixture(scope="module")
def junit(tmp_path_factory: pytest.TempPathFactory) -> Run:
    host.need("mvn", "javac")
    folder = tmp_path_factory.mktemp("core")
    sweep = folder / "sweep"
    command = ["mvn", "-B", "-q", "-f", str(CORE / "pom.xml"), f"-Doutputs={folder}"]
    command += [f"-Dgolden={GOLDEN}", f"-Dsweep.out={sweep}", "test"]
    reports = folder / "surefire-reports"
    for option in ("--offline", "--update-snapshots"):  # fetches what is missing, then tries again
        done = subprocess.run([*command, option], capture_output=True, check=False)
        if done.returncode == 0 or reports.is_dir():
            break
    else:
        host.run(command)
    suites = [ElementTree.parse(p).getroot() for p in reports.glob("*.xml")]

    def total(key: str) -> int:
        return sum(int(suite.attrib[key]) for suite in suites)

    bad = total("failures") + total("errors") + total("skipped")
    return Run(total("tests"), bad, done.stdout.decode(errors="replace")[-4000:], sweep)


@pytest.mark.slow
def test_the_cores_own_tests_pass(junit: Run) -> None:
    assert junit.bad == 0, junit.said
    assert junit.tests >= FEWEST_TESTS


@pytest.mark.slow
def test_a_sidecar_from_java_follows_the_schema(junit: Run) -> None:
    schema = json.loads((host.ROOT / "docs" / "schemas" / "sweep.schema.json").read_text())
    jsonschema.validate(json.loads((junit.sweep / "sweep.json").read_text()), schema)


@pytest.mark.slow
@pytest.mark.parametrize("source", ["sweep.json", "EXIF SubjectDistance"])
def test_python_reads_a_sweep_from_java(junit: Run, source: str, tmp_path: Path) -> None:
    for path in junit.sweep.iterdir():
        if path.name != "sweep.json" or source == "sweep.json":
            os.link(path, tmp_path / path.name)
    sweep = read_sweep(tmp_path)
    readings = [frame.focus for frame in sweep.frames]
    assert all(reading is not None and source in reading.source for reading in readings)
    assert sweep.focus_dioptres == pytest.approx((0, 1.25, 4), abs=1e-6)
    camera = sweep.camera.camera
    assert camera.focal_length_mm == pytest.approx(6.81)
    assert camera.f_number == pytest.approx(1.85)
    assert camera.sensor_width_mm == pytest.approx(9.8, rel=1e-3)
    assert sweep.size_px == (48, 64)


def adapt(source: Path, target: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(host.HOST / "adapt_elf.py"), str(source), str(target)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_only_shared_libraries_are_adapted(tmp_path: Path) -> None:
    (tmp_path / "in.so").write_bytes(b"MZ" * 40)
    done = adapt(tmp_path / "in.so", tmp_path / "out.so")
    assert "not a 64-bit little-endian ELF file" in done.stderr
    assert not (tmp_path / "out.so").exists()


def test_adapting_renames_what_the_shim_answers_and_hides_versions(tmp_path: Path) -> None:
    host.need("gcc", "readelf")
    (tmp_path / "a.c").write_text(
        "#include <stdio.h>\n#include <unistd.h>\n"
        'long f(void) { return fprintf(stderr, "x") + sysconf(30) + getpid(); }\n'
    )
    built = tmp_path / "in.so"
    options = ["-O1", "-shared", "-fPIC", "-Wl,--hash-style=both"]
    host.run(["gcc", *options, "-o", str(built), str(tmp_path / "a.c")])
    done = adapt(built, tmp_path / "out.so")
    assert done.returncode == 0, done.stderr
    names = host.run(["readelf", "--dyn-syms", "-W", str(tmp_path / "out.so")])
    assert "Zysconf" in names
    assert " getpid" in names
    assert "@GLIBC" not in names
