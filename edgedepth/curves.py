"""How scores change with the stack: its length, its planes, the lens, and what goes wrong."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgedepth.evaluate import CLASSICAL, MEAN_DEPTH, Contestant, Row, bounded, gain, mean_answer
from edgedepth.metrics import depth_metrics, mean_metrics
from edgedepth.protocols import Protocol, Stage, make_case, misaligned, shuffled, single, spread
from edgedepth.stack import FocalStack

Record = dict[str, Any]


def _as_it_is(stack: FocalStack, _value: float, _seed: int) -> FocalStack:
    return stack


def _with_frames(protocol: Protocol, value: float, stage: Stage) -> Protocol:
    return spread(protocol, int(value)) if value > 1 else single(protocol, stage)


def _with_coc(protocol: Protocol, value: float, _stage: Stage) -> Protocol:
    return dataclasses.replace(protocol, coc_px_per_dioptre=value)


def _with_noise(protocol: Protocol, value: float, _stage: Stage) -> Protocol:
    return dataclasses.replace(protocol, noise=value)


def _unchanged(protocol: Protocol, _value: float, _stage: Stage) -> Protocol:
    return protocol


def _shuffled(stack: FocalStack, value: float, seed: int) -> FocalStack:
    return shuffled(stack, seed) if value else stack


@dataclass(frozen=True)
class Curve:
    """One thing that varies.

    Attributes:
        name: as typed.
        label: of the axis.
        values: of the points.
        protocol: the protocol at a value, before a scene.
        stack: the stack at a value, for what happens after the pictures; gets the scene's number.
    """

    name: str
    label: str
    values: tuple[float, ...]
    protocol: Callable[[Protocol, float, Stage], Protocol] = _unchanged
    stack: Callable[[FocalStack, float, int], FocalStack] = _as_it_is


CURVES = {
    curve.name: curve
    for curve in (
        Curve(
            "frames",
            "frames, evenly spaced in dioptres",
            (1, 2, 3, 5, 8, 10),
            protocol=_with_frames,
        ),
        Curve(
            "single",
            "where a single picture is focused: 0 nearest thing, 1 farthest",
            (0.0, 0.5, 1.0),
            protocol=lambda p, value, stage: single(p, stage, value),
        ),
        Curve(
            "planes",
            "spacing of the planes: 1 even, less crowded near, more crowded far",
            (0.4, 0.6, 1.0, 1.6, 2.5),
            protocol=lambda p, value, _stage: spread(p, len(p.planes_m), value),
        ),
        Curve(
            "coc",
            "K, pixels per dioptre at 640 pixels' width",
            (0.8, 1.64, 3.3, 6.55, 13.0, 26.0),
            protocol=_with_coc,
        ),
        Curve(
            "misalignment",
            "frames moved, pixels at 640 pixels' width",
            (0.0, 0.5, 1.0, 2.0, 3.0),
            stack=misaligned,
        ),
        Curve(
            "noise",
            "noise, share of full scale",
            (0.0, 0.004, 0.01, 0.02, 0.04),
            protocol=_with_noise,
        ),
        Curve("shuffle", "focus distances shuffled", (0.0, 1.0), stack=_shuffled),
    )
}


def evaluate_curves(
    protocol: Protocol,
    stages: Sequence[Stage],
    contestants: Sequence[Contestant],
    names: Sequence[str] = tuple(CURVES),
    tick: Callable[[str], None] = lambda _: None,
) -> list[Record]:
    """Score contestants along curves.

    Every scene is photographed once per camera and set of planes, whatever is done to the stack
    afterwards.

    Args:
        protocol: what everything else is as.
        names: of :data:`CURVES`.
        tick: called with each scene and curve.

    Returns:
        one record per curve: name, label, and points with value, mean rows by name, and the
        gain of each contestant over the classical answer.
    """
    constant = mean_answer([stage.truth_m for stage in stages])
    found: dict[tuple[str, float], list[dict[str, Row]]] = {}
    for stage in stages:
        album: dict[tuple[float, tuple[float, ...]], NDArray[np.float32]] = {}
        for name in names:
            tick(f"{stage.scene.name}, {name}")
            for value in CURVES[name].values:
                stack = _stack(protocol, stage, CURVES[name], value, album)
                rows = _scores(stack, stage.truth_m, contestants)
                rows[MEAN_DEPTH] = depth_metrics(constant, stage.truth_m)
                found.setdefault((name, value), []).append(rows)
    return [
        {
            "name": name,
            "label": CURVES[name].label,
            "points": [_point(value, found[name, value]) for value in CURVES[name].values],
        }
        for name in names
    ]


def _stack(
    protocol: Protocol,
    stage: Stage,
    curve: Curve,
    value: float,
    album: dict[tuple[float, tuple[float, ...]], NDArray[np.float32]],
) -> FocalStack:
    varied = curve.protocol(protocol, value, stage)
    key = varied.coc_px_per_dioptre, varied.planes_m
    if key not in album:
        album[key] = stage.shoot(varied)
    case = make_case(varied, stage, album[key])
    return curve.stack(case.stack, value, stage.index)


def _scores(
    stack: FocalStack, truth_m: NDArray[np.float32], contestants: Sequence[Contestant]
) -> dict[str, Row]:
    return {c.name: depth_metrics(bounded(c.predict(stack)), truth_m) for c in contestants}


def _point(value: float, scenes: Sequence[dict[str, Row]]) -> Record:
    names = [MEAN_DEPTH, *(name for name in scenes[0] if name != MEAN_DEPTH)]
    rows = {name: mean_metrics([scene[name] for scene in scenes]) for name in names}
    return {"value": value, "rows": rows, "gains": _gains(names, scenes)}


def _gains(names: Sequence[str], scenes: Sequence[dict[str, Row]]) -> Record:
    if CLASSICAL not in names:
        return {}
    errors = {n: np.array([scene[n]["mae_dioptres"] for scene in scenes]) for n in names}
    return {
        name: dataclasses.asdict(gain(errors[name], errors[CLASSICAL]))
        for name in names
        if name not in (MEAN_DEPTH, CLASSICAL)
    }
