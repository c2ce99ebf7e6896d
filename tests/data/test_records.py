"""Stacks in TFRecord shards: the format, writing that stops and goes on, reading for training."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgedepth.data import records
from edgedepth.data.paper_stack import COC_PX_PER_METRE, paper_stack
from edgedepth.data.pool import PoolConfig, draw_stack
from edgedepth.data.recipe import Recipe, StackSample, random_stack
from edgedepth.data.record_source import RecordSource, cropped
from edgedepth.data.records import StackJob, begin, decode_stack, encode_stack, write_shard
from edgedepth.data.sources import open_source
from edgedepth.data.synth import write_stacks
from edgedepth.data.tfrecord import (
    decode_example,
    encode_example,
    masked_crc,
    read_record,
    record_offsets,
    write_records,
)
from edgedepth.errors import UserError

SMALL = Recipe(height=48, width=64, frames=3)
JOB = StackJob("procedural", 5, 7, 3, recipe=SMALL)


def synth(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "edgedepth", "synth", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.fixture(scope="module")
def stack() -> StackSample:
    sample = random_stack(SMALL, 3, [open_source("procedural")])
    valid = sample.valid.copy()
    valid[:7] = False
    return replace(sample, valid=valid)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stacks") / "out"
    outcome = write_stacks(JOB, folder, 1, False, lambda _: None)
    assert outcome.names == tuple(f"procedural-{i}" for i in range(5, 12))
    return folder


def test_checksums_are_those_of_the_standard() -> None:
    # CRC-32C of "123456789" is E3069283 (RFC 3720's polynomial).
    assert masked_crc(b"123456789") == (((0xE3069283 >> 15) | (0xE3069283 << 17)) + 0xA282EAD8) % (
        1 << 32
    )


@given(
    st.dictionaries(
        st.text(min_size=1, max_size=8),
        st.one_of(
            st.lists(st.binary(max_size=300), min_size=1, max_size=4),
            st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=4),
            st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=4),
        ),
        max_size=4,
    )
)
def test_examples_come_back(features: dict[str, list]) -> None:
    assert decode_example(encode_example(features)) == features


def test_records_come_back_and_damage_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.tfrecord"
    said = [b"", b"one", bytes(range(256)) * 40]
    assert write_records(path, said) == 3
    assert [read_record(path, o) for o in record_offsets(path)] == said
    whole = path.read_bytes()
    path.write_bytes(whole[:-3])
    with pytest.raises(UserError, match="cut short"):
        record_offsets(path)
    path.write_bytes(whole[:40] + b"?" + whole[41:])
    with pytest.raises(UserError, match="a checksum is wrong"):
        read_record(path, record_offsets(path)[2])
    path.write_bytes(b"not a record file at all")
    with pytest.raises(UserError, match="a checksum is wrong"):
        record_offsets(path)


@pytest.mark.train
@pytest.mark.slow
def test_tensorflow_reads_the_shards(written: Path) -> None:
    from edgedepth.models.backend import tf

    files = sorted(str(p) for p in written.glob("*.tfrecord"))
    found = [
        tf.io.parse_single_example(
            record,
            {
                "name": tf.io.FixedLenFeature([], tf.string),
                "index": tf.io.FixedLenFeature([], tf.int64),
                "frames": tf.io.FixedLenFeature([3], tf.string),
                "focus_dioptres": tf.io.FixedLenFeature([3], tf.float32),
            },
        )
        for record in tf.data.TFRecordDataset(files)
    ]
    assert [int(f["index"]) for f in found] == list(range(5, 12))
    picture = tf.io.decode_png(found[1]["frames"][2]).numpy()
    ours = open_source(f"tfrecord:{written}").stack(1)
    assert np.array_equal(picture, ours.frames[2])
    assert np.array_equal(found[1]["focus_dioptres"].numpy(), ours.focus_dioptres)


def test_a_stack_comes_back(stack: StackSample) -> None:
    again = decode_stack(encode_stack(stack, 3))
    for name in ("frames", "focus_dioptres", "valid", "frame_valid", "sharp"):
        assert np.array_equal(getattr(again, name), getattr(stack, name)), name
    assert again.name == stack.name
    assert again.coc_px_per_dioptre == pytest.approx(stack.coc_px_per_dioptre)
    assert np.abs(again.depth_m - stack.depth_m).max() <= stack.depth_m.max() / 65535
    with pytest.raises(ValueError, match="not of schema"):
        decode_stack(encode_example({"schema": [b"other"]}))


def test_shards_hold_every_stack_once(written: Path) -> None:
    source = open_source(f"tfrecord:{written}")
    assert isinstance(source, RecordSource)
    assert source.names() == [f"procedural-{i}" for i in range(5, 12)]
    fresh = records.render(JOB, open_source("procedural"), 8)
    assert np.array_equal(source.stack(3).frames, fresh.frames)
    scene = source.scene(3)
    assert scene.rgb.shape == (48, 64, 3)
    assert len(open_source(f"tfrecord:{written}", exclude=["*-5", "*-11"])) == 5


def test_what_was_begun_goes_on(written: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    assert begin(JOB, folder, resume=False) == [0, 1, 2]
    write_shard(JOB, folder, 1)
    (folder / ".stacks-00000-of-00003.tfrecord.99.part").write_bytes(b"cut off")
    with pytest.raises(UserError, match=r"holds 1 of 3 shards; .*--resume"):
        open_source(f"tfrecord:{folder}")
    with pytest.raises(UserError, match="add --resume"):
        begin(JOB, folder, resume=False)
    with pytest.raises(UserError, match="other options"):
        begin(replace(JOB, count=9), folder, resume=True)
    assert begin(JOB, folder, resume=True) == [0, 2]
    write_stacks(JOB, folder, 1, True, lambda _: None)
    for path in written.glob("stacks*"):
        assert (folder / path.name).read_bytes() == path.read_bytes()


def test_training_draws_every_record_once_per_round(written: Path) -> None:
    config = PoolConfig((f"tfrecord:{written}",), (), SMALL, 0, 6, 20, 0.5, 0, "edgedepth")
    sources = config.open_sources()
    drawn = [draw_stack(config, i, sources).name for i in range(14)]
    assert sorted(drawn[:7]) == sorted(drawn[7:]) == sorted(sources[0].names())
    assert drawn[:7] != drawn[7:]
    both = replace(config, sources=(*config.sources, "procedural"))
    names = {draw_stack(both, i, both.open_sources()).name for i in range(12)}
    assert names & set(sources[0].names())
    assert names - set(sources[0].names())


def test_larger_stacks_are_cropped_and_smaller_ones_refused(stack: StackSample) -> None:
    recipe = replace(SMALL, height=32, width=40)
    corners = set()
    for seed in range(6):
        part = cropped(stack, recipe, np.random.default_rng(seed), "x")
        assert part.frames.shape == (3, 32, 40, 3)
        assert part.valid.shape == part.frame_valid.shape[1:] == part.depth_m.shape == (32, 40)
        corners.add(part.sharp[0, 0].tobytes())
    assert len(corners) > 3
    with pytest.raises(UserError, match="stacks of 64x48, but training crops 80x48"):
        cropped(stack, replace(SMALL, width=80), np.random.default_rng(0), "x")


def test_the_papers_settings() -> None:
    scene = open_source("procedural").scene(3, (96, 128))
    focus = []
    for seed in range(40):
        made = paper_stack(scene, seed) if seed == 0 else None
        if made is not None:
            assert made.frames.shape == (5, 96, 128, 3)
            assert np.array_equal(made.sharp, np.rint(scene.rgb * 255).astype(np.uint8))
        rng = np.random.default_rng([seed, 23])
        focus += list(rng.integers(1, 255, 5) / 25.5)
    assert pytest.approx(1.6) == COC_PX_PER_METRE  # sigma of 4 px at 10 m from focus
    assert 0 < min(focus) < 1.5
    assert 8.5 < max(focus) <= 10
    with pytest.raises(UserError, match="lower --scenes"):
        write_stacks(StackJob("desk", 0, 2, 1, "paper"), Path("/nowhere"), 1, False, lambda _: None)


def test_skip_bad_counts_and_lists(rgbd_folder: Path, tmp_path: Path) -> None:
    (rgbd_folder / "desk2_rgb.png").write_text("not a picture")
    (rgbd_folder / "hall_depth_mm.png").write_bytes(b"")
    source = f"rgbd:{rgbd_folder}"
    for form in ("sweep", "tfrecord"):
        out = tmp_path / form
        options = ["--scenes", 4, "--format", form, "--size", "64x64"]
        refused = synth(source, "-o", out, *options)
        assert refused.returncode == 1
        assert "desk2_rgb.png cannot be read" in refused.stderr
        done = synth(source, "-o", out, *options, "--skip-bad", *_again(form, out))
        assert done.returncode == 0, done.stderr
        assert "left out 2 scenes:" in done.stdout
        assert "desk2_rgb.png cannot be read" in done.stdout
        assert "hall_depth_mm.png cannot be read" in done.stdout
    assert open_source(f"tfrecord:{tmp_path / 'tfrecord'}").names() == ["desk1", "desk3"]
    assert sorted(p.name for p in (tmp_path / "sweep").iterdir()) == ["desk1", "desk3"]


def _again(form: str, out: Path) -> list[str]:
    """A tfrecord job keeps its options, so one with others begins elsewhere."""
    if form == "sweep":
        return ["--resume"]
    for path in out.iterdir():
        path.unlink()
    return []


def test_two_workers_write_what_one_does(written: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    outcome = write_stacks(JOB, out, 2, False, lambda _: None)
    assert len(outcome.names) == 7
    for path in written.glob("*.tfrecord"):
        assert (out / path.name).read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--format", "tfrecord", "--camera", "pixel3"], 2, "--camera is for --format sweep"),
        (["--shards", "3"], 2, "--shards is for --format tfrecord"),
        (["--format", "tfrecord", "--preset", "paper", "--size", "64x64"], 2, "--size is for"),
        (["--beam=--runner=DirectRunner"], 2, "--beam is for --format tfrecord"),
    ],
)
def test_options_of_the_other_format(
    tmp_path: Path, options: list[str], code: int, words: str
) -> None:
    done = synth("procedural", "-o", tmp_path / "out", *options)
    assert done.returncode == code
    assert words in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_no_record_source(written: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds no stacks.json"):
        open_source(f"tfrecord:{tmp_path}")
    (tmp_path / "stacks.json").write_text(json.dumps({"schema": "other/1"}))
    with pytest.raises(UserError, match="not of schema"):
        open_source(f"tfrecord:{tmp_path}")
    with pytest.raises(UserError, match="none of 7 stacks is left"):
        open_source(f"tfrecord:{written}", include=["x"])
