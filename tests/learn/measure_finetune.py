"""What fine-tuning without depth truth does for cameras outside the training range.

python -m tests.learn.measure_finetune [dim|weak|large ...] [--keep DIR]

Each camera sweeps twelve procedural scenes that no training sees: six hand-held frames of
1280x960, planes even in dioptres between the tenth and the ninetieth percentile of the scene's
depth. The network is adapted to the first four as `edgedepth finetune` does, by default; its
error against the truth, which fine-tuning never sees, is taken on these and on the other eight.
The interval is a bootstrap over those eight. A few minutes a camera on two cores.
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
    CameraPreset,
    SweepOptions,
    parse_camera,
    render_sweep,
    write_sweep,
)
from edgedepth.learn.adapt import starting_run, starting_spec
from edgedepth.learn.aperture import answer
from edgedepth.learn.camera_scenes import exam, lessons
from edgedepth.learn.finetune import PHASES, FinetuneConfig, finetune_phase, lesson_spec
from edgedepth.learn.material import Material, prepare
from edgedepth.models.presets import make_network
from edgedepth.preprocess import ModelInputs
from edgedepth.rundir import RunDirectory
from edgedepth.spec import ModelSpec

SIZE = (960, 1280)
FRAMES = 6
SHAKE_PX = 2.0
FIRST_SCENE = EVALUATION_SEED + 700
BOOTSTRAPS = 2000

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class OddCamera:
    """A camera unlike those in training; ``weak`` is at its border.

    Attributes:
        lens: focal length, f-number, sensor width.
        noise: spread of its read noise, of full scale.
        odd: what lies outside the training range; K is the cue image's.
    """

    lens: CameraPreset
    noise: float
    odd: str


CAMERAS = {
    "dim": OddCamera(parse_camera("6.81,1.85,9.8"), 0.06, "noise 6 %; training ends at 3 %"),
    "weak": OddCamera(parse_camera("2.5,2.0,5.0"), 0.004, "0.8 px/D; training begins at 0.4"),
    "large": OddCamera(parse_camera("50,1.2,36"), 0.004, "74 px/D; training ends at 27"),
}


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


def render(camera: OddCamera, index: int, folder: Path) -> None:
    """Write a hand-held sweep that spans what the scene holds."""
    source, seed, lens = open_source("procedural"), FIRST_SCENE + index, camera.lens
    view = float(np.clip(lens.sensor_width_mm / lens.focal_length_mm / 2, *VIEW_LIMITS))
    small = source.scene(seed, (60, 80), view)
    low, high = np.quantile(1 / small.depth_m[small.valid], [0.1, 0.9])
    planes = np.linspace(max(high, low + 0.3), max(low, 0.1), FRAMES)
    focus = tuple(float(p) for p in planes)
    options = SweepOptions(focus, SIZE, shake_px=SHAKE_PX, noise=camera.noise, seed=index)
    write_sweep(render_sweep(source, seed, lens, options), folder)


def load(folder: Path, spec: ModelSpec, fitted: bool, threads: int = 2) -> Sample:
    """Read a sweep as the command does."""
    sweep, shape = read_sweep(folder), (spec.width, spec.height)
    stack = register_sweep(sweep, (spec.height, spec.width), threads=threads).stack
    depth = cv2.imread(str(folder / "truth" / "truth_depth_mm.png"), cv2.IMREAD_UNCHANGED)
    depth = cv2.resize(depth, shape, interpolation=cv2.INTER_NEAREST).astype(np.float32) / 1000
    truth = np.where(depth > 0, 1 / np.maximum(depth, 0.05), np.nan).astype(np.float32)
    frames = np.stack([f.rgb for f in stack.frames])
    valid = np.stack(
        [np.ones(stack.size, bool) if f.valid is None else f.valid for f in stack.frames]
    )
    classical = 1 / depth_from_focus(frames, stack.focus_dioptres, valid)[0]
    return Sample(
        prepare(sweep, spec, threads) if fitted else None,
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


def errors(samples: list[Sample], maps: list[Floats]) -> NDArray[np.float64]:
    """(S,) mean absolute errors."""
    return np.array([s.error(m) for s, m in zip(samples, maps, strict=True)])


def change(before: NDArray[np.float64], after: NDArray[np.float64]) -> tuple[float, float, float]:
    """Change of the mean error in per cent, and its 95 % interval over scenes."""
    rng = np.random.default_rng(0)
    picks = rng.integers(0, len(before), (BOOTSTRAPS, len(before)))
    ratios = after[picks].sum(1) / before[picks].sum(1)
    low, high = np.quantile(ratios, [0.025, 0.975])
    return tuple(100 * (float(r) - 1) for r in (after.sum() / before.sum(), low, high))  # type: ignore[return-value]


def panel(sample: Sample, maps: tuple[Floats, ...]) -> NDArray[np.uint8]:
    """The first frame, then depth maps in one scale of colours."""
    truth_m = np.where(np.isfinite(sample.truth), 1 / sample.truth, np.nan).astype(np.float32)
    limits = dioptre_limits(truth_m)
    shown = [colourise(1 / np.maximum(m, 0.02), limits) for m in maps]
    return np.hstack([sample.picture[..., ::-1], *shown])


def line(name: str, found: NDArray[np.float64], fit: int) -> None:
    """A row of the table."""
    print(f"{name:<22} {found[:fit].mean():>8.3f} {found[fit:].mean():>8.3f}", flush=True)


def samples_of(
    camera: OddCamera, spec: ModelSpec, root: Path, sweeps: int, fit: int, threads: int
) -> list[Sample]:
    """Render what is missing and read it."""
    root.mkdir(parents=True, exist_ok=True)
    found = []
    for index in range(sweeps):
        folder = root / f"sweep{index:02d}"
        if not folder.exists():
            render(camera, index, folder)
        found.append(load(folder, spec, index < fit, threads))
    return found


def measure(
    name: str,
    run: RunDirectory,
    phases: list[str],
    config: FinetuneConfig,
    root: Path,
    sweeps: int,
    fit: int,
    threads: int,
) -> None:
    """Print a camera's table and leave pictures of each sweep in ``root``."""
    camera, spec, start = CAMERAS[name], starting_spec(run), time.perf_counter()
    samples = samples_of(camera, spec, root, sweeps, fit, threads)
    material = [s.material for s in samples if s.material is not None]
    taught = lessons(material, lesson_spec(spec), config.drawn_lessons, config.seed, threads)
    asked = exam(material, spec, config.exam_stacks, config.seed, threads)
    print(f"{name}: {camera.odd}; {config}; {time.perf_counter() - start:.0f} s to render and read")
    print(f"{'MAE, dioptres':<22} {'fitted':>8} {'others':>8}")
    line("classical", errors(samples, [s.classical for s in samples]), fit)
    for phase in phases:
        maps = answers(samples, spec, phase, run.load_weights(phase))
        before = errors(samples, maps)
        start = time.perf_counter()
        outcome = finetune_phase(run, phase, material, taught, asked, spec, config)
        seconds = time.perf_counter() - start
        adapted = answers(samples, spec, phase, outcome.weights)
        after = errors(samples, adapted)
        line(f"{phase}, before", before, fit)
        line(f"{phase}, after", after, fit)
        for label, part in (("fitted", slice(0, fit)), ("others", slice(fit, None))):
            if len(before[part]):
                whole, low, high = change(before[part], after[part])
                print(f"  {label}: {whole:+.1f} % ({low:+.1f} to {high:+.1f})")
        print(f"  {outcome.told()}; kept {outcome.better}; {seconds:.0f} s")
        for index, sample in enumerate(samples):
            shown = panel(sample, (maps[index], adapted[index], sample.truth))
            cv2.imwrite(str(root / f"{phase}{index:02d}.png"), shown)


