"""All files of the page, and the page as a folder."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

from edgedepth.capture.viewer import SCRIPT, STYLE
from edgedepth.errors import UserError
from edgedepth.files import not_written
from edgedepth.serve.litertjs import CORE, VERSION, WASM_UTILS, package_files
from edgedepth.serve.resources import Resources

STATIC = Path(__file__).with_name("static")
RUNTIME = f"litertjs-{VERSION}"
WASM_VARIANTS = ("", "_compat", "_threaded")
"""Builds of the runtime that the page may choose: plain, without relaxed SIMD, with threads."""


def add_runtime(resources: Resources, cache: Path | None = None) -> None:
    """Add LiteRT.js.

    Raises:
        UserError: it cannot be fetched.
    """
    core = package_files(CORE, cache)
    resources.put(f"{RUNTIME}/core.js", core["dist/index.js"], fixed=True)
    utils = package_files(WASM_UTILS, cache)["dist/index.js"]
    resources.put(f"{RUNTIME}/wasm-utils.js", utils, fixed=True)
    for variant in WASM_VARIANTS:
        for suffix in ("js", "wasm"):
            name = f"wasm/litert_wasm{variant}_internal.{suffix}"
            resources.put(f"{RUNTIME}/{name}", core[name], fixed=True)


def add_pages(resources: Resources, scene: dict[str, Any]) -> None:
    """Add the page itself, after everything that it refers to."""
    resources.put("viewer.js", SCRIPT.read_bytes())
    resources.put("viewer.css", STYLE.read_bytes())
    for name in ("page.js", "run.js", "page.css"):
        resources.put(name, (STATIC / name).read_bytes())
    html = _filled("index.html", {"__RUNTIME__": RUNTIME})
    resources.put("index.html", html)
    resources.put("scene.json", json.dumps(scene).encode())
    whole = sorted(name for name in resources.files if not name.startswith(f"{RUNTIME}/wasm/"))
    parts = {"__VERSION__": resources.version(), "__FILES__": json.dumps(["./", *whole])}
    resources.put("offline.js", _filled("offline.js", parts))


def _filled(name: str, parts: dict[str, str]) -> bytes:
    text = (STATIC / name).read_text(encoding="utf-8")
    return re.sub("|".join(parts), lambda match: parts[match[0]], text).encode()


def content_policy(html: bytes) -> str:
    """Content-Security-Policy of the page: nothing from elsewhere, ever.

    The import map is the one script inside the page and is allowed by its hash
    (https://www.w3.org/TR/CSP3/).
    """
    inline = re.findall(rb"<script[^>]*>(.+?)</script>", html, re.DOTALL)
    hashes = [f"'sha256-{base64.b64encode(hashlib.sha256(s).digest()).decode()}'" for s in inline]
    scripts = " ".join(["'self'", "'wasm-unsafe-eval'", *hashes])
    return (
        f"default-src 'self'; script-src {scripts}; worker-src 'self' blob:; "
        "img-src 'self' blob: data:; object-src 'none'; base-uri 'none'; form-action 'none'"
    )


def write_site(resources: Resources, target: Path) -> None:
    """Write the page as a folder of files, whole or not at all.

    Raises:
        UserError: the folder exists, or it cannot be written.
    """
    if target.exists():
        raise UserError(f"{target} is there already", "choose another place with -o")
    target = target.absolute()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        try:
            for address, resource in resources.files.items():
                path = work / address
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(resource.data)
            work.chmod(0o755)
            work.replace(target)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    except OSError as error:
        raise not_written(target, error, "choose another place with -o") from None
