"""Measure alignment, speed and memory on synthetic sweeps with known truth.

    python -m tests.capture.measure_alignment [--cases 60] [--only alignment|speed|memory]

alignment: over random breathing (up to 6 %), rotation (2 degrees), shake (15 px) and defocus
(10 px) at 640 px, the residual against the true motion, and the error of the depth of shaken,
aligned sweeps against still ones. speed: the time of a 12-megapixel, 5-frame ``infer_depth`` over
that of decoding its JPEGs in colour at full size, in one process. memory: the peak of ``edgedepth
infer`` on 10 frames of 12 megapixels, at the usual size and at that of the frames.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgedepth.capture import infer_depth, read_sweep
from edgedepth.capture.align import Aligner, to_work
from edgedepth.capture.decode import decode
from edgedepth.data.sources import open_source
from edgedepth.protocols import SIZE, Protocol, make_case, rendered_stages
from tests.capture.scenes import (
    FOCUS_M,
    camera_k,
    disk_blur,
    exif_bytes,
    moved,
    similarity,
    write_sweep,
)
from tests.capture.test_align import corner_error, natural

LARGE = (4080, 3072)


def residuals(cases: int) -> NDArray[np.float64]:
    """Corner error in pixels at 640 of each case; inf where the frame was not aligned."""
    found = []
    for seed in range(cases):
        rng = np.random.default_rng(seed)
        picture = natural(seed)
        breathing = 1 + rng.uniform(-0.06, 0.06)
        true = similarity(breathing, rng.uniform(-2, 2), *rng.uniform(-15, 15, 2))
        reference = disk_blur(picture, rng.uniform(0, 10))
        frame = disk_blur(moved(picture, true), rng.uniform(0, 10)).astype(np.float32)
        frame = frame * rng.uniform(0.8, 1.2) + rng.normal(0, 2, frame.shape)
        seen = np.clip(frame, 0, 255).astype(np.uint8)
        expected = 1 + (breathing - 1) * rng.uniform(0.7, 1.3)
        motion = Aligner(to_work(reference), 10.0).align(to_work(seen), expected)
        good = motion.verdict == "aligned"
        found.append(corner_error(motion.matrix, true) if good else np.inf)
    return np.array(found)


@dataclass(frozen=True)
class Rendered:
    """A made scene before the lens renderer, in linear light, with a little noise.

    Its pictures are twice as large as they have detail for: a camera that moves does not soften
    what it sees, as moving its picture by parts of a pixel would.
    """

    pictures: dict[float, NDArray[np.uint8]]
    truth_m: NDArray[np.float32]

    @property
    def size(self) -> tuple[int, int]:
        height, width = self.truth_m.shape
        return 2 * height, 2 * width

    def picture(self, focus_m: float, k: float) -> NDArray[np.uint8]:
        size = self.size[::-1]
        large = cv2.resize(self.pictures[focus_m], size, interpolation=cv2.INTER_CUBIC)
        return np.asarray(large, np.uint8)


def rendered(count: int) -> Iterator[Rendered]:
    """Scenes that training never draws, before the test sweeps' camera."""
    protocol = Protocol("sweep", camera_k(SIZE[1]), FOCUS_M, "the camera of the test sweeps")
    for stage in rendered_stages(protocol, open_source("procedural"), count):
        stack = make_case(protocol, stage, stage.shoot(protocol)).stack
        pictures = dict(zip(FOCUS_M, (frame.rgb for frame in stack.frames), strict=True))
        yield Rendered(pictures, stage.truth_m)


