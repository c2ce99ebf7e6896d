"""Calibration recovers what a lying camera hides, and says when it cannot."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from edgedepth.capture.profile import CameraProfile, apply_profile, read_profile
from edgedepth.capture.sweep import read_sweep
from edgedepth.data.sources import open_source
from edgedepth.data.sweep_writer import PRESETS, SweepOptions, render_sweep, write_sweep
from edgedepth.errors import UserError
from edgedepth.learn.calibrate import calibrate
from edgedepth.learn.evidence import SweepEvidence, gather
from tests.capture.test_infer_command import assert_refused
from tests.conftest import ROOT
from tests.learn.conftest import LIE, PAGES_M, TRUE_PLANES, Edgedepth
from tests.learn.pages import Lie, page_sweep

WIDTH = 800
TRUE_K = PRESETS["pixel6pro"].focal_length_mm ** 2 / (1.85 * 9.8 / WIDTH) * 1e-3
REPORTED = (np.array(TRUE_PLANES) - LIE.bias) / LIE.scale


@pytest.fixture(scope="module")
def evidence(pages: list[Path]) -> list[SweepEvidence]:
    return [gather(read_sweep(folder), page=True) for folder in pages]


def focus_error(profile: CameraProfile) -> float:
    """Largest error of the corrected focus, dioptres."""
    found = np.array([profile.corrected(r) for r in REPORTED])
    return float(np.abs(found - TRUE_PLANES).max())


def test_the_camera_lies(pages: list[Path]) -> None:
    """Before calibration K is off by 30 % and the focus by 10 % + 0.2 D."""
    sweep = read_sweep(pages[0])
    np.testing.assert_allclose(sweep.focus_dioptres, REPORTED, atol=5e-3)
    assert pytest.approx(1.3, rel=0.01) == TRUE_K / sweep.camera.camera.coc_px_per_dioptre()


def test_pages_give_everything(evidence: list[SweepEvidence]) -> None:
    profile = calibrate(evidence, PAGES_M)
    assert profile.coc_px_per_dioptre == pytest.approx(TRUE_K, rel=0.05)
    assert focus_error(profile) < 0.05
    assert (profile.scale_from, profile.bias_from) == ("pages", "pages")
    assert not profile.warnings


def test_deviations_are_honest(evidence: list[SweepEvidence]) -> None:
    """The truth lies within three standard deviations, and they are not wide."""
    profile = calibrate(evidence, PAGES_M)
    assert abs(profile.coc_px_per_dioptre / TRUE_K - 1) < 3 * profile.coc_relative_sd < 0.15
    assert focus_error(profile) < 3 * profile.dioptres_sd < 0.15


def test_one_page_and_breathing(evidence: list[SweepEvidence]) -> None:
    profile = calibrate(evidence[1:2], PAGES_M[1:2])
    assert (profile.scale_from, profile.bias_from) == ("breathing", "pages")
    assert profile.coc_px_per_dioptre == pytest.approx(TRUE_K, rel=0.08)
    assert focus_error(profile) < 3 * profile.dioptres_sd


def test_a_lens_with_inner_focusing_does_not_tell_by_breathing(
    evidence: list[SweepEvidence],
) -> None:
    """Then one page leaves the scale to the prior, and this is called thin."""
    identity = replace(evidence[1].identity, focal_length_mm=50.0)
    profile = calibrate([replace(evidence[1], identity=identity)], PAGES_M[1:2])
    assert profile.scale_from == "assumed"
    assert profile.dioptres_sd > 0.1
    assert any("thin" in w for w in profile.warnings)


def test_without_distances_the_bias_is_assumed_and_said_to_be(
    evidence: list[SweepEvidence],
) -> None:
    profile = calibrate(evidence, [None] * 3)
    assert profile.bias_from == "assumed"
    assert profile.coc_px_per_dioptre == pytest.approx(TRUE_K, rel=0.08)
    assert any("no page at a known distance" in w for w in profile.warnings)


def test_contradictory_distances(evidence: list[SweepEvidence]) -> None:
    with pytest.raises(UserError, match="contradict"):
        calibrate(evidence, PAGES_M[::-1])
    with pytest.raises(UserError, match="contradict"):
        calibrate(evidence, (0.45, 0.45, 1.2))


def test_sweeps_of_different_blur_are_not_one_camera(evidence: list[SweepEvidence]) -> None:
    zoomed = replace(evidence[1], k=1.5 * evidence[1].k)
    with pytest.raises(UserError, match="disagree about the blur"):
        calibrate([evidence[0], zoomed, evidence[2]], PAGES_M)


def test_any_textured_scene_gives_k(tmp_path: Path) -> None:
    """A procedural scene: K per reported dioptre within 7 %."""
    lie = Lie(k_ratio=1.3)
    options = SweepOptions((0.3, 0.5, 0.8, 1.3, 2.0, 2.8), (600, 800), shake_px=2)
    rendered = render_sweep(open_source("procedural"), 4, PRESETS["pixel6pro"], options)
    write_sweep(lie.tell(rendered), tmp_path / "scene")
    found = gather(read_sweep(tmp_path / "scene"))
    assert found.k == pytest.approx(TRUE_K, rel=0.07)


@pytest.mark.parametrize("noise", [0.0, 0.004, 0.02])
def test_textureless_wall(noise: float, tmp_path: Path) -> None:
    """Noise is no texture, nor are the steps of eight bits."""
    wall = page_sweep(0.8, TRUE_PLANES, size=(480, 640), noise=noise, contrast=0.004)
    write_sweep(wall, tmp_path / "wall")
    with pytest.raises(UserError, match="too little texture"):
        gather(read_sweep(tmp_path / "wall"))


def test_shuffled_frames(tmp_path: Path) -> None:
    """Frames that report each other's distances are found out."""
    rendered = render_sweep(
        open_source("procedural"), 4, PRESETS["pixel6pro"], SweepOptions(TRUE_PLANES, (600, 800))
    )
    told = replace(rendered, focus_dioptres=rendered.focus_dioptres[[3, 0, 5, 1, 4, 2]])
    write_sweep(told, tmp_path / "shuffled")
    with pytest.raises(UserError, match="not focused at the distances that they report"):
        gather(read_sweep(tmp_path / "shuffled"))


