from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from edgedepth.config import LossWeights, TrainConfig, preset_config, quick, single_image
from edgedepth.cues import CUE_PLANES
from edgedepth.data.pool import (
    BatchConfig,
    PackedStack,
    PoolConfig,
    batch_at,
    frame_planes,
    pack,
    stack_path,
    vary,
)
from edgedepth.data.recipe import Recipe, random_stack
from edgedepth.data.sources import open_source
from edgedepth.errors import UserError
from edgedepth.files import write_arrays
from edgedepth.rundir import RunDirectory, read_arrays
from edgedepth.spec import ModelSpec
from edgedepth.validation import validation_stacks

SPEC = ModelSpec("mobile", 32, 48, CUE_PLANES, focus_encoding="sweep", output="sweep")
PAPER = ModelSpec(
    "paper", 80, 80, 0, focus_encoding="metres", output="metres", all_in_focus_first=True
)
RECIPE = Recipe(height=64, width=96, frames=6)
POOL = PoolConfig(("procedural",), (), RECIPE, 0, 6, 20, 0.5, 3, "edgedepth")


@pytest.fixture(scope="module")
def sample():
    return random_stack(RECIPE, 3, [open_source("procedural")])


@pytest.fixture
def fake_stack():
    def make(index: int) -> PackedStack:
        rng = np.random.default_rng(index)
        divisor = 2 if POOL.is_coarse(index) else 1
        h, w = SPEC.height // divisor, SPEC.width // divisor
        return PackedStack(
            rng.integers(0, 255, (6, h, w, 3), dtype=np.uint8),
            rng.uniform(0, 0.2, (6, h, w, 2)).astype(np.float16),
            np.ones((6, h, w), bool),
            np.sort(rng.uniform(0.1, 3, 6)).astype(np.float32),
            2.0,
            rng.uniform(0.1, 3, (h, w)).astype(np.float32),
            np.ones((h, w), bool),
        )

    return make


def test_packing_keeps_the_grid_and_marks_the_unknown(sample):
    hidden = sample.valid.copy()
    hidden[:20] = False
    packed = pack(replace(sample, valid=hidden), SPEC, SPEC.height, SPEC.width)
    assert packed.rgb.shape == (6, 32, 48, 3)
    assert packed.energy is not None
    assert packed.energy.shape == (6, 32, 48, 2)
    assert frame_planes(packed, SPEC).shape == (6, 32, 48, SPEC.channels)
    assert packed.inverse_depth.shape == packed.valid.shape == (32, 48)
    assert not packed.valid[:9].any()
    assert np.all(packed.inverse_depth[~packed.valid] == 0)
    inside = packed.inverse_depth[packed.valid]
    assert 1 / sample.depth_m.max() - 1e-6 <= inside.min() <= inside.max()
    assert packed.cue_coc == pytest.approx(sample.coc_px_per_dioptre)


def test_the_paper_gets_the_sharp_picture_first(sample):
    square = random_stack(Recipe(height=80, width=80, frames=4), 1, [open_source("procedural")])
    packed = pack(square, PAPER, 80, 80)
    assert packed.energy is None
    assert frame_planes(packed, PAPER).shape == (5, 80, 80, 3)
    np.testing.assert_array_equal(packed.rgb[0], square.sharp)
    rng = np.random.default_rng(0)
    assert np.array_equal(vary(packed, 2, PAPER, rng).focus_dioptres[:1], [0])


def test_single_images_are_the_sharp_pictures_alone():
    config = single_image(preset_config("paper"))
    batch = batch_at(3, config.batch, POOL, PAPER, fake_paper_stack)
    assert batch.frames.shape == (4, 1, 80, 80, 3)
    np.testing.assert_array_equal(batch.focus, np.zeros((4, 1)))
    drawn = {stack_of(picture) for picture in batch.frames[:, 0]}
    assert drawn <= set(range(POOL.available(3)))
    five = batch_at(3, preset_config("paper").batch, POOL, PAPER, fake_paper_stack)
    assert five.frames.shape == (4, 6, 80, 80, 3)
    assert (five.frames[:, 1:] >= 100).all()


