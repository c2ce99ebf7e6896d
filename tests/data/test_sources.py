from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from edgedepth.data.pairs import PairSource
from edgedepth.data.sources import EVALUATION_SEED, open_source
from edgedepth.data.survey import contact_sheet, survey
from edgedepth.errors import UserError

from .conftest import write_pair


def test_procedural_scenes_come_at_any_size_and_seed() -> None:
    source = open_source("procedural")
    assert source.endless
    assert len(source) == EVALUATION_SEED
    assert source.scene(7, (30, 40)).rgb.shape == (30, 40, 3)
    wide = source.scene(7, (30, 40), 0.8)
    assert not np.array_equal(wide.depth_m, source.scene(7, (30, 40), 0.3).depth_m)
    picks = {source.pick(np.random.default_rng(s)) for s in range(10)}
    assert len(picks) == 10
    assert max(picks) < EVALUATION_SEED


def test_rgbd_pairs_are_read(rgbd_folder: Path) -> None:
    source = open_source(f"rgbd:{rgbd_folder}")
    assert isinstance(source, PairSource)
    assert source.names() == ["desk1", "desk2", "desk3", "hall"]
    assert not source.endless
    scene = source.scene(1)
    raw = np.asarray(Image.open(rgbd_folder / "desk2_depth_mm.png"))
    picture = np.asarray(Image.open(rgbd_folder / "desk2_rgb.png"))
    assert np.allclose(scene.depth_m, raw / 1000)
    assert np.array_equal(scene.valid, raw > 0)
    assert np.allclose(scene.rgb * 255, picture, atol=1e-3)
    assert np.array_equal(source.scene(1).depth_m, scene.depth_m)


def test_a_caller_cannot_spoil_the_cache(rgbd_folder: Path) -> None:
    source = open_source(f"rgbd:{rgbd_folder}")
    source.scene(0).depth_m[:] = -1
    assert source.scene(0).depth_m.min() >= 0


def test_include_and_exclude(rgbd_folder: Path) -> None:
    text = f"rgbd:{rgbd_folder}"
    assert len(open_source(text, include=["desk*"])) == 3
    assert len(open_source(text, exclude=["desk*"])) == 1
    assert len(open_source(text, include=["desk*"], exclude=["desk2"])) == 2
    with pytest.raises(UserError, match="none of 4 scenes is left"):
        open_source(text, include=["attic"])


def test_a_long_series_is_drawn_less_often(rgbd_folder: Path) -> None:
    source = open_source(f"rgbd:{rgbd_folder}")
    rng = np.random.default_rng(0)
    hall = np.mean([source.pick(rng) == 3 for _ in range(600)])
    assert 0.3 < hall < 0.43  # 1 against 3 / sqrt(3)


def test_other_names_and_scales(tmp_path: Path) -> None:
    write_pair(tmp_path, "x", 3)
    raw = cv2.imread(str(tmp_path / "x_depth_mm.png"), cv2.IMREAD_UNCHANGED)
    cv2.imwrite(str(tmp_path / "x-d.png"), raw * 5)
    (tmp_path / "x_rgb.png").rename(tmp_path / "x-c.png")
    source = open_source(f"rgbd:{tmp_path}?rgb=*-c.png&depth=*-d.png&scale=0.0002")
    assert np.allclose(source.scene(0).depth_m, raw / 1000, rtol=1e-4)


def test_pictures_of_the_same_view_are_brought_to_the_depth_maps_size(tmp_path: Path) -> None:
    write_pair(tmp_path, "x", 3)
    big = cv2.resize(cv2.imread(str(tmp_path / "x_rgb.png")), (320, 240))
    cv2.imwrite(str(tmp_path / "x_rgb.png"), big)
    assert open_source(f"rgbd:{tmp_path}").scene(0).rgb.shape == (120, 160, 3)
    cv2.imwrite(str(tmp_path / "x_rgb.png"), big[:, :200])
    with pytest.raises(UserError, match=r"200x240 but x_depth_mm.png is 160x120"):
        open_source(f"rgbd:{tmp_path}").scene(0)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nonsense", "unknown data source 'nonsense'"),
        ("procedural:5", "unknown data source"),
        ("rgbd:", "unknown data source"),
        ("nyu:FILE.mat", "FILE.mat is not a file"),
        ("matterport:DIR", "sources are procedural"),
        ("rgbd:{folder}/nowhere", "is not a folder"),
        ("rgbd:{folder}?rgb=*_x.png", "no pair of"),
        ("rgbd:{folder}?scale=much", "scale=much is not a positive number"),
        ("rgbd:{folder}?scale=0", "not a positive number"),
        ("rgbd:{folder}?colour=*_x.png", "unknown option 'colour'"),
        ("rgbd:{folder}?rgb=x.png", "not one name with one"),
        ("rgbd:{folder}?depth=*_depth*.png", "not one name with one"),
        ("rgbd:{folder}?rgb=*_depth_mm.png&depth=*_rgb.png", "the unit of *_rgb.png is not known"),
    ],
)
def test_bad_sources(rgbd_folder: Path, text: str, words: str) -> None:
    with pytest.raises(UserError) as error:
        open_source(text.format(folder=rgbd_folder))
    assert words in str(error.value)


def test_an_implausible_scale_is_named_with_a_likely_one(rgbd_folder: Path) -> None:
    for scale in ("1", "0.000001"):
        with pytest.raises(UserError, match=r"median depth would be .*scale=0.001"):
            open_source(f"rgbd:{rgbd_folder}?scale={scale}").scene(0)


def test_unreadable_files_are_named(rgbd_folder: Path) -> None:
    (rgbd_folder / "hall_rgb.png").write_text("not a picture")
    source = open_source(f"rgbd:{rgbd_folder}")
    with pytest.raises(UserError, match=r"hall_rgb.png cannot be read"):
        source.scene(3)
    (rgbd_folder / "desk1_depth_mm.png").write_bytes(b"")
    with pytest.raises(UserError, match=r"desk1_depth_mm.png cannot be read"):
        source.scene(0)
    Image.new("I;16", (160, 120)).save(rgbd_folder / "desk2_depth_mm.png")
    with pytest.raises(UserError, match="hardly any depth"):
        source.scene(1)
    Image.new("RGB", (160, 120)).save(rgbd_folder / "desk3_depth_mm.png")
    with pytest.raises(UserError, match="colour picture"):
        source.scene(2)


def test_survey_and_sheet(rgbd_folder: Path) -> None:
    (rgbd_folder / "hall_rgb.png").write_text("not a picture")
    found = list(survey(open_source(f"rgbd:{rgbd_folder}")))
    assert [bool(fact.problem) for fact in found] == [False, False, False, True]
    assert found[0].near_m < found[0].median_m < found[0].far_m
    assert 0.9 < found[0].valid_share < 1
    source = open_source("procedural")
    sheet = contact_sheet([source.scene(i, (60, 80)) for i in range(5)], 80)
    assert sheet.shape == (240, 320, 3)
    assert len(list(survey(source, 2))) == 2


def test_the_shared_rgbd_scenes_are_all_usable(dev_data: Path) -> None:
    source = open_source(f"rgbd:{dev_data / 'rgbd'}")
    found = list(survey(source, 6))
    assert len(source) > 50
    assert not [fact.problem for fact in found if fact.problem]
