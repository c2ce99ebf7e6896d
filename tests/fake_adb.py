"""An adb that is a script: it answers as the real one does, and keeps the phone in a folder.

A phone is a folder: files that are pushed land under ``files``, what ``adb shell`` is asked goes
into ``log``, and ``answers.json`` says what it prints: a list of [pattern, exit code, stdout,
stderr], tried in turn against the words after ``-s SERIAL``. The texts of adb's own errors are
those of platform/packages/modules/adb (client/transport.cpp, client/commandline.cpp).
"""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path
from typing import Any

HEADER = "List of devices attached\n"
UNAUTHORIZED = (
    "error: device unauthorized.\n"
    "This adb server's $ADB_VENDOR_KEYS is not set\n"
    "Try 'adb kill-server' if that seems wrong.\n"
    "Otherwise check for a confirmation dialog on your device.\n"
)
READY = (
    "{serial}          device usb:1-4 product:oriole model:Pixel_6 device:oriole transport_id:3\n"
)
WAITING = "{serial}          unauthorized usb:1-4 transport_id:2\n"
DENIED = (
    "{serial}          no permissions (user in plugdev group; are your udev rules wrong?); see "
    "[http://developer.android.com/tools/device.html] usb:1-1 transport_id:3\n"
)

Answer = tuple[str, int, str, str]

_SCRIPT = """#!{python} -IS
import json, re, shutil, sys, time
from pathlib import Path
HOME = Path({home!r})
words = sys.argv[1:]
if words[:1] == ["devices"]:
    sys.stdout.write((HOME / "devices.txt").read_text())
    sys.exit(0)
if words[:1] == ["-s"]:
    serial, words = words[1], words[2:]
else:
    serial = "one"
phone = HOME / serial
if not phone.is_dir():
    sys.exit(f"error: device '{{serial}}' not found")
with (phone / "log").open("a") as log:
    log.write(json.dumps(words) + "\\n")
asked = " ".join(words)
for pattern, code, out, err in json.loads((phone / "answers.json").read_text()):
    if re.search(pattern, asked):
        if out.startswith("!"):
            exec(out[1:])
        else:
            sys.stdout.write(out)
        sys.stderr.write(err)
        sys.exit(code)
if words[0] == "push":
    goal = phone / "files" / words[2].lstrip("/")
    goal.parent.mkdir(parents=True, exist_ok=True)
    source = Path(words[1])
    if not source.exists():
        sys.exit(f"adb: error: cannot stat '{{source}}': No such file or directory")
    if source.is_dir():
        goal = goal / source.name if goal.is_dir() else goal
        shutil.copytree(source, goal, dirs_exist_ok=True)
    else:
        shutil.copy(source, goal)
    print(f"{{source}}: 1 file pushed, 0 skipped. 25.4 MB/s (435312 bytes in 0.016s)")
elif words[0] == "pull":
    source = phone / "files" / words[1].lstrip("/")
    if not source.exists():
        sys.exit(
            f"adb: error: failed to stat remote object '{{words[1]}}': No such file or directory"
        )
    copy = shutil.copytree if source.is_dir() else shutil.copy
    copy(source, words[2])
    print(f"{{words[1]}}: 1 file pulled, 0 skipped. 10.1 MB/s (21000 bytes in 0.002s)")
elif words[0] == "shell" and re.match(r"ls -d ", words[1]):
    name = words[1].split()[-1]
    if not (phone / "files" / name.lstrip("/")).exists():
        sys.exit(f"ls: {{name}}: No such file or directory")
    print(name)
"""


class FakeAdb:
    """The script and its phones.

    Args:
        folder: where all of it lives.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "adb"
        self.path.write_text(_SCRIPT.format(python=sys.executable, home=str(folder)))
        self.path.chmod(self.path.stat().st_mode | stat.S_IXUSR)
        self._lines: list[str] = []
        self._write()

    def add(self, serial: str = "23091FDF6", line: str = READY, *answers: Answer) -> FakePhone:
        """Plug in a phone; ``answers`` come before those that every phone gives."""
        home = self.folder / serial
        (home / "files").mkdir(parents=True)
        phone = FakePhone(home)
        phone.answer(*answers)
        self._lines.append(line.format(serial=serial))
        self._write()
        return phone

    def _write(self) -> None:
        text = HEADER + "".join(self._lines) + "\n"
        (self.folder / "devices.txt").write_text(text)

    @property
    def environment(self) -> dict[str, str]:
        """For a child process that shall use this adb."""
        return {**os.environ, "ADB": str(self.path), "ANDROID_SERIAL": ""}


class FakePhone:
    """One phone of a :class:`FakeAdb`."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._answers: list[Answer] = []

    def answer(self, *answers: Answer) -> None:
        """Add answers, tried before the earlier ones; text that begins with ``!`` is run."""
        self._answers = [*answers, *self._answers]
        (self.home / "answers.json").write_text(json.dumps(self._answers))

    @property
    def asked(self) -> list[list[str]]:
        """The commands so far."""
        log = self.home / "log"
        lines = log.read_text().splitlines() if log.exists() else []
        return [json.loads(line) for line in lines]

    def file(self, remote: str) -> Path:
        """Where a file of the phone lies here."""
        return self.home / "files" / remote.lstrip("/")

    def read(self, remote: str) -> Any:
        """A JSON file on the phone."""
        return json.loads(self.file(remote).read_text())