def fake_paper_stack(index: int) -> PackedStack:
    """Frames that say whose they are: the sharp one the stack's index, the planes more."""
    rgb = np.full((6, 80, 80, 3), 100 + index, np.uint8)
    rgb[0] = index
    focus = np.array([0, 0.2, 0.5, 1, 2, 3], np.float32)
    known = np.ones((80, 80), bool)
    return PackedStack(rgb, None, None, focus, 2.0, known.astype(np.float32), known)


def stack_of(picture: np.ndarray) -> int:
    assert picture.min() == picture.max()
    return int(picture.min())


def test_validation_of_single_images_has_no_planes():
    config = replace(
        single_image(quick(preset_config("paper"))),
        height=80,
        width=80,
        recipe=Recipe(height=80, width=80, frames=5),
        validation_stacks=1,
    )
    (alone,) = validation_stacks(config, PAPER)
    (with_planes,) = validation_stacks(replace(config, batch=preset_config("paper").batch), PAPER)
    assert alone.batch.frames.shape == (1, 1, 80, 80, 3)
    assert with_planes.batch.frames.shape == (1, 6, 80, 80, 3)
    np.testing.assert_array_equal(alone.batch.frames[:, 0], with_planes.batch.frames[:, 0])
    np.testing.assert_array_equal(alone.truth_m, with_planes.truth_m)
    np.testing.assert_array_equal(alone.classical_m, with_planes.classical_m)


def test_a_short_run_of_single_images_stays_one():
    assert quick(single_image(preset_config("paper"))).single_image
    assert not quick(preset_config("paper")).single_image
    with pytest.raises(UserError, match="--single-image does not go with --preset mobile"):
        single_image(preset_config("mobile"))


def test_a_batch_is_a_function_of_its_step(fake_stack):
    config = BatchConfig(frames_per_batch=12)
    one, two = (batch_at(7, config, POOL, SPEC, fake_stack) for _ in range(2))
    np.testing.assert_array_equal(one.frames, two.frames)
    np.testing.assert_array_equal(one.inverse_depth, two.inverse_depth)
    other = batch_at(8, config, POOL, SPEC, fake_stack)
    assert other.frames.shape != one.frames.shape or (other.frames != one.frames).any()


def test_batches_draw_only_from_what_exists_at_their_step(fake_stack):
    asked: list[int] = []

    def spy(index: int) -> PackedStack:
        asked.append(index)
        return fake_stack(index)

    for step in range(40):
        asked.clear()
        batch = batch_at(step, BatchConfig(frames_per_batch=12), POOL, SPEC, spy)
        assert max(asked) < POOL.available(step)
        coarse = {POOL.is_coarse(i) for i in asked}
        assert len(coarse) == 1
        assert batch.frames.shape[0] == len(asked)
    assert POOL.available(0) == 6
    assert POOL.available(1000) == 20


def test_frames_come_in_focus_order_either_way(fake_stack):
    directions = set()
    for seed in range(20):
        varied = vary(fake_stack(0), 4, SPEC, np.random.default_rng(seed))
        steps = np.sign(np.diff(varied.focus_dioptres))
        assert abs(steps.sum()) == 3
        directions.add(int(steps[0]))
        assert len(varied.rgb) == 4
    assert directions == {-1, 1}


def test_the_ends_of_the_sweep_mostly_stay(fake_stack):
    stack = fake_stack(0)
    low, high = stack.focus_dioptres.min(), stack.focus_dioptres.max()
    kept = 0
    for seed in range(200):
        focus = vary(stack, 3, SPEC, np.random.default_rng(seed)).focus_dioptres
        kept += bool(low in focus and high in focus)
    assert 140 < kept < 195


def test_most_single_pictures_are_focused_at_what_they_show(fake_stack):
    stack = replace(
        fake_stack(0),
        inverse_depth=np.full_like(fake_stack(0).inverse_depth, 1.02),
        focus_dioptres=np.array([3, 2, 1, 0.5, 0.3, 0.1], np.float32),
    )
    stack = replace(stack, valid=np.ones(stack.valid.shape, bool))
    drawn = [
        float(vary(stack, 1, SPEC, np.random.default_rng(seed)).focus_dioptres[0])
        for seed in range(300)
    ]
    near = sum(focus == 1 for focus in drawn) / len(drawn)
    assert 0.75 < near < 0.91  # four in five, and a sixth of the others
    blind = replace(stack, valid=np.zeros_like(stack.valid))
    others = {
        float(vary(blind, 1, SPEC, np.random.default_rng(seed)).focus_dioptres[0])
        for seed in range(100)
    }
    assert len(others) == 6


