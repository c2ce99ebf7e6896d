"""Error against latency, one dot per model, drawn with OpenCV."""

from __future__ import annotations

import cv2
import numpy as np

from edgedepth.bench.accuracy import frontier, points
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
    Picture,
    canvas,
    nice_step,
    put_text,
)

HEIGHT = 560
LEFT, BOTTOM = 90, HEIGHT - 60
ROOM = 1.15
_LARGEST_PX, _SMALLEST_PX = 22, 5
_LABEL_SIZE = 0.45
BASELINES = ("mean depth", "classical")


def draw_pareto(record: Record) -> Picture:
    """The figure of a result that has scores, BGR uint8 (HEIGHT, WIDTH, 3)."""
    accuracy, found = record["accuracy"], points(record)
    errors = {row["name"]: row["mae_dioptres"] for row in accuracy["rows"]}
    picture = canvas(
        HEIGHT,
        "Error, MAE in dioptres, against latency of the fastest combination, ms",
        f"{accuracy['protocol']} protocol, {accuracy['data']}, {accuracy['scenes']} scenes. "
        "Area: size of the file; red: no other model is both faster and better",
    )
    slowest = ROOM * 1e3 * max(p.seconds for p in found)
    worst = ROOM * max(*(p.mae_dioptres for p in found), *(errors[name] for name in BASELINES))

    def at(seconds: float, error: float) -> tuple[int, int]:
        x = LEFT + 1e3 * seconds / slowest * (WIDTH - RIGHT - LEFT)
        return round(x), round(BOTTOM - error / worst * (BOTTOM - TOP))

    for tick in np.arange(0, worst, nice_step(worst)):
        y = at(0, float(tick))[1]
        cv2.line(picture, (LEFT, y), (WIDTH - RIGHT, y), GRID, 1)
        put_text(picture, f"{tick:.2g}", (24, y + 5), 0.45)
    for tick in np.arange(0, slowest, nice_step(slowest)):
        put_text(picture, f"{tick:g}", (at(float(tick) / 1e3, 0)[0] - 8, BOTTOM + 24), 0.45)
    for name in BASELINES:
        y = at(0, errors[name])[1]
        cv2.line(picture, (LEFT, y), (WIDTH - RIGHT, y), SLOW, 1, cv2.LINE_AA)
        put_text(picture, name, (WIDTH - RIGHT - 110, y - 6), 0.45)
    best = frontier(found)
    line = np.array([at(p.seconds, p.mae_dioptres) for p in best], np.int32)
    cv2.polylines(picture, [line], False, MEDIAN, 1, cv2.LINE_AA)
    largest = max(p.size_bytes for p in found)
    for number, point in enumerate(found):
        centre = at(point.seconds, point.mae_dioptres)
        radius = max(_SMALLEST_PX, round(_LARGEST_PX * (point.size_bytes / largest) ** 0.5))
        cv2.circle(picture, centre, radius, DOTS, -1, cv2.LINE_AA)
        cv2.circle(picture, centre, radius, MEDIAN if point in best else BOX, 2, cv2.LINE_AA)
        label = f"{point.name.removesuffix('.tflite')}, {point.size_bytes / 1e3:.0f} kB"
        _label(picture, label, centre, radius, above=number % 2 == 0)
    return picture


def _label(picture: Picture, text: str, centre: tuple[int, int], radius: int, above: bool) -> None:
    """Over or under a dot, wholly inside the picture: neighbours alternate."""
    width = cv2.getTextSize(text, FONT, _LABEL_SIZE, 1)[0][0]
    x = min(max(LEFT, centre[0] - width // 2), WIDTH - RIGHT // 2 - width)
    y = centre[1] - radius - 10 if above else centre[1] + radius + 20
    put_text(picture, text, (x, y), _LABEL_SIZE)
