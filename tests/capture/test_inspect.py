"""``inspect``: findings with advice, also for sweeps that infer refuses."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from edgedepth.capture.inspection import inspect_sweep, picture_noise, resolve
from edgedepth.capture.next_sweep import planes_for_next_time
from tests.capture.conftest import Edgedepth
from tests.capture.scenes import FOCUS_M, exif_bytes, similarity, texture, write_sweep


def codes(folder: Path, **options: object) -> set[str]:
    return {f.code for f in inspect_sweep(folder, **options).findings}


def test_a_good_sweep_has_a_range_and_no_complaint(good_sweep: Path) -> None:
    found = inspect_sweep(good_sweep)
    assert [f.level for f in found.findings] == ["note"] * len(found.findings)
    assert found.resolution is not None
    assert found.resolution.nearest_m < FOCUS_M[0] < 1.0 < found.resolution.farthest_m
    shares = [f.sharpest_share for f in found.facts]
    assert sum(shares) == pytest.approx(1.0)
    assert shares[0] > 0.2
    assert shares[3] > 0.2


def test_resolution_grows_with_the_lens_and_shrinks_with_noise() -> None:
    planes = (0.3, 1.0, 2.0)
    phone, large = resolve(planes, 3.0, 0.0), resolve(planes, 30.0, 0.0)
    noisy = resolve(planes, 3.0, 10.0)
    assert large.dioptre_step < phone.dioptre_step < noisy.dioptre_step
    assert large.farthest_m > phone.farthest_m > noisy.farthest_m


def test_planes_for_next_time_are_even_and_reach_where_the_detail_is() -> None:
    even = np.linspace(0.4, 2.8, 5)
    assert planes_for_next_time(even, [0.2] * 5) is None
    uneven = planes_for_next_time((2.8, 2.0, 1.1, 0.75, 0.4), [0.2] * 5)
    assert uneven is not None
    assert uneven == pytest.approx(even[::-1])
    farther = planes_for_next_time(even, [0.6, 0.1, 0.1, 0.1, 0.1])
    nearer = planes_for_next_time(even, [0.1, 0.1, 0.1, 0.1, 0.6])
    assert farther is not None
    assert nearer is not None
    assert (farther[0], farther[-1]) == pytest.approx((2.8, 0.0))
    assert (nearer[0], nearer[-1]) == pytest.approx((3.4, 0.4))
    more = planes_for_next_time((2.0, 1.0), (0.3, 0.3))
    assert more is not None
    assert len(more) == 5
    assert planes_for_next_time((1.0,), (1.0,)) is None
    assert planes_for_next_time((1.0, 1.0), (0.5, 0.5)) is None


def test_what_to_shoot_next_time_is_told(tmp_path: Path) -> None:
    found = inspect_sweep(write_sweep(tmp_path, [0.4, 0.5, 0.6, 0.8, 4.0]))
    (finding,) = (f for f in found.findings if f.code == "next sweep")
    assert finding.todo.startswith("next time focus at ")
    assert finding.level == "note"


@pytest.mark.parametrize("sigma", [2.0, 6.0])
def test_noise_is_measured(sigma: float) -> None:
    flat = np.full((480, 640), 120.0) + np.random.default_rng(0).normal(0, sigma, (480, 640))
    rgb = np.repeat(np.clip(flat, 0, 255).astype(np.uint8)[..., None], 3, axis=-1)
    assert picture_noise(rgb) == pytest.approx(sigma, rel=0.2)


def test_what_is_wrong_is_named(tmp_path: Path) -> None:
    nothing = write_sweep(tmp_path / "nothing", [None] * 3)
    assert "no focus" in codes(nothing)
    constant = write_sweep(tmp_path / "constant", [0.5] * 3)
    assert "no focus" in codes(constant)
    twice = write_sweep(tmp_path / "twice", [0.5, 0.7, 0.7, 1.0, 2.0])
    assert "duplicate planes" in codes(twice)
    gap = write_sweep(tmp_path / "gap", [0.2, 1.0, 1.1, 1.2, 1.4])
    assert "focus gap" in codes(gap)
    near = write_sweep(tmp_path / "near", [0.3, 0.5, 0.7])
    assert "no far plane" in codes(near)
    far = write_sweep(tmp_path / "far", [1.5, 2.0, 8.0])
    assert "no near plane" in codes(far)
    zigzag = write_sweep(tmp_path / "zigzag", [0.5, 2.0, 0.7, 1.0])
    assert "order" in codes(zigzag)


def test_motion_exposure_and_clipping_are_named(tmp_path: Path) -> None:
    still, shake = similarity(1, 0, 0, 0), similarity(1, 3, 15, 0)
    shaken = write_sweep(tmp_path / "shaken", (0.5, 1.0, 2.0), motions=[still, shake, still])
    found = inspect_sweep(shaken)
    assert any(f.code == "motion" and "frame2.jpg" in f.text for f in found.findings)
    picture = texture((240, 320))
    for i, rgb in enumerate((picture, picture // 2, np.where(picture > 140, 255, picture))):
        path = tmp_path / f"{i}.jpg"
        Image.fromarray(rgb.astype(np.uint8)).save(path, quality=95, exif=exif_bytes(0.5 + i))
    found = inspect_sweep(tmp_path)
    assert any(f.code == "exposure" and "1.jpg" in f.text for f in found.findings)
    assert any(f.code == "clipping" and "2.jpg" in f.text for f in found.findings)


def test_reversed_distances_are_suspicious(tmp_path: Path) -> None:
    """Frames shrink as their distances say that the lens comes nearer."""
    motions = [similarity(s, 0, 0, 0) for s in (1.0, 0.99, 0.98, 0.97)]
    folder = write_sweep(tmp_path, (2.0, 1.0, 0.7, 0.5), motions=motions)
    assert "suspicious distances" in codes(folder)
    right = write_sweep(tmp_path / "right", (0.5, 0.7, 1.0, 2.0), motions=motions)
    assert "suspicious distances" not in codes(right)


def test_command_prints_a_table_and_findings(edgedepth: Edgedepth, good_sweep: Path) -> None:
    done = edgedepth("inspect", good_sweep)
    assert done.returncode == 0, done.stderr
    for words in ("frame1.jpg", "EXIF SubjectDistance", "0.5 m", "px per dioptre", "depth can be"):
        assert words in done.stdout


def test_command_json_and_contact_sheet(
    edgedepth: Edgedepth, tmp_path: Path, good_sweep: Path
) -> None:
    sheet = tmp_path / "sheet.png"
    done = edgedepth("inspect", good_sweep, "--json", "-o", sheet)
    record = json.loads(done.stdout)
    assert record["schema"] == "edgedepth-inspection/1"
    assert [f["focus_m"] for f in record["frames"]] == pytest.approx(list(FOCUS_M))
    assert cv2.imread(str(sheet)).shape[1] > 900
    refused = edgedepth("inspect", good_sweep, "-o", tmp_path / "no" / "where.png")
    assert (refused.returncode, len(refused.stderr.splitlines())) == (1, 1)
    assert edgedepth("inspect", good_sweep, "-o", "sheet.gif").returncode == 2


def test_real_sweeps_without_focus_get_advice(dev_data: Path) -> None:
    for name in ("pcb_no_focus", "coins_constant_focus"):
        found = inspect_sweep(dev_data / "sweeps" / name)
        first = found.findings[0]
        assert (first.level, first.code) == ("problem", "no focus")
        assert "--uncalibrated" in first.todo
        assert found.resolution is None
    carpet = inspect_sweep(dev_data / "sweeps/pixel6pro_carpet")
    assert {f.level for f in carpet.findings} == {"note"}


def test_a_single_picture_promises_no_range(edgedepth: Edgedepth, tmp_path: Path) -> None:
    sweep = write_sweep(tmp_path, [0.5])
    assert inspect_sweep(sweep).resolution is None
    done = edgedepth("inspect", sweep)
    assert done.returncode == 0, done.stderr
    assert "depth can be told" not in done.stdout
    assert "a single frame" in done.stdout
    assert "1 frame of" in done.stdout
    assert json.loads(edgedepth("inspect", sweep, "--json").stdout)["resolution"] is None


def test_a_range_of_nothing_is_no_range(good_sweep: Path) -> None:
    found = inspect_sweep(good_sweep, focus="50,70,100,160,300").findings
    (finding,) = (f for f in found if f.code == "range")
    assert finding.level == "advice"
    assert "no depth can be told" in finding.text


def test_infinity_is_a_word(edgedepth: Edgedepth, good_sweep: Path) -> None:
    done = edgedepth("inspect", good_sweep, "--focus", "0.5,0.7,1,1.6,inf")
    assert "infinity" in done.stdout
    assert "inf m" not in done.stdout
