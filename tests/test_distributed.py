"""Training by several workers: the same result as by one, and life after a death."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from edgedepth.data.pool import PoolConfig, Shares
from edgedepth.data.recipe import Recipe

TIMEOUT_S = 900
SMALL = ["--quick", "--preset", "paper", "--size", "80x80", "--steps", "6", "--qat-steps", "1"]
SMALL += ["--pool-size", "8", "--checkpoint-every", "1"]
ALONE = [*SMALL, "--shares", "2"]


def test_shares_do_not_overlap_and_leave_nothing_out() -> None:
    recipe = Recipe(height=64, width=64)
    for coarse_every in (0, 4):
        pool = PoolConfig(("procedural",), (), recipe, 0, 24, 24, 0.0, coarse_every, "edgedepth")
        parts = [Shares(((i,),), 3).stacks(pool, 24) for i in range(3)]
        assert sorted(i for part in parts for i in part) == list(range(24))
        for part in parts:
            assert {pool.is_coarse(i) for i in part} == ({False, True} if coarse_every else {False})
    both = Shares(((0,), (1,)), 2).stacks(pool, 24)
    assert both == list(range(24))


@pytest.mark.train
def test_a_team_deals_shares_evenly() -> None:
    from edgedepth.distributed import Team
    from edgedepth.errors import UserError

    deals = [Team(None, rank, 2, 2).shares(8).replicas for rank in (0, 1)]
    assert deals == [((0, 1), (2, 3)), ((4, 5), (6, 7))]
    with pytest.raises(UserError, match="8 shares of data cannot be dealt to 3 replicas"):
        Team(None, 0, 3, 1).shares(8)


@pytest.mark.train
@pytest.mark.parametrize(
    "text",
    [
        "{",
        '{"cluster": {"worker": ["a:1"]}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}',
        '{"cluster": {"ps": [], "worker": ["a:1"]}, "task": {"type": "worker", "index": 0}}',
    ],
)
def test_a_bad_cluster_is_named(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from edgedepth.distributed import make_team
    from edgedepth.errors import UserError

    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(UserError, match="TF_CONFIG cannot be used"):
        make_team()


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def worker(rank: int, ports: list[int], *arguments: object) -> subprocess.Popen[str]:
    cluster = {"worker": [f"127.0.0.1:{port}" for port in ports]}
    task = {"type": "worker", "index": rank}
    environment = {**os.environ, "TF_CONFIG": json.dumps({"cluster": cluster, "task": task})}
    return subprocess.Popen(
        [sys.executable, "-m", "edgedepth", "train", *map(str, arguments)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(processes: list[subprocess.Popen[str]]) -> list[str]:
    return [process.communicate(timeout=TIMEOUT_S)[0] for process in processes]


def weights(run: Path, phase: str) -> dict[str, np.ndarray]:
    with np.load(run / f"weights-{phase}.npz") as record:
        return {name: record[name] for name in record.files}


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One worker that draws both shares in every step."""
    run = tmp_path_factory.mktemp("alone") / "run"
    done = subprocess.run(
        [sys.executable, "-m", "edgedepth", "train", "--run-dir", str(run), *ALONE],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "waited for data" in done.stdout
    assert 0 <= json.loads((run / "summary.json").read_text())["waiting_share"] <= 1
    return run


def same(one: Path, other: Path, phase: str, tolerance: float) -> None:
    mine, theirs = weights(one, phase), weights(other, phase)
    assert mine.keys() == theirs.keys()
    for name, value in mine.items():
        assert np.allclose(value, theirs[name], atol=tolerance, rtol=tolerance), name


@pytest.mark.train
@pytest.mark.slow
def test_two_workers_learn_what_one_does_from_the_doubled_batch(
    alone: Path, tmp_path: Path
) -> None:
    run, ports = tmp_path / "run", free_ports(2)
    options = ["--run-dir", run, *SMALL, "--pool", alone / "pool"]
    processes = [worker(rank, ports, *options) for rank in (0, 1)]
    said = finish(processes)
    assert [p.returncode for p in processes] == [0, 0], said[0][-2000:] + said[1][-2000:]
    same(alone, run, "float", 2e-4)
    same(alone, run, "qat", 2e-3)
    assert json.loads((run / "config.json").read_text())["shares"] == 2
    assert "classical" in said[0]
    assert "classical" not in said[1]


@pytest.mark.train
@pytest.mark.slow
def test_a_killed_worker_comes_back_and_the_run_completes(alone: Path, tmp_path: Path) -> None:
    run, ports = tmp_path / "run", free_ports(2)
    options = ["--run-dir", run, *SMALL, "--pool", alone / "pool"]
    processes = [worker(rank, ports, *options) for rank in (0, 1)]
    deadline = time.monotonic() + TIMEOUT_S
    while not (run / "state.npz").exists():
        assert all(p.poll() is None for p in processes), finish(processes)
        assert time.monotonic() < deadline
        time.sleep(0.05)
    processes[1].send_signal(signal.SIGKILL)
    processes[1].communicate()
    again = worker(1, ports, "--run-dir", run, "--resume", "--pool", alone / "pool")
    said = finish([processes[0], again])
    assert processes[0].returncode == 0, said[0][-3000:]
    assert again.returncode == 0, said[1][-3000:]
    assert "another worker went away" in said[0]
    assert "resuming the float phase at step" in said[0]
    same(alone, run, "float", 2e-4)
