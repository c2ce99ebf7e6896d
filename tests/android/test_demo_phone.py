"""``edgedepth demo install`` and ``pull`` against a scripted adb."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from edgedepth.adb import DEMO_FILES
from tests.fake_adb import WAITING, FakeAdb, FakePhone

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "edgedepth" / "samples" / "desk"
INSTALLED = (r"pm path org\.edgedepth\.demo", 0, "package:/data/app/base.apk\n", "")
ABSENT = (r"pm path org\.edgedepth\.demo", 1, "", "")
LEVEL = (r"getprop ro\.build\.version\.sdk", 0, "34\n", "")
ABIS = (r"getprop ro\.product\.cpu\.abilist", 0, "arm64-v8a,armeabi-v7a\n", "")


@pytest.fixture
def fake(tmp_path: Path) -> FakeAdb:
    folder = tmp_path / "adb"
    folder.mkdir()
    return FakeAdb(folder)


@pytest.fixture
def apk(tmp_path: Path) -> Path:
    path = tmp_path / "demo.apk"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("lib/arm64-v8a/libx.so", b"x")
    return path


def demo(
    fake: FakeAdb, *words: str, folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edgedepth", "demo", *words],
        cwd=folder,
        env={**fake.environment, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )


def line(done: subprocess.CompletedProcess[str]) -> str:
    """The one line of an error."""
    assert done.returncode == 1, done.stdout
    assert "Traceback" not in done.stderr
    (only,) = [text for text in done.stderr.splitlines() if not text.endswith(" ...")]
    return only


class TestInstall:
    def test_onto_the_only_phone(self, fake: FakeAdb, apk: Path) -> None:
        phone = fake.add("A1")
        phone.answer(LEVEL, ABIS, (r"^install", 0, "Success\n", ""))
        done = demo(fake, "install", str(apk))
        assert done.returncode == 0, done.stderr
        assert "installed on Pixel 6 (A1)" in done.stdout
        assert ["install", "-r", "-g", str(apk)] in phone.asked

    def test_no_phone(self, fake: FakeAdb, apk: Path) -> None:
        assert "adb sees no phone" in line(demo(fake, "install", str(apk)))

    def test_one_that_does_not_trust_this_computer(self, fake: FakeAdb, apk: Path) -> None:
        fake.add("A1", WAITING)
        said = line(demo(fake, "install", str(apk)))
        assert "accept USB debugging" in said

    def test_several(self, fake: FakeAdb, apk: Path) -> None:
        fake.add("A1")
        second = fake.add("B2")
        assert "choose with --serial" in line(demo(fake, "install", str(apk)))
        second.answer(LEVEL, ABIS, (r"^install", 0, "Success\n", ""))
        assert demo(fake, "install", str(apk), "--serial", "B2").returncode == 0

    def test_an_old_phone(self, fake: FakeAdb, apk: Path) -> None:
        phone = fake.add("A1")
        phone.answer((LEVEL[0], 0, "26\n", ""), ABIS)
        assert "API level 26, the app needs 29" in line(demo(fake, "install", str(apk)))
        assert not any(words[0] == "install" for words in phone.asked)

    def test_a_phone_of_another_kind(self, fake: FakeAdb, apk: Path) -> None:
        fake.add("A1").answer(LEVEL, (ABIS[0], 0, "x86_64,x86\n", ""))
        assert "build it with --abi x86_64" in line(demo(fake, "install", str(apk)))

    def test_a_phone_that_refuses(self, fake: FakeAdb, apk: Path) -> None:
        reason = "Failure [INSTALL_FAILED_INSUFFICIENT_STORAGE]\n"
        fake.add("A1").answer(LEVEL, ABIS, (r"^install", 1, "", reason))
        assert "make room on the phone" in line(demo(fake, "install", str(apk)))

    def test_no_apk_yet(self, fake: FakeAdb, tmp_path: Path) -> None:
        fake.add("A1")
        said = line(demo(fake, "install", str(tmp_path / "none.apk")))
        assert "`edgedepth demo build` makes it" in said
        text = tmp_path / "text.apk"
        text.write_text("no archive")
        assert "is not an APK" in line(demo(fake, "install", str(text)))


class TestPull:
    @pytest.fixture
    def phone(self, fake: FakeAdb) -> FakePhone:
        """With two sweeps, one of them useless, and one that is being captured."""
        phone = fake.add("A1")
        sweeps = phone.file(f"{DEMO_FILES}/sweeps")
        shutil.copytree(SAMPLE, sweeps / "sweep_20261123_101500")
        (sweeps / "sweep_20261123_110000").mkdir()
        (sweeps / "sweep_20261123_110000" / "frame_00.jpg").write_text("no picture")
        names = "sweep_20261123_110000\nsweep_20261123_101500\nsweep_20261123_120000.part\n"
        phone.answer(INSTALLED, (r"ls -1 .*/sweeps", 0, names, ""))
        return phone

    def test_sweeps_come_and_are_checked(
        self, fake: FakeAdb, phone: FakePhone, tmp_path: Path
    ) -> None:
        out = tmp_path / "here"
        done = demo(fake, "pull", "-o", str(out))
        assert sorted(p.name for p in out.iterdir()) == [
            "sweep_20261123_101500",
            "sweep_20261123_110000",
        ]
        assert len(list((out / "sweep_20261123_101500").glob("*.jpg"))) == 6
        assert "sweep_20261123_101500: 6 frames" in done.stdout
        assert "sweep_20261123_110000: unusable" in done.stdout
        assert "next     edgedepth infer" in done.stdout
        assert done.returncode == 1, "one of them cannot be read"
        again = demo(fake, "pull", "-o", str(out))
        assert "nothing new" in again.stdout
        assert again.returncode == 0

    def test_one_by_name_and_again(self, fake: FakeAdb, phone: FakePhone, tmp_path: Path) -> None:
        name = "sweep_20261123_101500"
        first = demo(fake, "pull", name, folder=tmp_path)
        assert first.returncode == 0, first.stderr
        (tmp_path / "sweeps" / name / "frame_00.jpg").unlink()
        demo(fake, "pull", name, "--again", folder=tmp_path)
        assert (tmp_path / "sweeps" / name / "frame_00.jpg").is_file()

    def test_one_that_is_not_there(self, fake: FakeAdb, phone: FakePhone, tmp_path: Path) -> None:
        said = line(demo(fake, "pull", "kitchen", folder=tmp_path))
        assert "has no sweep kitchen" in said
        assert "sweep_20261123_101500" in said

    def test_without_the_app(self, fake: FakeAdb, tmp_path: Path) -> None:
        fake.add("A1").answer(ABSENT)
        assert "has no edgedepth demo app" in line(demo(fake, "pull", folder=tmp_path))

    def test_nothing_half_fetched_stays(
        self, fake: FakeAdb, phone: FakePhone, tmp_path: Path
    ) -> None:
        phone.answer((r"^pull", 1, "", "adb: error: failed to copy: No space left on device\n"))
        said = line(demo(fake, "pull", "sweep_20261123_101500", folder=tmp_path))
        assert "No space left" in said
        assert list((tmp_path / "sweeps").iterdir()) == []
