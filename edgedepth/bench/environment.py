"""The machine: what it is, and what it was doing while it measured.

Read from Linux's /proc and /sys where they are there; what cannot be read is None.
"""

from __future__ import annotations

import os
import platform
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import edgedepth

Record = dict[str, Any]
ROOT = Path("/")

BUSY_LOAD = 0.5
"""Load per core before the start from which the machine counts as busy."""
BUSY_CORES = 0.15
"""Cores that others kept busy meanwhile, from which the figures are doubtful."""
STOLEN = 0.01
"""Share of the time that the hypervisor gave to others."""
THROTTLED_STATUS = 2
"""Android's thermal status "moderate", from which on it slows down."""
SLOWER_CLOCK = 0.9
"""A clock below this share of its value at the start counts as throttled."""

_INSTRUCTIONS = (
    "avx", "avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8", "neon", "asimd", "asimddp",
    "i8mm", "sve",
)  # fmt: skip
_PACKAGES = ("ai-edge-litert", "tflite-runtime", "tensorflow", "numpy", "opencv-python")


def _read(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None


def _numbers(root: Path, pattern: str) -> list[float]:
    found = []
    for path in sorted(root.glob(pattern)):
        text = _read(path)
        if text and text.lstrip("-").isdigit():
            found.append(float(text))
    return found


def machine(root: Path = ROOT) -> Record:
    """What does not change: CPU, cores, governor, system, versions."""
    cpu = _cpu_fields(root)
    names = ("model name", "Hardware", "Model")
    flags = set((cpu.get("flags") or cpu.get("Features") or "").split())
    governors = {
        text
        for path in root.glob("sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_governor")
        if (text := _read(path))
    }
    return {
        "cpu": next((cpu[n] for n in names if n in cpu), platform.processor() or "unknown"),
        "architecture": platform.machine(),
        "instructions": [name for name in _INSTRUCTIONS if name in flags],
        "cores": os.cpu_count() or 1,
        "cores_allowed": _allowed_cores(),
        "governor": ", ".join(sorted(governors)) or None,
        "virtual": "hypervisor" in flags,
        "system": f"{platform.system()} {platform.release()}",
        "versions": {
            "python": platform.python_version(),
            "edgedepth": edgedepth.__version__,
            **{name: version for name in _PACKAGES if (version := _version(name))},
        },
        "commit": commit(),
        **({"priority": "real-time"} if real_time() else {}),
    }


def real_time() -> bool:
    """Whether this process goes before all ordinary ones (``chrt --fifo 1 edgedepth bench``)."""
    if not hasattr(os, "sched_getscheduler"):
        return False
    return os.sched_getscheduler(0) in (os.SCHED_FIFO, os.SCHED_RR)


def _cpu_fields(root: Path) -> dict[str, str]:
    """First value of each field of /proc/cpuinfo."""
    fields: dict[str, str] = {}
    for line in (_read(root / "proc/cpuinfo") or "").splitlines():
        name, colon, value = line.partition(":")
        if colon:
            fields.setdefault(name.strip(), value.strip())
    return fields


def _allowed_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def commit() -> str | None:
    """The commit of a checkout of edgedepth, ``+`` for changes since; None when installed."""
    root = Path(edgedepth.__file__).resolve().parent.parent
    if not (root / ".git").exists() or not (root / "pyproject.toml").exists():
        return None

    def git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no")
        return git("rev-parse", "--short=12", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return None


NOT_READ: Record = dict.fromkeys(
    ("load_1min", "clock_mhz", "temperature_c", "throttle_events", "thermal_status")
)
"""What :func:`readings` gives where nothing can be read."""


def readings(root: Path = ROOT) -> Record:
    """What changes: load, clock, temperature, throttle events."""
    load = _read(root / "proc/loadavg")
    clocks = _numbers(root, "sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_cur_freq")
    megahertz = [c / 1000 for c in clocks] or _cpuinfo_clocks(root)
    heat = _numbers(root, "sys/class/thermal/thermal_zone*/temp")
    throttled = _numbers(
        root, "sys/devices/system/cpu/cpu[0-9]*/thermal_throttle/core_throttle_count"
    )
    return {
        **NOT_READ,
        "load_1min": float(load.split()[0]) if load else None,
        "clock_mhz": round(max(megahertz), 1) if megahertz else None,
        "temperature_c": max(heat) / 1000 if heat else None,
        "throttle_events": int(sum(throttled)) if throttled else None,
    }


def _cpuinfo_clocks(root: Path) -> list[float]:
    lines = (_read(root / "proc/cpuinfo") or "").splitlines()
    return [float(line.partition(":")[2]) for line in lines if line.startswith("cpu MHz")]


@dataclass(frozen=True)
class CpuTime:
    """Seconds since boot over all cores, and this process's and its children's."""

    wall: float
    busy: float | None
    stolen: float | None
    ours: float


def cpu_time(root: Path = ROOT) -> CpuTime:
    """Read the clocks that tell others' work from ours."""
    ours = sum(
        usage.ru_utime + usage.ru_stime
        for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )
    first = (_read(root / "proc/stat") or "").partition("\n")[0].split()
    if len(first) < 9 or first[0] != "cpu":
        return CpuTime(time.perf_counter(), None, None, ours)
    tick = os.sysconf("SC_CLK_TCK")
    user, nice, system, _idle, _wait, irq, soft, steal = (int(v) / tick for v in first[1:9])
    return CpuTime(time.perf_counter(), user + nice + system + irq + soft + steal, steal, ours)


@dataclass(frozen=True)
class Neighbours:
    """What others did between two readings.

    Attributes:
        cores: average number of cores that others kept busy; None where unknown.
        stolen_share: share of the time that the hypervisor gave to other machines.
    """

    cores: float | None
    stolen_share: float | None


def neighbours(before: CpuTime, after: CpuTime, cores: int) -> Neighbours:
    """Others' share of the machine between two readings."""
    wall = max(after.wall - before.wall, 1e-9)
    if before.busy is None or after.busy is None:
        return Neighbours(None, None)
    theirs = (after.busy - before.busy) - (after.ours - before.ours)
    stolen = (after.stolen or 0.0) - (before.stolen or 0.0)
    return Neighbours(max(0.0, theirs / wall), max(0.0, stolen / (wall * cores)))


def warnings(cores: int, before: Record, after: Record, others: Neighbours) -> list[str]:
    """Why the figures are to be doubted."""
    found = []
    load = before["load_1min"]
    if load is not None and load > BUSY_LOAD * cores:
        found.append(f"the machine was busy before the start: load {load:.1f} on {cores} cores")
    if others.cores is not None and others.cores > BUSY_CORES:
        found.append(
            f"the machine was busy: others kept {others.cores:.1f} of {cores} cores at work"
        )
    if others.stolen_share is not None and others.stolen_share > STOLEN:
        found.append(f"the hypervisor gave {100 * others.stolen_share:.0f} % of the time to others")
    clocks = before["clock_mhz"], after["clock_mhz"]
    if None not in clocks and clocks[1] < SLOWER_CLOCK * clocks[0]:
        found.append(f"throttled: the clock fell from {clocks[0]:.0f} to {clocks[1]:.0f} MHz")
    events = before["throttle_events"], after["throttle_events"]
    if None not in events and events[1] > events[0]:
        found.append(f"throttled: the CPU slowed down for heat {events[1] - events[0]} times")
    heat = [r["thermal_status"] for r in (before, after) if r["thermal_status"] is not None]
    if heat and max(heat) >= THROTTLED_STATUS:
        found.append(f"throttled: the phone's thermal status was {max(heat)} of 6")
    return found


def rss_bytes() -> int | None:
    """Memory this process holds now."""
    return _status("VmRSS")


def rss_peak_bytes() -> int:
    """The most memory this process has held.

    From /proc, because what getrusage says starts at the parent's size.
    """
    peak = _status("VmHWM")
    if peak is not None:
        return peak
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def _status(field: str) -> int | None:
    for line in (_read(Path("/proc/self/status")) or "").splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    return None
