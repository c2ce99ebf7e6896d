"""The app on a phone: putting it there, fetching what it captured."""

from __future__ import annotations

import re
import shlex
import shutil
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgedepth.adb import DEMO_APP, DEMO_FILES, Phone
from edgedepth.errors import UserError

if TYPE_CHECKING:
    from edgedepth.capture.inspection import Finding

SWEEPS = f"{DEMO_FILES}/sweeps"
_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")
_UNFINISHED = ".part"


def install(phone: Phone, apk: Path, min_sdk: int) -> None:
    """Put an APK on a phone, or a newer version of it.

    Raises:
        UserError: there is no APK, the phone is too old or of another kind, or refuses.
    """
    try:
        with zipfile.ZipFile(apk) as archive:
            names = archive.namelist()
    except FileNotFoundError:
        raise UserError(f"there is no {apk}", "`edgedepth demo build` makes it") from None
    except (OSError, zipfile.BadZipFile):
        raise UserError(f"{apk} is not an APK", "`edgedepth demo build` makes one") from None
    level = phone.property("ro.build.version.sdk")
    if level.isdigit() and int(level) < min_sdk:
        raise UserError(
            f"{phone.name} runs API level {level}, the app needs {min_sdk} (Android 10)",
            "use a newer phone, or the page of `edgedepth serve` in its browser",
        )
    brought = {name.split("/")[1] for name in names if name.startswith("lib/")}
    wanted = [abi for abi in phone.property("ro.product.cpu.abilist").split(",") if abi]
    if wanted and not brought & set(wanted):
        raise UserError(
            f"{apk.name} has no native code for {phone.name} ({', '.join(wanted)})",
            f"build it with --abi {wanted[0]}",
        )
    phone.install(apk)


def sweeps_on(phone: Phone) -> list[str]:
    """Names of the sweeps that the app has saved, oldest first.

    Raises:
        UserError: the app is not installed, or adb fails.
    """
    if not phone.has_app(DEMO_APP):
        raise UserError(f"{phone.name} has no edgedepth demo app", "`edgedepth demo install`")
    done = phone.attempt("shell", shlex.join(["ls", "-1", SWEEPS]))
    if done.returncode:
        return []
    names = (line.strip() for line in done.stdout.splitlines())
    return sorted(n for n in names if _NAME.fullmatch(n) and not n.endswith(_UNFINISHED))


@dataclass(frozen=True)
class Pulled:
    """A sweep that was fetched.

    Attributes:
        folder: where it is now.
        frames: how many it has; 0 when it cannot be read.
        findings: what :mod:`edgedepth.capture.inspection` says; a problem first.
        error: why it cannot be read, "" when it can.
    """

    folder: Path
    frames: int
    findings: tuple[Finding, ...]
    error: str


def pull(
    phone: Phone,
    out: Path,
    names: Sequence[str] = (),
    again: bool = False,
    tell: Callable[[str], None] = lambda _: None,
) -> list[Pulled]:
    """Fetch sweeps into a folder and check them; those that are there already are left alone.

    Args:
        out: folder to put them in.
        names: those wanted, all by default.
        again: fetch them even if they are there, in place of what is there.
        tell: called with each name before it is fetched.

    Raises:
        UserError: one that was named is not on the phone, adb fails, the folder cannot be written.
    """
    there = sweeps_on(phone)
    for name in names:
        if name not in there:
            known = ", ".join(there) or "none"
            raise UserError(f"{phone.name} has no sweep {name}", f"it has: {known}")
    wanted = [n for n in names or there if again or not (out / n).exists()]
    pulled = []
    for name in wanted:
        tell(name)
        pulled.append(_check(_fetch(phone, name, out)))
    return pulled


def _fetch(phone: Phone, name: str, out: Path) -> Path:
    """One sweep, whole or not at all."""
    goal, partial = out / name, out / f".{name}.part"
    try:
        out.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(partial, ignore_errors=True)
        phone.pull(f"{SWEEPS}/{name}", partial)
        if goal.exists():
            shutil.rmtree(goal)
        partial.replace(goal)
    except OSError as error:
        raise UserError(f"{out} cannot be written ({error.strerror})", "name another") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return goal


def _check(folder: Path) -> Pulled:
    from edgedepth.capture.inspection import inspect_sweep

    try:
        found = inspect_sweep([folder])
    except UserError as error:
        return Pulled(folder, 0, (), str(error))
    order = {"problem": 0, "advice": 1, "note": 2}
    findings = sorted(found.findings, key=lambda finding: order[finding.level])
    return Pulled(folder, len(found.sweep), tuple(findings), "")
