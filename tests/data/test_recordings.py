"""The raw recordings of NYU and Matterport3D, from small files in exactly their formats."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edgedepth.data import nyu_raw
from edgedepth.data.sources import open_source
from edgedepth.errors import UserError

HEIGHT, WIDTH = 480, 640


def write_ppm(path: Path, rgb: NDArray[np.uint8]) -> None:
    height, width = rgb.shape[:2]
    path.write_bytes(f"P6 {width} {height} 255\n".encode() + rgb.tobytes())


def write_pgm(path: Path, raw: NDArray[np.uint16], order: str) -> None:
    height, width = raw.shape
    path.write_bytes(f"P5 {width} {height} 65535\n".encode() + raw.astype(f"{order}u2").tobytes())


def disparity(depth_m: float) -> int:
    return round(1092.5 - 351.3 / depth_m)


def wall_with_box() -> NDArray[np.uint16]:
    """A wall at about 3 m, a box at about 1.2 m in the middle, a strip that nothing came from."""
    raw = np.full((HEIGHT, WIDTH), disparity(3.0), np.uint16)
    raw[180:300, 260:380] = disparity(1.2)
    raw[:, 632:] = nyu_raw.NO_DISPARITY
    return raw


@pytest.fixture
def raw_folder(tmp_path: Path) -> Path:
    """Two scenes as the dump has them: unsynchronised colour and depth, and accelerometer files."""
    picture = np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    for scene, order in (("bedroom_0001", "<"), ("office_0002", ">")):
        folder = tmp_path / "raw" / scene
        folder.mkdir(parents=True)
        for time, tick in (("1294886360.208451", 1), ("1294886360.308451", 2)):
            write_ppm(folder / f"r-{time}-{tick}.ppm", picture)
        for time, tick in (("1294886360.186556", 7), ("1294886361.5", 8)):
            write_pgm(folder / f"d-{time}-{tick}.pgm", wall_with_box(), order)
        (folder / "a-1294886360.011060-3164794231.dump").write_bytes(b"\0" * 40)
        (folder / "INDEX.txt").write_text("a-1294886360.011060-3164794231.dump\n")
    return tmp_path / "raw"


def test_frames_are_paired_by_time(raw_folder: Path) -> None:
    source = open_source(f"nyu-raw:{raw_folder}")
    assert source.names() == ["bedroom_0001_1294886360.186556", "office_0002_1294886360.186556"]
    assert source.pairs[0].rgb.name == "r-1294886360.208451-1.ppm"
    one = open_source(f"nyu-raw:{raw_folder / 'office_0002'}")
    assert len(one) == 1
    assert len(open_source(f"nyu-raw:{raw_folder}", exclude=["bedroom_0001_*"])) == 1


def test_depth_comes_in_metres_whatever_the_byte_order(raw_folder: Path) -> None:
    source = open_source(f"nyu-raw:{raw_folder}")
    little, big = source.scene(0), source.scene(1)
    assert np.array_equal(little.depth_m, big.depth_m)
    assert little.depth_m.shape == (HEIGHT, WIDTH)
    known = little.depth_m[little.valid]
    wall, box = 351.3 / (1092.5 - disparity(3.0)), 351.3 / (1092.5 - disparity(1.2))
    assert np.median(known) == pytest.approx(wall, rel=0.01)
    assert little.depth_m[250, 310] == pytest.approx(box, rel=0.01)
    assert 0.5 < little.valid.mean() < 0.95
    assert not little.valid[:, :20].any()  # the colour camera sees farther to the side


def test_a_point_lands_where_the_colour_camera_sees_it() -> None:
    """The published calibration, applied by hand to one point."""
    depth = np.zeros((HEIGHT, WIDTH), np.float32)
    depth[200, 400] = 2.0
    ray = np.linalg.solve(nyu_raw.DEPTH.matrix, [400, 200, 1]) * 2.0
    there = np.linalg.inv(nyu_raw.ROTATION) @ ray - nyu_raw.TRANSLATION_M
    u, v, w = nyu_raw.COLOUR.matrix @ there
    row, column = np.argwhere(nyu_raw.project(depth) > 0)[0]
    assert (column, row) == (round(u / w), round(v / w))
    assert nyu_raw.project(depth)[row, column] == pytest.approx(there[2], rel=1e-5)


def test_what_is_near_hides_what_is_far() -> None:
    depth = np.full((HEIGHT, WIDTH), 4.0, np.float32)
    depth[200:240, 300:340] = 1.0
    seen = nyu_raw.project(depth)
    values = np.unique(seen[seen > 0].round(1))
    assert set(values) <= {1.0, 4.0}
    assert (seen.round(1) == 1).sum() > 40 * 40 * 0.7


def test_published_formula() -> None:
    raw = np.array([[600, 900, 1050, 1092, 2047, 599]], np.uint16)
    depth = nyu_raw.depth_from_disparity(raw)[0]
    assert depth[:3] == pytest.approx([351.3 / 492.5, 351.3 / 192.5, 351.3 / 42.5], rel=1e-5)
    assert not depth[3:].any()


def test_bad_recordings(raw_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"empty holds no r-\*.ppm"):
        open_source(f"nyu-raw:{tmp_path / 'empty'}")
    with pytest.raises(UserError, match="is not a folder"):
        open_source(f"nyu-raw:{tmp_path / 'nowhere'}")
    scene = raw_folder / "bedroom_0001"
    depth = next(scene.glob("d-1294886360*"))
    depth.write_bytes(depth.read_bytes()[:5000])
    source = open_source(f"nyu-raw:{raw_folder}")
    with pytest.raises(UserError, match=r"d-.*pgm (cannot be read|holds no)"):
        source.scene(0)
    write_pgm(depth, np.full((HEIGHT, WIDTH), 5000, np.uint16), ">")
    with pytest.raises(UserError, match="no 11-bit disparities"):
        source.scene(0)
    write_pgm(depth, np.full((240, 320), 900, np.uint16), ">")
    with pytest.raises(UserError, match=r"is 640x480 but d-.* is 320x240"):
        source.scene(0)
    write_pgm(depth, np.full((HEIGHT, WIDTH), 2047, np.uint16), "<")
    with pytest.raises(UserError, match="hardly any depth"):
        source.scene(0)


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """One scan of two pictures at a quarter of the real size."""
    scan = tmp_path / "v1" / "scans" / "17DRP5sb8fy" / "17DRP5sb8fy"
    colours, depths = scan / "undistorted_color_images", scan / "undistorted_depth_images"
    colours.mkdir(parents=True)
    depths.mkdir()
    rng = np.random.default_rng(0)
    for place in ("0_0", "1_5"):
        picture = rng.integers(0, 255, (256, 320, 3), dtype=np.uint8)
        depth = rng.integers(4000, 20000, (256, 320), dtype=np.uint16)
        depth[:40] = 0
        cv2.imwrite(str(colours / f"0f37bd0737e349de9d536263a4bdd60d_i{place}.jpg"), picture)
        cv2.imwrite(str(depths / f"0f37bd0737e349de9d536263a4bdd60d_d{place}.png"), depth)
    return tmp_path / "v1" / "scans"


def test_matterport_depth_is_in_quarter_millimetres(scans: Path) -> None:
    source = open_source(f"matterport3d:{scans}")
    uuid = "0f37bd0737e349de9d536263a4bdd60d"
    assert source.names() == [f"17DRP5sb8fy_{uuid}_0_0", f"17DRP5sb8fy_{uuid}_1_5"]
    scene = source.scene(1)
    raw = cv2.imread(str(next(scans.rglob("*_d1_5.png"))), cv2.IMREAD_UNCHANGED)
    assert np.allclose(scene.depth_m, raw / 4000)
    assert np.array_equal(scene.valid, raw > 0)
    assert len(open_source(f"matterport3d:{next(scans.rglob('undistorted_color_images'))}")) == 2


def test_bad_scans(scans: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a folder"):
        open_source(f"matterport3d:{tmp_path / 'nowhere'}")
    for path in scans.rglob("*_d*.png"):
        path.unlink()
    with pytest.raises(UserError, match="undistorted_depth_images"):
        open_source(f"matterport3d:{scans}")
