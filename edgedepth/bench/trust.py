"""Whether the benchmark itself can be trusted: what its loop costs, and whether it repeats.

``python docs/measure.py --only trust`` measures both on the shipped model and writes
``docs/results/trust.json``; its schema is ``docs/schemas/trust.schema.json``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgedepth.bench import environment, stats
from edgedepth.bench.children import Record
from edgedepth.bench.inputs import Pictures
from edgedepth.bench.measure import Plan, Tick, run_plan
from edgedepth.bench.running import load_inputs
from edgedepth.capture.inference import feed
from edgedepth.capture.runtimes import Runtime, load_runtime
from edgedepth.quiet import quiet

SCHEMA = "edgedepth-trust/1"
OVERHEAD_LIMIT = 0.02
"""What our loop may add to the bare loop of calls."""

AGREEING_SHARE = 0.9
"""Share of repeated measurements that must agree within their stated intervals."""

Loop = Callable[[int], float]


def overhead(task: Record) -> Record:
    """Our timing loop against the bare loop of the same calls, and against ``invoke()`` alone.

    The three take turns in short blocks, so that the machine's mood hits all alike; each block of
    ours is divided by its own neighbours.

    Args:
        task: of :mod:`edgedepth.bench.worker`, unrolled: model, runtime, threads, inputs, blocks,
            and runs of each block.

    Returns:
        seconds per run of the three, and the ratios' medians with their 95 % intervals.
    """
    engine = Runtime(Path(task["model"]), task["runtime"], task["threads"])
    inputs = load_inputs(Path(task["inputs"]))
    tensors = engine.signature("infer").inputs
    feeds = {name: feed(tensor, name, inputs, None) for name, tensor in tensors.items()}
    bare = _bare_runner(task)
    loops: dict[str, Loop] = {
        "ours": _our_loop(engine, task),
        "bare": lambda runs: _timed(lambda: bare(**feeds), runs),
        "invoke": _invoke_loop(task, feeds),
    }
    for loop in loops.values():
        loop(task["warmup"])
    seconds: dict[str, list[float]] = {name: [] for name in loops}
    rng = np.random.default_rng(0)
    for _ in range(task["blocks"]):
        for name in rng.permutation(list(loops)):
            seconds[name].append(loops[name](task["runs"]))
    ours = np.array(seconds["ours"])
    return {
        "blocks": task["blocks"],
        "runs": task["runs"],
        **{f"{name}_s": float(np.median(found)) for name, found in seconds.items()},
        "over_bare": _ratio(ours, np.array(seconds["bare"])),
        "over_invoke": _ratio(ours, np.array(seconds["invoke"])),
    }


def _timed(call: Callable[[], Any], runs: int) -> float:
    """Seconds per call of the plainest loop."""
    start = time.perf_counter()
    for _ in range(runs):
        call()
    return (time.perf_counter() - start) / runs


def _our_loop(engine: Runtime, task: Record) -> Loop:
    """Mean of what the benchmark reports of its runs."""
    from edgedepth.bench.running import runner
    from edgedepth.bench.worker import steady

    run = runner(engine, task)
    return lambda runs: float(np.mean(steady(run, runs)["whole"]))


def _interpreter(task: Record) -> Any:
    interpreter_class, _ = load_runtime(task["runtime"])
    with quiet():
        return interpreter_class(model_path=task["model"], num_threads=task["threads"])


def _bare_runner(task: Record) -> Callable[..., Any]:
    """The runtime's own signature runner, in an interpreter of its own."""
    with quiet():
        found: Callable[..., Any] = _interpreter(task).get_signature_runner("infer")
    return found


def _invoke_loop(task: Record, feeds: Mapping[str, NDArray[Any]]) -> Loop:
    """``invoke()`` with its inputs in place already; nothing is copied in or out."""
    interpreter = _interpreter(task)
    names = interpreter.get_signature_list()["infer"]["inputs"]
    with quiet():
        interpreter.allocate_tensors()
        details = interpreter.get_signature_runner("infer").get_input_details()
        for name in names:
            interpreter.set_tensor(details[name]["index"], feeds[name])
        interpreter.invoke()
    return lambda runs: _timed(interpreter.invoke, runs)


def _ratio(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> Record:
    ratios = ours / theirs
    low, high = stats.median_interval([[float(r)] for r in ratios])
    return {"median": float(np.median(ratios)), "low": low, "high": high}


def overhead_task(plan: Plan, inputs: Path, blocks: int, runs: int) -> Record:
    """The task of :func:`overhead` for the first model and thread count of a plan."""
    return {
        "kind": "overhead",
        "what": "the cost of the timing loop",
        "model": str(plan.models[0].path),
        "runtime": "litert",
        "threads": plan.threads[0],
        "mode": "unrolled",
        "inputs": str(inputs),
        "blocks": blocks,
        "runs": runs,
        "warmup": plan.warmup,
    }


def trials(plan: Plan, pictures: Pictures, count: int, tick: Tick = lambda _: None) -> list[Record]:
    """Measure twice in a row, so often, and compare as ``edgedepth bench --compare`` does.

    Returns:
        one record per trial and combination: label, both medians with intervals, the verdict, and
        whether the two agree.
    """
    found = []
    for number in range(count):
        first, second = (run_plan(plan, pictures, tick).cells for _ in range(2))
        for (cell, one), (_, other) in zip(first, second, strict=True):
            a, b = ([answer["series"]["whole"] for answer in answers] for answers in (one, other))
            verdict = stats.difference(a, b).verdict
            found.append(
                {
                    "trial": number,
                    "label": cell.label,
                    "first": _stated(a),
                    "second": _stated(b),
                    "verdict": verdict,
                    "agrees": verdict == "within the noise",
                }
            )
    return found


def _stated(rounds: stats.Rounds) -> Record:
    summary = stats.summarise(rounds)
    return {"p50": summary.p50, "low": summary.low, "high": summary.high}


def agreed(found: Sequence[Record]) -> tuple[int, int]:
    """How many trials agreed in every combination, of how many."""
    numbers = {one["trial"] for one in found}
    failed = {one["trial"] for one in found if not one["agrees"]}
    return len(numbers) - len(failed), len(numbers)


def make_record(
    plan: Plan, cost: Record, repeats: list[Record], before: Record, after: Record
) -> Record:
    """The result as plain data.

    Args:
        cost: of :func:`overhead`.
        repeats: of :func:`trials`.
        before, after: readings of the machine.
    """
    return {
        "schema": SCHEMA,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "environment": {"machine": environment.machine(), "before": before, "after": after},
        "model": plan.models[0].path.name,
        "options": {"threads": plan.threads[0], "runs": plan.runs, "rounds": plan.rounds},
        "overhead": cost,
        "trials": repeats,
    }