def main() -> None:
    """Measure, with the defaults of ``edgedepth finetune``."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("cameras", nargs="*", default=["dim"], help=", ".join(CAMERAS))
    parser.add_argument("--start", type=Path)
    parser.add_argument("--phases", default="float", help="float, qat or float,qat")
    parser.add_argument("--steps", type=int, default=FinetuneConfig.steps)
    parser.add_argument("--learning-rate", type=float, default=FinetuneConfig.learning_rate)
    parser.add_argument("--lessons", type=int, default=FinetuneConfig.lessons)
    parser.add_argument("--photos", type=float, default=FinetuneConfig.photos)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sweeps", type=int, default=12)
    parser.add_argument("--fit", type=int, default=4, help="how many of them are fitted")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="folder for the sweeps and the pictures")
    given = parser.parse_args()
    config = FinetuneConfig(
        steps=given.steps,
        learning_rate=given.learning_rate,
        lessons=given.lessons,
        photos=given.photos,
        seed=given.seed,
    )
    cv2.setNumThreads(given.threads)
    with tempfile.TemporaryDirectory() as folder:
        for name in given.cameras:
            measure(
                name,
                starting_run(given.start),
                given.phases.split(","),
                config,
                (given.keep or Path(folder)) / name,
                given.sweeps,
                given.fit,
                given.threads,
            )


if __name__ == "__main__":
    main()
