"""The rounds: every combination once per round, in an order drawn anew, each in a process of its
own; between them the yardstick and the whole job."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from edgedepth.bench import crosscheck, environment
from edgedepth.bench.cells import Cell, make_cells
from edgedepth.bench.children import TIMEOUT_S, Record, run_child
from edgedepth.bench.inputs import Pictures
from edgedepth.bench.peak import ARITHMETIC, Kind, write_peak_model
from edgedepth.bench.running import save_inputs
from edgedepth.capture.modelfile import ModelFile
from edgedepth.errors import UserError

JOB_ROUNDS = 3
PEAK_RUNS = 10
PEAK_WARMUP = 3


@dataclass(frozen=True)
class Plan:
    """What to measure, and how often.

    Attributes:
        kernels: of ``xnnpack`` on and off.
        runs: steady-state runs of each combination, over all rounds.
        warmup: runs before them in every process.
        sustain_s: keep the first combination busy for so long afterwards.
        cross_check: let LiteRT's own tool measure beside us.
        profile: first of all, the time per kind of operator.
    """

    models: tuple[ModelFile, ...]
    runtimes: tuple[str, ...]
    kernels: tuple[bool, ...]
    threads: tuple[int, ...]
    runs: int
    rounds: int
    warmup: int
    sustain_s: float = 0.0
    cross_check: bool = False
    profile: bool = False


@dataclass(frozen=True)
class Job:
    """One thing to do each round, the answers so far, and whether LiteRT's own tool is asked."""

    task: Record
    answers: list[Record] = field(default_factory=list)
    of_tool: bool = False


@dataclass(frozen=True)
class Measured:
    """Everything that was measured, as the children told it.

    Attributes:
        cells: with one answer per round.
        peaks: (arithmetic, threads) -> one answer per round.
        jobs: (model's file name) -> answers of the whole job.
        checks: index into ``cells`` -> answers of LiteRT's own tool.
        curve: of the sustained run.
        profiles: index into ``cells`` -> answer of LiteRT's profiler.
        doubts: warnings beyond those that the readings give.
    """

    plan: Plan
    cells: list[tuple[Cell, list[Record]]]
    peaks: dict[tuple[Kind, int], list[Record]]
    jobs: dict[str, list[Record]]
    checks: dict[int, list[Record]]
    curve: list[Record]
    machine: Record
    before: Record
    after: Record
    neighbours: environment.Neighbours
    source: str
    profiles: dict[int, Record] = field(default_factory=dict)
    doubts: tuple[str, ...] = ()


Tick = Callable[[str], None]
"""Called with what is measured next."""


def run_plan(plan: Plan, pictures: Pictures, tick: Tick = lambda _: None) -> Measured:
    """Measure.

    Raises:
        UserError: a model does not load or run somewhere, or the sweep cannot be used.
    """
    machine, before = environment.machine(), environment.readings()
    with tempfile.TemporaryDirectory(prefix="edgedepth-bench-") as folder:
        cells = _cell_jobs(plan, pictures, Path(folder))
        peaks = _peak_jobs(plan, Path(folder))
        whole = _whole_jobs(plan, pictures)
        checks = _check_jobs(plan, cells)
        profiles = _profiles(plan, cells, tick)
        clock = environment.cpu_time()
        every = [*(job for _, job in cells), *peaks.values(), *checks.values()]
        _rounds(plan, every, list(whole.values()), tick)
        others = environment.neighbours(clock, environment.cpu_time(), machine["cores"])
        curve = _sustained(plan, cells, tick)
    return Measured(
        plan,
        [(cell, job.answers) for cell, job in cells],
        {key: job.answers for key, job in peaks.items()},
        {name: job.answers for name, job in whole.items()},
        {index: job.answers for index, job in checks.items()},
        curve,
        machine,
        before,
        environment.readings(),
        others,
        pictures.source,
        profiles,
    )


def _rounds(plan: Plan, every: Sequence[Job], some: Sequence[Job], tick: Tick) -> None:
    for number in range(plan.rounds):
        jobs = [*every, *(some if number < JOB_ROUNDS else ())]
        for index in np.random.default_rng(number).permutation(len(jobs)):
            job = jobs[index]
            tick(job.task["what"])
            measure = crosscheck.run_tool if job.of_tool else run_child
            job.answers.append(measure(job.task))


def steps(plan: Plan, pictures: Pictures) -> int:
    """How often :func:`run_plan` calls ``tick``, for a progress bar."""
    cells = _cells(plan, pictures)
    kinds = _peak_kinds(plan)
    jobs = len(plan.models) * min(plan.rounds, JOB_ROUNDS) if pictures.sweep else 0
    peaks = len(kinds) * len(plan.threads)
    checks = sum(map(crosscheck.applies, cells)) if plan.cross_check else 0
    once = (1 if plan.sustain_s else 0) + sum(map(_can_profile, cells)) * plan.profile
    return plan.rounds * (len(cells) + peaks + checks) + jobs + once


