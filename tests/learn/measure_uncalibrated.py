"""Ordinal accuracy without metres: network and classical, on rendered sweeps of hidden distances.

python -m tests.learn.measure_uncalibrated

A pair of pixels counts when their true dioptres differ by a tenth of the scene's range; the
figure is the share of pairs whose order comes out right, chance being 50 %.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edgedepth.baselines import depth_from_focus
from edgedepth.capture.inference import infer_depth
from edgedepth.capture.register import RegisteredSweep
from edgedepth.capture.sweep import read_sweep
from edgedepth.data.planes import LAYOUTS
from edgedepth.data.sources import EVALUATION_SEED, open_source
from edgedepth.data.sweep_writer import PRESETS, SweepOptions, render_sweep, write_sweep

SIZE = (720, 960)
SCENES = range(10)
PAIRS = 20000
LEAST_DIFFERENCE = 0.1


def ordinal_accuracy(nearness: NDArray[np.floating], true_dioptres: NDArray[np.floating]) -> float:
    """Share of random pairs whose order is right; pairs with a pixel unsaid are half right."""
    rng = np.random.default_rng(0)
    low, high = np.quantile(true_dioptres, [0.02, 0.98])
    first, second = rng.integers(0, true_dioptres.size, (2, 4 * PAIRS))
    truth = true_dioptres.ravel()
    apart = truth[first] - truth[second]
    clear = np.flatnonzero(np.abs(apart) > LEAST_DIFFERENCE * (high - low))[:PAIRS]
    said = nearness.ravel()[first[clear]] - nearness.ravel()[second[clear]]
    right = np.where(np.isfinite(said), said * np.sign(apart[clear]) > 0, 0.5)
    return float(right.mean())


def classical(registered: RegisteredSweep, planes: NDArray[np.floating]) -> NDArray[np.float32]:
    """Nearness by classical depth from focus, planes as given."""
    stack = registered.stack
    frames = np.stack([f.rgb for f in stack.frames])
    valid = np.stack(
        [np.ones(stack.size, bool) if f.valid is None else f.valid for f in stack.frames]
    )
    return 1 / depth_from_focus(frames, planes, valid)[0]


def score(folder: Path, focus: NDArray[np.floating]) -> tuple[list[float], float, float]:
    """Accuracies, error of the positions and seconds of one sweep."""
    truth_mm = cv2.imread(str(folder / "truth" / "truth_depth_mm.png"), cv2.IMREAD_UNCHANGED)
    start = time.perf_counter()
    result = infer_depth(read_sweep(folder, uncalibrated=True), min_confidence=0.0)
    seconds = time.perf_counter() - start
    assert result.relative is not None
    assert result.ordering is not None
    shape = (result.relative.shape[1], result.relative.shape[0])
    truth = 1 / np.maximum(cv2.resize(truth_mm, shape, interpolation=cv2.INTER_NEAREST) / 1000, 0.1)
    used = [r.used for r in result.registered.reports]
    ranks = np.argsort(np.argsort(focus)) / (len(focus) - 1) * 2 + 0.5
    rows = [
        classical(result.registered, ranks[used]),
        classical(result.registered, np.array(result.ordering.dioptres)[used]),
        classical(result.registered, focus[used]),
    ]
    found = [ordinal_accuracy(cv2.resize(r, shape), truth) for r in rows]
    found.append(ordinal_accuracy(result.relative, truth))
    true_positions = (focus - focus.min()) / np.ptp(focus)
    error = float(np.abs(np.array(result.ordering.positions) - true_positions).max())
    return found, error, seconds


def main() -> None:
    """Print the table."""
    source, planes = open_source("procedural"), np.array(LAYOUTS["phone"])
    names = (
        "classical, true order",
        "classical, solved",
        "classical, true metres",
        "network, solved",
    )
    print(f"{'scene':<8} {'planes':>7} {'seconds':>7}  " + "  ".join(names))
    rows = []
    with tempfile.TemporaryDirectory() as root:
        for index in SCENES:
            rng = np.random.default_rng(index)
            focus = rng.permutation(1 / planes)
            options = SweepOptions(tuple(focus), SIZE, shake_px=3, seed=index)
            sweep = render_sweep(source, EVALUATION_SEED - 1 - index, PRESETS["pixel6pro"], options)
            folder = Path(root) / f"{index}"
            write_sweep(sweep, folder)
            found, error, seconds = score(folder, focus)
            rows.append(found)
            cells = "  ".join(f"{100 * f:>{len(n)}.1f}" for f, n in zip(found, names, strict=True))
            print(f"{index:<8} {error:>7.3f} {seconds:>7.1f}  {cells}", flush=True)
    mean = np.mean(rows, axis=0)
    print(" " * 26 + "  ".join(f"{100 * f:>{len(n)}.1f}" for f, n in zip(mean, names, strict=True)))


if __name__ == "__main__":
    main()
