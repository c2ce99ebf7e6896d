from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from PIL import Image


def data(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edgedepth", "data", *arguments], capture_output=True, text=True
    )


def test_check_says_what_is_there(rgbd_folder: Path) -> None:
    done = data("check", f"rgbd:{rgbd_folder}")
    assert done.returncode == 0, done.stderr
    assert "4 of 4 scenes read, 0 unusable" in done.stdout
    assert "160x120" in done.stdout


def test_check_fails_when_a_scene_is_unusable(rgbd_folder: Path) -> None:
    (rgbd_folder / "hall_rgb.png").write_text("not a picture")
    done = data("check", f"rgbd:{rgbd_folder}", "--json")
    assert done.returncode == 1
    assert "1 of 4 scenes cannot be used" in done.stderr
    record = json.loads(done.stdout)
    assert record["scenes"] == 4
    assert "hall_rgb.png" in record["checked"][3]["problem"]
    assert 0 < record["checked"][0]["median_m"] < 10


def test_preview_draws_a_sheet(rgbd_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "sheet.png"
    done = data("preview", f"rgbd:{rgbd_folder}", "-o", str(out), "--scenes", "3")
    assert done.returncode == 0, done.stderr
    assert Image.open(out).size == (960, 480)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["rgbd", "sheet.png"]


def test_preview_that_cannot_be_written(rgbd_folder: Path, tmp_path: Path) -> None:
    done = data("preview", f"rgbd:{rgbd_folder}", "-o", str(tmp_path / "no" / "sheet.png"))
    assert done.returncode == 1
    assert "cannot be written" in done.stderr
    assert "Traceback" not in done.stderr