def _cells(plan: Plan, pictures: Pictures) -> list[Cell]:
    counted = []
    for model in plan.models:
        composite = 1 if model.spec.all_in_focus_first else 0
        counted.append((model, len(pictures.stack(model)) + composite))
    return make_cells(counted, plan.runtimes, plan.kernels, plan.threads)


def _cell_jobs(plan: Plan, pictures: Pictures, folder: Path) -> list[tuple[Cell, Job]]:
    places = {}
    for number, model in enumerate(plan.models):
        places[model.path] = folder / f"inputs_{number}.npz"
        save_inputs(places[model.path], pictures.model_inputs(model))
    runs = -(-plan.runs // plan.rounds)
    return [
        (
            cell,
            Job(
                {
                    "kind": "cell",
                    "what": f"{cell.runtime} with {cell.model.path.name}",
                    "model": str(cell.model.path),
                    "runtime": cell.runtime,
                    "xnnpack": cell.xnnpack,
                    "threads": cell.threads,
                    "mode": cell.mode,
                    "inputs": str(places[cell.model.path]),
                    "runs": runs,
                    "warmup": plan.warmup,
                }
            ),
        )
        for cell in _cells(plan, pictures)
    ]


def _peak_jobs(plan: Plan, folder: Path) -> dict[tuple[Kind, int], Job]:
    kinds = _peak_kinds(plan)
    paths = {kind: write_peak_model(folder / f"peak_{kind}.tflite", kind) for kind in kinds}
    return {
        (kind, threads): Job(
            {
                "kind": "cell",
                "what": f"the {kind} yardstick",
                "model": str(path),
                "runtime": "litert",
                "xnnpack": True,
                "threads": threads,
                "mode": "peak",
                "runs": PEAK_RUNS,
                "warmup": PEAK_WARMUP,
            }
        )
        for kind, path in paths.items()
        for threads in plan.threads
    }


def _peak_kinds(plan: Plan) -> list[Kind]:
    """Arithmetic of the models; none where LiteRT, which the yardstick needs, is missing."""
    if importlib.util.find_spec("ai_edge_litert") is None:
        return []
    return sorted({ARITHMETIC[model.spec.precision] for model in plan.models})


def _whole_jobs(plan: Plan, pictures: Pictures) -> dict[str, Job]:
    if pictures.sweep is None:
        return {}
    from edgedepth.capture.sweep import read_sweep

    count = len(read_sweep(pictures.sweep))
    found = {}
    for model in plan.models:
        composite = 1 if model.spec.all_in_focus_first else 0
        if not model.spec.streaming and model.spec.frames - composite != count:
            continue
        found[model.path.name] = Job(
            {
                "kind": "job",
                "what": f"the whole job with {model.path.name}",
                "model": str(model.path),
                "sweep": str(pictures.sweep),
                "runtime": plan.runtimes[0],
                "threads": max(plan.threads),
            }
        )
    return found


def _check_jobs(plan: Plan, cells: list[tuple[Cell, Job]]) -> dict[int, Job]:
    if not plan.cross_check:
        return {}
    return {
        index: Job({**job.task, "what": f"{crosscheck.TOOL}, {cell.label}"}, of_tool=True)
        for index, (cell, job) in enumerate(cells)
        if crosscheck.applies(cell)
    }


def _sustained(plan: Plan, cells: list[tuple[Cell, Job]], tick: Tick) -> list[Record]:
    if not plan.sustain_s:
        return []
    cell, job = cells[0]
    tick(f"sustained: {cell.label}")
    task: dict[str, Any] = {**job.task, "sustain_s": plan.sustain_s}
    curve: list[Record] = run_child(task, plan.sustain_s + TIMEOUT_S)["curve"]
    return curve


def _can_profile(cell: Cell) -> bool:
    """Only LiteRT has a profiler that can be reached from here."""
    return cell.runtime == "litert" and cell.xnnpack


def _profiles(plan: Plan, cells: list[tuple[Cell, Job]], tick: Tick) -> dict[int, Record]:
    if not plan.profile:
        return {}
    found = {}
    for index, (cell, job) in enumerate(cells):
        if _can_profile(cell):
            tick(f"profile: {cell.label}")
            found[index] = run_child({**job.task, "kind": "profile"})
    if not found:
        raise UserError("only LiteRT with XNNPACK gives a profile", "add --runtime litert")
    return found


def require_models(models: Sequence[ModelFile]) -> None:
    """Refuse a model that can be run in no way.

    Raises:
        UserError: it has neither an unrolled nor a streaming signature.
    """
    for model in models:
        if not model.spec.frames and not model.spec.streaming:
            raise UserError(f"{model.path} has nothing to run", "convert it again")
