"""Pictures of an evaluation: curves, error against confidence, and the scenes themselves."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edgedepth.bench.drawing import (
    GRID,
    WIDTH,
    Colour,
    Picture,
    canvas,
    nice_step,
    put_text,
    write_png,
)
from edgedepth.capture.picture import colourise, dioptre_limits
from edgedepth.evaluate import (
    CLASSICAL,
    CLASSICAL_WITH_BLUR,
    MEAN_DEPTH,
    Answer,
    Result,
    bounded,
)
from edgedepth.protocols import Case
from edgedepth.sparsification import REMOVED, Sparsification

BASELINE_COLOURS: dict[str, Colour] = {
    MEAN_DEPTH: (150, 150, 150),
    CLASSICAL: (90, 90, 90),
    CLASSICAL_WITH_BLUR: (60, 60, 60),
}
COLOURS: tuple[Colour, ...] = (
    (30, 30, 200), (190, 120, 30), (60, 150, 60), (160, 60, 160), (30, 140, 220), (140, 140, 20),
    (110, 60, 30),
)  # fmt: skip
PLOT_W, PLOT_H = 700, 330
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 24, 60, 48
_LEGEND_H = 26
STRIP_H = 240


class _Plot:
    """Axes of one plot inside a canvas; the horizontal one has a place per point."""

    def __init__(
        self, picture: Picture, left: int, top: int, most: float, places: int, width: int = PLOT_W
    ) -> None:
        self.picture, self.left, self.top, self.most = picture, left, top, max(most, 1e-9) * 1.08
        self.places, self.width = places, width

    def at(self, place: float, value: float) -> tuple[int, int]:
        width, height = self.width - _LEFT - _RIGHT, PLOT_H - _TOP - _BOTTOM
        across = place / max(1, self.places - 1)
        x = self.left + _LEFT + across * width
        return round(x), round(self.top + _TOP + height * (1 - min(value / self.most, 1.05)))

    def grid(self, labels: Sequence[str]) -> None:
        step = nice_step(self.most)
        for number in range(int(self.most / step) + 1):
            left, right = self.at(0, number * step), self.at(self.places - 1, number * step)
            cv2.line(self.picture, left, right, GRID, 1)
            put_text(self.picture, f"{number * step:.3g}", (self.left + 16, left[1] + 5), 0.42)
        for place, label in enumerate(labels):
            x, y = self.at(place, 0)
            put_text(self.picture, label, (x - 5 * len(label), y + 22), 0.42)

    def line(self, values: Sequence[float], colour: Colour) -> None:
        points = np.array([self.at(i, value) for i, value in enumerate(values)], np.int32)
        cv2.polylines(self.picture, [points], False, colour, 2, cv2.LINE_AA)
        for x, y in points:
            cv2.circle(self.picture, (int(x), int(y)), 4, colour, -1, cv2.LINE_AA)


def _legend(picture: Picture, names: Sequence[str], colours: Sequence[Colour], top: int) -> None:
    x = 24
    for name, colour in zip(names, colours, strict=True):
        cv2.line(picture, (x, top), (x + 22, top), colour, 3, cv2.LINE_AA)
        put_text(picture, name, (x + 30, top + 5), 0.45)
        x += 52 + 9 * len(name)


def _colours(names: Iterable[str]) -> list[Colour]:
    """Greys of the baselines; a colour each for the others."""
    free = itertools.cycle(COLOURS)
    return [BASELINE_COLOURS[name] if name in BASELINE_COLOURS else next(free) for name in names]


def draw_curves(curves: Sequence[Mapping[str, Any]], title: str) -> Picture:
    """Error against whatever varies, a plot per curve, BGR uint8.

    Args:
        curves: of :func:`edgedepth.curves.evaluate_curves`.
    """
    names = list(curves[0]["points"][0]["rows"])
    rows = -(-len(curves) // 2)
    picture = canvas(80 + _LEGEND_H + rows * PLOT_H, "MAE in dioptres; lower is better", title)
    _legend(picture, names, _colours(names), 84)
    for number, curve in enumerate(curves):
        left, top = number % 2 * PLOT_W, 80 + _LEGEND_H + number // 2 * PLOT_H
        errors = {n: [p["rows"][n]["mae_dioptres"] for p in curve["points"]] for n in names}
        most = max(max(values) for values in errors.values())
        plot = _Plot(picture, left, top, most, len(curve["points"]))
        plot.grid([f"{point['value']:g}" for point in curve["points"]])
        put_text(picture, curve["label"], (left + _LEFT, top + _TOP - 14), 0.48)
        for values, colour in zip(errors.values(), _colours(names), strict=True):
            plot.line(values, colour)
    return picture


def draw_confidence(found: Mapping[str, Sparsification], title: str) -> Picture:
    """Sparsification curves, drawn, and their oracles, thin; BGR uint8."""
    picture = canvas(
        80 + _LEGEND_H + PLOT_H,
        "Error that is left over the error of all, the least confident pixels removed",
        f"{title}. Thin: the worst pixels removed. Below: share removed",
    )
    names = [f"{name}, AUSE {curve.ause:.3f}" for name, curve in found.items()]
    colours = _colours(found)
    _legend(picture, names, colours, 84)
    most = max(1.0, *(max(curve.error) for curve in found.values()))
    plot = _Plot(picture, 0, 80 + _LEGEND_H - _TOP // 2, most, len(REMOVED), WIDTH)
    plot.grid([f"{share:g}" if i % 4 == 0 else "" for i, share in enumerate(REMOVED)])
    for curve, colour in zip(found.values(), colours, strict=True):
        plot.line(curve.error, colour)
        oracle = np.array([plot.at(i, v) for i, v in enumerate(curve.oracle)], np.int32)
        cv2.polylines(picture, [oracle], False, colour, 1, cv2.LINE_AA)
    return picture


def chosen_scenes(result: Result, name: str) -> dict[str, int]:
    """The scenes in which a contestant does best, middling and worst, by MAE in dioptres."""
    order = np.argsort([row["mae_dioptres"] for row in result.scores[name]], kind="stable")
    return {
        "best": int(order[0]),
        "median": int(order[(len(order) - 1) // 2]),
        "worst": int(order[-1]),
    }


def draw_scene(case: Case, answers: Mapping[str, Answer], rows: Mapping[str, float]) -> Picture:
    """The reference picture, the truth and every answer side by side, in the truth's colours.

    Args:
        rows: MAE in dioptres by contestant, for the captions.
    """
    limits = dioptre_limits(case.truth_m)
    tiles = [_tile(case.stack.reference.rgb[..., ::-1], case.name)]
    tiles.append(_tile(colourise(case.truth_m, limits), "truth"))
    for name, answer in answers.items():
        picture = colourise(bounded(answer), limits)
        tiles.append(_tile(picture, f"{name}, {rows[name]:.3f} D"))
    return np.concatenate(tiles, axis=1)


def _tile(picture: NDArray[np.uint8], caption: str) -> Picture:
    height, width = picture.shape[:2]
    size = (round(width * STRIP_H / height), STRIP_H)
    small = cv2.resize(np.ascontiguousarray(picture), size, interpolation=cv2.INTER_AREA)
    label = np.full((28, size[0], 3), 255, np.uint8)
    put_text(label, caption, (6, 19), 0.45)
    tile: Picture = np.concatenate([label, small])
    return tile


def write_all(folder: Path, pictures: Mapping[str, Picture]) -> None:
    """Write pictures as PNG into a folder.

    Raises:
        UserError: one cannot be written.
    """
    for name, picture in pictures.items():
        write_png(folder / f"{name}.png", picture)
