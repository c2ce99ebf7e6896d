from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from edgedepth.config import TrainConfig
from edgedepth.data.augmentation_sheet import TILE, TILES
from edgedepth.data.pairs import PairSource
from edgedepth.data.recipe import Recipe, random_stack
from edgedepth.data.sources import open_source
from edgedepth.data.survey import survey, unreadable


def data(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edgedepth", "data", *arguments], capture_output=True, text=True
    )


def test_check_says_what_is_there(rgbd_folder: Path) -> None:
    done = data("check", f"rgbd:{rgbd_folder}")
    assert done.returncode == 0, done.stderr
    assert "4 of 4 scenes looked at, 4 usable, 0 unusable" in done.stdout
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


def test_preview_shows_every_augmentation(rgbd_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "sheet.png"
    done = data("preview", f"rgbd:{rgbd_folder}", "-o", str(out), "--augment", "--first", "1")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(": 1 scene\n")
    sheet = np.asarray(Image.open(out))
    rows = sheet.reshape(-1, TILE[0] + 18, TILES, TILE[1], 3)[:, : TILE[0]].transpose(0, 2, 1, 3, 4)
    assert len(rows) == 10
    differs = [bool(np.abs(row[0] - row[2].astype(float)).mean() > 0.1) for row in rows]
    # All but vignetting vary from tile to tile; that one is darker in the corners.
    assert differs == [True] * 5 + [False] + [True] * 4
    assert rows[5][0][:20, :20].mean() < rows[3][0][:20, :20].mean()
    assert not rows[7][3:].any()  # three frames of five
    across = [turned for tile in rows[2] for turned in (tile, tile[:, ::-1])]
    rendered = [turned for tile in across for turned in (tile, tile[::-1])]
    assert any(np.array_equal(rows[7][0], tile) for tile in rendered)


def test_focus_jitter_changes_what_is_told_and_nothing_else() -> None:
    source = [open_source("procedural")]
    plain = random_stack(Recipe(height=32, width=40, frames=4), 5, source)
    told = random_stack(Recipe(height=32, width=40, frames=4, focus_jitter=0.1), 5, source)
    assert np.array_equal(plain.frames, told.frames)
    error = np.log(told.focus_dioptres / plain.focus_dioptres)
    assert 0.005 < np.abs(error).max() < 0.5


def test_check_draws_what_can_be_used_and_lists_the_rest(rgbd_folder: Path, tmp_path: Path) -> None:
    (rgbd_folder / "desk1_rgb.png").write_text("not a picture")
    sheet = tmp_path / "sheet.png"
    done = data("check", f"rgbd:{rgbd_folder}", "--skip-bad", "--sheet", str(sheet))
    assert done.returncode == 0, done.stderr
    assert "desk1: " in done.stdout
    assert "desk1_rgb.png cannot be read" in done.stdout
    assert "4 of 4 scenes looked at, 3 usable, 1 unusable" in done.stdout
    assert "known in 97%" in done.stdout
    assert Image.open(sheet).size == (960, 480)
    for path in rgbd_folder.glob("*_rgb.png"):
        path.write_bytes(b"")
    assert data("check", f"rgbd:{rgbd_folder}", "--skip-bad").returncode == 1


def test_bad_scenes_are_found_before_training(rgbd_folder: Path) -> None:
    (rgbd_folder / "desk1_rgb.png").write_text("not a picture")
    depth = np.full((120, 160), np.nan, np.float32)
    Image.fromarray(depth).save(rgbd_folder / "hall_depth_mm.png.tiff", "TIFF")
    (rgbd_folder / "hall_depth_mm.png.tiff").rename(rgbd_folder / "hall_depth_mm.png")
    seen: list[int] = []
    sources = [open_source(f"rgbd:{rgbd_folder}"), open_source("procedural")]
    bad = unreadable(sources, lambda: seen.append(1))
    assert len(seen) == 4
    assert set(bad) == {"desk1", "hall"}
    assert "hardly any depth" in bad["hall"]
    left = open_source(f"rgbd:{rgbd_folder}", exclude=list(bad))
    assert len(list(survey(left))) == 2


@pytest.mark.train
@pytest.mark.slow
def test_train_lists_and_leaves_out_bad_scenes(
    rgbd_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgedepth import train as trainer
    from edgedepth.cli import cli

    (rgbd_folder / "desk1_rgb.png").rename(rgbd_folder / "d[1]_rgb.png")
    (rgbd_folder / "desk1_depth_mm.png").rename(rgbd_folder / "d[1]_depth_mm.png")
    (rgbd_folder / "d[1]_rgb.png").write_text("not a picture")
    started: list[TrainConfig] = []
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setattr(trainer, "train", lambda config, *_, **__: started.append(config))
    options = ["--run-dir", str(tmp_path / "run"), "--data", f"rgbd:{rgbd_folder}"]
    options += ["--hold-out", "hall", "--focus-jitter", "0.05"]
    done = CliRunner().invoke(cli, ["train", *options, "--skip-bad"])
    assert done.exit_code == 0, done.output
    assert "left out 1 of 4 scenes:" in done.output
    assert "d[1]_rgb.png cannot be read" in done.output
    assert started[0].recipe.focus_jitter == 0.05
    (source,) = started[0].pool.open_sources()
    assert isinstance(source, PairSource)
    assert source.names() == ["desk2", "desk3"]
