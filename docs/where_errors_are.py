"""Where a model errs: beyond its planes, at depth edges, on blank surfaces, with little texture, or
elsewhere; and which way, by how far things are.

    python docs/where_errors_are.py edgedepth/pretrained/edgedepth-mobile-int8.tflite rgbd:DIR
    python docs/where_errors_are.py edgedepth/pretrained/edgedepth-mobile-int8.tflite traced

Prints a table for each protocol over the development set's scenes, or those given by ``--include``,
or over twelve made ones of ``procedural``, ``traced`` or ``pathtraced``: the share of the pixels
with known depth, the pixels off by more than a quarter as a share of all, answered too near and too
far, the mean absolute error in dioptres there, and the parts of that of all pixels and of the mean
squared error in metres. A pixel counts for the first kind that it is of. The worst scene is named.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edgedepth import album, optics
from edgedepth.evaluate import bounded, model_file
from edgedepth.protocols import DEV_RGBD, PROTOCOLS, Case, Protocol, make_case

EDGE_PX, EDGE_RATIO = 9, 1.16
"""A depth edge: depths within this window differ by more than this factor."""

BLANK_PX, BLANK = 9, 1 / 255
"""A blank surface: in this window brightness varies less than this (standard deviation), which is
the protocols' noise."""

FLAT_PX, FLAT = 25, 4 / 255
"""Little texture, likewise."""

SCENES = 12
"""Of a source that makes them."""

WRONG = 1.25
"""Off by this factor or more, which delta1 does not count."""

DEPTHS_M = (0.0, 0.8, 1.6, 2.4, 4.0, 6.0, 10.0)
"""Bounds of the depths that the signed error is told by."""

LEAST_SHARE = 0.02
"""Of a scene's pixels: with fewer at a depth it does not count there."""

Mask = NDArray[np.bool_]


def kinds(case: Case, sharp: NDArray[np.float32], protocol: Protocol) -> Iterator[tuple[str, Mask]]:
    """What a pixel may be, hardest first; each is asked of those that no earlier kind took."""
    known = np.isfinite(case.truth_m)
    dioptres = optics.metres_to_dioptres(np.where(known, case.truth_m, 1))
    planes = protocol.focus_dioptres
    yield "beyond the planes", known & ((dioptres < planes.min()) | (dioptres > planes.max()))
    logs, window = np.log(dioptres), np.ones((EDGE_PX, EDGE_PX))
    yield (
        "at a depth edge",
        known & (cv2.dilate(logs, window) - cv2.erode(logs, window) > np.log(EDGE_RATIO)),
    )
    gray = cv2.cvtColor(sharp.astype(np.float32), cv2.COLOR_RGB2GRAY)
    yield "blank", known & (_variance(gray, BLANK_PX) < BLANK * BLANK)
    yield "little texture", known & (_variance(gray, FLAT_PX) < FLAT * FLAT)
    yield "elsewhere", known


def _variance(gray: NDArray[np.float32], side: int) -> NDArray[np.float64]:
    exact = gray.astype(np.float64)
    mean, square = (cv2.blur(x, (side, side)) for x in (exact, exact * exact))
    variance: NDArray[np.float64] = square - mean * mean
    return variance


def too_near(
    said: NDArray[np.float32], true: NDArray[np.float32], truth_m: NDArray[np.float32]
) -> list[float]:
    """Mean signed error in dioptres between each two of ``DEPTHS_M``; NaN where hardly anything is.

    Args:
        said, true: (H, W) dioptres.
        truth_m: (H, W) metres, NaN where unknown.
    """
    known = np.isfinite(truth_m).sum()
    found = []
    for near, far in pairwise(DEPTHS_M):
        here = (truth_m >= near) & (truth_m < far)
        enough = here.sum() >= LEAST_SHARE * known
        found.append(float((said - true)[here].mean()) if enough else float("nan"))
    return found


def _mean(values: Iterable[float]) -> str:
    known = [value for value in values if np.isfinite(value)]
    return f"{np.mean(known):+.3f}" if known else ""


def main() -> None:
    """Score one model."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("source")
    parser.add_argument("--include", nargs="+", default=DEV_RGBD, help="names of scenes, * allowed")
    parser.add_argument("--cache", type=Path, help="folder that keeps traced pictures")
    given = parser.parse_args()
    model = model_file(given.model)
    for protocol in PROTOCOLS.values():
        rows: dict[str, list[tuple[float, ...]]] = {}
        signed: list[list[float]] = []
        scenes: list[tuple[float, str]] = []
        made = album.development_stages(given.source, protocol, SCENES, given.cache, given.include)
        for stage in made:
            case = make_case(protocol, stage, stage.shoot(protocol))
            said, true = 1 / bounded(model.predict(case.stack)), 1 / case.truth_m
            error, near, far = np.abs(said - true), said / true >= WRONG, true / said >= WRONG
            squared = (1 / said - case.truth_m) ** 2
            signed.append(too_near(said, true, case.truth_m))
            left = np.isfinite(true)
            total = left.sum()
            scenes.append((float(np.nanmean(error)), case.name))
            for name, mask in kinds(case, stage.scene.rgb, protocol):
                mine = mask & left
                left &= ~mine
                wrong = (mine & near).sum(), (mine & far).sum()
                parts = mine.sum(), *wrong, error[mine].sum(), squared[mine].sum()
                rows.setdefault(name, []).append(tuple(float(p / total) for p in parts))
        wrong_heads = f"too near by {WRONG}", f"too far by {WRONG}"
        heads = "pixels", *wrong_heads, "MAE D", "part of MAE D", "part of MSE m²"
        print(f"\n| {protocol.name} | {' | '.join(heads)} |\n|{'---|' * (len(heads) + 1)}")
        for name, found in rows.items():
            *shares, part, squares = np.mean(found, axis=0)
            cells = [f"{share:.1%}" for share in shares]
            cells += [
                f"{part / shares[0]:.3f}" if shares[0] else "",
                f"{part:.4f}",
                f"{squares:.4f}",
            ]
            print(f"| {' | '.join([name, *cells])} |")
        print("\nWorst of all: {1}, {0:.3f} D.".format(*max(scenes)))
        ranges = " | ".join(f"{near:g} to {far:g} m" for near, far in pairwise(DEPTHS_M))
        print(f"\n| {protocol.name}, too near by D | {ranges} |\n|{'---|' * len(DEPTHS_M)}")
        means = " | ".join(_mean(column) for column in zip(*signed, strict=True))
        print(f"| mean of scenes | {means} |")


if __name__ == "__main__":
    main()
