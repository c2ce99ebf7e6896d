"""Path-traced scenes, and the commands that make them and score on them."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from edgedepth import protocols
from edgedepth.cli import cli
from edgedepth.data.pathtraced import PathScene, denoised, make_surfaces
from edgedepth.data.photos import open_photos
from edgedepth.data.renderer import render_stack
from edgedepth.data.scenes import make_world, render_world
from edgedepth.data.sources import open_source
from edgedepth.data.tracer import BOX, World
from edgedepth.errors import UserError
from edgedepth.metrics import psnr

SIZE = (48, 64)


def boards(seed: int) -> World:
    """A world of boxes so flat that they stay boxes."""
    world = make_world(seed)
    flat = tuple(
        replace(
            solid, kind=BOX, half=solid.half * [1, 1, 0.1 * solid.half[:2].min() / solid.half[2]]
        )
        for solid in world.primitives[1:]
    )
    return replace(world, primitives=(world.primitives[0], *flat))


def test_sees_what_the_ray_tracer_sees():
    world = boards(5)
    mine, other = PathScene(5, world=world).sharp(*SIZE, 4), render_world(world, *SIZE, 1, "same")
    assert mine.rgb.shape == (*SIZE, 3)
    assert mine.rgb.dtype == mine.depth_m.dtype == np.float32
    assert mine.valid.all()
    wrong = np.abs(mine.depth_m / other.depth_m - 1)
    assert np.median(wrong) < 0.01
    assert (wrong < 0.05).mean() > 0.95
    hue, same = (p - p.mean(axis=2, keepdims=True) for p in (mine.rgb, other.rgb))
    assert np.corrcoef(hue.ravel(), same.ravel())[0, 1] > 0.6


def test_its_lens_blurs_by_the_dioptres_out_of_focus():
    """A wall: the layered renderer blurs it exactly, by K times the dioptres to the focus."""
    world = make_world(8)
    room = replace(world.primitives[0], half=world.primitives[0].half)
    world = replace(world, primitives=(room,), pose=np.eye(3))
    scene = PathScene(8, world=world)
    sharp = scene.sharp(*SIZE, 64)
    k, focus = 6.0, float(1 / np.median(sharp.depth_m)) + 1.0
    seen = scene.through_lens(*SIZE, focus, k, 64)
    planes = np.array([focus], np.float32)
    expected = render_stack(sharp.rgb**2.2, 1 / sharp.depth_m, planes, k)[0] ** (1 / 2.2)
    in_focus = scene.through_lens(*SIZE, focus - 1.0, k, 64)
    assert psnr(seen, expected) > psnr(seen, sharp.rgb) + 6
    assert psnr(in_focus, sharp.rgb) > psnr(in_focus, expected) + 6


def test_denoising_takes_noise_out_of_the_light_and_leaves_the_texture():
    rng = np.random.default_rng(4)
    paint = rng.uniform(0.05, 0.8, (96, 128, 3)).astype(np.float32)
    falling = np.linspace(0.4, 1.6, 128, dtype=np.float32)[None, :, None] * np.ones_like(paint)
    grain = rng.gamma(8, 1 / 8, (96, 128, 1)).astype(np.float32)
    facing = np.zeros_like(paint)
    facing[..., 2] = -1
    clean = denoised(paint * falling * grain, paint, facing)
    left, before = (
        float(np.abs(x / (paint * falling) - 1).mean()) for x in (clean, grain * paint * falling)
    )
    assert left < 0.2 * before


def test_a_black_surface_stays_black():
    light = np.zeros((32, 32, 3), np.float32)
    assert denoised(light, light, light).max() < 1e-3


def test_surfaces_are_the_seeds_and_photos_cover_some(tmp_path: Path):
    from PIL import Image

    Image.new("RGB", (80, 80), (255, 0, 0)).save(tmp_path / "red.png")
    photos = open_photos("photos:red", tmp_path, None, ())
    world = make_world(3)
    one, again, red = make_surfaces(world, 3), make_surfaces(world, 3), None
    for first, second in zip(one, again, strict=True):
        assert np.array_equal(first.corners, second.corners)
        assert np.array_equal(first.texture, second.texture)
        assert first.uv.min() >= -1e-6
        assert first.uv.max() <= 1 + 1e-6
        assert first.texture.min() >= 0
        assert first.texture.max() <= 1
    red = [np.allclose(s.texture, [1, 0, 0]) for s in make_surfaces(world, 3, photos)]
    assert 0.3 < np.mean(red) < 0.9


def test_the_command_makes_what_rgbd_reads_and_adds_to_it(tmp_path: Path):
    folder = tmp_path / "made"
    words = ["data", "pathtrace", str(folder), "--size", "64x64", "--samples", "5"]
    done = subprocess.run(
        [sys.executable, "-m", "edgedepth", *words, "--scenes", "1"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "WARN" not in done.stderr
    assert done.stdout == f"{folder}: 1 scene made, 0 there already\n"
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    (tmp_path / "objects").mkdir()
    (tmp_path / "objects" / "one.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nf 1 2 3\n")
    more = [*words[1:], "--scenes", "2", "--meshes", str(tmp_path / "objects")]
    result = CliRunner().invoke(cli, ["data", *more], catch_exceptions=False)
    assert result.output.endswith("1 scene made, 1 there already\n")
    assert all((folder / name).read_bytes() == data for name, data in first.items())
    source = open_source(f"rgbd:{folder}")
    assert len(source) == 2
    scene = source.scene(1)
    assert scene.rgb.shape == (64, 64, 3)
    assert 0.1 < np.median(scene.depth_m) < 10


@pytest.mark.parametrize("option", ["--meshes", "--photos"])
def test_a_folder_without_what_is_asked_is_one_line(tmp_path: Path, option: str):
    (tmp_path / "empty").mkdir()
    words = ["data", "pathtrace", str(tmp_path / "out"), option, str(tmp_path / "empty")]
    done = subprocess.run(
        [sys.executable, "-m", "edgedepth", *words], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "holds no" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_bad_mesh_is_told_before_any_scene_is_made(tmp_path: Path):
    (tmp_path / "objects").mkdir()
    (tmp_path / "objects" / "a.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nf 1 2 3\n")
    (tmp_path / "objects" / "z.obj").write_text("v nan nan nan\nf 1 1 1\n")
    words = ["pathtrace", str(tmp_path / "out"), "--meshes", str(tmp_path / "objects")]
    with pytest.raises(UserError, match=r"z\.obj has no extent"):
        CliRunner().invoke(cli, ["data", *words], catch_exceptions=False)
    assert not (tmp_path / "out").exists()


def test_scenes_of_the_evaluation_are_not_for_training(tmp_path: Path):
    words = ["pathtrace", str(tmp_path / "out"), "--first", str(2**31 - 1), "--scenes", "2"]
    with pytest.raises(UserError, match="are for eval"):
        CliRunner().invoke(cli, ["data", *words], catch_exceptions=False)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("module", ["mitsuba", "pyoidn"])
def test_says_what_to_install(tmp_path: Path, module: str):
    code = f"import sys; sys.modules[{module!r}] = None; import edgedepth.cli as c; c.main()"
    words = ["data", "pathtrace", str(tmp_path / "out"), "--size", "64x64", "--samples", "1"]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True)
    assert done.returncode == 1
    assert "pip install 'edgedepth[pathtrace]'" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.glob("out/*"))


def test_eval_scores_path_traced_scenes_and_keeps_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(protocols, "SIZE", SIZE)
    monkeypatch.setattr(protocols, "PATHTRACED_SAMPLES", 2)
    words = ["--data", "pathtraced", "--protocol", "crop", "--limit", "1", "--json"]
    words += ["--cache", str(tmp_path / "kept")]
    first = CliRunner().invoke(cli, ["eval", *words], catch_exceptions=False)
    kept = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "kept").iterdir()}
    assert len(kept) == 2
    report = json.loads(first.stdout)[0]
    assert report["data"] == "pathtraced"
    assert set(report["rows"]) == {"mean depth", "classical", "classical, relative blur"}

    def gone(*_: object, **__: object) -> None:
        raise AssertionError("rendered again")

    monkeypatch.setattr(PathScene, "__init__", gone)
    again = CliRunner().invoke(cli, ["eval", *words], catch_exceptions=False)
    assert again.stdout == first.stdout
    assert {p.name: p.stat().st_mtime_ns for p in (tmp_path / "kept").iterdir()} == kept
