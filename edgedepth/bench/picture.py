"""The result as a picture, drawn with OpenCV: latency distributions, the sustained
curve, error against latency."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from edgedepth.bench.children import Record
from edgedepth.bench.drawing import (
    BOX,
    DOTS,
    FONT,
    GRID,
    MEDIAN,
    RIGHT,
    SLOW,
    TOP,
    WIDTH,
    Colour,
    Picture,
    canvas,
    nice_step,
    put_text,
)
from edgedepth.bench.pareto import draw_pareto

ROW, BOTTOM, LEFT = 46, 70, 500
CURVE_HEIGHT = 330


def draw(record: Record) -> Picture:
    """The picture of a result, BGR uint8 (H, WIDTH, 3)."""
    parts = [_distributions(record)]
    if record["sustained"]:
        parts.append(_curve(record["sustained"]))
    if record["accuracy"]:
        parts.append(draw_pareto(record))
    return np.concatenate(parts)


def _distributions(record: Record) -> Picture:
    cells = record["cells"]
    height = TOP + ROW * len(cells) + BOTTOM
    machine = record["environment"]["machine"]
    busy = "; machine busy or throttled, see warnings" if record["warnings"] else ""
    picture = canvas(
        height,
        "Latency of one stack, ms",
        f"{machine['cpu']}, {record['created'][:10]}{busy}. Dots: runs; box: quartiles; "
        "red: median and its 95 % interval; ticks: p90, p99",
    )
    most = 1e3 * max(_reach(cell) for cell in cells)
    across = (WIDTH - LEFT - RIGHT) / most
    bottom = TOP + ROW * len(cells)
    _vertical_grid(picture, most, across, bottom)
    for index, cell in enumerate(cells):
        _row(picture, cell, TOP + ROW * index + ROW // 2, across, index)
    put_text(picture, "ms", (WIDTH - RIGHT - 20, bottom + 46), 0.5)
    return picture


def _reach(cell: Record) -> float:
    """As far as the axis must go: beyond p99, not to the one worst run."""
    latency = cell["latency_s"]
    return 1.1 * max(latency["p99"] or latency["p90"], latency["high"])


def _vertical_grid(picture: Picture, most: float, across: float, bottom: int) -> None:
    step = nice_step(most)
    for number in range(int(most / step) + 1):
        x = round(LEFT + number * step * across)
        cv2.line(picture, (x, TOP - 6), (x, bottom), GRID, 1)
        put_text(picture, f"{number * step:g}", (x - 8, bottom + 22), 0.45)


def label_of(cell: Record) -> str:
    """A combination in few words."""
    kernels = "" if cell["xnnpack"] else " (no XNNPACK)"
    name = cell["model"].removesuffix(".tflite")
    where = "GPU" if cell["delegate"] == "gpu" else f"{cell['threads']}t"
    return f"{name}  {cell['runtime']}{kernels}  {where}  {cell['mode']}"


def _row(picture: Picture, cell: Record, y: int, across: float, seed: int) -> None:
    def at(seconds: float) -> int:
        return round(LEFT + min(1e3 * seconds * across, WIDTH - LEFT - RIGHT + 12))

    latency = cell["latency_s"]
    runs = np.asarray(cell["samples_s"]).ravel()
    heights = np.random.default_rng(seed).integers(-13, 14, len(runs))
    for run, height in zip(runs, heights, strict=True):
        cv2.circle(picture, (at(run), y + int(height)), 2, DOTS, -1, cv2.LINE_AA)
    low, high = np.percentile(runs, (25, 75))
    cv2.rectangle(picture, (at(low), y - 9), (at(high), y + 9), BOX, 1)
    for tail in (latency["p90"], latency["p99"]):
        if tail is not None:
            cv2.line(picture, (at(tail), y - 7), (at(tail), y + 7), SLOW, 1)
    cv2.line(picture, (at(latency["low"]), y), (at(latency["high"]), y), MEDIAN, 3)
    cv2.line(picture, (at(latency["p50"]), y - 11), (at(latency["p50"]), y + 11), MEDIAN, 2)
    text = label_of(cell)
    size = min(0.5, 0.5 * (LEFT - 110) / cv2.getTextSize(text, FONT, 0.5, 1)[0][0])
    put_text(picture, text, (24, y + 5), size)
    put_text(picture, f"{1e3 * latency['p50']:.1f}", (LEFT - 64, y + 5), 0.5)


def _curve(sustained: Record) -> Picture:
    subtitle = f"{sustained['label']}; last third {100 * sustained['drift']:+.1f} %"
    picture = canvas(CURVE_HEIGHT, "Sustained: median over time, ms", subtitle)
    points = sustained["curve"]
    left, right, top, bottom = 80, WIDTH - RIGHT, TOP, CURVE_HEIGHT - 50
    times = [p["at_s"] for p in points]
    highest = 1e3 * max(p["p90_s"] for p in points) * 1.1
    step = nice_step(highest)
    for number in range(int(highest / step) + 1):
        y = round(bottom - number * step / highest * (bottom - top))
        cv2.line(picture, (left, y), (right, y), GRID, 1)
        put_text(picture, f"{number * step:g}", (24, y + 5), 0.45)

    def line(values: Sequence[float], colour: Colour) -> None:
        xy = [
            (
                round(left + t / times[-1] * (right - left)),
                round(bottom - 1e3 * v / highest * (bottom - top)),
            )
            for t, v in zip(times, values, strict=True)
        ]
        cv2.polylines(picture, [np.array(xy, np.int32)], False, colour, 2, cv2.LINE_AA)

    line([p["p90_s"] for p in points], DOTS)
    line([p["p50_s"] for p in points], MEDIAN)
    span = times[-1] / 60
    gap = nice_step(span)
    for number in range(int(span / gap) + 1):
        x = round(left + number * gap / span * (right - left))
        put_text(picture, f"{number * gap:g} min", (x - 10, bottom + 24), 0.45)
    return picture
