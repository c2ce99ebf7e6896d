"""The demo app's benchmark activity as the scripted adb plays it (android_demo/README.md).

The script runs this file for itself, without the packages of the tests: the standard library only.
"""

from __future__ import annotations

import hashlib
import json
import random
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.fake_adb import Answer, FakeAdb, FakePhone

FILES = "sdcard/Android/data/org.edgedepth.demo/files"
STARTED = (
    "Stopping: org.edgedepth.demo\n"
    "Starting: Intent { cmp=org.edgedepth.demo/.BenchActivity (has extras) }\n"
    "Status: ok\nLaunchState: COLD\nActivity: org.edgedepth.demo/.BenchActivity\n"
    "TotalTime: 412\nWaitTime: 418\nComplete\n"
)
THERMAL = Path(__file__).with_name("thermalservice.txt").read_text()
PLAY = (
    "!import runpy\n"
    f"play = runpy.run_path({__file__!r})['play']\n"
    "sys.stdout.write(play(phone, words[1]))"
)
FREQUENCIES = "1803000\n1803000\n2253000\n2802000\n"
ANSWERS: tuple[Answer, ...] = (
    (
        "pm path org.edgedepth.demo",
        0,
        "package:/data/app/~~x==/base.apk\n",
        "",
    ),
    ("am start", 0, PLAY, ""),
    ("pidof org.edgedepth.demo", 0, "12345\n", ""),
    ("dumpsys thermalservice", 0, THERMAL, ""),
    ("scaling_cur_freq", 0, FREQUENCIES, ""),
    ("scaling_governor", 0, "sched_pixel\nsched_pixel\n", ""),
    ("rm -rf", 0, "!shutil.rmtree(phone / 'files' / words[1].split()[-1].lstrip('/'), True)", ""),
    ("shell (input|wm|rm)", 0, "", ""),
)
DEVICE = {
    "manufacturer": "Google", "model": "Pixel 6", "soc": "Google GS101", "android": "14", "api": 34,
    "abi": "arm64-v8a", "cores": 8, "memory_bytes": 7_900_000_000, "page_bytes": 4096,
}  # fmt: skip
COOL = {
    "battery_temperature_c": 27.5, "battery_share": 0.8, "charging": True, "power_save": False,
    "thermal_status": 0, "clock_mhz": None,
}  # fmt: skip
STAGES = {"decode": 0.4, "align": 0.3, "prepare": 0.1, "model": 0.05}
SECONDS = {"cpu": 0.02, "gpu": 0.01}


def add_phone(adb: FakeAdb, serial: str = "23091FDF6", *answers: Answer) -> FakePhone:
    """A phone with the app."""
    phone = adb.add(serial)
    phone.answer(*answers, *ANSWERS)
    return phone


def play(phone: Path, command: str) -> str:
    """What ``am start`` does and prints; ``app.json`` on the phone overrides the answer."""
    given = _extras(shlex.split(command))
    overrides = json.loads(text) if (text := _read(phone / "app.json")) else {}
    answer = {
        "schema": "edgedepth-device-bench/1", "id": given["id"], "app": "0.1",
        "created": "2026-11-23T08:00:00Z", "device": DEVICE, "error": None,
    }  # fmt: skip
    files = phone / "files" / FILES
    if given.get("prepare"):
        answer |= {"models": [], "sweeps": ["desk"]}
        (files / "sweeps" / given.get("sweep", "")).mkdir(parents=True, exist_ok=True)
    elif given["sweep"] != "desk" and not (files / "sweeps" / given["sweep"]).is_dir():
        answer["error"] = f"there is no sweep {given['sweep']}"
    else:
        answer |= _figures(files / "models" / given["model"], given)
    if "options" in answer or not overrides.get("figures_only"):
        answer |= overrides.get("answer", {})
    goal = files / "bench" / f"{given['id']}.json"
    goal.parent.mkdir(parents=True, exist_ok=True)
    if not overrides.get("silent") or given.get("prepare"):
        goal.write_text(overrides.get("text") or json.dumps(answer))
    return STARTED


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def _extras(words: list[str]) -> dict[str, Any]:
    kinds = {"--es": str, "--ei": int, "--ez": lambda text: {"true": True, "false": False}[text]}
    assert words[:5] == ["am", "start", "-S", "-W", "-n"]
    assert words[5] == "org.edgedepth.demo/.BenchActivity"
    rest = words[6:]
    return {
        key: kinds[flag](text)
        for flag, key, text in zip(rest[::3], rest[1::3], rest[2::3], strict=True)
    }


def _figures(path: Path, given: dict[str, Any]) -> dict[str, Any]:
    data = path.read_bytes()
    spec, _ = json.JSONDecoder().raw_decode(
        data[data.index(b'{"all_in_focus_first') :].decode("latin")
    )
    if given["delegate"] == "gpu" and spec["precision"] == "int8":
        return {"error": "the GPU delegate refuses: DEQUANTIZE is not supported"}
    keys = ("preset", "precision", "height", "width", "frames", "streaming")
    return {
        "model": {
            "file": path.name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest(),
            **{key: spec[key] for key in keys},
        },
        "input": given["sweep"],
        "options": {key: given[key] for key in ("delegate", "threads", "rounds", "runs", "warmup")},
        "runtime": "tensorflow-lite 2.16.1", "mode": "streaming", "frames": 6,
        "before": COOL, "after": {**COOL, "thermal_status": 1, "clock_mhz": 1500.0},
        "stages_s": STAGES, "peak_memory_bytes": 180_000_000, "warnings": [],
        "rounds": [_round(given, number) for number in range(given["rounds"])],
    }  # fmt: skip


def _round(given: dict[str, Any], number: int) -> dict[str, Any]:
    middle = SECONDS[given["delegate"]] / given["threads"]
    rng = random.Random(number)
    runs = [middle * rng.uniform(0.95, 1.05) for _ in range(given["runs"])]
    return {
        "load_s": 0.1, "first_run_s": 2 * middle, "warmup_s": [middle] * given["warmup"],
        "samples_s": runs, "per_frame_s": [run / 7 for run in runs for _ in range(6)],
        "after_last_frame_s": [2 * run / 7 for run in runs], "thermal_status": 0,
    }  # fmt: skip
