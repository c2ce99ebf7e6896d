from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from edgedepth import optics
from edgedepth.data.degrade import DegradeRecipe, degrade
from edgedepth.data.planes import LAYOUTS, MOST_BEYOND, MOST_BLUR_PX, PlaneRecipe, draw_planes
from edgedepth.data.recipe import Recipe, StackSample, random_stack
from edgedepth.data.sources import Source, open_source

SMALL = Recipe(height=64, width=80)


@pytest.fixture
def sources(rgbd_folder: Path) -> list[Source]:
    return [open_source("procedural"), open_source(f"rgbd:{rgbd_folder}")]


def same(a: StackSample, b: StackSample) -> bool:
    return all(
        np.array_equal(getattr(a, f.name), getattr(b, f.name)) for f in dataclasses.fields(a)
    )


@pytest.mark.parametrize("renderer", ["edgedepth", "paper"])
def test_a_stack_is_a_function_of_its_arguments(sources: list[Source], renderer: str) -> None:
    for seed in range(4):
        first = random_stack(SMALL, seed, sources, renderer)  # type: ignore[arg-type]
        again = random_stack(SMALL, seed, list(sources), renderer)  # type: ignore[arg-type]
        assert same(first, again)
        assert not same(first, random_stack(SMALL, seed + 50, sources))


def test_shapes_types_and_ranges(sources: list[Source]) -> None:
    names, factors = set(), []
    for seed in range(16):
        a = random_stack(SMALL, seed, sources)
        assert a.frames.shape == (SMALL.frames, 64, 80, 3)
        assert a.sharp.shape == (64, 80, 3)
        assert a.depth_m.shape == a.valid.shape == (64, 80)
        assert a.frame_valid.shape == (SMALL.frames, 64, 80)
        assert a.frames.dtype == a.sharp.dtype == np.uint8
        assert a.depth_m.dtype == a.focus_dioptres.dtype == np.float32
        assert a.frame_valid[0].all()
        assert np.isfinite(a.depth_m).all()
        assert a.depth_m.min() >= 0.15 - 1e-6
        assert a.depth_m.max() <= 10 + 1e-5
        assert a.valid.mean() >= 0.25
        assert (a.focus_dioptres > 0).all()
        steps = np.diff(a.focus_dioptres)
        assert (steps >= 0).all() or (steps <= 0).all()
        low, high = SMALL.coc_px_per_dioptre
        assert low <= a.coc_px_per_dioptre <= high
        names.add(a.name.split("-")[0])
        factors.append(a.coc_px_per_dioptre)
        spread = np.ptp(np.quantile(1 / a.depth_m[a.valid], [0.02, 0.98]))
        if not any(np.isin(np.round(1 / a.focus_dioptres, 3), LAYOUTS["phone"])):
            assert spread * a.coc_px_per_dioptre < 1.5 * SMALL.max_coc_px
    assert "procedural" in names
    assert names - {"procedural"} <= {"desk1", "desk2", "desk3", "hall"}
    assert len(names) > 2
    assert min(factors) < 3
    assert max(factors) > 12


def test_scenes_are_moved_away(sources: list[Source]) -> None:
    blind = PlaneRecipe(blind_share=1.0)
    near = dataclasses.replace(SMALL, planes=blind, far_share=0.0)
    far = dataclasses.replace(near, far_share=1.0)
    depths = [
        [np.median(random_stack(recipe, seed, sources).depth_m) for seed in range(12)]
        for recipe in (near, far)
    ]
    assert np.median(depths[1]) > 1.3 * np.median(depths[0])


