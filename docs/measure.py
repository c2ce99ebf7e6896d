"""Measure what the documentation claims, and write its tables and pictures again.

    make results                                  all of it, on an idle machine: an hour
    python docs/measure.py --only trust           a part: bench, trust, eval
    python docs/measure.py --quick --out DIR      minutes, to see that it works; writes no page

bench: latency of the shipped models and of the ``paper`` preset in the same rounds, LiteRT's own
tool beside it, error against latency and size. trust: what the timing loop costs, and whether two
measurements in a row agree. eval: the shipped models, the run they come from and, where given, runs
of the ``paper`` preset, on every protocol, on rendered, ray-traced and path-traced scenes; and the
int8 file along the curves; with --dev on the development set too, whose tables go without it. Such
runs are hours of training: rows of those that are not given stay as the record in DIR has them,
where the scenes and the classical row are still the same.
EDGEDEPTH_TRACED may name a folder that keeps the traced pictures.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image
from tqdm import tqdm

from edgedepth.bench import drawing, environment, measure, picture, record, table, trust
from edgedepth.bench.accuracy import score
from edgedepth.bench.children import run_child
from edgedepth.bench.inputs import SAMPLE, Pictures
from edgedepth.bench.measure import Plan
from edgedepth.bench.pareto import draw_pareto
from edgedepth.bench.running import save_inputs
from edgedepth.capture.modelfile import ModelFile, read_model_file
from edgedepth.cards import sha256, shipped_models
from edgedepth.data.sources import open_source
from edgedepth.errors import UserError
from edgedepth.evaluate import CLASSICAL
from edgedepth.files import write_text
from edgedepth.learn.adapt import starting_run
from edgedepth.protocols import PROTOCOLS
from edgedepth.rundir import RunDirectory, training_hours

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "docs" / "results"
PAPER_RUN = ROOT / "build" / "paper_run"
DATA = "procedural"
OURS, PAPER, SINGLE = "edgedepth-mobile", "paper", "paper, single images"
PALETTE = 48
SAME_ROW = 1e-3
"""Relative difference of a row measured twice on the same scenes: records are rounded."""

DEV_CURVES = "--curve", "frames", "--curve", "coc", "--curve", "noise"
"""What is asked of the development set too."""

FIRST = ("int8", "fp16", "fp32")
"""Order of the precisions; the sustained run is of the first."""


@dataclass(frozen=True)
class Effort:
    """How much of everything.

    Attributes:
        runs, rounds, warmup: of the benchmark.
        sustain_s: of the sustained run.
        scenes: that the models are scored on.
        trials: pairs of measurements in a row; ``trial_runs`` and ``trial_rounds`` each.
        blocks: of the loops that are compared.
        eval_scenes, traced_scenes, pathtraced_scenes, curve_scenes: of the tables and the curves.
    """

    runs: int = 105
    rounds: int = 7
    warmup: int = 3
    sustain_s: float = 60.0
    scenes: int = 12
    trials: int = 10
    trial_runs: int = 50
    trial_rounds: int = 5
    blocks: int = 60
    eval_scenes: int = 24
    traced_scenes: int = 12
    pathtraced_scenes: int = 12
    curve_scenes: int = 24


QUICK = Effort(4, 2, 1, 2.0, 1, 2, 4, 2, 4, 1, 1, 1, 1)


def paper_models(run: Path, folder: Path) -> list[Path]:
    """The ``paper`` preset as int8 and fp32 files; its speed does not depend on its weights, so a
    short training does."""
    if not run.exists():
        _edgedepth("train", "--preset", "paper", "--run-dir", str(run), "--quick")
    made = []
    for precision in ("int8", "fp32"):
        path = folder / f"paper-{precision}.tflite"
        _edgedepth("convert", str(run), "-o", str(path), "--precision", precision)
        made.append(path)
    return made


def _edgedepth(*words: str) -> None:
    subprocess.run([sys.executable, "-m", "edgedepth", *words], check=True)


def make_plan(models: list[ModelFile], effort: Effort) -> Plan:
    """Shipped models and the paper's, on the runtimes that are installed."""
    runtimes = ["litert"]
    if importlib.util.find_spec("tflite_runtime"):
        runtimes.append("tflite-runtime")
    return Plan(
        tuple(models), tuple(runtimes), (True,), (1, 2), effort.runs, effort.rounds, effort.warmup,
        effort.sustain_s, cross_check=True, profile=True,
    )  # fmt: skip


