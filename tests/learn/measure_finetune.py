"""What fine-tuning without depth truth does for a camera outside the training range.

python -m tests.learn.measure_finetune [--start RUN_DIR] [--picture FILE.jpg]

A 50 mm f/1.2 lens on full frame blurs 18.5 px per dioptre at the model's width, where training
ends at 14. The network is adapted to some rendered sweeps of it; its error against the truth,
which fine-tuning never sees, is taken on these and on sweeps of other scenes.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edgedepth.baselines import depth_from_focus
from edgedepth.capture.inference import prepare as model_stack
from edgedepth.capture.picture import colourise, dioptre_limits
from edgedepth.capture.register import register_sweep
from edgedepth.capture.sweep import read_sweep
from edgedepth.data.sources import EVALUATION_SEED, open_source
from edgedepth.data.sweep_writer import (
    VIEW_LIMITS,
    SweepOptions,
    parse_camera,
    render_sweep,
    write_sweep,
)
from edgedepth.learn.adapt import starting_run, starting_spec
from edgedepth.learn.finetune import PHASES, FinetuneConfig, answer, finetune_phase
from edgedepth.learn.material import Material, prepare
from edgedepth.models.presets import make_network
from edgedepth.preprocess import ModelInputs
from edgedepth.rundir import RunDirectory
from edgedepth.spec import ModelSpec

CAMERA = parse_camera("50,1.2,36")
SIZE = (480, 640)
FRAMES = 6
WIDEST_SPAN = 1.2
"""Dioptres: beyond it this lens shows nothing but blur between its planes."""

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Sample:
    """One rendered sweep.

    Attributes:
        material: for fine-tuning, None where it is kept for scoring.
        inputs: all its frames.
        truth: (H, W) dioptres on the model's grid, NaN where unknown.
        classical: the same by the classical method.
        picture: (H, W, 3) the first frame.
    """

    material: Material | None
    inputs: ModelInputs
    truth: Floats
    classical: Floats
    picture: NDArray[np.uint8]

    def error(self, dioptres: Floats) -> float:
        """Mean absolute error in dioptres."""
        return float(np.nanmean(np.abs(dioptres - self.truth)))


def render(index: int, folder: Path) -> None:
    """Write a hand-held sweep that spans what the scene holds."""
    source, seed = open_source("procedural"), EVALUATION_SEED - 100 - index
    view = float(np.clip(CAMERA.sensor_width_mm / CAMERA.focal_length_mm / 2, *VIEW_LIMITS))
    small = source.scene(seed, (60, 80), view)
    low, high = np.quantile(1 / small.depth_m[small.valid], [0.1, 0.9])
    high = max(high, low + 0.3)
    planes = np.linspace(high, max(low, 0.1, high - WIDEST_SPAN), FRAMES)
    options = SweepOptions(tuple(float(p) for p in planes), SIZE, shake_px=2, seed=index)
    write_sweep(render_sweep(source, seed, CAMERA, options), folder)


def load(folder: Path, spec: ModelSpec, fitted: bool) -> Sample:
    """Read a sweep as the command does."""
    sweep, shape = read_sweep(folder), (spec.width, spec.height)
    stack = register_sweep(sweep, (spec.height, spec.width)).stack
    depth = cv2.imread(str(folder / "truth" / "truth_depth_mm.png"), cv2.IMREAD_UNCHANGED)
    depth = cv2.resize(depth, shape, interpolation=cv2.INTER_NEAREST).astype(np.float32) / 1000
    truth = np.where(depth > 0, 1 / np.maximum(depth, 0.05), np.nan).astype(np.float32)
    frames = np.stack([f.rgb for f in stack.frames])
    valid = np.stack(
        [np.ones(stack.size, bool) if f.valid is None else f.valid for f in stack.frames]
    )
    classical = 1 / depth_from_focus(frames, stack.focus_dioptres, valid)[0]
    return Sample(
        prepare(sweep, spec) if fitted else None,
        model_stack(stack, spec),
        truth,
        cv2.resize(classical, shape),
        cv2.resize(stack.reference.rgb, shape, interpolation=cv2.INTER_AREA),
    )


def answers(
    samples: list[Sample], spec: ModelSpec, phase: str, weights: dict[str, NDArray[np.float32]]
) -> list[Floats]:
    """Dioptres by a network."""
    network = make_network(spec, PHASES[phase])
    network.load_weights(weights)
    return [s.inputs.sweep.dioptres(answer(network, s.inputs)["inverse_depth"]) for s in samples]


def row(samples: list[Sample], maps: list[Floats]) -> tuple[float, float]:
    """Mean error over the sweeps that were fitted, and over the others."""
    errors = np.array([s.error(m) for s, m in zip(samples, maps, strict=True)])
    fitted = np.array([s.material is not None for s in samples])
    return float(errors[fitted].mean()), float(errors[~fitted].mean())


def panel(sample: Sample, maps: tuple[Floats, ...]) -> NDArray[np.uint8]:
    """The first frame, then depth maps in one scale of colours."""
    truth_m = np.where(np.isfinite(sample.truth), 1 / sample.truth, np.nan).astype(np.float32)
    limits = dioptre_limits(truth_m)
    shown = [colourise(1 / np.maximum(m, 0.02), limits) for m in maps]
    return np.hstack([sample.picture[..., ::-1], *shown])


def measure(run: RunDirectory, config: FinetuneConfig, root: Path, sweeps: int, fit: int) -> None:
    """Print the table and leave pictures of each sweep in ``root``."""
    spec = starting_spec(run)
    samples = []
    for index in range(sweeps):
        folder = root / f"sweep{index}"
        if not folder.exists():
            render(index, folder)
        samples.append(load(folder, spec, index < fit))
    material = [s.material for s in samples if s.material is not None]
    print(f"{'MAE, dioptres':<22} {'fitted':>8} {'others':>8}")
    fitted, others = row(samples, [s.classical for s in samples])
    print(f"{'classical':<22} {fitted:>8.4f} {others:>8.4f}")
    for phase in PHASES:
        before = answers(samples, spec, phase, run.load_weights(phase))
        start = time.perf_counter()
        outcome = finetune_phase(run, phase, material, spec, config)
        seconds = time.perf_counter() - start
        after = answers(samples, spec, phase, outcome.weights)
        for name, maps in (("before", before), ("after", after)):
            fitted, others = row(samples, maps)
            print(f"{phase + ', ' + name:<22} {fitted:>8.4f} {others:>8.4f}")
        held = outcome.held_out
        print(
            f"  held-out re-rendering {held[0]:.4f} -> {held[1]:.4f}, {seconds:.0f} s", flush=True
        )
        for index, sample in enumerate(samples):
            shown = panel(sample, (before[index], after[index], sample.truth))
            cv2.imwrite(str(root / f"{phase}{index}.jpg"), shown, [cv2.IMWRITE_JPEG_QUALITY, 90])


def main() -> None:
    """Measure, with the defaults of ``edgedepth finetune``."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--start", type=Path)
    parser.add_argument("--steps", type=int, default=FinetuneConfig.steps)
    parser.add_argument("--sweeps", type=int, default=8)
    parser.add_argument("--fit", type=int, default=5, help="how many of them are fitted")
    parser.add_argument("--keep", type=Path, help="folder for the sweeps and the pictures")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = given.keep or Path(folder)
        root.mkdir(exist_ok=True)
        config = FinetuneConfig(steps=given.steps)
        measure(starting_run(given.start), config, root, given.sweeps, given.fit)


if __name__ == "__main__":
    main()
