from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import exifread
import numpy as np
import pytest
from PIL import Image

from edgedepth import optics
from edgedepth.data.blur import APERTURES
from edgedepth.data.scenes import procedural_scene
from edgedepth.data.sources import open_source
from edgedepth.data.sweep_writer import (
    PRESETS,
    CameraPreset,
    SweepOptions,
    fit_scene,
    jpeg_with_exif,
    parse_camera,
    render_sweep,
    write_sweep,
)
from edgedepth.errors import UserError
from edgedepth.metrics import psnr

ROOT = Path(__file__).resolve().parent.parent.parent
PHONE = PRESETS["pixel6pro"]
LONG = CameraPreset("long", 20.0, 2.0, 20.0)


def synth(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edgedepth", "synth", *arguments], capture_output=True, text=True
    )


def number(tags: dict[str, exifread.classes.IfdTag], name: str) -> float:
    value = tags[name].values[0]
    return float(value)


def test_exif_round_trip(tmp_path: Path) -> None:
    frame = np.full((48, 64, 3), 90, np.uint8)
    for focus in (1 / 0.35, 1 / 1.234, 0.25, 0.0):
        path = tmp_path / "frame.jpg"
        path.write_bytes(jpeg_with_exif(frame, focus, PHONE, 90))
        with path.open("rb") as file:
            tags = exifread.process_file(file)
        distance = number(tags, "EXIF SubjectDistance")
        assert (distance == 0xFFFFFFFF) if focus == 0 else distance == pytest.approx(1 / focus)
        assert number(tags, "EXIF FocalLength") == 6.81
        assert number(tags, "EXIF FNumber") == 1.85
        assert str(tags["Image Make"]) == "edgedepth"
        assert "Pixel 6 Pro" in str(tags["Image Model"])
        assert number(tags, "EXIF FocalPlaneResolutionUnit") == 3
        per_cm = number(tags, "EXIF FocalPlaneXResolution")
        assert 64 / per_cm * 10 == pytest.approx(9.8)
        assert Image.open(path).size == (64, 48)


def test_frames_breathe_and_truth_is_the_first_ones() -> None:
    options = SweepOptions((2.5, 0.2), (120, 160), noise=0)
    sweep = render_sweep(open_source("procedural"), 9, LONG, options)
    grown = optics.breathing_scale(np.array([2.5, 0.2]), 20.0)
    assert grown[0] > 1.04
    world = open_source("procedural").scene(9, (120, 160), 0.5)
    for place in ((60, 80), (40, 50), (90, 120)):  # a point at p from the centre moves to s p
        y, x = ((p - c) / grown[0] + c for p, c in zip(place, (59.5, 79.5), strict=True))
        patch = world.depth_m[int(y) - 1 : int(y) + 3, int(x) - 1 : int(x) + 3]
        assert patch.min() - 0.01 <= sweep.depth_m[place] <= patch.max() + 0.01
    assert sweep.sharp.shape == (120, 160, 3)
    assert sweep.coc_px_per_dioptre == pytest.approx(20**2 / (2 * 20 / 160) * 1e-3)


def test_the_frame_in_focus_is_the_sharp_one() -> None:
    source = open_source("procedural")
    depth = source.scene(9, (120, 160), 0.5).depth_m
    near, far = (float(v) for v in np.quantile(1 / depth, [0.95, 0.05]))
    sweep = render_sweep(source, 9, LONG, SweepOptions((near, far), (120, 160), noise=0))
    inside = np.abs(1 / np.maximum(sweep.depth_m, 0.1) - near) < 0.1
    sharp = sweep.sharp / 255
    errors = [np.abs(frame / 255 - sharp)[inside].mean() for frame in sweep.frames]
    assert errors[0] < 0.5 * errors[1]