def run_bench(shipped: list[ModelFile], paper: list[Path], effort: Effort, out: Path) -> None:
    """Write bench.json, bench.png and pareto.png."""
    models = [*shipped, *map(read_model_file, paper)]
    plan, pictures = make_plan(models, effort), Pictures(SAMPLE)
    with tqdm(total=measure.steps(plan, pictures), unit="turn", disable=None) as bar:
        measured = measure.run_plan(plan, pictures, _tick(bar))
    scores = score(shipped, open_source(DATA), DATA, effort.scenes)
    options = {
        "threads": list(plan.threads), "runtimes": list(plan.runtimes), "xnnpack": "on",
        "runs": plan.runs, "rounds": plan.rounds, "warmup": plan.warmup,
        "sustained_minutes": plan.sustain_s / 60,
    }  # fmt: skip
    made = record.make_record(measured, options, scores)
    record.write_record(out / "bench.json", made)
    _write_drawing(out / "bench.png", picture.draw(made))
    _write_drawing(out / "pareto.png", draw_pareto(made))
    print(table.terminal(made))


def _write_drawing(path: Path, drawn: drawing.Picture) -> None:
    """As PNG with a palette: a fraction of the size, and few colours are in it."""
    rgb = Image.fromarray(np.ascontiguousarray(drawn[..., ::-1]))
    rgb.quantize(PALETTE, dither=Image.Dither.NONE).save(path, optimize=True)


def _tick(bar: tqdm) -> Callable[[str], None]:  # type: ignore[type-arg]
    def tick(what: str) -> None:
        bar.set_description(what)
        bar.update()

    return tick


def run_trust(shipped: list[ModelFile], effort: Effort, out: Path) -> None:
    """Write trust.json."""
    model = next(m for m in shipped if m.spec.precision == "int8")
    plan = Plan(
        (model,), ("litert",), (True,), (1,), effort.trial_runs, effort.trial_rounds, effort.warmup
    )
    pictures = Pictures(SAMPLE)
    before = environment.readings()
    with tempfile.TemporaryDirectory() as folder:
        inputs = Path(folder) / "inputs.npz"
        save_inputs(inputs, pictures.model_inputs(model))
        cost = run_child(trust.overhead_task(plan, inputs, effort.blocks, 10))
    turns = 2 * effort.trials * measure.steps(plan, pictures)
    with tqdm(total=turns, unit="turn", disable=None) as bar:
        repeats = trust.trials(plan, pictures, effort.trials, _tick(bar))
    made = trust.make_record(plan, cost, repeats, before, environment.readings())
    write_text(out / "trust.json", record.to_json(made))
    good, of = trust.agreed(repeats)
    over = 100 * (cost["over_bare"]["median"] - 1)
    print(f"the loop costs {over:+.2f} %; {good} of {of} trials agree")


def run_eval(
    shipped: list[ModelFile],
    runs: Mapping[str, Path],
    effort: Effort,
    out: Path,
    dev: Path | None = None,
) -> None:
    """Write eval.json and, per protocol, the pictures of the curves and of confidence.

    Args:
        runs: run directories by the name of their rows.
        dev: folder of the development set.
    """
    int8 = next(str(model.path) for model in shipped if model.spec.precision == "int8")
    with tempfile.TemporaryDirectory() as folder:
        files = [*(str(model.path) for model in shipped), *_named(runs, Path(folder) / "runs")]
        tables = [
            (*files, "--data", DATA, "--limit", str(effort.eval_scenes)),
            (*files, "--data", "traced", "--limit", str(effort.traced_scenes)),
            (*files, "--data", "pathtraced", "--limit", str(effort.pathtraced_scenes)),
            (
                int8, "--data", DATA, "--limit", str(effort.curve_scenes),
                "--curves", "--pictures", folder,
            ),
        ]  # fmt: skip
        if dev is not None:
            real = "--data", f"rgbd:{dev}", "--dev", "--limit", str(effort.eval_scenes)
            tables += [(*files, *real), (int8, *real, *DEV_CURVES)]
        jobs = [("--protocol", name, *words) for words in tables for name in PROTOCOLS]
        with ThreadPoolExecutor(os.cpu_count()) as side_by_side:
            reports = [report for found in side_by_side.map(_eval, jobs) for report in found]
        for name in PROTOCOLS:
            for kind in ("curves", "confidence"):
                drawn = cv2.imread(str(Path(folder) / f"{name}-{kind}.png"))
                _write_drawing(out / f"{kind}-{name}.png", drawn)
    made = {
        "schema": "edgedepth-eval/1",
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "commit": environment.commit(),
        "models": [{"file": m.path.name, "sha256": sha256(m.path)} for m in shipped],
        "runs": [training(name, RunDirectory(path)) for name, path in runs.items()],
        "reports": reports,
    }
    target = out / "eval.json"
    if target.exists():
        keep_rows(made, json.loads(target.read_text()))
    write_text(target, record.to_json(record.rounded(made, 5)))