def test_mirroring_moves_picture_and_truth_together():
    ramp = np.tile(np.arange(48, dtype=np.uint8), (32, 1))
    stack = PackedStack(
        np.repeat(ramp[None, :, :, None], 3, -1).repeat(3, 0),
        np.repeat(ramp[None, :, :, None], 2, -1).repeat(3, 0).astype(np.float16),
        np.ones((3, 32, 48), bool),
        np.array([0.5, 1, 2], np.float32),
        2.0,
        ramp.astype(np.float32),
        np.ones((32, 48), bool),
    )
    for seed in range(6):
        varied = vary(stack, 3, SPEC, np.random.default_rng(seed))
        np.testing.assert_array_equal(varied.rgb[0, ..., 0], varied.inverse_depth)
        assert varied.energy is not None
        np.testing.assert_array_equal(varied.energy[0, ..., 0], varied.inverse_depth)


def test_configuration_round_trip():
    for config in (TrainConfig(), preset_config("paper"), quick(preset_config("mobile"))):
        assert TrainConfig.from_json(config.to_json(), "config.json") == config
    with pytest.raises(UserError, match="schema"):
        TrainConfig.from_json('{"schema": "other/9"}', "config.json")
    with pytest.raises(UserError, match="not a run's configuration"):
        TrainConfig.from_json("[]", "config.json")


def test_a_configuration_of_before_the_loss_was_kept_has_today_s():
    record = json.loads(TrainConfig().to_json())
    for name in ("loss", "qat_start_from"):
        del record[name]
    assert TrainConfig.from_json(json.dumps(record), "config.json") == TrainConfig()
    record["loss"] = {"relative": 3.0}
    assert TrainConfig.from_json(json.dumps(record), "config.json").loss == LossWeights(relative=3)
    record["loss"] = {"unheard": 1}
    with pytest.raises(UserError, match="unheard"):
        TrainConfig.from_json(json.dumps(record), "config.json")


def test_the_pool_grows_over_the_phase_that_there_is():
    config = replace(TrainConfig(), pool_start=10, pool_size=110, qat_steps=40)
    assert replace(config, float_steps=100).pool.available(25) == 60
    assert replace(config, float_steps=0).pool.available(10) == 60


def test_run_directory_keeps_what_it_has(tmp_path):
    run = RunDirectory(tmp_path / "run")
    run.create(TrainConfig())
    with pytest.raises(UserError, match="--resume"):
        run.create(TrainConfig())
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").touch()
    with pytest.raises(UserError, match="not an empty folder"):
        RunDirectory(tmp_path / "other").create(TrainConfig())
    with pytest.raises(UserError, match="not a run directory"):
        RunDirectory(tmp_path / "none").config()
    with pytest.raises(UserError, match="has not ended"):
        run.load_weights("qat")


def test_records_after_a_checkpoint_are_forgotten(tmp_path):
    run = RunDirectory(tmp_path / "run")
    run.create(TrainConfig())
    for step in (20, 40, 60):
        run.log({"step": step, "loss": 1.0})
    with (tmp_path / "run" / "metrics.jsonl").open("a") as file:
        file.write('{"step": 80, "lo')
    run.forget_after(40)
    assert [r["step"] for r in run.records()] == [20, 40]


def test_writes_are_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "weights.npz"
    write_arrays(path, {"a": np.arange(3)})

    def full(*_args: object, **_kw: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space"):
        write_arrays(path, {"a": np.arange(9)})
    assert np.array_equal(read_arrays(path)["a"], np.arange(3))
    assert [p.name for p in tmp_path.iterdir()] == ["weights.npz"]
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(UserError, match="damaged"):
        read_arrays(path)


def test_stack_files_sort_by_index(tmp_path):
    assert stack_path(tmp_path, 7) < stack_path(tmp_path, 12)