def test_shaken_frames_move_and_show_no_border() -> None:
    source = open_source("procedural")
    still = render_sweep(source, 1, PHONE, SweepOptions((2.0, 2.0, 2.0), (120, 160), noise=0))
    shaken = render_sweep(
        source, 1, PHONE, SweepOptions((2.0, 2.0, 2.0), (120, 160), shake_px=5, noise=0)
    )
    assert np.array_equal(still.frames[0], still.frames[2])
    assert psnr(shaken.frames[0] / 255, shaken.frames[2] / 255) < 30
    for frame in shaken.frames:  # a replicated border would repeat its rows
        assert np.abs(np.diff(frame[:4].astype(int), axis=0)).mean() > 0.2


def test_the_paper_renderer_gives_another_sweep() -> None:
    source = open_source("procedural")
    ours, paper = (
        render_sweep(source, 1, LONG, SweepOptions((2.0, 0.5), (96, 128), renderer=r, noise=0))
        for r in ("edgedepth", "paper")
    )
    assert psnr(ours.frames[0] / 255, paper.frames[0] / 255) < 45


def test_apertures_give_other_sweeps() -> None:
    source, size = open_source("procedural"), (48, 64)
    options = [SweepOptions((0.5,), size, aperture=shape, noise=0) for shape in APERTURES]
    sweeps = [render_sweep(source, 3, LONG, option) for option in options]
    assert len({sweep.frames[0].tobytes() for sweep in sweeps}) == len(APERTURES)


def test_fit_scene_cuts_the_middle() -> None:
    scene = procedural_scene(3, 90, 160)
    cut = fit_scene(scene, (90, 120))
    assert np.allclose(cut.depth_m, scene.depth_m[:, 20:140])
    assert fit_scene(scene, (180, 240)).rgb.shape == (180, 240, 3)


def test_cameras() -> None:
    assert parse_camera("pixel3") is PRESETS["pixel3"]
    assert parse_camera("6.81,1.85,9.8").sensor_width_mm == 9.8
    for bad in ("nokia", "1,2", "1,2,x", "0,1,1", "1,2,nan", "1,-2,3"):
        with pytest.raises(ValueError, match=bad):
            parse_camera(bad)
    at_640 = {
        name: optics.coc_px_per_dioptre(p.focal_length_mm, p.f_number, p.sensor_width_mm, 640)
        for name, p in PRESETS.items()
    }
    assert at_640["pixel6pro"] == pytest.approx(1.64, abs=0.01)
    assert at_640["pixel3"] == pytest.approx(1.24, abs=0.01)
    assert at_640["dered"] == pytest.approx(26, abs=0.1)


def test_focus_within_the_focal_length_is_refused() -> None:
    with pytest.raises(UserError, match="within the focal length"):
        render_sweep(open_source("procedural"), 0, LONG, SweepOptions((60.0,), (64, 64)))


