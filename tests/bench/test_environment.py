"""The stamp, read from trees of /proc and /sys written for the purpose."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edgedepth.bench import environment
from edgedepth.bench.environment import CpuTime, Neighbours

CPU = """processor	: 0
model name	: Test CPU 3000
cpu MHz		: 2400.5
flags		: fpu avx avx2 avx512_vnni hypervisor

processor	: 1
model name	: Other
cpu MHz		: 2500.0
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    files = {
        "proc/cpuinfo": CPU,
        "proc/loadavg": "1.50 1.20 0.90 2/300 4242",
        "proc/stat": "cpu  1000 100 500 9000 50 20 30 60 0 0\ncpu0 1 1 1 1\n",
        "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "powersave\n",
        "sys/devices/system/cpu/cpu1/cpufreq/scaling_governor": "powersave\n",
        "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "1800000\n",
        "sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq": "3100000\n",
        "sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count": "3\n",
        "sys/devices/system/cpu/cpu1/thermal_throttle/core_throttle_count": "4\n",
        "sys/class/thermal/thermal_zone0/temp": "41000\n",
        "sys/class/thermal/thermal_zone1/temp": "67500\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_the_machine(root: Path) -> None:
    found = environment.machine(root)
    assert found["cpu"] == "Test CPU 3000"
    assert found["instructions"] == ["avx", "avx2", "avx512_vnni"]
    assert found["governor"] == "powersave"
    assert found["virtual"] is True
    assert found["versions"]["numpy"] == np.__version__
    assert 1 <= found["cores_allowed"] <= found["cores"]


def test_priority_over_other_processes_is_stamped(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "priority" not in environment.machine(root)
    monkeypatch.setattr(os, "sched_getscheduler", lambda process: os.SCHED_FIFO)
    assert environment.machine(root)["priority"] == "real-time"


def test_readings(root: Path) -> None:
    assert environment.readings(root) == {
        "load_1min": 1.5,
        "clock_mhz": 3100.0,
        "temperature_c": 67.5,
        "throttle_events": 7,
        "thermal_status": None,
    }


def test_the_clock_from_cpuinfo_where_there_is_no_scaling(root: Path) -> None:
    for path in root.glob("sys/devices/system/cpu/cpu*/cpufreq/*"):
        path.unlink()
    assert environment.readings(root)["clock_mhz"] == 2500.0
    assert environment.machine(root)["governor"] is None


def test_what_cannot_be_read_is_none(tmp_path: Path) -> None:
    assert set(environment.readings(tmp_path).values()) == {None}
    assert environment.cpu_time(tmp_path).busy is None
    assert environment.machine(tmp_path)["instructions"] == []
    nothing = environment.readings(tmp_path)
    assert environment.warnings(2, nothing, nothing, Neighbours(None, None)) == []


def test_cpu_time_leaves_idle_and_waiting_out(root: Path) -> None:
    found = environment.cpu_time(root)
    tick = environment.os.sysconf("SC_CLK_TCK")
    assert found.busy == pytest.approx((1000 + 100 + 500 + 20 + 30 + 60) / tick)
    assert found.stolen == pytest.approx(60 / tick)
    assert found.ours > 0


def test_neighbours_are_what_is_not_ours() -> None:
    before = CpuTime(wall=100.0, busy=1000.0, stolen=5.0, ours=10.0)
    after = CpuTime(wall=110.0, busy=1018.0, stolen=6.0, ours=18.0)
    found = environment.neighbours(before, after, cores=2)
    assert found.cores == pytest.approx(1.0)
    assert found.stolen_share == pytest.approx(0.05)
    unknown = CpuTime(110.0, None, None, 18.0)
    assert environment.neighbours(before, unknown, 2) == Neighbours(None, None)


CALM = environment.NOT_READ | {
    "load_1min": 0.2,
    "clock_mhz": 3000.0,
    "temperature_c": 50.0,
    "throttle_events": 7,
}
ALONE = Neighbours(0.02, 0.0)


@pytest.mark.parametrize(
    ("before", "after", "others", "words"),
    [
        ({"load_1min": 3.0}, {}, ALONE, "busy before the start: load 3.0 on 2 cores"),
        ({}, {}, Neighbours(0.8, 0.0), "others kept 0.8 of 2 cores"),
        ({}, {}, Neighbours(0.0, 0.07), "hypervisor gave 7 %"),
        ({}, {"clock_mhz": 2000.0}, ALONE, "clock fell from 3000 to 2000 MHz"),
        ({}, {"throttle_events": 9}, ALONE, "slowed down for heat 2 times"),
    ],
)
def test_each_doubt_is_told(
    before: dict[str, float], after: dict[str, float], others: Neighbours, words: str
) -> None:
    found = environment.warnings(2, CALM | before, CALM | after, others)
    assert len(found) == 1
    assert words in found[0]


def test_a_calm_machine_gives_no_warning() -> None:
    warmer = CALM | {"load_1min": 1.0, "clock_mhz": 2900.0, "temperature_c": 60.0}
    assert environment.warnings(2, CALM, warmer, ALONE) == []


def test_peak_memory_is_the_process_own() -> None:
    """A child of a large parent does not inherit the parent's peak, as getrusage would say."""
    held = np.ones(300_000_000, np.uint8)
    code = (
        "from edgedepth.bench.environment import rss_peak_bytes\n"
        "small = rss_peak_bytes(); block = b'x' * 80_000_000; print(small, rss_peak_bytes())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    small, large = (int(part) for part in done.stdout.split())
    assert small < held.nbytes
    assert 75_000_000 < large - small < 120_000_000


def test_the_commit_of_this_checkout() -> None:
    found = environment.commit()
    root = Path(environment.edgedepth.__file__).resolve().parent.parent
    if not (root / ".git").exists():
        assert found is None
        return
    head = subprocess.run(
        ["git", "-C", str(root), "rev-parse", "HEAD"], capture_output=True, text=True, check=True
    ).stdout.strip()
    assert found is not None
    assert head.startswith(found.rstrip("+"))
