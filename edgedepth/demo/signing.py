"""Signing: a debug key that is made here and stays here."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from edgedepth.demo.tools import run_tool
from edgedepth.errors import UserError

ALIAS = "edgedepth"
PASSWORD = "android"
"""Of the debug key, as everyone's: whoever has the file has the key."""

FIRST_WITH_V2 = "24"
"""The first API level that knows the signature scheme v2."""


def default_keystore() -> Path:
    """The debug key in the user's data directory."""
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "edgedepth" / "android-debug.p12"


def debug_keystore(path: Path) -> Path:
    """The key, made if it is not there.

    Raises:
        UserError: it cannot be made.
    """
    if path.exists():
        return path
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{path.parent} cannot be made ({error.strerror})", "--keystore") from None
    command = ["keytool", "-genkeypair", "-keystore", str(temporary), "-storetype", "PKCS12"]
    command += ["-storepass", PASSWORD, "-alias", ALIAS, "-keyalg", "RSA", "-keysize", "2048"]
    command += ["-validity", "10950", "-dname", "CN=edgedepth debug"]
    run_tool(command, f"the debug key {path} could not be made", "name another with --keystore")
    temporary.chmod(0o600)
    temporary.replace(path)
    return path


def sign(unsigned: Path, signed: Path, keystore: Path, min_sdk: int) -> None:
    """Sign with the schemes v2 and v3; v1 is for phones older than any that the app runs on.

    Raises:
        UserError: the key does not fit, or apksigner fails.
    """
    command = ["apksigner", "sign", "--ks", str(keystore), "--ks-pass", f"pass:{PASSWORD}"]
    command += ["--ks-key-alias", ALIAS, "--min-sdk-version", str(min_sdk)]
    for scheme, on in (("v1", False), ("v2", True), ("v3", True), ("v4", False)):
        command += [f"--{scheme}-signing-enabled", str(on).lower()]
    command += ["--in", str(unsigned), "--out", str(signed)]
    advice = f"is {keystore} the debug key? remove it to have a new one made"
    run_tool(command, "the app could not be signed", advice)


@dataclass(frozen=True)
class Signature:
    """What apksigner says of a signed app.

    Attributes:
        schemes: those that verify, of v1 to v4.
        certificate: SHA-256 of the signer's certificate.
    """

    schemes: tuple[str, ...]
    certificate: str


def verify(apk: Path) -> Signature:
    """Verify all of an app's signatures: phones that know v3 would not look at v2.

    Raises:
        UserError: they do not verify.
    """
    said = run_tool(
        [
            "apksigner",
            "verify",
            "-v",
            "--print-certs",
            "--min-sdk-version",
            FIRST_WITH_V2,
            str(apk),
        ],
        f"{apk} has no valid signature",
    )
    schemes = re.findall(r"Verified using (v[1-4]) scheme .*: true", said)
    certificate = re.search(r"certificate SHA-256 digest: ([0-9a-f]{64})", said)
    return Signature(tuple(schemes), certificate[1] if certificate else "")
