"""``edgedepth average``: means of weights, as a run that every other command takes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from edgedepth.cli import cli
from edgedepth.config import TrainConfig
from edgedepth.errors import UserError
from edgedepth.files import write_arrays
from edgedepth.rundir import RunDirectory, read_arrays


def make_run(folder: Path, level: float, phases: tuple[str, ...] = ("float", "qat")) -> Path:
    run = RunDirectory(folder)
    earlier = {"start_from": "runs/earlier", "qat_start_from": "runs/older"}
    run.create(replace(TrainConfig(), seed=5, **earlier))
    for phase in phases:
        arrays = {"a/kernel": np.full((2, 3), level, np.float32), "b/bias": np.float32([level, 1])}
        write_arrays(run.weights_path(phase), arrays)
    return folder


def average(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["average", *map(str, arguments)])


def test_parts_weigh_the_runs(tmp_path: Path) -> None:
    first, second = make_run(tmp_path / "a", 1.0), make_run(tmp_path / "b", 5.0)
    mean = tmp_path / "mean"
    done = average(first, second, "--part", "3", "--part", "1", "--run-dir", mean)
    assert done.exit_code == 0, done.output
    assert f"edgedepth convert {mean}" in done.output
    for phase in ("float", "qat"):
        arrays = read_arrays(mean / f"weights-{phase}.npz")
        np.testing.assert_allclose(arrays["a/kernel"], 2.0)
        np.testing.assert_allclose(arrays["b/bias"], [2.0, 1.0])
        assert arrays["a/kernel"].dtype == np.float32


def test_the_configuration_says_where_the_weights_are_from(tmp_path: Path) -> None:
    first, second = make_run(tmp_path / "a", 1.0), make_run(tmp_path / "b", 5.0)
    mean = tmp_path / "mean"
    assert average(first, second, "--run-dir", mean).exit_code == 0
    config = RunDirectory(mean).config()
    assert config.mean_of == (f"{first}:1", f"{second}:1")
    assert (config.seed, config.start_from, config.qat_start_from) == (5, "", "")


@pytest.mark.parametrize("asked", [True, False])
def test_eight_bit_weights_are_left_to_training(tmp_path: Path, asked: bool) -> None:
    first = make_run(tmp_path / "a", 1.0)
    second = make_run(tmp_path / "b", 2.0, ("float", "qat") if asked else ("float",))
    options = ["--float-only"] if asked else []
    done = average(first, second, *options, "--run-dir", tmp_path / "mean")
    assert done.exit_code == 0, done.output
    assert f"edgedepth train --resume --run-dir {tmp_path / 'mean'}" in done.output
    assert {p.name for p in (tmp_path / "mean").iterdir()} == {"config.json", "weights-float.npz"}


def test_what_cannot_be_averaged_is_refused_and_nothing_written(tmp_path: Path) -> None:
    first, mean = make_run(tmp_path / "a", 1.0), tmp_path / "mean"
    other = make_run(tmp_path / "other", 1.0)
    write_arrays(other / "weights-qat.npz", {"a/kernel": np.zeros((3, 3), np.float32)})
    unfinished = make_run(tmp_path / "unfinished", 1.0, ())
    for wrong, says in (
        (other, "holds weights of another network than"),
        (unfinished, "its float phase has not ended"),
        (tmp_path / "none", "is not a run directory"),
    ):
        refused = average(first, wrong, "--run-dir", mean)
        assert isinstance(refused.exception, UserError)
        assert says in str(refused.exception)
        assert not mean.exists()
    kept = average(first, first, "--run-dir", other)
    assert isinstance(kept.exception, UserError)
    assert "exists and is not empty" in str(kept.exception)


def test_wrong_usage_says_what_is_missing(tmp_path: Path) -> None:
    first = make_run(tmp_path / "a", 1.0)
    alone = average(first, "--run-dir", tmp_path / "mean")
    assert (alone.exit_code, "two runs or more" in alone.output) == (2, True)
    uneven = average(first, first, "--part", "1", "--run-dir", tmp_path / "mean")
    assert (uneven.exit_code, "one for each" in uneven.output) == (2, True)
