"""The trainer through its command line: kill and resume, both presets, bad input."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

pytestmark = [pytest.mark.train, pytest.mark.slow]

ROOT = Path(__file__).resolve().parent.parent
SMALL = ["--quick", "--size", "96x64", "--steps", "9", "--qat-steps", "4", "--pool-size", "8"]
SMALL += ["--checkpoint-every", "3"]
TIMEOUT_S = 600


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "edgedepth", *map(str, arguments)]


def edgedepth(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return edgedepth("train", *arguments)


def losses(run_dir: Path) -> dict[int, float]:
    lines = (run_dir / "metrics.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    return {r["step"]: r["loss"] for r in records if "loss" in r}


def rates(run_dir: Path) -> dict[int, float]:
    """Learning rates by step."""
    lines = (run_dir / "metrics.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    return {r["step"]: r["learning_rate"] for r in records if "learning_rate" in r}


def norm_means(run_dir: Path) -> list[np.ndarray]:
    """What batch norms take for the mean, 0 where they have seen nothing."""
    weights = np.load(run_dir / "weights-float.npz")
    return [weights[name] for name in weights.files if name.endswith("moving_mean")]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "undisturbed"
    done = run("--run-dir", folder, *SMALL)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "mean depth" in done.stdout
    assert "classical" in done.stdout
    assert f"edgedepth convert {folder}" in done.stdout
    return folder


def test_a_run_leaves_what_the_readme_says(undisturbed: Path) -> None:
    names = {p.name for p in undisturbed.iterdir()}
    assert {"config.json", "weights-float.npz", "weights-qat.npz", "summary.json"} <= names
    assert any((undisturbed / "tensorboard").iterdir())
    rows = json.loads((undisturbed / "summary.json").read_text())["rows"]
    assert set(rows) == {"mean depth", "classical", "float", "qat"}
    assert set(losses(undisturbed)) == {9, 13}


def test_a_killed_run_resumes_to_the_same_loss(undisturbed: Path, tmp_path: Path) -> None:
    folder = tmp_path / "killed"
    with subprocess.Popen(
        command("train", "--run-dir", folder, *SMALL, "--pool", undisturbed / "pool"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        deadline = time.monotonic() + TIMEOUT_S
        while not (folder / "state.npz").exists():
            assert process.poll() is None, "ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGKILL)
    assert not (folder / "summary.json").exists()
    refused = run("--run-dir", folder, "--resume", "--steps", "5")
    assert refused.returncode == 2
    assert "--steps cannot be given with --resume" in refused.stderr
    resumed = run("--run-dir", folder, "--resume", "--pool", undisturbed / "pool")
    assert resumed.returncode == 0, resumed.stderr[-2000:]
    assert "resuming the float phase at step" in resumed.stdout
    one = json.loads((undisturbed / "summary.json").read_text())
    two = json.loads((folder / "summary.json").read_text())
    assert one["rows"] == two["rows"]
    assert losses(undisturbed)[13] == losses(folder)[13]


def convert_and_infer(run_dir: Path, tmp_path: Path, *options: object) -> None:
    """From a run to a depth map of the sample, through the real commands."""
    model = tmp_path / "model.tflite"
    steps = (
        ["convert", run_dir, "-o", model, *options],
        ["infer", ROOT / "edgedepth" / "samples" / "desk", "--model", model, "-o", tmp_path / "d"],
    )
    for step in steps:
        done = edgedepth(*step)
        assert done.returncode == 0, done.stderr[-2000:]
    depth = np.load(tmp_path / "d" / "depth.npy")
    assert depth.shape == (480, 640)


def test_a_run_begins_with_the_float_weights_of_another(undisturbed: Path, tmp_path: Path) -> None:
    gentle = (*SMALL, "--learning-rate", "1e-9", "--start-from", undisturbed)
    begun = run("--run-dir", tmp_path / "begun", *gentle)
    assert begun.returncode == 0, begun.stderr[-2000:]
    was, became = (
        np.load(folder / "weights-float.npz") for folder in (undisturbed, tmp_path / "begun")
    )
    kernels = [name for name in was.files if name.endswith("kernel")]
    assert kernels
    assert max(np.abs(was[name] - became[name]).max() for name in kernels) < 1e-4
    assert (tmp_path / "begun" / "weights-qat.npz").exists()

    drawn = run("--run-dir", tmp_path / "drawn", *gentle, "--towards-classical", "0.5")
    assert drawn.returncode == 0, drawn.stderr[-2000:]
    # What it is to learn is nearer to what it begins with than the truth is.
    assert losses(tmp_path / "drawn")[9] < losses(tmp_path / "begun")[9]


def test_moving_towards_the_classical_answers_needs_answers_to_move(tmp_path: Path) -> None:
    refused = run("--run-dir", tmp_path / "no", *SMALL, "--towards-classical", "0.5")
    assert refused.returncode == 2
    assert "--towards-classical needs --start-from" in refused.stderr
    assert not (tmp_path / "no").exists()


def test_rates_batches_and_loss_are_what_the_options_say(undisturbed: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    options = ["--qat-learning-rate", "1e-4", "--frames-per-batch", "10", "--frozen-share", "1"]
    options += ["--relative-error", "0", "--pool", str(undisturbed / "pool")]
    done = run("--run-dir", folder, *SMALL, *options)
    assert done.returncode == 0, done.stderr[-2000:]
    config = json.loads((folder / "config.json").read_text())
    assert config["qat_learning_rate"] == 1e-4
    assert config["batch"]["frames_per_batch"] == 10
    assert config["frozen_share"] == 1
    assert config["loss"]["relative"] == 0
    assert config["loss"]["dioptres"] == 1

    ours, usual = rates(folder), rates(undisturbed)
    assert ours[9] == usual[9]
    assert ours[13] == pytest.approx(usual[13] * 1e-4 / 5e-4)
    # Relative errors are most of the loss otherwise.
    assert losses(folder)[9] < 0.7 * losses(undisturbed)[9]
    norms = norm_means(folder)
    assert norms
    assert not any(mean.any() for mean in norms)
    assert any(mean.any() for mean in norm_means(undisturbed))


def test_8_bit_weights_learn_on_at_another_rate(undisturbed: Path, tmp_path: Path) -> None:
    folder, shipped = tmp_path / "on", ROOT / "edgedepth" / "pretrained" / "edgedepth-mobile-run"
    options = [*SMALL, "--start-from", undisturbed, "--qat-start-from", shipped, "--steps", "0"]
    options += ["--qat-learning-rate", "1e-9", "--pool", undisturbed / "pool"]
    done = run("--run-dir", folder, *options)
    assert done.returncode == 0, done.stderr[-2000:]
    assert set(losses(folder)) == {4}
    was, became = (np.load(d / "weights-float.npz") for d in (undisturbed, folder))
    assert all((was[name] == became[name]).all() for name in was.files)
    was, became = (np.load(d / "weights-qat.npz") for d in (shipped, folder))
    kernels = [name for name in was.files if name.endswith("kernel")]
    assert kernels
    for name in kernels:  # their grids follow what this data shows
        off = np.abs(became[name] - was[name]).max()
        assert off < 0.05 * np.abs(was[name]).max(), name


def test_a_run_of_before_the_loss_was_kept_goes_on(undisturbed: Path, tmp_path: Path) -> None:
    folder = tmp_path / "older"
    shutil.copytree(undisturbed, folder, ignore=shutil.ignore_patterns("pool", "tensorboard"))
    config = json.loads((folder / "config.json").read_text())
    for name in ("loss", "qat_start_from"):
        del config[name]
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "weights-qat.npz").unlink()
    done = run("--run-dir", folder, "--resume", "--pool", undisturbed / "pool")
    assert done.returncode == 0, done.stderr[-2000:]
    was, became = (np.load(d / "weights-qat.npz") for d in (undisturbed, folder))
    assert all((was[name] == became[name]).all() for name in was.files)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--steps", "0"], "--steps 0 needs --start-from"),
        (["--qat-learning-rate", "0"], "--qat-learning-rate"),
        (["--frames-per-batch", "0"], "--frames-per-batch"),
        (["--relative-error", "-1"], "--relative-error"),
        (["--frozen-share", "1.5"], "--frozen-share"),
        (["--preset", "paper", "--relative-error", "3"], "preset mobile only"),
        (["--preset", "paper", "--frozen-share", "1"], "preset mobile only"),
        (["--qat-start-from", "/nowhere"], "does not exist"),
    ],
)
def test_settings_out_of_range_are_wrong_usage(
    tmp_path: Path, options: list[str], words: str
) -> None:
    refused = run("--run-dir", tmp_path / "no", *options)
    assert refused.returncode == 2
    assert words in refused.stderr
    assert not (tmp_path / "no").exists()


def test_8_bit_weights_that_are_not_there_are_told_before_the_float_phase(
    undisturbed: Path, tmp_path: Path
) -> None:
    empty = tmp_path / "unfinished"
    empty.mkdir()
    (empty / "config.json").write_text((undisturbed / "config.json").read_text())
    options = [*SMALL, "--pool", undisturbed / "pool", "--qat-start-from", empty]
    done = run("--run-dir", tmp_path / "run", *options)
    assert done.returncode == 1
    assert "has no weights-qat.npz" in done.stderr
    assert not (tmp_path / "run" / "weights-float.npz").exists()


def test_a_mean_of_runs_learns_its_8_bits_anew(undisturbed: Path, tmp_path: Path) -> None:
    mean = tmp_path / "mean"
    averaged = edgedepth("average", undisturbed, undisturbed, "--float-only", "--run-dir", mean)
    assert averaged.returncode == 0, averaged.stderr
    done = run("--run-dir", mean, "--resume", "--pool", undisturbed / "pool")
    assert done.returncode == 0, done.stderr[-2000:]
    float_weights, theirs = (np.load(d / "weights-float.npz") for d in (mean, undisturbed))
    assert all(np.allclose(float_weights[name], theirs[name]) for name in theirs.files)
    assert set(losses(mean)) == {13}
    rows = json.loads((mean / "summary.json").read_text())["rows"]
    assert set(rows) == {"mean depth", "classical", "float", "qat"}


def test_a_short_run_converts_and_infers(undisturbed: Path, tmp_path: Path) -> None:
    convert_and_infer(undisturbed, tmp_path, "--size", "128x96")


def test_the_paper_preset_trains_converts_and_infers(tmp_path: Path) -> None:
    folder = tmp_path / "paper"
    options = ["--preset", "paper", "--quick", "--size", "80x80", "--steps", "3"]
    done = run("--run-dir", folder, *options, "--qat-steps", "2", "--renderer", "paper")
    assert done.returncode == 0, done.stderr[-2000:]
    convert_and_infer(folder, tmp_path, "--frames", "7")


def test_the_paper_preset_learns_from_single_images(tmp_path: Path) -> None:
    folder = tmp_path / "single"
    options = ["--preset", "paper", "--single-image", "--quick", "--size", "80x80"]
    done = run("--run-dir", folder, *options, "--steps", "3", "--qat-steps", "2")
    assert done.returncode == 0, done.stderr[-2000:]
    assert "held-out stacks, 80x80, single images" in done.stdout
    rows = json.loads((folder / "summary.json").read_text())["rows"]
    assert all(np.isfinite(rows[phase]["mae_dioptres"]) for phase in ("float", "qat"))
    refused = edgedepth("convert", folder)
    assert refused.returncode == 1
    assert "edgedepth eval RUN_DIR" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_ctrl_c_saves(undisturbed: Path, tmp_path: Path) -> None:
    folder = tmp_path / "stopped"
    long = [*SMALL[:-2], "--checkpoint-every", "1"]
    long[long.index("--steps") + 1] = "5000"
    with subprocess.Popen(
        command("train", "--run-dir", folder, *long, "--pool", undisturbed / "pool"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        deadline = time.monotonic() + TIMEOUT_S
        while not (folder / "state.npz").exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        _, errors = process.communicate(timeout=TIMEOUT_S)
    last = errors.strip().splitlines()[-1]
    assert process.returncode == 1
    assert "it is saved" in last
    assert "--resume" in last
    assert "Traceback" not in errors


@pytest.mark.parametrize("workers", ["1", "2"])
def test_ctrl_c_while_stacks_render_says_how_to_go_on(tmp_path: Path, workers: str) -> None:
    folder = tmp_path / "stopped"
    many = [*SMALL[:-2], "--pool-size", "5000", "--pool-start", "5000", "--workers", workers]
    with subprocess.Popen(
        command("train", "--run-dir", folder, *many),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "rendering" in line:
                break
        time.sleep(2)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        _, errors = process.communicate(timeout=TIMEOUT_S)
    last = errors.strip().splitlines()[-1]
    assert process.returncode == 1, errors
    assert "edgedepth: stopped" in last
    assert f"edgedepth train --run-dir {folder} --resume" in last
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--data", "rgbd:/nowhere"], "/nowhere is not a folder"),
        (["--data", "video:x"], "unknown data source"),
        (["--size", "100x100"], "multiple of 16"),
        (["--size", "80x64"], "multiple of 32"),
        (["--resume"], "not a run directory"),
        (["--single-image"], "add --preset paper"),
    ],
)
def test_bad_input_is_one_line(tmp_path: Path, options: list[str], words: str) -> None:
    done = run("--run-dir", tmp_path / "run", *options)
    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()
