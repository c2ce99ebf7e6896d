"""The point cloud and the viewer page."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgedepth.capture import DepthResult, infer_depth, read_sweep
from edgedepth.capture.cloud import VERTEX, point_cloud, write_ply
from edgedepth.capture.viewer import pack_depth, viewer_record, write_viewer
from tests.capture.conftest import Edgedepth
from tests.capture.scenes import FAR_M


@pytest.fixture(scope="module")
def result(good_sweep: Path, model: Path) -> DepthResult:
    return infer_depth(read_sweep(good_sweep), model)


def test_points_project_back_to_their_pixels() -> None:
    rng = np.random.default_rng(0)
    depth = rng.uniform(0.3, 5, (30, 40)).astype(np.float32)
    depth[4, 5], depth[6, 7] = np.nan, 100.0
    rgb = rng.integers(0, 255, (30, 40, 3), dtype=np.uint8)
    points = point_cloud(depth, rgb, (50.0, 60.0))
    assert len(points) == 30 * 40 - 2
    columns = np.rint(points["x"] / points["z"] * 50 + 19.5).astype(int)
    rows = np.rint(points["y"] / points["z"] * 60 + 14.5).astype(int)
    np.testing.assert_array_equal(points["z"], depth[rows, columns])
    colours = np.stack([points[c] for c in ("red", "green", "blue")], axis=-1)
    np.testing.assert_array_equal(colours, rgb[rows, columns])


def test_ply_is_valid_and_metric(result: DepthResult, tmp_path: Path) -> None:
    write_ply(tmp_path / "cloud.ply", result)
    header, body = (tmp_path / "cloud.ply").read_bytes().split(b"end_header\n", 1)
    lines = header.decode("ascii").splitlines()
    assert lines[:2] == ["ply", "format binary_little_endian 1.0"]
    (count,) = (int(line.split()[2]) for line in lines if line.startswith("element vertex"))
    points = np.frombuffer(body, VERTEX)
    assert len(points) == count == np.isfinite(result.depth_m).sum()
    far = float(np.median(points["z"][points["z"] > 1]))
    assert abs(1 / far - 1 / FAR_M) < 0.25
    width_there = np.ptp(points["x"][np.abs(points["z"] - far) < 0.2])
    view = 9.8 / 12 * far  # sensor width over focal length, at that distance
    assert 0.3 * view < width_there < 1.2 * view


def unpack(url: str) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    raw = np.frombuffer(base64.b64decode(url.split(",", 1)[1]), np.uint8)
    return cv2.imdecode(raw, cv2.IMREAD_COLOR)


def test_packed_depth_comes_back() -> None:
    dioptres = np.linspace(0.2, 3, 300, dtype=np.float32).reshape(10, 30)
    dioptres[2, 3] = np.nan
    packed = pack_depth(dioptres, np.full((10, 30), 0.5, np.float32), 0.2, 3.0)
    level = (packed[..., 2].astype(int) * 256 + packed[..., 1]) / 65535
    known = packed.any(axis=-1)
    np.testing.assert_array_equal(known, np.isfinite(dioptres))
    np.testing.assert_allclose(0.2 + 2.8 * level[known], dioptres[known], atol=1e-4)
    assert (packed[known][:, 0] == 128).all()


def test_viewer_is_one_file_that_holds_everything(result: DepthResult, tmp_path: Path) -> None:
    write_viewer(tmp_path / "viewer.html", result)
    page = (tmp_path / "viewer.html").read_text()
    assert "__DATA__" not in page
    assert not re.search(r"(src|href)=|https?://|@import|fetch\(", page)
    match = re.search(r"^const data = (.*);$", page, re.M)
    assert match is not None
    data = json.loads(match[1])
    assert len(data["frames"]) == len(data["planes"]) == 5
    assert data["planes"] == sorted(data["planes"])
    depth = unpack(data["depth"])
    level = (depth[..., 2].astype(int) * 256 + depth[..., 1]) / 65535
    metres = 1 / (data["far"] + (data["near"] - data["far"]) * level)
    known = depth.any(axis=-1) & np.isfinite(result.depth_m)
    np.testing.assert_allclose(metres[known], result.depth_m[known], rtol=1e-3)
    assert unpack(data["frames"][0]).shape == (384, 512, 3)


def test_viewer_of_an_uncalibrated_sweep_names_no_metres(
    good_sweep: Path, model: Path, tmp_path: Path
) -> None:
    result = infer_depth(read_sweep(good_sweep, uncalibrated=True), model)
    assert viewer_record(result)["metric"] is False


def test_command_writes_both(
    edgedepth: Edgedepth, good_sweep: Path, model: Path, tmp_path: Path
) -> None:
    arguments = ("infer", good_sweep, "--model", model, "-o", tmp_path / "out")
    done = edgedepth(*arguments, "--ply", "--viewer")
    assert done.returncode == 0, done.stderr
    assert {"cloud.ply", "viewer.html"} <= {p.name for p in (tmp_path / "out").iterdir()}
    assert edgedepth(*arguments).returncode == 0
    assert not (tmp_path / "out" / "cloud.ply").exists()
    assert edgedepth(*arguments, "--ply", "--uncalibrated").returncode == 2


def test_full_size_map_and_a_size_that_would_distort(
    edgedepth: Edgedepth, good_sweep: Path, model: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    arguments = ("infer", good_sweep, "--model", model, "-o", out, "--size")
    assert edgedepth(*arguments, "960x720").returncode == 0
    assert np.load(out / "depth.npy").shape == (720, 960)
    done = edgedepth(*arguments, "960x960")
    assert (done.returncode, "960x720" in done.stderr) == (1, True)