def depth_errors(folder: Path, sweeps: int) -> tuple[float, float]:
    """Mean error in dioptres of still sweeps and of shaken ones after alignment, of the shipped
    model with all that ``infer`` does."""
    inner = (slice(60, -60), slice(60, -60))
    errors: dict[str, list[float]] = {"still": [], "shaken": []}
    for seed, scene in enumerate(rendered(sweeps)):
        rng = np.random.default_rng(seed)
        scales = np.linspace(1, rng.uniform(0.94, 1.0), 5)
        motions = [similarity(1, 0, 0, 0)] + [
            similarity(float(s), rng.uniform(-2, 2), *rng.uniform(-30, 30, 2)) for s in scales[1:]
        ]
        for name, given in (("still", None), ("shaken", motions)):
            sweep = read_sweep(write_sweep(folder / f"{name}{seed}", scene=scene, motions=given))
            depth = infer_depth(sweep, min_confidence=0, size=scene.truth_m.shape).depth_m
            errors[name].append(float(np.nanmean(np.abs(1 / depth - 1 / scene.truth_m)[inner])))
    return float(np.mean(errors["still"])), float(np.mean(errors["shaken"]))


def large_sweep(folder: Path, focus_m: Sequence[float]) -> Path:
    """A sweep of 12-megapixel frames with sensor noise."""
    large = cv2.resize(natural(0), LARGE, interpolation=cv2.INTER_CUBIC)
    noise = np.random.default_rng(0).normal(0, 3, large.shape).astype(np.int8)
    folder.mkdir()
    for i, metres in enumerate(focus_m):
        frame = cv2.add(large, np.roll(noise, 7 * i, axis=1), dtype=cv2.CV_8U)
        path = folder / f"{i}.jpg"
        Image.fromarray(frame).save(path, quality=90, exif=exif_bytes(metres))
    return folder


def seconds(folder: Path, runs: int = 5) -> tuple[float, float]:
    """Best of some runs: infer_depth of five 12-megapixel frames, and decoding them in colour."""
    sweep = read_sweep(large_sweep(folder / "five", FOCUS_M))
    infer, full = [], []
    cv2.setNumThreads(2)
    for _ in range(runs):
        start = time.perf_counter()
        for frame in sweep.frames:
            decode(frame.image)
        middle = time.perf_counter()
        infer_depth(sweep)
        full.append(middle - start)
        infer.append(time.perf_counter() - middle)
    return min(infer), min(full)


def peak_megabytes(folder: Path) -> list[tuple[str, float]]:
    """Peak resident memory of the command on ten 12-megapixel frames, by size of the map."""
    sweep = large_sweep(folder / "ten", np.geomspace(0.4, 4, 10).tolist())
    found = []
    for size in ("640x482", "x".join(map(str, LARGE))):
        command = [sys.executable, "-m", "edgedepth", "infer", str(sweep), "--size", size]
        code = (
            "import resource, subprocess, sys;"
            "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL);"
            "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
        )
        out = ["-o", str(folder / f"out_{size}")]
        done = subprocess.run(
            [sys.executable, "-c", code, *command, *out],
            stdout=subprocess.PIPE,
            check=True,
            text=True,
        )
        found.append((size, int(done.stdout) / 1024))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=60)
    parser.add_argument("--only", choices=["alignment", "speed", "memory"])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        if given.only in (None, "alignment"):
            print_alignment(Path(name), given.cases)
        if given.only in (None, "speed"):
            infer, full = seconds(Path(name))
            print(f"5 x 12 MP            infer {infer:.2f} s, full decode {full:.2f} s")
            print(f"                     {infer / full:.2f} times")
        if given.only in (None, "memory"):
            for size, megabytes in peak_megabytes(Path(name)):
                print(f"10 x 12 MP           {size}: peak {megabytes:.0f} MB")


def print_alignment(folder: Path, cases: int) -> None:
    left = residuals(cases)
    middle, tenth, worst = np.percentile(left, (50, 90, 100))
    print(f"residual at 640 px   median {middle:.2f}, 90 % {tenth:.2f}, worst {worst:.2f} px")
    print(f"                     {100 * np.mean(left <= 0.5):.0f} % of {cases} within 0.5 px")
    still, shaken = depth_errors(folder, max(2, cases // 4))
    print(f"depth error          still {still:.3f} D, shaken and aligned {shaken:.3f} D")
    print(f"                     {100 * (shaken / still - 1):+.0f} %")


if __name__ == "__main__":
    main()
