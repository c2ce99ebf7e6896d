"""docs/make_photos.py: pictures out of packages, and the table that names them."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import re
import zipfile
from collections import Counter
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from .conftest import ROOT
from .scripts import load_script


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load_script(ROOT / "docs" / "make_photos.py")


def encoded(kind: str, width: int = 40, height: int = 30) -> bytes:
    rng = np.random.default_rng(len(kind))
    out = io.BytesIO()
    Image.fromarray(rng.integers(0, 255, (height, width, 3), np.uint8)).save(out, kind)
    return out.getvalue()


def test_the_page_counts_what_the_table_holds(script: ModuleType) -> None:
    page = (ROOT / "docs" / "photos.md").read_text()
    rows = script.read_table()
    counted = Counter(f"`{row.package}` {row.version}" for row in rows)
    listed = {
        name: int(count) for name, count in re.findall(r"^\| (`\S+` \S+) \| (\d+) \|", page, re.M)
    }
    assert listed == counted
    assert f"{len(rows):,} pictures" in page
    assert len({row.picture for row in rows}) == len(rows)
    assert all(re.fullmatch(r"[0-9a-f]{16}", row.sha256) for row in rows)
    assert all(Path(row.picture).name == row.picture for row in rows)


def test_members_are_found_wherever_they_lie(script: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "plain.png").write_bytes(b"plain")
    with zipfile.ZipFile(tmp_path / "pack.pk3", "w") as archive:
        archive.writestr("walls/brick.tga", b"brick")
    webp, jpeg = encoded("WEBP"), encoded("JPEG")
    head = b"qres" + bytes(9)
    resources = head + webp + bytes(5) + len(jpeg).to_bytes(4, "big") + jpeg + b"rest"
    (tmp_path / "all.rcc").write_bytes(resources)
    assert script.member_bytes(tmp_path, "plain.png") == b"plain"
    assert script.member_bytes(tmp_path, "pack.pk3!walls/brick.tga") == b"brick"
    assert script.member_bytes(tmp_path, f"all.rcc!@{len(head)}") == webp
    assert script.member_bytes(tmp_path, f"all.rcc!@{len(head) + len(webp) + 9}") == jpeg


def test_jpegs_stay_as_they_are_and_others_become_jpegs(script: ModuleType) -> None:
    jpeg, png = encoded("JPEG"), encoded("PNG")
    assert script.as_jpeg(jpeg) == jpeg
    converted = Image.open(io.BytesIO(script.as_jpeg(png)))
    assert (converted.format, converted.size) == ("JPEG", (40, 30))
    large = Image.open(io.BytesIO(script.as_jpeg(encoded("JPEG", 3000, 300))))
    assert large.size == (2000, 200)


def test_pictures_are_gathered_and_compared(script: ModuleType, tmp_path: Path) -> None:
    root, folder = tmp_path / "root", tmp_path / "photos"
    root.mkdir()
    folder.mkdir()
    (root / "a.jpg").write_bytes(encoded("JPEG"))
    digest = hashlib.sha256(encoded("JPEG")).hexdigest()[:16]
    row = script.Row("p__a.jpg", "p", "1", "a.jpg", digest)
    assert script.gather([row], root, folder) == 0
    assert script.gather([dataclasses.replace(row, sha256="0" * 16)], root, folder) == 1
    assert [path.name for path in folder.iterdir()] == ["p__a.jpg"]


def test_unknown_packages_are_refused(script: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="has no package nothing"):
        script.main([str(tmp_path / "photos"), "nothing"])
    with pytest.raises(SystemExit, match="Gather the pictures"):
        script.main([])
