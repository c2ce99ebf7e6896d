"""Shards rendered by an Apache Beam pipeline."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from edgedepth.data.recipe import Recipe
from edgedepth.data.records import StackJob
from edgedepth.data.synth import write_stacks
from edgedepth.errors import UserError

JOB = StackJob("procedural", 5, 5, 3, recipe=Recipe(height=32, width=40, frames=2))
DIRECT = "--runner=DirectRunner --direct_num_workers=1"


def stacks(job: StackJob, folder: Path, beam: str | None, resume: bool = False) -> tuple[str, ...]:
    return write_stacks(job, folder, 1, resume, lambda _: None, beam).names


def test_without_beam_the_way_out_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apache_beam", None)
    with pytest.raises(UserError, match=r"pip install 'edgedepth\[beam\]'"):
        stacks(JOB, tmp_path / "out", DIRECT)


@pytest.mark.slow
def test_a_pipeline_writes_what_one_machine_does(tmp_path: Path) -> None:
    pytest.importorskip("apache_beam", reason="needs the beam extra")
    here, there = tmp_path / "here", tmp_path / "there"
    assert stacks(JOB, here, None) == stacks(JOB, there, DIRECT)
    for path in here.iterdir():
        assert (there / path.name).read_bytes() == path.read_bytes(), path.name
    (there / JOB.shard_name(1)).with_suffix(".json").unlink()
    assert len(stacks(JOB, there, DIRECT, resume=True)) == 5


@pytest.mark.slow
def test_a_pipeline_that_fails_says_why(rgbd_folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("apache_beam", reason="needs the beam extra")
    (rgbd_folder / "desk2_rgb.png").write_text("not a picture")
    job = replace(JOB, source=f"rgbd:{rgbd_folder}", first=0, count=4, shards=2)
    with pytest.raises(UserError, match=r"desk2_rgb.png cannot be read"):
        stacks(job, tmp_path / "out", DIRECT)
    job = replace(job, skip_bad=True)
    assert stacks(job, tmp_path / "other", DIRECT) == ("desk1", "desk3", "hall")
    with pytest.raises(UserError, match="the Beam job failed"):
        stacks(job, tmp_path / "third", "--runner=NoSuchRunner")
