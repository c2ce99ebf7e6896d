"""The rounds on a phone: what :mod:`edgedepth.bench.measure` does here, through the demo app."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from edgedepth.adb import Phone
from edgedepth.bench import environment
from edgedepth.bench.app import BenchApp, DelegateError
from edgedepth.bench.cells import Cell, Delegate
from edgedepth.bench.children import Record
from edgedepth.bench.measure import Measured, Plan
from edgedepth.bench.signatures import holders
from edgedepth.capture.modelfile import ModelFile
from edgedepth.cards import sha256
from edgedepth.errors import UserError

RUNTIME = "tensorflow-lite"
"""The app's runtime, TFLite's Java API, as results name it."""

SHIPPED_SWEEP = "desk"
CURVE_ROUNDS = 60
_CPU_SENSOR = 0
"""Of android.hardware.thermal's temperature types."""

Tick = Callable[[str], None]


@dataclass
class _Task:
    cell: Cell
    name: str
    answers: list[Record] = field(default_factory=list)
    refused: str = ""


def run_on_phone(
    phone: Phone,
    plan: Plan,
    delegates: Sequence[Delegate],
    sweep: Path | None,
    tick: Tick = lambda _: None,
) -> Measured:
    """Measure on one phone, each combination once per round in a new process of the app.

    A GPU delegate that refuses a model leaves a warning in place of figures.

    Args:
        sweep: pushed to the phone; without one the app's own.

    Raises:
        UserError: no app, a model that does not stream, or nothing could be measured.
    """
    _require_streaming(plan.models)
    plan = replace(plan, runtimes=(RUNTIME,))
    app = BenchApp(phone)
    about = app.prepare()["device"]
    names = {model.path: app.push_model(model.path) for model in plan.models}
    pictures = app.push_sweep(sweep) if sweep else SHIPPED_SWEEP
    tasks = [_Task(cell, names[cell.model.path]) for cell in _cells(plan, delegates)]
    before = readings(phone)
    for number in range(plan.rounds):
        for index in np.random.default_rng(number).permutation(len(tasks)):
            _once(app, tasks[index], plan, pictures, tick)
    done = [task for task in tasks if not task.refused]
    if not done:
        raise UserError(tasks[0].refused, "try --delegate cpu, or an fp16 model for the GPU")
    curve = _sustained(app, done[0], plan, pictures, tick) if plan.sustain_s else []
    return Measured(
        plan,
        [(_measured_cell(task), _series(task)) for task in done],
        {},
        {task.name: _jobs(task) for task in reversed(done)},
        {},
        curve,
        machine(about, phone, done[0].answers[0]),
        _joined(before, done[0].answers[0]["before"], []),
        _joined(readings(phone), done[-1].answers[-1]["after"], _statuses(done)),
        environment.Neighbours(None, None),
        f"sweep {pictures}, on the phone",
        doubts=tuple(_doubts(done, tasks)),
    )


def steps(plan: Plan, delegates: Sequence[Delegate]) -> int:
    """How often :func:`run_on_phone` calls ``tick``, for a progress bar."""
    return plan.rounds * len(_cells(plan, delegates)) + (1 if plan.sustain_s else 0)


def _require_streaming(models: Sequence[ModelFile]) -> None:
    for model in models:
        if not model.spec.streaming:
            raise UserError(
                f"{model.path} does not stream, and the app only streams",
                "convert it with --streaming",
            )
        if len(set(holders(model.path).values())) > 1:
            raise UserError(
                f"{model.path} is half of a pair, and the app takes one file",
                "convert it without --separate",
            )


def _cells(plan: Plan, delegates: Sequence[Delegate]) -> list[Cell]:
    """Threads are of the CPU: the GPU is measured once."""
    return [
        Cell(model, RUNTIME, True, threads, "streaming", 0, delegate)
        for model in plan.models
        for delegate in delegates
        for threads in (plan.threads if delegate == "cpu" else (1,))
    ]