def test_profile_file_follows_its_schema_and_comes_back(
    evidence: list[SweepEvidence], tmp_path: Path
) -> None:
    profile = calibrate(evidence, PAGES_M)
    schema = json.loads((ROOT / "docs/schemas/camera.schema.json").read_text())
    jsonschema.validate(profile.record(), schema)
    path = tmp_path / "phone.json"
    path.write_text(json.dumps(profile.record()))
    assert read_profile(path).record() == profile.record()


def test_a_profile_corrects_a_sweep(evidence: list[SweepEvidence], pages: list[Path]) -> None:
    profile = calibrate(evidence, PAGES_M)
    sweep = apply_profile(read_sweep(pages[0]), profile, "phone.json")
    np.testing.assert_allclose(sweep.focus_dioptres, TRUE_PLANES, atol=0.05)
    assert sweep.camera.camera.coc_px_per_dioptre() == pytest.approx(TRUE_K, rel=0.05)
    before = read_sweep(pages[0]).camera.camera
    assert sweep.camera.camera.focal_length_px() == before.focal_length_px()


def test_a_profile_leaves_the_users_own_distances(
    evidence: list[SweepEvidence], pages: list[Path]
) -> None:
    sweep = read_sweep(pages[0], focus="3,1.25,0.8,0.6,0.45,0.36")
    found = apply_profile(sweep, calibrate(evidence, PAGES_M), "phone.json")
    assert found.focus_dioptres == sweep.focus_dioptres
    assert any("given by hand" in w for w in found.warnings)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not valid JSON"),
        ('{"schema": "edgedepth-sweep/1"}', "not of schema"),
        ('{"schema": "edgedepth-camera/1"}', "bad field"),
    ],
)
def test_bad_profiles(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "phone.json"
    path.write_text(text)
    with pytest.raises(UserError, match=words):
        read_profile(path)


def test_profile_figures_must_make_sense(evidence: list[SweepEvidence], tmp_path: Path) -> None:
    record = calibrate(evidence, PAGES_M).record()
    path = tmp_path / "phone.json"
    for key, value in (("dioptre_scale", -1), ("coc_px_per_dioptre", None), ("bias_sd", "x")):
        path.write_text(json.dumps({**record, key: value}))
        with pytest.raises(UserError, match=key):
            read_profile(path)


def test_command_writes_a_profile_that_infer_takes(
    edgedepth: Edgedepth, pages: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "phone.json"
    done = edgedepth("calibrate", pages[0], pages[2], "--distance", "0.45,1.2", "-o", out)
    assert done.returncode == 0, done.stderr
    assert "next: edgedepth infer" in done.stdout
    made = edgedepth("infer", pages[1], "-o", tmp_path / "corrected", "--camera", out)
    assert made.returncode == 0, made.stderr
    report = json.loads((tmp_path / "corrected" / "report.json").read_text())
    found = [frame["focus_dioptres"] for frame in report["frames"]]
    np.testing.assert_allclose(found, TRUE_PLANES, atol=0.05)
    assert report["camera"]["coc_px_per_dioptre"] == pytest.approx(TRUE_K, rel=0.05)
    assert "corrected by phone.json" in report["frames"][0]["source"]
    jsonschema.validate(report, json.loads((ROOT / "docs/schemas/report.schema.json").read_text()))


def test_two_frames_are_refused(edgedepth: Edgedepth, pages: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "phone.json"
    frames = sorted(pages[0].glob("*.jpg"))
    two = tmp_path / "two"
    two.mkdir()
    for frame in frames[:2]:
        (two / frame.name).write_bytes(frame.read_bytes())
    assert_refused(edgedepth("calibrate", two, "-o", out), out, "2 frames")


def test_different_cameras_are_refused(
    edgedepth: Edgedepth, pages: list[Path], tmp_path: Path
) -> None:
    other = tmp_path / "other"
    write_sweep(page_sweep(0.7, TRUE_PLANES, camera=PRESETS["pixel3"], size=(480, 640)), other)
    out = tmp_path / "phone.json"
    done = edgedepth("calibrate", pages[0], other, "-o", out)
    assert_refused(done, out, "not taken by one camera", "Pixel 3")


def test_a_profile_of_another_camera_is_refused(
    edgedepth: Edgedepth, evidence: list[SweepEvidence], tmp_path: Path
) -> None:
    other = tmp_path / "other"
    write_sweep(page_sweep(0.7, TRUE_PLANES, camera=PRESETS["pixel3"], size=(480, 640)), other)
    profile = tmp_path / "phone.json"
    profile.write_text(json.dumps(calibrate(evidence, PAGES_M).record()))
    out = tmp_path / "out"
    done = edgedepth("infer", other, "--camera", profile, "-o", out)
    assert_refused(done, out, "another camera")


def test_swapped_distances_write_nothing(
    edgedepth: Edgedepth, pages: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "phone.json"
    done = edgedepth("calibrate", pages[0], pages[2], "--distance", "1.2,0.45", "-o", out)
    assert_refused(done, out, "contradict")


def test_wrong_usage(edgedepth: Edgedepth, pages: list[Path], tmp_path: Path) -> None:
    done = edgedepth("calibrate", *pages, "--distance", "1,2", "-o", tmp_path / "p.json")
    assert done.returncode == 2
    done = edgedepth("calibrate", *pages, "--distance", "near", "-o", tmp_path / "p.json")
    assert done.returncode == 2
    done = edgedepth("infer", pages[0], "--camera", "x.json", "--uncalibrated")
    assert done.returncode == 2
