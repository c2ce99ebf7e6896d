"""The demo app's benchmark activity, at the other end of adb.

The contract is in ``android_demo/README.md``: the activity is started in the foreground with what
to measure, and leaves its answer as a file of ``docs/schemas/device-bench.schema.json``.
"""

from __future__ import annotations

import json
import re
import secrets
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edgedepth.adb import DEMO_APP, DEMO_FILES, Phone
from edgedepth.bench.cells import Delegate
from edgedepth.bench.children import Record
from edgedepth.errors import UserError

SCHEMA = "edgedepth-device-bench/1"
ACTIVITY = f"{DEMO_APP}/.BenchActivity"
POLL_S = 0.5
PREPARE_TIMEOUT_S = 30.0
START_TIMEOUT_S = 60.0
"""For loading, the whole job once, and a GPU delegate that compiles its kernels."""

SLOWEST_FRAME_S = 1.0
"""A frame that takes longer than this is not waited for."""

_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")
_REFUSED = re.compile(r"^Error:? |^Error type|Exception|Permission Denial", re.MULTILINE)
_UPDATE = "install the app of this version: `edgedepth demo install`"


class DelegateError(UserError):
    """The app ran and says why it has no figures: a delegate refuses, a model does not load."""


@dataclass
class BenchApp:
    """The benchmark activity on one phone."""

    phone: Phone
    _token: str = field(default_factory=lambda: secrets.token_hex(4))
    _started: int = 0

    def prepare(self) -> Record:
        """Wake the phone and let the app make its folders; its answer says what the phone is.

        Raises:
            UserError: the app is missing, too old, or does not answer.
        """
        if not self.phone.has_app(DEMO_APP):
            raise UserError(
                f"{self.phone.name} has no edgedepth demo app", "`edgedepth demo install` puts it"
            )
        self.phone.attempt("shell", "input keyevent KEYCODE_WAKEUP")
        self.phone.attempt("shell", "wm dismiss-keyguard")
        return self.start({"prepare": True}, PREPARE_TIMEOUT_S)

    def push_model(self, path: Path) -> str:
        """Copy a model to the app; its name there.

        Raises:
            UserError: a name that the phone's shell would trip over, or adb fails.
        """
        name = _travelling(path)
        remote = f"{DEMO_FILES}/models/{name}"
        self.phone.shell("rm", "-rf", remote)
        self.phone.push(path.resolve(), remote)
        return name

    def push_sweep(self, folder: Path) -> str:
        """Copy a sweep to the app, in place of one of the same name; its name there.

        The app makes the folder: one that adb makes is not the app's to read.

        Raises:
            UserError: as :meth:`push_model`, or the app cannot make the folder.
        """
        name = _travelling(folder)
        sweeps = f"{DEMO_FILES}/sweeps"
        self.phone.shell("rm", "-rf", f"{sweeps}/{name}")
        self.start({"prepare": True, "sweep": name}, PREPARE_TIMEOUT_S)
        self.phone.push(folder.resolve(), sweeps)
        return name

    def measure(
        self, model: str, sweep: str, delegate: Delegate, threads: int, *,
        rounds: int, runs: int, warmup: int, frames: int,
    ) -> Record:  # fmt: skip
        """One start of the activity, in a new process; each round makes the interpreter anew.

        Args:
            model, sweep: names on the phone.
            frames: of the sweep, for how long to wait at most.

        Raises:
            DelegateError: the app says why it has no figures.
            UserError: the activity cannot be started, dies, or does not end in time.
        """
        extras: dict[str, str | int | bool] = {
            "model": model, "sweep": sweep, "delegate": delegate,
            "threads": threads, "rounds": rounds, "runs": runs, "warmup": warmup,
        }  # fmt: skip
        steps = rounds * (runs + warmup + 1) * (frames + 1)
        return self.start(extras, START_TIMEOUT_S * (1 + rounds / 20) + steps * SLOWEST_FRAME_S)

    def start(self, extras: Mapping[str, str | int | bool], timeout_s: float) -> Record:
        """Start the activity and wait for its answer.

        Raises:
            DelegateError, UserError: as :meth:`measure`.
        """
        self._started += 1
        name = f"{self._token}-{self._started}"
        remote = f"{DEMO_FILES}/bench/{name}.json"
        words = ["am", "start", "-S", "-W", "-n", ACTIVITY, "--es", "id", name]
        for key, value in extras.items():
            words += _typed(key, value)
        said = self.phone.shell(*words, timeout_s=START_TIMEOUT_S)
        if _REFUSED.search(said):
            raise self._not_started(said)
        answer = self._wait(remote, timeout_s)
        self.phone.attempt("shell", f"rm -f {remote}")
        if answer.get("schema") != SCHEMA or "error" not in answer:
            raise UserError(f"the app on {self.phone.name} answers in another format", _UPDATE)
        if answer["error"]:
            raise DelegateError(f"{self.phone.name}: {answer['error']}", "see the app's screen")
        return answer

    def _not_started(self, said: str) -> UserError:
        if "does not exist" in said or "unable to resolve" in said:
            return UserError(f"the app on {self.phone.name} has no benchmark activity", _UPDATE)
        line = next(line for line in said.splitlines() if _REFUSED.search(line))
        return UserError(
            f"{self.phone.name} does not start the app ({line.strip()[:120]})", _UPDATE
        )

    def _wait(self, remote: str, timeout_s: float) -> Record:
        deadline = time.monotonic() + timeout_s
        gone = 0
        while not self.phone.holds(remote):
            if time.monotonic() > deadline:
                raise UserError(
                    f"the app on {self.phone.name} did not end within {timeout_s:.0f} s",
                    "keep the phone unlocked with the app in front, or ask for fewer --runs",
                )
            alive = self.phone.attempt("shell", f"pidof {DEMO_APP}").stdout.strip()
            gone = 0 if alive else gone + 1
            if gone > 1 and not self.phone.holds(remote):
                raise self._died()
            time.sleep(POLL_S)
        with tempfile.TemporaryDirectory(prefix="edgedepth-bench-") as folder:
            local = Path(folder) / "answer.json"
            self.phone.pull(remote, local)
            try:
                answer = json.loads(local.read_text(encoding="utf-8"))
            except ValueError:
                answer = None
        if not isinstance(answer, dict):
            raise UserError(f"the app's answer on {self.phone.name} is not JSON", _UPDATE)
        return answer

    def _died(self) -> UserError:
        """What the system's log says of the app's end, in a line."""
        log = self.phone.attempt("shell", "logcat -d -t 200 -s AndroidRuntime:E DEBUG:F").stdout
        causes = re.findall(r"AndroidRuntime: (?:Caused by: )?(\S*(?:Exception|Error)\b.*)", log)
        causes += re.findall(r"(signal \d+ \(SIG\w+\))", log)
        why = f" ({causes[-1].strip()[:120]})" if causes else ""
        return UserError(
            f"the app on {self.phone.name} stopped before it had figures{why}",
            "try another --delegate, or close other apps",
        )


def _travelling(path: Path) -> str:
    """A file's or folder's name, if the phone's shell takes it as it is."""
    name = path.resolve().name
    if not _NAME.fullmatch(name):
        raise UserError(
            f"{path}: the name has characters that do not travel", "use letters, digits, . _ -"
        )
    return name


def _typed(key: str, value: str | int | bool) -> tuple[str, str, str]:
    """An extra as ``am start`` takes it."""
    if isinstance(value, bool):
        return "--ez", key, str(value).lower()
    return ("--ei" if isinstance(value, int) else "--es"), key, str(value)
