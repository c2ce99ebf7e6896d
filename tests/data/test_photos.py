"""photos:DIR: pictures that cover procedural scenes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from edgedepth.cli import cli
from edgedepth.config import TrainConfig
from edgedepth.data import recipe as recipes
from edgedepth.data.degrade import DegradeRecipe
from edgedepth.data.photos import PhotoSource, lay, open_photos
from edgedepth.data.planes import PlaneRecipe
from edgedepth.data.pool import PoolConfig, draw_stack
from edgedepth.data.recipe import Recipe, random_stack
from edgedepth.data.sources import Source, open_for_training, open_photo_source, open_source
from edgedepth.data.survey import countable, unreadable
from edgedepth.errors import UserError
from edgedepth.validation import held_out_sources

SMALL = Recipe(height=64, width=80)
PAINTED = Recipe(height=64, width=80, procedural_share=1.0, photo_texture_share=1.0)

WITHOUT_PHOTOS = [
    ("desk2", 3.644, 1.391),
    ("procedural-1579774681", 8.696, 0.167),
    ("procedural-1312714291-photo", 2.627, 1.781),
    ("desk2", 2.970, 1.852),
    ("procedural-952243356-photo", 1.958, 2.069),
    ("procedural-548373364", 2.300, 4.072),
    ("desk2", 4.475, 0.354),
    ("procedural-1209406468-photo", 26.441, 1.000),
]
"""Name, K and first focus distance of stacks 0 to 7, drawn before there were photos. Focus comes
after everything that photos have a part in, so it tells whether the draws before it moved."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Noise of one colour each, so that it is seen where a picture went."""
    made = tmp_path / "photos"
    made.mkdir()
    rng = np.random.default_rng(0)
    for channel, (name, size) in enumerate([("a.png", 90), ("b.jpg", 120), ("c.webp", 300)]):
        picture = np.zeros((size, size + 20, 3), np.uint8)
        picture[..., channel] = rng.integers(60, 255, picture.shape[:2])
        Image.fromarray(picture).save(made / name)
    (made / "LICENCE.txt").write_text("free")
    return made


def photos(folder: Path) -> PhotoSource:
    return open_photos(f"photos:{folder}", folder, None, ())


def same(a: recipes.StackSample, b: recipes.StackSample) -> bool:
    return a.name == b.name and all(
        np.array_equal(getattr(a, part), getattr(b, part))
        for part in ("frames", "focus_dioptres", "depth_m", "valid", "sharp")
    )


EARLIER = Recipe(
    height=64,
    width=80,
    frames=8,
    coc_px_per_dioptre=(1.0, 27.0),
    max_coc_px=40.0,
    far_share=0.0,
    planes=PlaneRecipe(blind_share=0.0, layout_share=0.35, far_outside=0.42, coc_for_phone=14.0),
    degrade=DegradeRecipe(read_noise=(0.001, 0.03), shrunk_share=0.0),
)
"""What recipes were before there were photos."""


def test_without_photos_stacks_are_what_they_were(rgbd_folder: Path) -> None:
    sources = [open_source("procedural"), open_source(f"rgbd:{rgbd_folder}")]
    for seed, (name, k, focus) in enumerate(WITHOUT_PHOTOS):
        stack = random_stack(EARLIER, seed, sources)
        assert stack.name == name
        assert stack.coc_px_per_dioptre == pytest.approx(k, abs=1e-3)
        assert stack.focus_dioptres[0] == pytest.approx(focus, abs=2e-3)


def test_a_stack_is_a_function_of_recipe_seed_and_sources(folder: Path, rgbd_folder: Path) -> None:
    texts = ["procedural", f"rgbd:{rgbd_folder}", f"photos:{folder}"]
    sources, again = open_for_training(texts), open_for_training(texts)
    plain = open_for_training(texts[:2])
    painted = 0
    for seed in range(8):
        stack = random_stack(SMALL, seed, sources)
        assert same(stack, random_stack(SMALL, seed, again))
        bare = random_stack(SMALL, seed, plain)
        assert stack.name == bare.name
        if stack.name.endswith("-photo"):
            painted += not same(stack, bare)
        else:
            assert same(stack, bare)
    assert painted == 3


def test_photos_alone_cover_procedural_scenes(folder: Path) -> None:
    recipe = Recipe(
        height=64,
        width=80,
        photo_texture_share=1.0,
        permute_share=0.0,
        gain=(1.0, 1.0),
        colour_gain=(1.0, 1.0),
    )
    stack = random_stack(recipe, 3, open_for_training(["procedural", f"photos:{folder}"]))
    assert stack.name.startswith("procedural-")
    assert stack.name.endswith("-photo")
    strong = np.sort(stack.sharp.reshape(-1, 3).astype(float), axis=1)
    assert (strong[:, 1] < 0.25 * strong[:, 2] + 8).mean() > 0.98


