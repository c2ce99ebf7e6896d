"""The lens renderer against traced truth and against the published way, on one core.

python docs/bench_renderer.py [--scenes 6] [--samples 256] [--cache build/renderer]

Scenes are procedural, 640x480, with K = 12 px per dioptre and five planes spread over the 5th to
95th percentile of the scene's dioptres. Truth is the mean over points of the lens
(``trace_thin_lens``); it takes minutes and is kept in the cache. The outer 16 pixels, whose blur
reaches beyond the picture, are not compared. Near edges means within 8 pixels of a step in depth
of 0.15 dioptres. Times are processor time, the best of three.

The published way is the published code's: 256 depth levels of 0 to 10 m, for each a dense
Gaussian of up to 4 pixels' sigma over the whole picture, convolved by TensorFlow on one thread,
then masked and summed. Every sixteenth level is timed. Its result does not depend on how one
convolves, and is compared with ours through OpenCV.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import click
import cv2
import numpy as np
from numpy.typing import NDArray

from edgedepth.data.blur import gaussian
from edgedepth.data.paper_renderer import render_stack_paper
from edgedepth.data.paper_stack import COC_PX_PER_METRE, LEVELS, MAX_SIGMA_PX, RANGE_M
from edgedepth.data.renderer import render_stack
from edgedepth.data.scenes import procedural_scene, trace_thin_lens
from edgedepth.metrics import psnr

Floats = NDArray[np.float32]

SEEDS = (1, 2, 3, 9, 21, 33)
HEIGHT, WIDTH, K, PLANES = 480, 640, 12.0, 5
INNER = (slice(16, -16), slice(16, -16))
TIMED_LEVELS = 16


def case(seed: int, samples: int, cache: Path) -> dict[str, Floats]:
    """Sharp picture, dioptres, planes and traced truth of a scene."""
    path = cache / f"even-{seed}-{samples}.npz"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        scene = procedural_scene(seed, HEIGHT, WIDTH, 4)
        dioptres = 1 / scene.depth_m
        focus = np.linspace(*np.quantile(dioptres, [0.05, 0.95]), PLANES)
        truth = [trace_thin_lens(seed, HEIGHT, WIDTH, float(f), K, samples) for f in focus]
        with path.open("wb") as file:
            np.savez(file, rgb=scene.rgb, dioptres=dioptres, focus=focus, truth=np.stack(truth))
    with np.load(path) as record:
        return {name: record[name] for name in record.files}


def near_edges(dioptres: Floats) -> NDArray[np.bool_]:
    """Within 8 pixels of a step in depth."""
    steps = cv2.morphologyEx(dioptres, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0.15
    return np.asarray(cv2.dilate(steps.astype(np.uint8), np.ones((17, 17), np.uint8)) > 0)


def gathered(rgb: Floats, diameter: Floats) -> Floats:
    """Each of 256 levels its own blur of the whole picture, and its own pixels of it."""
    step = float(diameter.max()) / (LEVELS - 1)
    level = np.rint(diameter / max(step, 1e-9)).astype(int)
    out = rgb.copy()
    for i in np.unique(level):
        if i:
            mask = level == i
            out[mask] = gaussian(rgb, i * step / 4)[mask]
    return out


def published(rgb: Floats, depth_m: Floats, focus_m: float) -> Floats:
    """The published picture: depth and focus on 256 levels of 0 to 10 m."""
    levels = np.rint(np.clip(depth_m, 0, RANGE_M) * ((LEVELS - 1) / RANGE_M))
    away = np.abs(levels - round(focus_m * (LEVELS - 1) / RANGE_M))
    return gathered(rgb, (away * (4 * MAX_SIGMA_PX / LEVELS)).astype(np.float32))


def seconds(work: Callable[[], object]) -> float:
    """Processor time, the best of three."""
    times = []
    for _ in range(3):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return min(times)


def published_seconds(rgb: Floats, depth_m: Floats, focus_m: NDArray[np.floating]) -> float:
    """Processor time of the published stack, from a sixteenth of its levels."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    batch = tf.constant(rgb.transpose(2, 0, 1)[..., None])
    levels = tf.constant(np.rint(depth_m * ((LEVELS - 1) / RANGE_M)).astype(np.int16))
    total = 0.0
    for focus in focus_m * ((LEVELS - 1) / RANGE_M):
        for level in range(TIMED_LEVELS // 2, LEVELS, TIMED_LEVELS):
            started = time.process_time()
            sigma = abs(level - focus) / LEVELS * MAX_SIGMA_PX
            reach = int(4.5 * sigma)
            taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(sigma, 1e-6)) ** 2)
            kernel = (np.outer(taps, taps) / taps.sum() ** 2)[:, :, None, None]
            blurred = tf.nn.conv2d(batch, kernel.astype(np.float32), 1, "SAME")
            mask = tf.cast(tf.equal(levels, level), tf.float32)
            _ = (tf.squeeze(blurred, -1) * mask).numpy()
            total += time.process_time() - started
    return total * TIMED_LEVELS