def _once(app: BenchApp, task: _Task, plan: Plan, sweep: str, tick: Tick) -> None:
    cell = task.cell
    tick(f"{app.phone.name}: {cell.label}")
    if task.refused:
        return
    try:
        answer = app.measure(
            task.name, sweep, cell.delegate, cell.threads,
            rounds=1, runs=-(-plan.runs // plan.rounds), warmup=plan.warmup, frames=_MOST_FRAMES,
        )  # fmt: skip
    except DelegateError as error:
        if cell.delegate == "cpu" or task.answers:
            raise
        task.refused = f"{error.problem} ({cell.model.path.name} on the GPU)"
        return
    if answer["model"]["sha256"] != sha256(cell.model.path):
        raise UserError(f"{app.phone.name} ran another file than {cell.model.path}", "start again")
    task.answers.append(answer)


_MOST_FRAMES = 16


def _measured_cell(task: _Task) -> Cell:
    return replace(task.cell, frames=task.answers[0]["frames"])


def _series(task: _Task) -> list[Record]:
    """The app's answers as :mod:`edgedepth.bench.worker` would have given them."""
    return [
        {
            "version": answer["runtime"].removeprefix(f"{RUNTIME} "),
            "load_s": one["load_s"],
            "first_s": one["first_run_s"],
            "warmup_s": one["warmup_s"],
            "before_bytes": None,
            "peak_bytes": answer["peak_memory_bytes"] or 0,
            "series": {
                "whole": one["samples_s"],
                "per_frame": one["per_frame_s"],
                "after_last_frame": one["after_last_frame_s"],
            },
        }
        for answer in task.answers
        for one in answer["rounds"]
    ]


def _jobs(task: _Task) -> list[Record]:
    return [
        {
            "stages_s": answer["stages_s"],
            "peak_bytes": answer["peak_memory_bytes"] or 0,
            "frames": answer["frames"],
        }
        for answer in task.answers
    ]


def _sustained(app: BenchApp, task: _Task, plan: Plan, sweep: str, tick: Tick) -> list[Record]:
    """One long start; its rounds, which follow each other without a pause, are the points."""
    cell = task.cell
    tick(f"{app.phone.name}, sustained: {cell.label}")
    run_s = float(np.median([r["samples_s"] for a in task.answers for r in a["rounds"]]))
    runs = max(1, round(plan.sustain_s / CURVE_ROUNDS / run_s))
    answer = app.measure(
        task.name, sweep, cell.delegate, cell.threads,
        rounds=CURVE_ROUNDS, runs=min(runs, 10_000), warmup=1, frames=_MOST_FRAMES,
    )  # fmt: skip
    points, at = [], 0.0
    for one in answer["rounds"]:
        at += one["load_s"] + sum(one["warmup_s"]) + sum(one["samples_s"])
        points.append(
            {
                "at_s": at,
                "runs": len(one["samples_s"]),
                "p50_s": float(np.median(one["samples_s"])),
                "p90_s": float(np.percentile(one["samples_s"], 90)),
                **environment.NOT_READ,
                "thermal_status": one["thermal_status"],
            }
        )
    return points


def machine(about: Record, phone: Phone, answer: Record) -> Record:
    """The phone as :func:`edgedepth.bench.environment.machine` describes a computer."""
    governors = phone.attempt("shell", f"cat {_CPUFREQ}/scaling_governor").stdout.split()
    chip = f", {about['soc']}" if about["soc"] else ""
    name, _, version = answer["runtime"].partition(" ")
    return {
        "cpu": f"{about['manufacturer']} {about['model']}{chip}",
        "architecture": about["abi"],
        "instructions": [],
        "cores": about["cores"],
        "cores_allowed": about["cores"],
        "governor": ", ".join(sorted(set(governors))) or None,
        "virtual": False,
        "system": f"Android {about['android']} (API {about['api']})",
        "versions": {name: version or "unknown", "app": answer["app"]},
        "commit": environment.commit(),
    }


_CPUFREQ = "/sys/devices/system/cpu/cpu[0-9]*/cpufreq"


def readings(phone: Phone) -> Record:
    """Clock, temperature and thermal status, as far as the adb shell may read them."""
    clocks = phone.attempt("shell", f"cat {_CPUFREQ}/scaling_cur_freq").stdout.split()
    status, heat = parse_thermal(phone.attempt("shell", "dumpsys thermalservice").stdout)
    kilohertz = [int(c) for c in clocks if c.isdigit()]
    return {
        **environment.NOT_READ,
        "clock_mhz": max(kilohertz) / 1000 if kilohertz else None,
        "temperature_c": heat,
        "thermal_status": status,
    }


def parse_thermal(text: str) -> tuple[int | None, float | None]:
    """Thermal status (0 none to 6 shutdown) and the hottest CPU sensor of ``dumpsys
    thermalservice``, each None where it is not told."""
    status = re.search(r"^\s*Thermal Status: (\d+)", text, re.MULTILINE)
    current = text.partition("Current temperatures from HAL")[2] or text
    sensors = re.findall(r"Temperature\{mValue=(-?[\d.]+), mType=(-?\d+)", current)
    heat = [float(value) for value, kind in sensors if int(kind) == _CPU_SENSOR]
    return int(status[1]) if status else None, max(heat) if heat else None


def _joined(ours: Record, of_app: Record, statuses: Sequence[int]) -> Record:
    """Our readings filled up with the app's; the worst thermal status of all."""
    known = [s for s in (ours["thermal_status"], of_app["thermal_status"]) if s is not None]
    clock, heat = ours["clock_mhz"], ours["temperature_c"]
    return {
        **ours,
        "thermal_status": max([*known, *statuses], default=None),
        "clock_mhz": of_app["clock_mhz"] if clock is None else clock,
        "temperature_c": of_app["battery_temperature_c"] if heat is None else heat,
    }


def _statuses(done: Sequence[_Task]) -> list[int]:
    """Thermal status after every round."""
    found = [one["thermal_status"] for t in done for a in t.answers for one in a["rounds"]]
    return [status for status in found if status is not None]


def _doubts(done: Sequence[_Task], tasks: Sequence[_Task]) -> list[str]:
    """What the app warns of, each once; the saver; the combinations that were refused."""
    answers = [answer for task in done for answer in task.answers]
    found = [task.refused for task in tasks if task.refused]
    found += dict.fromkeys(w for answer in answers for w in answer.get("warnings", []))
    if any(answer[when]["power_save"] for answer in answers for when in ("before", "after")):
        found.append("the battery saver was on")
    return found
