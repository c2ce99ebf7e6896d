from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from edgedepth.data.nyu import test_split as split
from edgedepth.data.recipe import Recipe, random_stack
from edgedepth.data.sources import open_source
from edgedepth.errors import UserError

h5py = pytest.importorskip("h5py", reason="reading NYU's file needs h5py")


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """Three scenes of 80x60 laid out as MATLAB does: (scene, colour, column, row)."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, (3, 3, 80, 60), dtype=np.uint8)
    depths = rng.uniform(0.8, 6, (3, 80, 60)).astype(np.float32)
    raw = depths.copy()
    raw[:, :10, :5] = 0
    path = tmp_path / "nyu.mat"
    with h5py.File(path, "w") as file:
        file["images"], file["depths"], file["rawDepths"] = images, depths, raw
        file["labels"] = rng.integers(0, 894, (3, 80, 60)).astype(np.uint16)
    return path


def test_pictures_stand_upright_and_the_unseen_is_not_valid(labelled: Path) -> None:
    source = open_source(f"nyu:{labelled}")
    assert len(source) == 3
    scene = source.scene(1)
    assert scene.rgb.shape == (60, 80, 3)
    assert scene.name == "nyu_00001"
    with h5py.File(labelled, "r") as file:
        assert np.allclose(scene.rgb[7, 30] * 255, file["images"][1, :, 30, 7], atol=1e-3)
        assert scene.depth_m[7, 30] == file["depths"][1, 30, 7]
    assert not scene.valid[:5, :10].any()
    assert scene.valid.sum() == 60 * 80 - 50


def test_labels_stand_upright_too(labelled: Path) -> None:
    scene = open_source(f"nyu:{labelled}").scene(1)
    assert scene.labels is not None
    with h5py.File(labelled, "r") as file:
        assert scene.labels[7, 30] == file["labels"][1, 30, 7]
        assert scene.labels.shape == scene.depth_m.shape


def test_names_can_be_left_out(labelled: Path) -> None:
    source = open_source(f"nyu:{labelled}", exclude=["nyu_00000"])
    assert source.scene(0).name == "nyu_00001"
    with pytest.raises(UserError, match="none of 3 scenes"):
        open_source(f"nyu:{labelled}", include=["x"])


def test_it_makes_stacks(labelled: Path) -> None:
    recipe = Recipe(height=32, width=48)
    stack = random_stack(recipe, 0, [open_source(f"nyu:{labelled}")])
    assert stack.name.startswith("nyu_")
    assert stack.frames.shape == (recipe.frames, 32, 48, 3)


def test_bad_files(tmp_path: Path) -> None:
    text = tmp_path / "text.mat"
    text.write_text("not HDF5")
    with pytest.raises(UserError, match="cannot be read") as error:
        open_source(f"nyu:{text}")
    assert "\n" not in str(error.value)
    with h5py.File(tmp_path / "other.mat", "w") as file:
        file["x"] = np.zeros(3)
    with pytest.raises(UserError, match="no images and depths"):
        open_source(f"nyu:{tmp_path / 'other.mat'}")


def test_without_h5py_the_way_out_is_named(labelled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(UserError, match="pip install h5py"):
        open_source(f"nyu:{labelled}")


def test_the_official_split_is_shipped() -> None:
    held = split()
    assert len(held) == 654
    assert min(held) == 0
    assert max(held) == 1448
    assert {8, 13, 1425} & held == {8, 13}
    assert not {2, 3, 7, 9} & held


def test_halves_of_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "whole.mat"
    with h5py.File(path, "w") as file:
        file.create_dataset("images", (1449, 3, 8, 6), "u1")
        file.create_dataset("depths", (1449, 8, 6), "f4", fillvalue=2)
    train, test = (open_source(f"nyu:{path}?split={half}") for half in ("train", "test"))
    assert (len(train), len(test)) == (795, 654)
    names = {"nyu_00000", "nyu_00002"}
    assert names & {train.scene(0).name, test.scene(0).name} == names
    assert len(open_source(f"nyu:{path}")) == 1449


def test_a_split_that_is_not_there(labelled: Path) -> None:
    with pytest.raises(UserError, match=r"holds 3 scenes; the official split is one of 1449"):
        open_source(f"nyu:{labelled}?split=train")
    with pytest.raises(UserError, match=r"split=val.*train\|test\|all"):
        open_source(f"nyu:{labelled}?split=val")
    with pytest.raises(UserError, match="unknown option 'half'"):
        open_source(f"nyu:{labelled}?half=test")


def rewrite(path: Path, name: str, values: np.ndarray) -> None:
    with h5py.File(path, "r+") as file:
        del file[name]
        file[name] = values


def test_pictures_and_depth_of_unequal_size(labelled: Path) -> None:
    rewrite(labelled, "depths", np.ones((3, 80, 50), np.float32))
    with pytest.raises(UserError, match=r"nyu.mat: images are 80x60 but depths are 80x50"):
        open_source(f"nyu:{labelled}")


def test_depth_that_is_no_number_or_in_another_unit(labelled: Path) -> None:
    depth = np.full((3, 80, 60), 2, np.float32)
    depth[0], depth[1, :40], depth[2] = np.nan, np.nan, 2000
    rewrite(labelled, "depths", depth)
    source = open_source(f"nyu:{labelled}")
    with pytest.raises(UserError, match=r"nyu.mat, scene nyu_00000 has hardly any depth"):
        source.scene(0)
    scene = source.scene(1)
    assert scene.valid.mean() == 0.5
    assert np.isfinite(scene.depth_m).all()
    with pytest.raises(UserError, match=r"nyu_00002: median depth would be 2e\+03 m"):
        source.scene(2)


@pytest.mark.parametrize("share", [0.1, 0.6, 0.95])
def test_a_truncated_file(labelled: Path, share: float) -> None:
    whole = labelled.read_bytes()
    labelled.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(UserError, match=r"nyu.mat cannot be read.*truncated"):
        open_source(f"nyu:{labelled}")