def test_nothing_is_left_behind_when_writing_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = render_sweep(open_source("procedural"), 0, PHONE, SweepOptions((1.0,), (64, 80)))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("edgedepth.data.sweep_writer._write_truth", full)
    with pytest.raises(UserError, match="No space left"):
        write_sweep(sweep, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_synth_writes_a_sweep_and_its_truth(tmp_path: Path) -> None:
    out = tmp_path / "sweep"
    done = synth(
        "procedural", "-o", str(out), "--size", "128x96", "--focus", "0.4,0.8,inf", "--seed", "1"
    )
    assert done.returncode == 0, done.stderr
    assert f"edgedepth infer {out}" in done.stdout
    assert sorted(p.name for p in out.iterdir()) == [
        "frame_00.jpg",
        "frame_01.jpg",
        "frame_02.jpg",
        "truth",
    ]
    truth = np.asarray(Image.open(out / "truth" / "truth_depth_mm.png"))
    assert truth.shape == (96, 128)
    assert truth.dtype == np.uint16
    assert 150 <= truth.min() <= truth.max() <= 10_000
    record = json.loads((out / "truth" / "truth.json").read_text())
    assert record["focus_dioptres"] == pytest.approx([2.5, 1.25, 0.0])
    assert record["scene"] == "procedural-1"
    assert [p.name for p in tmp_path.iterdir()] == ["sweep"]


@pytest.mark.slow
def test_infer_reads_back_what_synth_wrote(tmp_path: Path) -> None:
    sweep, out = tmp_path / "sweep", tmp_path / "out"
    options = ["--size", "320x240", "--focus", "0.4,0.6,1.2,4", "--camera", "pixel3"]
    assert synth("desk", "-o", str(sweep), *options).returncode == 0
    command = [sys.executable, "-m", "edgedepth", "infer", str(sweep), "-o", str(out)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    report = json.loads((out / "report.json").read_text())
    assert [f["source"] for f in report["frames"]] == ["EXIF SubjectDistance"] * 4
    assert [f["focus_m"] for f in report["frames"]] == pytest.approx([0.4, 0.6, 1.2, 4.0], rel=1e-4)
    assert report["camera"]["guessed"] == []
    assert report["camera"]["sensor_width_mm"] == pytest.approx(5.64, rel=1e-3)
    truth = json.loads((sweep / "truth" / "truth.json").read_text())
    k = report["camera"]["coc_px_per_dioptre"]
    assert k == pytest.approx(truth["coc_px_per_dioptre"], rel=1e-3)


def test_synth_of_pictures_with_depth(rgbd_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "sweeps"
    done = synth(f"rgbd:{rgbd_folder}", "-o", str(out), "--scenes", "2", "--camera", "pixel3")
    assert done.returncode == 0, done.stderr
    assert sorted(p.name for p in out.iterdir()) == ["desk1", "desk2"]
    truth = np.asarray(Image.open(out / "desk1" / "truth" / "truth_depth_mm.png"))
    assert (truth == 0).any()  # unknown stays unknown
    assert len(list((out / "desk2").glob("*.jpg"))) == 6


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["moon", "-o", "{out}"], 1, "unknown data source"),
        (["procedural"], 2, "--out"),
        (["procedural", "-o", "{out}", "--camera", "nokia"], 2, "pixel6pro"),
        (["procedural", "-o", "{out}", "--focus", "0.3,near"], 2, "give metres"),
        (["procedural", "-o", "{out}", "--focus", "nan"], 2, "give metres"),
        (["procedural", "-o", "{out}", "--size", "12"], 2, "width x height"),
        (["desk", "-o", "{out}", "--seed", "1"], 1, "holds 1 scenes"),
        (["procedural", "-o", "{full}"], 1, "is not empty"),
        (["procedural", "-o", "{full}/note.txt", "--size", "64x64"], 1, "is not empty"),
        (["procedural", "-o", "{full}/note.txt/x", "--size", "64x64"], 1, "cannot be written"),
        (["procedural", "-o", "{out}", "--camera", "50,8,7", "--focus", "0.04"], 1, "focal length"),
    ],
)
def test_bad_usage_is_one_line(tmp_path: Path, arguments: list[str], code: int, words: str) -> None:
    full = tmp_path / "full"
    full.mkdir()
    (full / "note.txt").write_text("mine")
    out = tmp_path / "out"
    done = synth(*[a.format(out=out, full=full) for a in arguments])
    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    if code == 1:
        assert len(done.stderr.strip().splitlines()) == 1
    assert not out.exists()
    assert [p.name for p in full.iterdir()] == ["note.txt"]


def test_the_sample_sweep_is_small_and_says_what_it_is() -> None:
    frames = sorted((ROOT / "edgedepth" / "samples" / "desk").glob("*.jpg"))
    assert len(frames) == 6
    assert sum(f.stat().st_size for f in frames) < 2_000_000
    said = []
    for path in frames:
        with path.open("rb") as file:
            said.append(number(exifread.process_file(file), "EXIF SubjectDistance"))
        assert Image.open(path).size == (1280, 960)
    assert said == [0.35, 0.45, 0.6, 0.9, 1.6, 4.0]
    truth = np.asarray(Image.open(ROOT / "tests" / "golden" / "desk_depth_mm.png"))
    assert truth.shape == (960, 1280)
    assert 300 < truth.min() < truth.max() < 4500
