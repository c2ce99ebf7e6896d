"""Pictures, files and where they may go."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgedepth.capture import DepthResult, infer_depth, outputs, read_sweep, write_result
from edgedepth.capture.picture import LEAST_WIDTH, depth_picture, dioptre_limits, ticks
from edgedepth.capture.refine import upsample
from edgedepth.errors import UserError


@pytest.fixture(scope="module")
def result(good_sweep: Path, model: Path) -> DepthResult:
    return infer_depth(read_sweep(good_sweep), model)


def test_millimetres() -> None:
    depth = np.array([[np.nan, 0.3521, 65.0, 100.0, 1e-5]], np.float32)
    np.testing.assert_array_equal(outputs.depth_millimetres(depth), [[0, 352, 65000, 65535, 1]])


@pytest.mark.parametrize("size", [(480, 640), (640, 480), (4, 640), (640, 4), (2000, 1500)])
def test_depth_picture_has_colours_and_a_bar(size: tuple[int, int]) -> None:
    depth = np.linspace(0.3, 5, size[0] * size[1], dtype=np.float32).reshape(size)
    depth[:, 0] = np.nan
    picture = depth_picture(depth)
    assert picture.shape[0] > size[0]
    assert picture.shape[1] == max(size[1], LEAST_WIDTH)
    left = max(0, LEAST_WIDTH - size[1]) // 2
    near, far = picture[0, left + 1], picture[size[0] - 1, left + size[1] - 1]
    assert int(near[2]) > int(near[0])
    assert int(far[0]) > int(far[2])


def test_picture_of_a_map_that_says_nothing() -> None:
    picture = depth_picture(np.full((48, 64), np.nan, np.float32))
    assert len(np.unique(picture[:40, 50:110].reshape(-1, 3), axis=0)) == 1


def test_picture_of_a_map_that_says_nothing_has_no_metres(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    put_text = cv2.putText
    monkeypatch.setattr(cv2, "putText", lambda *a: written.append(a[1]) or put_text(*a))
    depth_picture(np.full((48, 64), np.nan, np.float32))
    assert written == ["no depth"]
    depth_picture(np.full((480, 640), 1.0, np.float32))
    assert "1 m" in written


def test_ticks_are_round_ordered_and_apart() -> None:
    limits = dioptre_limits(np.array([[0.35, 0.5, 1.0, 3.0]], np.float32))
    found = ticks(limits, 0.1)
    metres, places = zip(*found, strict=True)
    assert list(metres) == sorted(metres)
    assert len(found) >= 4
    assert np.all(np.diff(places) <= -0.1)
    assert min(places) >= 0
    assert max(places) <= 1


def test_upsampling_follows_the_edges_of_the_picture() -> None:
    """A step in depth that lies on a step in brightness stays sharp there."""
    picture = np.full((480, 640, 3), 60, np.uint8)
    picture[:, 323:] = 190
    truth = np.where(np.arange(640) < 323, 2.0, 0.5).astype(np.float32)[None].repeat(480, 0)
    small = cv2.resize(truth, (80, 60), interpolation=cv2.INTER_AREA)
    large, confidence, guide = upsample(small, np.ones_like(small), picture, (480, 640))
    assert guide.shape == picture.shape
    assert confidence is not None
    plain = cv2.resize(small, (640, 480), interpolation=cv2.INTER_LINEAR)
    strip = (slice(None), slice(315, 331))
    assert np.abs(large - truth)[strip].mean() < 0.25 * np.abs(plain - truth)[strip].mean()


def test_older_result_is_replaced_whole(result: DepthResult, tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_result(result, out)
    first = np.load(out / "depth.npy")
    write_result(replace(result, depth_m=result.depth_m * 2), out)
    np.testing.assert_array_equal(np.load(out / "depth.npy"), first * 2)
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_a_failed_write_leaves_the_older_result(result: DepthResult, tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_result(result, out)
    before = {p.name: p.read_bytes() for p in out.iterdir()}

    def full(path: Path, _: DepthResult) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(UserError, match="No space left"):
        write_result(result, out, {"cloud.ply": full})
    assert {p.name: p.read_bytes() for p in out.iterdir()} == before
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_where_output_may_go(tmp_path: Path) -> None:
    sweep = tmp_path / "sweep"
    sweep.mkdir()
    (sweep / "a.jpg").write_bytes(b"x")
    outputs.check_output(tmp_path / "new" / "deep", sweep)
    assert outputs.default_output(sweep) == tmp_path / "sweep_depth"
    with pytest.raises(UserError, match="the sweep itself"):
        outputs.check_output(sweep, sweep)
    ours = tmp_path / "ours"
    ours.mkdir()
    outputs.check_output(ours, sweep)
    (ours / "depth.npy").write_bytes(b"x")
    with pytest.raises(UserError, match="holds other files"):
        outputs.check_output(ours, sweep)
    (ours / "report.json").write_text("{}")
    outputs.check_output(ours, sweep)


def test_public_names_are_all_there() -> None:
    import edgedepth.capture

    for name in edgedepth.capture.__all__:
        assert getattr(edgedepth.capture, name).__doc__
    with pytest.raises(AttributeError):
        _ = edgedepth.capture.nothing
