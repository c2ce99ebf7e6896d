"""How well calibration recovers K and the dioptre axis, on rendered sweeps of lying cameras.

python -m tests.learn.measure_calibration
"""

from __future__ import annotations

import tempfile
from itertools import product
from pathlib import Path

import numpy as np

from edgedepth import optics
from edgedepth.capture.sweep import read_sweep
from edgedepth.data.sources import open_source
from edgedepth.data.sweep_writer import PRESETS, SweepOptions, render_sweep, write_sweep
from edgedepth.errors import UserError
from edgedepth.learn.calibrate import calibrate
from edgedepth.learn.evidence import SweepEvidence, gather
from tests.learn.pages import Lie, page_sweep

SIZE = (960, 1280)
PLANES = (0.3, 0.8, 1.3, 1.8, 2.3, 2.8)
PAGES_M = (0.45, 0.8, 1.3)
LIES = [Lie(s, b, k) for s, b, k in product((0.9, 1.1), (-0.2, 0.2), (0.7, 1.3))]
SCENES = range(10, 18)
CAMERA = PRESETS["pixel6pro"]


def true_k(width: int = SIZE[1]) -> float:
    """K of the camera, which the lies hide."""
    return optics.coc_px_per_dioptre(
        CAMERA.focal_length_mm, CAMERA.f_number, CAMERA.sensor_width_mm, width
    )


def evidence(lie: Lie, metres: float, index: int, folder: Path) -> SweepEvidence:
    """A hand-held sweep of a page, through JPEG and EXIF and back."""
    sweep = page_sweep(metres, PLANES, lie, CAMERA, SIZE, shake_px=3, index=index)
    write_sweep(sweep, folder)
    return gather(read_sweep(folder), page=True)


def measure_pages(root: Path) -> None:
    """Table: error of K and the largest error of a plane, with what was claimed."""
    print(f"{'lie: scale bias K':<20} {'pages':>5}  {'K':>7} {'+-':>5}  {'planes':>8} {'+-':>6}")
    for number, lie in enumerate(LIES):
        found = [
            evidence(lie, metres, 10 * number + i, root / f"page-{number}-{i}")
            for i, metres in enumerate(PAGES_M)
        ]
        reported = (np.array(PLANES) - lie.bias) / lie.scale
        for count in (1, 2, 3):
            keep = {1: [1], 2: [0, 2], 3: [0, 1, 2]}[count]
            profile = calibrate([found[i] for i in keep], [PAGES_M[i] for i in keep])
            planes = np.array([profile.corrected(r) for r in reported])
            k_error = profile.coc_px_per_dioptre / true_k() - 1
            print(
                f"{lie.scale:>8g} {lie.bias:>+5g} {lie.k_ratio:>5g} {count:>5}  "
                f"{100 * k_error:>+5.1f} % {100 * profile.coc_relative_sd:>5.1f}  "
                f"{np.abs(planes - PLANES).max():>6.3f} D {profile.dioptres_sd:>6.3f}"
            )


def measure_scenes(root: Path) -> None:
    """Table: error of K per reported dioptre from one sweep of a procedural scene."""
    print(f"\n{'scene':<16} {'places':>6}  {'K':>7} {'+-':>5}")
    source = open_source("procedural")
    for seed in SCENES:
        options = SweepOptions(PLANES, SIZE, shake_px=3, seed=seed)
        folder = root / f"scene-{seed}"
        write_sweep(Lie(k_ratio=1.3).tell(render_sweep(source, seed, CAMERA, options)), folder)
        try:
            found = gather(read_sweep(folder))
        except UserError as error:
            print(f"procedural-{seed:<5} {error.problem.partition(': ')[2]}")
            continue
        sd = float(np.hypot(found.k_scatter, found.k_shape))
        print(
            f"procedural-{seed:<5} {found.tiles:>6}  "
            f"{100 * (found.k / true_k() - 1):>+5.1f} % {100 * sd:>5.1f}"
        )


def main() -> None:
    """Print both tables."""
    with tempfile.TemporaryDirectory() as folder:
        measure_pages(Path(folder))
        measure_scenes(Path(folder))


if __name__ == "__main__":
    main()
