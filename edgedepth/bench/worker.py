"""The child process that measures: one model, one runtime, one way of running.

``python -m edgedepth.bench.worker TASK.json RESULT.json``; :mod:`edgedepth.bench.children` starts
it. Each result holds what the process saw of itself; nothing is printed.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from edgedepth.bench.environment import readings, rss_bytes, rss_peak_bytes
from edgedepth.errors import UserError

Record = dict[str, Any]
CURVE_POINTS = 60
SHORTEST_WINDOW_S = 1.0


def measure(task: Record) -> Record:
    """Load a model, warm it up, time its runs."""
    from edgedepth.bench import running
    from edgedepth.capture.runtimes import Runtime, load_runtime

    load_runtime(task["runtime"])
    before = rss_bytes()
    start = time.perf_counter()
    engine = Runtime(Path(task["model"]), task["runtime"], task["threads"], task["xnnpack"])
    run = running.runner(engine, task)
    load_s = time.perf_counter() - start
    warmup = [run()["whole"][0] for _ in range(max(1, task["warmup"]))]
    record: Record = {
        "version": engine.version,
        "load_s": load_s,
        "first_s": warmup[0],
        "warmup_s": warmup,
        "before_bytes": before,
    }
    if task.get("sustain_s"):
        record["curve"] = sustained(run, task["sustain_s"])
    else:
        record["series"] = steady(run, task["runs"])
    record["peak_bytes"] = rss_peak_bytes()
    return record


def steady(run: Callable[[], dict[str, list[float]]], runs: int) -> dict[str, list[float]]:
    """Seconds of ``runs`` runs by part: the whole, and of a stream each frame and what is left
    after the last."""
    found: dict[str, list[float]] = {}
    gc.collect()
    gc.disable()
    try:
        for _ in range(runs):
            for part, seconds in run().items():
                found.setdefault(part, []).extend(seconds)
    finally:
        gc.enable()
    return found


def sustained(run: Callable[[], dict[str, list[float]]], seconds: float) -> list[Record]:
    """Run without a pause; one point per window: time since the start, median, p90, machine."""
    window = max(SHORTEST_WINDOW_S, seconds / CURVE_POINTS)
    start = time.perf_counter()
    points = []
    while (begun := time.perf_counter()) - start < seconds:
        latencies = []
        while time.perf_counter() - begun < window:
            latencies += run()["whole"]
        points.append(
            {
                "at_s": time.perf_counter() - start,
                "runs": len(latencies),
                "p50_s": float(np.median(latencies)),
                "p90_s": float(np.percentile(latencies, 90)),
                **readings(),
            }
        )
    return points


def whole_job(task: Record) -> Record:
    """What ``edgedepth infer`` does, by stage, from the start of the process."""
    from edgedepth.capture.opencv import require_opencv

    require_opencv()
    import cv2

    from edgedepth.capture import inference, modelfile, outputs
    from edgedepth.capture import sweep as sweeps

    cv2.setNumThreads(task["threads"])
    stages = {"start": time.time() - task["spawned_at"]}
    start = time.perf_counter()
    file = modelfile.read_model_file(task["model"])
    read = sweeps.read_sweep(Path(task["sweep"]))
    stages["read"] = time.perf_counter() - start
    start = time.perf_counter()
    result = inference.infer_depth(read, file, runtime=task["runtime"], threads=task["threads"])
    inferred = time.perf_counter() - start
    stages |= result.seconds
    stages["other"] = max(0.0, inferred - sum(result.seconds.values()))
    start = time.perf_counter()
    outputs.write_result(result, Path(task["out"]))
    stages["write"] = time.perf_counter() - start
    return {"stages_s": stages, "peak_bytes": rss_peak_bytes(), "frames": len(read)}


def profiled(task: Record) -> Record:
    """Time per kind of operator."""
    from edgedepth.bench.profile import profile

    return profile(task)


def loop_cost(task: Record) -> Record:
    """What the timing loop adds."""
    from edgedepth.bench.trust import overhead

    return overhead(task)


KINDS: dict[str, Callable[[Record], Record]] = {
    "cell": measure,
    "job": whole_job,
    "profile": profiled,
    "overhead": loop_cost,
}


def main() -> None:
    """Do the task named in the first file, leave the result in the second."""
    task = json.loads(Path(sys.argv[1]).read_text())
    try:
        result = KINDS[task["kind"]](task)
    except UserError as error:
        result = {"error": {"problem": error.problem, "advice": error.advice}}
    except (RuntimeError, ValueError, MemoryError) as error:
        why = (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
        result = {"error": {"problem": why, "advice": "", "while": "running"}}
    Path(sys.argv[2]).write_text(json.dumps(result))


if __name__ == "__main__":
    main()
