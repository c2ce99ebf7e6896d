"""Finding adb, choosing phones, and a line for what goes wrong, against a scripted adb."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from edgedepth import adb
from edgedepth.errors import UserError
from tests.fake_adb import DENIED, READY, UNAUTHORIZED, WAITING, FakeAdb


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeAdb:
    monkeypatch.delenv("ANDROID_SERIAL", raising=False)
    made = FakeAdb(tmp_path)
    monkeypatch.setenv("ADB", str(made.path))
    return made


class TestFindingIt:
    def test_the_one_that_is_named(self, fake: FakeAdb) -> None:
        assert adb.find_adb() == fake.path

    def test_the_path_then_an_sdk(self, fake: FakeAdb, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("ADB")
        monkeypatch.setenv("PATH", str(fake.folder))
        assert adb.find_adb() == fake.path
        monkeypatch.setenv("PATH", "/nowhere")
        tools = fake.folder / "sdk" / "platform-tools"
        tools.mkdir(parents=True)
        (tools / "adb").symlink_to(fake.path)
        monkeypatch.setenv("ANDROID_HOME", str(fake.folder / "sdk"))
        assert adb.find_adb() == tools / "adb"

    def test_there_is_none(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        for key in ("ADB", "ANDROID_HOME", "ANDROID_SDK_ROOT"):
            monkeypatch.delenv(key, raising=False)
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.setenv("HOME", str(tmp_path))
        with pytest.raises(UserError, match="adb is not installed; install it"):
            adb.choose()
        monkeypatch.setenv("ADB", str(tmp_path / "gone"))
        with pytest.raises(UserError, match="gone is not a program"):
            adb.choose()


class TestDevices:
    def test_what_adb_prints(self) -> None:
        """Lines of adb's documentation and of its sources' tests; the server greets first."""
        text = (
            "* daemon not running; starting now at tcp:5037\n* daemon started successfully\n"
            "List of devices attached\n"
            "emulator-5556 device product:sdk_google_phone_x86_64 "
            "model:Android_SDK_built_for_x86_64 device:generic_x86_64\n"
            "0a388e93      offline usb:1-1 transport_id:9\n"
            "emulator-5554\tdevice\n"
            + WAITING.format(serial="R58M")
            + DENIED.format(serial="????????????")
            + "\n"
        )
        assert adb.parse_devices(text) == [
            adb.Device("emulator-5556", "device", "Android SDK built for x86 64"),
            adb.Device("0a388e93", "offline"),
            adb.Device("emulator-5554", "device"),
            adb.Device("R58M", "unauthorized"),
            adb.Device("????????????", "no permissions"),
        ]

    def test_the_only_one(self, fake: FakeAdb) -> None:
        fake.add("A1")
        (phone,) = adb.choose()
        assert (phone.serial, phone.model, phone.name) == ("A1", "Pixel 6", "Pixel 6 (A1)")

    def test_one_that_is_ready_beside_one_that_is_not(self, fake: FakeAdb) -> None:
        fake.add("A1", WAITING)
        fake.add("B2")
        assert [phone.serial for phone in adb.choose()] == ["B2"]

    def test_those_that_are_named(self, fake: FakeAdb, monkeypatch: pytest.MonkeyPatch) -> None:
        for serial in ("A1", "B2", "C3"):
            fake.add(serial)
        assert [p.serial for p in adb.choose(["C3", "A1", "C3"])] == ["C3", "A1"]
        monkeypatch.setenv("ANDROID_SERIAL", "B2")
        assert [p.serial for p in adb.choose()] == ["B2"]
        monkeypatch.delenv("ANDROID_SERIAL")
        with pytest.raises(UserError, match="several phones: A1, B2, C3; choose with --serial"):
            adb.choose()
        with pytest.raises(UserError, match="no phone Z; it sees: A1, B2, C3"):
            adb.choose(["A1", "Z"])

    def test_no_phone(self, fake: FakeAdb) -> None:
        with pytest.raises(UserError, match="adb sees no phone; plug one in"):
            adb.choose()

    @pytest.mark.parametrize(
        ("line", "words"),
        [
            (WAITING, "A1 has not allowed this computer; unlock it"),
            (DENIED, "may not open A1; add udev rules"),
            (READY.replace(" device usb", " offline usb"), r"Pixel 6 \(A1\) is offline"),
            ("{serial} sideload transport_id:4\n", r"A1 cannot be used \(sideload\)"),
        ],
    )
    def test_one_that_cannot_be_used(self, fake: FakeAdb, line: str, words: str) -> None:
        fake.add("A1", line)
        with pytest.raises(UserError, match=words):
            adb.choose()

    def test_an_adb_that_does_not_work(self, fake: FakeAdb) -> None:
        fake.path.write_text("#!/bin/sh\necho 'error: cannot connect to daemon' >&2\nexit 1\n")
        with pytest.raises(UserError, match=r"adb devices failed \(error: cannot connect"):
            adb.choose()
        fake.path.write_text("no program")
        with pytest.raises(UserError, match=r"adb cannot be run \("):
            adb.choose()


class TestCommands:
    def test_words_are_quoted_for_the_phones_shell(self, fake: FakeAdb) -> None:
        phone = fake.add("A1", READY, ("shell", 0, "out\n", "noise\n"))
        (chosen,) = adb.choose()
        assert chosen.shell("echo", "a b; reboot", "$HOME") == "out\n"
        assert phone.asked == [["shell", "echo 'a b; reboot' '$HOME'"]]

    def test_there_and_back(self, fake: FakeAdb, tmp_path: Path) -> None:
        phone = fake.add("A1")
        (chosen,) = adb.choose()
        here = tmp_path / "here.txt"
        here.write_text("text")
        assert not chosen.holds("/data/local/tmp/x.txt")
        chosen.push(here, "/data/local/tmp/x.txt")
        assert chosen.holds("/data/local/tmp/x.txt")
        assert phone.file("/data/local/tmp/x.txt").read_text() == "text"
        chosen.pull("/data/local/tmp/x.txt", tmp_path / "back.txt")
        assert (tmp_path / "back.txt").read_text() == "text"
        with pytest.raises(UserError, match=r"adb pull failed on Pixel 6 \(A1\) .*No such file"):
            chosen.pull("/data/local/tmp/y.txt", tmp_path / "no.txt")

    def test_a_full_phone(self, fake: FakeAdb, tmp_path: Path) -> None:
        said = "adb: error: failed to copy 'x' to '/y': remote No space left on device\n"
        fake.add("A1", READY, ("^push", 1, "", said))
        with pytest.raises(UserError, match="No space left on device"):
            adb.choose()[0].push(tmp_path, "/y")

    @pytest.mark.parametrize(
        ("path", "there"), [((0, "package:/data/app/x/base.apk\n"), True), ((1, ""), False),
                            ((0, ""), False)],
    )  # fmt: skip
    def test_apps(self, fake: FakeAdb, path: tuple[int, str], there: bool) -> None:
        fake.add("A1", READY, ("pm path org.x", path[0], path[1], ""))
        assert adb.choose()[0].has_app("org.x") is there

    def test_installing(self, fake: FakeAdb, tmp_path: Path) -> None:
        apk = tmp_path / "demo.apk"
        phone = fake.add("A1", READY, ("^install", 0, "Performing Streamed Install\nSuccess\n", ""))
        (chosen,) = adb.choose()
        chosen.install(apk)
        assert phone.asked == [["install", "-r", "-g", str(apk)]]
        said = (
            "adb: failed to install demo.apk: Failure [INSTALL_FAILED_UPDATE_INCOMPATIBLE: "
            "Package org.x signatures do not match previously installed version; ignoring!]\n"
        )
        phone.answer(("^install", 1, "Performing Streamed Install\n", said))
        with pytest.raises(UserError, match=r"refused demo.apk \(INSTALL_FAILED_UPDATE_.*unin"):
            chosen.install(apk)
        phone.answer(("^install", 1, "", "adb: failed to stat demo.apk: No such file\n"))
        with pytest.raises(UserError, match=r"adb install failed on .*failed to stat"):
            chosen.install(apk)

    @pytest.mark.parametrize(
        ("said", "words"),
        [
            (UNAUTHORIZED, "has not allowed this computer"),
            ("error: device still authorizing\n", "still asking"),
            ("adb: device offline\n", "is offline"),
            ("error: device 'A1' not found\n", "is gone; plug it in again"),
            ("* daemon started successfully\nerror: no devices/emulators found\n", "is gone"),
        ],
    )
    def test_a_phone_lost_on_the_way(self, fake: FakeAdb, said: str, words: str) -> None:
        fake.add("A1", READY, ("shell", 1, "", said))
        (chosen,) = adb.choose()
        with pytest.raises(UserError, match=words):
            chosen.shell("ls")
        with pytest.raises(UserError, match=words):
            chosen.holds("/x")

    def test_what_a_command_on_the_phone_says_is_no_lost_phone(self, fake: FakeAdb) -> None:
        fake.add("A1", READY, ("shell", 1, "", "ls: /x: device offline\n"))
        with pytest.raises(UserError, match=r"adb shell failed on .* \(ls: /x: device offline"):
            adb.choose()[0].shell("ls", "/x")

    def test_a_phone_that_does_not_answer(self, fake: FakeAdb) -> None:
        fake.add("A1", READY, ("shell", 0, "!time.sleep(20)", ""))
        with pytest.raises(UserError, match="did not answer within 0 s; unlock it"):
            adb.choose()[0].run("shell", "sleep", timeout_s=0.3)


def free_port() -> str:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return str(taken.getsockname()[1])


def test_the_real_adb_says_what_the_scripted_one_does(tmp_path: Path) -> None:
    """Without a phone, on a port of its own; there is not always an adb."""
    real = shutil.which("adb")
    if real is None:
        pytest.skip("adb is not installed")
    environment = {**os.environ, "ANDROID_ADB_SERVER_PORT": free_port(), "HOME": str(tmp_path)}
    try:
        done = subprocess.run(
            [real, "-s", "Z9", "shell", "true"],
            env=environment, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        listed = subprocess.run(
            [real, "devices", "-l"],
            env=environment, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    finally:
        subprocess.run([real, "kill-server"], env=environment, timeout=60, check=False)
    assert "error: device 'Z9' not found\n" in done.stderr
    assert adb.parse_devices(listed.stdout) == []
    assert "List of devices attached" in listed.stdout
