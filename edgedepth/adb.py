"""Talking to phones through ``adb``: finding it, choosing phones, one line for what goes wrong.

What adb prints is described in its documentation (https://developer.android.com/tools/adb) and,
for its errors, in its sources (platform/packages/modules/adb, transport.cpp).
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgedepth.errors import UserError

DEMO_APP = "org.edgedepth.demo"
DEMO_FILES = f"/sdcard/Android/data/{DEMO_APP}/files"
"""What the demo app keeps where a computer can fetch it."""

TIMEOUT_S = 60.0
TRANSFER_TIMEOUT_S = 300.0

_GET_ADB = (
    "install it (apt install adb, or Android's platform-tools) or name it with ADB=/path/to/adb"
)
_SDK_FOLDERS = ("Android/Sdk", "Library/Android/sdk", "AppData/Local/Android/Sdk")

_STATES = {
    "unauthorized": ("{name} has not allowed this computer", "unlock it and accept USB debugging"),
    "authorizing": ("{name} is still asking whether to trust this computer", "accept on the phone"),
    "offline": ("{name} is offline", "plug it in again, or `adb reconnect`"),
    "no permissions": (
        "this computer may not open {name}",
        "add udev rules for Android phones (Debian: apt install android-sdk-platform-tools-common)",
    ),
    "recovery": ("{name} is in recovery", "start Android on it"),
    "bootloader": ("{name} is in its bootloader", "start Android on it"),
}
"""adb's word for a phone that cannot be used -> problem and advice."""

_ERRORS = (
    (re.compile(r"device unauthorized"), "unauthorized"),
    (re.compile(r"device still (authorizing|connecting)"), "authorizing"),
    (re.compile(r"device offline"), "offline"),
    (re.compile(r"(insufficient|no) permissions"), "no permissions"),
)
"""What adb says when a command fails for the phone's state."""

_GONE = re.compile(r"no devices/emulators found|device '.*' not found|device not found")


@dataclass(frozen=True)
class Device:
    """A line of ``adb devices -l``.

    Attributes:
        serial: what ``-s`` takes.
        state: ``device`` when it can be used; else a key of the known states, or adb's own word.
        model: as the phone says, empty where it does not.
    """

    serial: str
    state: str
    model: str = ""

    @property
    def name(self) -> str:
        """For messages."""
        return f"{self.model} ({self.serial})" if self.model else self.serial


@dataclass(frozen=True)
class Phone:
    """A phone that answers.

    Attributes:
        adb: the program.
        serial: what ``-s`` takes.
    """

    adb: Path
    serial: str
    model: str = ""

    @property
    def name(self) -> str:
        """For messages."""
        return Device(self.serial, "device", self.model).name

    def run(self, *arguments: str, timeout_s: float = TIMEOUT_S) -> str:
        """What an adb command prints.

        Raises:
            UserError: adb fails, the phone is gone, or there is no answer in time.
        """
        done = self.attempt(*arguments, timeout_s=timeout_s)
        if done.returncode:
            raise self._failure(arguments[0], done)
        return done.stdout

    def attempt(
        self, *arguments: str, timeout_s: float = TIMEOUT_S
    ) -> subprocess.CompletedProcess[str]:
        """An adb command that may fail; standard error is kept apart.

        Raises:
            UserError: there is no answer in time, or the phone cannot be reached.
        """
        done = _call(self.adb, ["-s", self.serial, *arguments], timeout_s, self.name)
        if done.returncode:
            _raise_unreachable(done.stderr, Device(self.serial, "", self.model))
        return done

    def shell(self, *words: str, timeout_s: float = TIMEOUT_S) -> str:
        """What a command on the phone prints; each word is quoted for the phone's shell.

        Raises:
            UserError: as :meth:`run`.
        """
        return self.run("shell", shlex.join(words), timeout_s=timeout_s)

    def holds(self, remote: str) -> bool:
        """Whether there is such a file or folder that the shell may see."""
        return self.attempt("shell", shlex.join(["ls", "-d", remote])).returncode == 0

    def property(self, name: str) -> str:
        """A system property, empty where there is none, e.g. ``ro.product.model``."""
        return self.shell("getprop", name).strip()

    def has_app(self, package: str) -> bool:
        """Whether an app is installed.

        ``pm path`` fails on recent versions, and is merely silent on older ones, when it is not.
        """
        done = self.attempt("shell", shlex.join(["pm", "path", package]))
        return done.returncode == 0 and done.stdout.startswith("package:")

    def push(self, local: Path, remote: str) -> None:
        """Copy a file or folder to the phone.

        Raises:
            UserError: as :meth:`run`, the phone's disk being full included.
        """
        self.run("push", str(local), remote, timeout_s=TRANSFER_TIMEOUT_S)

    def pull(self, remote: str, local: Path) -> None:
        """Copy a file or folder from the phone.

        Raises:
            UserError: as :meth:`run`.
        """
        self.run("pull", remote, str(local), timeout_s=TRANSFER_TIMEOUT_S)

    def install(self, apk: Path) -> None:
        """Install an app, or a newer version of it, with its permissions granted.

        Raises:
            UserError: the phone refuses, with its reason.
        """
        done = self.attempt("install", "-r", "-g", str(apk), timeout_s=TRANSFER_TIMEOUT_S)
        said = done.stdout + done.stderr
        reason = re.search(r"Failure \[([A-Z_]+)", said) or re.search(r"(INSTALL_\w+)", said)
        if reason:
            raise UserError(
                f"{self.name} refused {apk.name} ({reason[1]})", _INSTALL_ADVICE.get(reason[1], "")
            )
        if done.returncode:
            raise self._failure("install", done)

    def _failure(self, verb: str, done: subprocess.CompletedProcess[str]) -> UserError:
        lines = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()
        return UserError(f"adb {verb} failed on {self.name} ({lines[-1].strip()[:160]})")