def test_the_planes_leave_few_pixels_outside(sources: list[Source]) -> None:
    beyond, nearer = [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        scene = 1 / sources[0].scene(seed, (24, 32)).depth_m
        planes = draw_planes(PlaneRecipe(), rng, scene, 8, float(rng.uniform(1, 27)), True)
        seen = scene / planes.depth_factor
        beyond.append((seen < planes.focus_dioptres.min() - 1e-4).mean())
        nearer.append((seen > planes.focus_dioptres.max() + 1e-4).mean())
    assert 0.09 <= np.mean(beyond) <= 0.16
    assert 0.06 <= np.mean(nearer) <= 0.13
    assert 0.1 < np.mean(np.array(beyond) == 0) < 0.6  # some stacks hold their whole scene


def test_four_in_ten_of_the_stacks_use_named_planes(sources: list[Source]) -> None:
    scene = 1 / sources[0].scene(3, (32, 40)).depth_m
    found = {"phone": 0, "dered": 0}
    for seed in range(150):
        focus = draw_planes(
            PlaneRecipe(blind_share=0.0), np.random.default_rng(seed), scene, 8, 5.0, True
        )
        metres = optics.dioptres_to_metres(focus.focus_dioptres)
        for name, planes in LAYOUTS.items():
            found[name] += all(np.abs(metres - p).min() < 1e-4 * p for p in planes)
    assert 0.3 < sum(found.values()) / 150 < 0.55
    assert min(found.values()) > 5


def test_blind_sweeps_know_nothing_of_their_scene(sources: list[Source]) -> None:
    blind = PlaneRecipe(blind_share=1.0)
    scene = 1 / sources[0].scene(5, (24, 32)).depth_m
    far_end, wide = [], []
    for seed in range(80):
        k = float(np.random.default_rng(seed + 1000).uniform(0.5, 27))
        planes = draw_planes(blind, np.random.default_rng(seed), scene, 8, k, True)
        focus = planes.focus_dioptres
        assert planes.depth_factor == 1
        assert len(focus) == 8
        assert (scene < focus.min() - 1e-4).mean() <= MOST_BEYOND + 0.05
        assert k * (focus.max() - np.quantile(scene, 0.02)) <= MOST_BLUR_PX * 1.01
        far_end.append(float(focus.min()))
        wide.append(float(np.ptp(focus) / np.ptp(scene)))
    assert max(wide) > 3 * min(wide)
    assert len(np.unique(np.round(far_end, 3))) > 30


def test_a_table_is_swept_by_a_lens_that_sweeps_rooms() -> None:
    table = 1 / np.linspace(0.6, 1.6, 400)
    blind, dered = PlaneRecipe(blind_share=1.0), LAYOUTS["dered"]
    swept = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        metres = 1 / draw_planes(blind, rng, table, 8, 20.0, True).focus_dioptres
        swept.append(all(np.abs(metres - p).min() < 1e-4 * p for p in dered))
    assert 5 < sum(swept) < 25
    for seed in range(60):  # not by one whose blur does not tell such planes apart
        rng = np.random.default_rng(seed)
        metres = 1 / draw_planes(blind, rng, table, 8, 0.5, True).focus_dioptres
        assert not all(np.abs(metres - p).min() < 1e-4 * p for p in dered)


@pytest.mark.parametrize("count", [1, 2, 3, 8, 12])
def test_any_number_of_planes(count: int) -> None:
    flat = np.full(50, 0.8)
    for seed in range(30):
        rng = np.random.default_rng(seed)
        planes = draw_planes(PlaneRecipe(), rng, flat, count, 3.0, seed % 2 == 0)
        assert planes.focus_dioptres.shape == (count,)
        assert np.isfinite(planes.focus_dioptres).all()
        assert (planes.focus_dioptres > 0).all()


def test_digest_and_json() -> None:
    recipe = Recipe(height=128, planes=PlaneRecipe(far_outside=0.1))
    assert Recipe.from_json(recipe.to_json()) == recipe
    assert recipe.digest() == Recipe.from_json(recipe.to_json()).digest()
    assert recipe.digest() != Recipe(height=128).digest()
    assert len(recipe.digest()) == 12
    with pytest.raises(TypeError, match="colour_of_the_sky"):
        Recipe.from_json('{"colour_of_the_sky": 1}')


def test_a_source_is_needed() -> None:
    with pytest.raises(ValueError, match="source"):
        random_stack(SMALL, 0, [])


def test_only_real_scenes_where_there_are_only_real_ones(sources: list[Source]) -> None:
    names = {random_stack(SMALL, seed, sources[1:]).name for seed in range(6)}
    assert names <= {"desk1", "desk2", "desk3", "hall"}


PLAIN = DegradeRecipe(
    read_noise=(1e-6, 1e-5),
    shot_noise=(1e-9, 1e-8),
    jpeg_share=0,
    drift_share=0,
    misaligned_share=0,
    vignetting_share=0,
    shrunk_share=0,
)
FOCUS = np.array([3.0, 1.0, 0.3], np.float32)


def smooth_stack() -> np.ndarray:
    ramp = np.linspace(0.2, 0.8, 80, dtype=np.float32)
    return np.broadcast_to(ramp[None, None, :, None], (3, 64, 80, 3)).copy()


def test_no_degradation_only_rounds() -> None:
    frames, valid = degrade(PLAIN, np.random.default_rng(0), smooth_stack(), FOCUS)
    assert np.abs(frames / 255 - smooth_stack()).max() < 0.003
    assert valid.all()


def test_noise_has_the_stated_spread() -> None:
    noisy = dataclasses.replace(PLAIN, read_noise=(0.02, 0.0200001))
    frames, _ = degrade(noisy, np.random.default_rng(0), smooth_stack(), FOCUS)
    assert (frames / 255 - smooth_stack()).std() == pytest.approx(0.02, rel=0.03)


def test_pictures_that_were_shrunk_are_cleaner() -> None:
    noisy = dataclasses.replace(PLAIN, read_noise=(0.03, 0.0300001), jpeg_share=1.0)
    shrunk = dataclasses.replace(noisy, shrunk_share=1.0)
    frames, _ = degrade(shrunk, np.random.default_rng(0), smooth_stack(), FOCUS)
    spread = (frames / 255 - smooth_stack()).std()
    assert spread == pytest.approx(0.03 / noisy.shrink, rel=0.05)
    assert shrunk.shrunk().shrunk_share == 0


def test_misaligned_frames_move_but_the_first_and_mask_their_borders() -> None:
    shaken = dataclasses.replace(PLAIN, misaligned_share=1.0)
    masked = 0
    for seed in range(6):
        frames, valid = degrade(shaken, np.random.default_rng(seed), smooth_stack(), FOCUS)
        assert np.abs(frames[0] / 255 - smooth_stack()[0]).max() < 0.003
        assert valid[0].all()
        assert valid[:, 4:-4, 4:-4].all()  # 1.5 px and 0.2 % reach no farther
        masked += int((~valid[1:]).sum())
    assert masked > 100


def test_vignetting_darkens_the_corners() -> None:
    dark = dataclasses.replace(PLAIN, vignetting_share=1.0)
    frames, _ = degrade(dark, np.random.default_rng(1), smooth_stack(), FOCUS)
    loss = frames / 255 / smooth_stack()
    assert loss[:, 32, 40].min() > 0.98
    assert loss[:, 0, 0].max() < 0.97