def keep_rows(made: dict[str, Any], earlier: Mapping[str, Any]) -> None:
    """Give a new eval record the rows of those runs of an earlier one that it has not.

    A report gets them where the earlier one of the same scenes has the same classical row.
    """
    for run in earlier.get("runs", ()):
        if run["name"] in {one["name"] for one in made["runs"]}:
            continue
        names = [f"{run['name']} ({phase})" for phase in ("float", "qat")]
        kept = False
        for old in earlier["reports"]:
            if names[0] not in old["rows"]:
                continue
            same = [new for new in made["reports"] if _alike(old, new)]
            for new in same:
                for name in names:
                    new["rows"][name], new["gains"][name] = old["rows"][name], old["gains"][name]
            kept |= bool(same)
            if not same:
                where = f"{old['protocol']['name']} on {old['data']}"
                why = "such scenes are no longer there, or the classical row differs"
                print(f"the rows of {run['name']} are gone from {where}: {why}")
        if kept:
            made["runs"].append(run)


def _alike(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    same = ("protocol", "data", "scenes", "frames", "shuffled_focus")
    if new["curves"] or any(old[key] != new[key] for key in same):
        return False
    before, now = old["rows"][CLASSICAL], new["rows"][CLASSICAL]
    return all(math.isclose(before[key], now[key], rel_tol=SAME_ROW) for key in now)


def _named(runs: Mapping[str, Path], folder: Path) -> list[str]:
    """Paths of the runs under their names: rows go by a folder's name."""
    folder.mkdir()
    for name, path in runs.items():
        (folder / name).symlink_to(path.resolve())
    return [str(folder / name) for name in runs]


def training(name: str, run: RunDirectory) -> dict[str, Any]:
    """What a reader must know of a run to weigh its rows.

    Raises:
        UserError: it is no run directory.
    """
    config, records = run.config(), run.records()
    return {
        "name": name,
        "float_steps": config.float_steps,
        "qat_steps": config.qat_steps,
        "size": [config.height, config.width],
        "frames_per_batch": config.batch.frames_per_batch,
        "hours": training_hours(records)[-1] if records else None,
    }


def _eval(words: Sequence[str]) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "edgedepth", "eval", *words, "--json"],
        stdout=subprocess.PIPE, check=True,
    )  # fmt: skip
    reports: list[dict[str, Any]] = json.loads(done.stdout)
    return reports


PARTS = ("bench", "trust", "eval")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=PARTS, action="append", help="may be given again")
    parser.add_argument("--quick", action="store_true", help="hardly any runs")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the results")
    parser.add_argument("--rounds", type=int, help="of the benchmark")
    parser.add_argument(
        "--paper-run", type=Path,
        help="run of the paper preset, for its rows; without it a short training gives its speed",
    )  # fmt: skip
    parser.add_argument(
        "--single-run", type=Path, help="run of the paper preset on single images, for its rows"
    )
    parser.add_argument("--dev", type=Path, help="folder of the development set, for its rows")
    given = parser.parse_args()
    effort = QUICK if given.quick else Effort()
    if given.rounds:
        effort = replace(effort, rounds=given.rounds)
    given.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="edgedepth-measure-") as folder:
        runs = {PAPER: given.paper_run, SINGLE: given.single_run}
        given_runs = {name: path for name, path in runs.items() if path is not None}
        measure_all(given.only or PARTS, effort, given_runs, Path(folder), given.out, given.dev)
    if given.out.resolve() == RESULTS:
        subprocess.run([sys.executable, str(ROOT / "docs" / "make_results.py")], check=True)


def measure_all(
    parts: Sequence[str],
    effort: Effort,
    runs: Mapping[str, Path],
    folder: Path,
    out: Path,
    dev: Path | None = None,
) -> None:
    """Measure copies of the shipped models, so that all parts see the same ones.

    Args:
        runs: trained runs of the ``paper`` preset by the name of their rows.
        folder: for copies and converted files.
        dev: folder of the development set.
    """
    shipped = [read_model_file(shutil.copy(path, folder)) for path in shipped_models()]
    shipped.sort(key=lambda model: FIRST.index(model.spec.precision))
    if "bench" in parts:
        run_bench(shipped, paper_models(runs.get(PAPER, PAPER_RUN), folder), effort, out)
    if "trust" in parts:
        run_trust(shipped, effort, out)
    if "eval" in parts:
        run_eval(shipped, {OURS: starting_run(None).path, **runs}, effort, out, dev)


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"measure.py: {error}")
    except subprocess.CalledProcessError as error:
        sys.exit(f"measure.py: {' '.join(map(str, error.cmd[2:4]))} failed")