@click.command()
@click.option("--scenes", type=click.IntRange(1, len(SEEDS)), default=len(SEEDS))
@click.option("--samples", type=click.IntRange(16), default=256)
@click.option("--cache", type=click.Path(path_type=Path), default=Path("build/renderer"))
@click.option("--truth-only", is_flag=True, help="Only trace what is missing.")
def main(scenes: int, samples: int, cache: Path, truth_only: bool) -> None:
    """Print the table of docs/data.md."""
    cv2.setNumThreads(1)
    cases = [case(seed, samples, cache) for seed in SEEDS[:scenes]]
    if truth_only:
        return
    rows, ours_s, paper_s = [], [], []
    for one in cases:
        rgb, dioptres, focus, truth = (one[n] for n in ("rgb", "dioptres", "focus", "truth"))
        edges = near_edges(dioptres)[INNER]
        ours = render_stack(rgb, dioptres, focus, K)
        other = [gathered(rgb, K * np.abs(dioptres - np.float32(f))) for f in focus]
        for mine, theirs, true in zip(ours, other, truth, strict=True):
            both = [(a[INNER], true[INNER]) for a in (mine, theirs)]
            rows.append([psnr(a[m], b[m]) for a, b in both for m in (..., edges)])
        ours_s.append(seconds(lambda r=rgb, d=dioptres, f=focus: render_stack(r, d, f, K)))
    rgb, depth = cases[0]["rgb"], 1 / cases[0]["dioptres"]
    focus_m = np.array([0.8, 2.5, 4.5, 6.5, 9.0])
    form = render_stack_paper(rgb, depth, focus_m, COC_PX_PER_METRE)
    exact = [psnr(a, published(rgb, depth, f)) for a, f in zip(form, focus_m, strict=True)]
    paper_s = seconds(lambda: render_stack_paper(rgb, depth, focus_m, COC_PX_PER_METRE))
    slow_s = published_seconds(rgb, depth, focus_m)
    mean = np.mean(rows, 0)
    click.echo("| | PSNR | near edges | time of a stack | times the published code |")
    click.echo("|---|---|---|---|---|")
    click.echo(f"| published code | {mean[2]:.1f} | {mean[3]:.1f} | {slow_s:.1f} s | 1 |")
    ratio, again = slow_s / np.mean(ours_s), slow_s / paper_s
    click.echo(
        f"| `edgedepth` | {mean[0]:.1f} | {mean[1]:.1f} | {np.mean(ours_s):.3f} s | {ratio:.0f} |"
    )
    click.echo(f"| `paper` form | as published | | {paper_s:.3f} s | {again:.0f} |")
    click.echo(f"\nThe `paper` form differs from the published pictures by {min(exact):.1f} dB.")


if __name__ == "__main__":
    main()