_INSTALL_ADVICE = {
    "INSTALL_FAILED_UPDATE_INCOMPATIBLE": "another build is installed: adb uninstall it first",
    "INSTALL_FAILED_INSUFFICIENT_STORAGE": "make room on the phone",
    "INSTALL_FAILED_USER_RESTRICTED": "allow installing via USB in the developer options",
    "INSTALL_FAILED_OLDER_SDK": "the phone's Android is too old for the app",
    "INSTALL_FAILED_VERSION_DOWNGRADE": "a newer build is installed: adb uninstall it first",
}


def find_adb() -> Path:
    """The adb program: ``$ADB``, the PATH, an Android SDK.

    Raises:
        UserError: there is none.
    """
    named = os.environ.get("ADB")
    if named:
        found = shutil.which(named)
        if found is None:
            raise UserError(f"ADB={named} is not a program", _GET_ADB)
        return Path(found)
    folders = [os.environ.get(key, "") for key in ("ANDROID_HOME", "ANDROID_SDK_ROOT")]
    folders += [str(Path.home() / folder) for folder in _SDK_FOLDERS]
    tools = [str(Path(folder) / "platform-tools") for folder in folders if folder]
    found = shutil.which("adb") or shutil.which("adb", path=os.pathsep.join(tools))
    if found is None:
        raise UserError("adb is not installed", _GET_ADB)
    return Path(found)


def devices(adb: Path) -> list[Device]:
    """The phones that adb sees, usable or not.

    Raises:
        UserError: adb does not work.
    """
    done = _call(adb, ["devices", "-l"], TIMEOUT_S, "adb")
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise UserError(f"adb devices failed ({lines[-1][:160]})", "try `adb kill-server`")
    return parse_devices(done.stdout)


def parse_devices(text: str) -> list[Device]:
    """The lines of ``adb devices -l``; the greetings of its server are none."""
    found = []
    for line in text.splitlines():
        serial, _, rest = line.strip().partition(" ")
        if "\t" in serial:
            serial, _, rest = line.strip().partition("\t")
        rest = rest.strip()
        if not serial or not rest or line.startswith(("*", "List of devices", "adb server")):
            continue
        known = next((state for state in _STATES if rest.startswith(state)), rest.split()[0])
        model = re.search(r"\bmodel:(\S+)", rest)
        found.append(Device(serial, known, model[1].replace("_", " ") if model else ""))
    return found


def choose(serials: Sequence[str] = ()) -> list[Phone]:
    """The phones to work with.

    Args:
        serials: those asked for; without, the one that ``ANDROID_SERIAL`` names, or the only one
            that there is.

    Raises:
        UserError: no adb, no phone, several to choose from, or one that cannot be used.
    """
    adb = find_adb()
    seen = devices(adb)
    wanted = list(dict.fromkeys(serials)) or os.environ.get("ANDROID_SERIAL", "").split()
    if wanted:
        picked = [_named(serial, seen) for serial in wanted]
    elif not seen:
        raise UserError(
            "adb sees no phone", "plug one in and turn on USB debugging in its developer options"
        )
    else:
        picked = [d for d in seen if d.state == "device"] or seen[:1]
        if len(picked) > 1:
            names = ", ".join(d.serial for d in picked)
            raise UserError(f"adb sees several phones: {names}", "choose with --serial SERIAL")
    for device in picked:
        _require_ready(device)
    return [Phone(adb, device.serial, device.model) for device in picked]


def _named(serial: str, seen: Sequence[Device]) -> Device:
    for device in seen:
        if device.serial == serial:
            return device
    names = ", ".join(d.serial for d in seen) or "none"
    raise UserError(f"adb sees no phone {serial}", f"it sees: {names}")


def _require_ready(device: Device) -> None:
    if device.state == "device":
        return
    problem, advice = _STATES.get(
        device.state, ("{name} cannot be used (" + device.state + ")", "start Android on it")
    )
    raise UserError(problem.format(name=device.name), advice)


def _raise_unreachable(said: str, device: Device) -> None:
    """Raise when what adb said is about the connection and not about the command."""
    first = next((line for line in said.splitlines() if not line.startswith("*")), "")
    if not first.startswith(("error:", "adb:")):
        return
    for pattern, state in _ERRORS:
        if pattern.search(first):
            _require_ready(Device(device.serial, state, device.model))
    if _GONE.search(first):
        raise UserError(f"{device.name} is gone", "plug it in again")


def _call(
    adb: Path, arguments: Sequence[str], timeout_s: float, name: str
) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            [str(adb), *arguments],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        raise UserError(
            f"{name} did not answer within {timeout_s:.0f} s", "unlock it, or plug it in again"
        ) from None
    except OSError as error:
        raise UserError(f"{adb} cannot be run ({error.strerror})", _GET_ADB) from None
