"""Error against hours of training, from the log of a run.

    python docs/make_training_curve.py RUN_DIR
    edgedepth eval RUN_DIR --dev --data rgbd:DIR --json > dev.json
    python docs/make_training_curve.py RUN_DIR --scored dev.json

Writes docs/results/training.json and training.png; docs/make_results.py puts the table on the page.
A run that began with another run's weights continues that run's curve, where it is still there.
``--first`` begins the curve at a later run where the validation stacks changed on the way.
``--after training.json`` goes on from an earlier curve whose runs are gone; its points stay if
the validation stacks are the same.
``--scored`` adds what the run's two phases do on the protocols.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from edgedepth.bench.drawing import GRID, Colour, Picture, canvas, nice_step, put_text
from edgedepth.bench.record import rounded, to_json
from edgedepth.errors import UserError
from edgedepth.files import write_text
from edgedepth.rundir import RunDirectory, training_hours

RESULTS = Path(__file__).resolve().parent / "results"
SCHEMA = "edgedepth-training/1"
LOSS_EVERY = 200
"""Steps that one point of the loss is the mean of."""

PALETTE = 128
PLOT_W, PLOT_H, HEAD = 700, 420, 90
LEFT, RIGHT, TOP, BOTTOM = 70, 30, 40, 50
MAE, CLASSICAL, LOSS = (30, 30, 200), (90, 90, 90), (190, 120, 30)
PROTOCOLS: dict[str, Colour] = {
    "phone": (60, 150, 60), "crop": (160, 60, 160), "dered": (30, 140, 220),
}  # fmt: skip

Point = dict[str, Any]


def history(run: RunDirectory, first: Path | None = None) -> list[Point]:
    """The records of a run and of the float phases it began with, with hours since the first.

    Args:
        first: run directory at which the curve begins; earlier ones, whose validation was another,
            count by their hours only.

    Raises:
        UserError: this is no run directory, or its log is gone.
    """
    records = run.records()
    if not records:
        raise UserError(f"{run.path} has no metrics.jsonl", "give the directory it was trained in")
    before = _before(run, first)
    hours, steps = (before[-1]["hours"], before[-1]["step"]) if before else (0.0, 0)
    points = [
        {**record, "hours": hours + more, "step": steps + record["step"]}
        for record, more in zip(records, training_hours(records), strict=True)
    ]
    kept = [] if first is not None and run.path.resolve() == first.resolve() else before
    return kept + points


def _before(run: RunDirectory, first: Path | None) -> list[Point]:
    """The float phases that a run began with, as far as their logs are still there."""
    earlier = RunDirectory(Path(run.config().start_from))
    if not run.config().start_from or not earlier.records():
        return []
    return [point for point in history(earlier, first) if point["phase"] == "float"]


def thinned_loss(points: Sequence[Point]) -> list[Point]:
    """Means of the training loss over ``LOSS_EVERY`` steps, phase by phase."""
    groups: dict[tuple[str, int], list[Point]] = {}
    for point in points:
        if "loss" in point:
            place = (point["phase"], (point["step"] - 1) // LOSS_EVERY)
            groups.setdefault(place, []).append(point)
    return [
        {
            "phase": phase,
            "step": group[-1]["step"],
            "hours": group[-1]["hours"],
            "loss": float(np.mean([point["loss"] for point in group])),
        }
        for (phase, _), group in groups.items()
    ]


def gone_on(points: Sequence[Point], earlier: Sequence[Point]) -> list[Point]:
    """A run's points with the steps and hours before it on top.

    Args:
        earlier: what training.json has of the runs before; only their float phases lead here.
    """
    last = max((p for p in earlier if p["phase"] == "float"), key=lambda p: float(p["step"]))
    return [
        {**p, "step": p["step"] + last["step"], "hours": p["hours"] + last["hours"]} for p in points
    ]


def made(
    run: RunDirectory,
    scored: Sequence[Mapping[str, Any]],
    first: Path | None = None,
    after: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """What is written to training.json.

    Args:
        scored: reports of ``edgedepth eval RUN_DIR --json``.
        first: see :func:`history`.
        after: an earlier training.json that the run goes on from.
    """
    points = history(run, first)
    rows = run.summary().get("rows", {})
    classical = rows.get("classical")
    keys = ("phase", "step", "hours", "mae_dioptres", "delta1", "rmse", "absrel")
    kept: dict[str, list[Point]] = {"points": [], "loss": []}
    if after is not None:
        points = gone_on(points, [*after["points"], *after["loss"]])
        if rounded(classical, 3) == rounded(after["classical"], 3):
            kept = {k: [p for p in after[k] if p["phase"] == "float"] for k in kept}
    scores = [{k: p[k] for k in keys} for p in points if "mae_dioptres" in p]
    return {
        "schema": SCHEMA,
        "stacks": run.config().validation_stacks,
        "classical": classical,
        "points": kept["points"] + scores,
        "loss": kept["loss"] + thinned_loss(points),
        "scored": [
            {
                "protocol": report["protocol"]["name"],
                "data": report["data"],
                "scenes": len(report["scenes"]),
                **{key: _of_phase(report["rows"], key) for key in ("float", "qat", "classical")},
            }
            for report in scored
        ],
    }


def _of_phase(rows: Mapping[str, Mapping[str, float]], key: str) -> float | None:
    """MAE in dioptres of the only row of a phase, or of the classical answer."""
    names = [name for name in rows if name == key or name.endswith(f"({key})")]
    return rows[names[0]]["mae_dioptres"] if len(names) == 1 else None


@dataclass(frozen=True)
class Axes:
    """A plot whose both axes begin at 0."""

    picture: Picture
    left: int
    hours: float
    most: float

    def at(self, hours: float, value: float) -> tuple[int, int]:
        across, up = PLOT_W - LEFT - RIGHT, PLOT_H - TOP - BOTTOM
        x = self.left + LEFT + across * hours / self.hours
        return round(x), round(HEAD + TOP + up * (1 - value / self.most))

    def grid(self, title: str) -> None:
        put_text(self.picture, title, (self.left + LEFT, HEAD + TOP - 14), 0.48)
        step = nice_step(self.most)
        for number in range(int(self.most / step) + 1):
            at = self.at(0, number * step)
            cv2.line(self.picture, at, self.at(self.hours, number * step), GRID, 1)
            put_text(self.picture, f"{number * step:.3g}", (self.left + 16, at[1] + 5), 0.42)
        step = nice_step(self.hours)
        for number in range(int(self.hours / step) + 1):
            x, y = self.at(number * step, 0)
            put_text(self.picture, f"{number * step:.3g}", (x - 8, y + 20), 0.42)
        x, y = self.at(self.hours / 2, 0)
        put_text(self.picture, "hours of training", (x - 60, y + 40), 0.42)

    def line(self, values: Sequence[tuple[float, float]], colour: Colour, dots: bool) -> None:
        points = [self.at(*value) for value in values]
        cv2.polylines(self.picture, [np.array(points, np.int32)], False, colour, 2, cv2.LINE_AA)
        for point in points if dots else ():
            cv2.circle(self.picture, point, 4, colour, -1, cv2.LINE_AA)

    def note(self, text: str, at: tuple[float, float], colour: Colour) -> None:
        x, y = self.at(*at)
        cv2.drawMarker(self.picture, (x, y), colour, cv2.MARKER_DIAMOND, 12, 2, cv2.LINE_AA)
        put_text(self.picture, text, (x - 9 * len(text) - 12, y + 4), 0.42)


def draw(found: Mapping[str, Any]) -> Picture:
    """Validation error, and the training loss beside it, BGR uint8."""
    subtitle = f"{found['stacks']} held-out stacks; grey line: the classical answer on them"
    picture = canvas(HEAD + PLOT_H, "Error against hours of training", subtitle)
    points, losses = found["points"], found["loss"]
    hours = max(point["hours"] for point in (*points, *losses)) * 1.02
    errors = [point["mae_dioptres"] for point in points]
    classical = found["classical"]
    if classical:
        errors.append(classical["mae_dioptres"])
    errors += [s[k] for s in found["scored"] for k in ("float", "qat") if s[k] is not None]
    left = Axes(picture, 0, hours, max(errors) * 1.08)
    left.grid("MAE in dioptres, the mean over steps of the weights")
    if classical:
        level = classical["mae_dioptres"]
        left.line([(0, level), (hours, level)], CLASSICAL, dots=False)
    left.line([(p["hours"], p["mae_dioptres"]) for p in points], MAE, dots=True)
    ends = {
        phase: max(p["hours"] for p in points if p["phase"] == phase) for phase in _phases(points)
    }
    for one in found["scored"]:
        for phase, end in ends.items():
            if one[phase] is not None:
                text = f"{one['protocol']}, {one['data']}" if phase == "float" else ""
                left.note(text, (end, one[phase]), PROTOCOLS[one["protocol"]])
    learnt = [(p["hours"], p["loss"]) for p in losses if p["phase"] == "float"]
    right = Axes(picture, PLOT_W, hours, max(loss for _, loss in learnt) * 1.08)
    right.grid("training loss of the float phase; the other one has another loss")
    right.line(learnt, LOSS, dots=False)
    return picture


def _phases(points: Sequence[Point]) -> list[str]:
    return list(dict.fromkeys(point["phase"] for point in points))


def write_picture(path: Path, drawn: Picture) -> None:
    """As PNG with a palette, a fraction of the size."""
    rgb = Image.fromarray(np.ascontiguousarray(drawn[..., ::-1]))
    rgb.quantize(PALETTE, dither=Image.Dither.NONE).save(path, optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, help="run directory, with its metrics.jsonl")
    parser.add_argument("--scored", type=Path, help="of `edgedepth eval RUN_DIR --json`")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder to write to")
    parser.add_argument(
        "--first", type=Path, metavar="RUN", help="begin the curve here; before, count hours only"
    )
    parser.add_argument("--after", type=Path, metavar="JSON", help="go on from an earlier curve")
    given = parser.parse_args()
    scored = json.loads(given.scored.read_text()) if given.scored else []
    after = json.loads(given.after.read_text()) if given.after else None
    found = made(RunDirectory(given.run), scored, given.first, after)
    write_text(given.out / "training.json", to_json(rounded(found, 5)))
    write_picture(given.out / "training.png", draw(found))


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"make_training_curve.py: {error}")