def test_photos_and_real_pictures_share_the_surfaces(
    folder: Path, rgbd_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    laid: list[int] = []

    def counted(*arguments: Any) -> Any:
        laid.append(1)
        return lay(*arguments)

    monkeypatch.setattr(recipes, "lay", counted)
    sources = open_for_training(["procedural", f"rgbd:{rgbd_folder}", f"photos:{folder}"])
    for seed in range(10):
        random_stack(PAINTED, seed, sources)
    assert 60 * 0.55 < len(laid) < 60 * 0.92


@pytest.mark.parametrize("shape", [(64, 64), (64, 400), (500, 90), (700, 900)])
def test_any_picture_covers_any_scene(shape: tuple[int, int]) -> None:
    picture = np.random.default_rng(1).integers(40, 200, (*shape, 3), np.uint8)
    for seed in range(12):
        surface = lay(np.random.default_rng(seed), picture, 120, 160)
        assert surface.shape == (120, 160, 3)
        assert surface.dtype == np.float32
        assert 0 <= surface.min() < surface.max() <= 1
        assert surface.mean() == pytest.approx(120 / 255, abs=0.05)


def test_scales_run_from_single_pixels_to_the_whole_picture() -> None:
    """A picture's brightness rises from left to right, so a surface's range tells its extent."""
    ramp = np.linspace(0, 255, 480)[None, :, None]
    picture = np.broadcast_to(ramp, (360, 480, 3)).astype(np.uint8)
    extent = [np.ptp(lay(np.random.default_rng(s), picture, 60, 80)) for s in range(80)]
    assert min(extent) < 0.25
    assert max(extent) > 0.8
    assert 0.25 < np.median(extent) < 0.75


def test_large_pictures_are_drawn_more_often(folder: Path) -> None:
    source = photos(folder)
    picks = np.bincount([source.pick(np.random.default_rng(s)) for s in range(300)], minlength=3)
    pixels = np.array([90 * 110, 120 * 140, 300 * 320])
    assert np.allclose(picks / 300, pixels / pixels.sum(), atol=0.08)


def test_photos_have_names_and_can_be_left_out(folder: Path) -> None:
    assert photos(folder).names() == ["a", "b", "c"]
    (left,) = [
        s
        for s in open_for_training(["procedural", f"photos:{folder}"], exclude=["a*"])
        if isinstance(s, PhotoSource)
    ]
    assert left.names() == ["b", "c"]
    with pytest.raises(UserError, match="none of 3 pictures is left"):
        open_photo_source(f"photos:{folder}", exclude=["*"])
    assert open_photo_source("procedural") is None


def test_photos_need_procedural_scenes(folder: Path, rgbd_folder: Path) -> None:
    for others in ([], [f"rgbd:{rgbd_folder}"]):
        with pytest.raises(UserError, match="gives no scenes") as told:
            open_for_training([f"photos:{folder}", *others])
        assert told.value.advice == "add --data procedural"
    with pytest.raises(UserError, match="has no depth"):
        open_source(f"photos:{folder}")
    with pytest.raises(ValueError, match="source of scenes"):
        random_stack(SMALL, 0, [photos(folder)])


def test_folders_without_pictures_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a folder"):
        open_photo_source(f"photos:{tmp_path / 'nowhere'}")
    with pytest.raises(UserError, match="holds no picture"):
        open_photo_source(f"photos:{tmp_path}")


def test_bad_pictures_are_named(folder: Path) -> None:
    (folder / "b.jpg").write_bytes((folder / "b.jpg").read_bytes()[:100])
    Image.fromarray(np.zeros((20, 300, 3), np.uint8)).save(folder / "thin.png")
    sources: list[Source | PhotoSource] = [open_source("procedural"), photos(folder)]
    assert countable(sources) == 4
    seen: list[int] = []
    bad = unreadable(sources, lambda: seen.append(1))
    assert len(seen) == 4
    assert set(bad) == {"b", "thin"}
    assert "b.jpg cannot be read" in bad["b"]
    assert "thin.png is only 300x20" in bad["thin"]
    (folder / "a.png").write_text("no picture")
    with pytest.raises(UserError, match=r"a\.png cannot be read as a picture"):
        photos(folder).pick(np.random.default_rng(0))


def test_a_pool_draws_with_photos(folder: Path) -> None:
    texts = ("procedural", f"photos:{folder}")
    pool = PoolConfig(texts, (), PAINTED, 0, 2, 2, 0.0, 0, "edgedepth")
    assert draw_stack(pool, 1, pool.open_sources()).name.endswith("-photo")


def test_validation_is_the_same_with_and_without_photos(folder: Path) -> None:
    config = TrainConfig(data=("procedural", f"photos:{folder}"))
    assert [source.name for source in held_out_sources(config)] == ["procedural"]


def test_check_and_preview(folder: Path, tmp_path: Path) -> None:
    run, text = CliRunner(), f"photos:{folder}"
    sheet, out = tmp_path / "check.png", tmp_path / "preview.png"
    done = run.invoke(cli, ["data", "check", text, "--sheet", str(sheet)])
    assert done.exit_code == 0, done.output
    assert "110x90" in done.output
    assert "3 of 3 scenes looked at, 3 usable, 0 unusable\nno depth" in done.output
    assert Image.open(sheet).size == (960, 240)
    assert run.invoke(cli, ["data", "preview", text, "-o", str(out), "--first", "1"]).exit_code == 0
    assert Image.open(out).size == (640, 240)
    record = json.loads(run.invoke(cli, ["data", "check", text, "--json"]).output)
    assert [fact["name"] for fact in record["checked"]] == ["a", "b", "c"]
    refused = run.invoke(cli, ["data", "preview", text, "--augment", "-o", str(out)])
    assert isinstance(refused.exception, UserError)
    assert "no depth" in str(refused.exception)
