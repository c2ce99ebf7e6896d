"""Pictures of docs/learn.md: before and after, beside the truth.

python -m docs.make_learn_images [--finetuned DIR]

docs/images/calibrate.jpg: a sweep by a camera that lies, before and after calibration.
docs/images/finetune.jpg: two scenes that fine-tuning never saw, out of the folder of one camera
that `python -m tests.learn.measure_finetune CAMERA --keep DIR` leaves in DIR.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edgedepth.capture.inference import infer_depth
from edgedepth.capture.picture import colourise, dioptre_limits
from edgedepth.capture.profile import apply_profile
from edgedepth.capture.sweep import read_sweep
from edgedepth.data.planes import LAYOUTS
from edgedepth.data.sources import open_source
from edgedepth.data.sweep_writer import PRESETS, SweepOptions, render_sweep, write_sweep
from edgedepth.learn.calibrate import calibrate
from edgedepth.learn.evidence import gather
from tests.learn.pages import Lie, page_sweep

LIE = Lie(scale=1.1, bias=0.2, k_ratio=1.3)
PAGES_M = (0.45, 1.2)
PAGE_PLANES = (0.3, 0.8, 1.3, 1.8, 2.3, 2.8)
SIZE = (600, 800)
WIDTH = 300
IMAGES = Path(__file__).resolve().parent / "images"
SHOWN = ("float04.png", "float05.png")
"""The first scenes that were not fitted."""


def error(depth_m: NDArray[np.float32], truth_m: NDArray[np.float32]) -> float:
    """Mean absolute error in dioptres where both are known."""
    known = np.isfinite(depth_m) & (truth_m > 0)
    return float(np.abs(1 / depth_m[known] - 1 / truth_m[known]).mean())


def calibration() -> None:
    """Print the errors and write the picture."""
    camera = PRESETS["pixel6pro"]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        pages = []
        for index, metres in enumerate(PAGES_M):
            page = page_sweep(metres, PAGE_PLANES, LIE, camera, SIZE, shake_px=3, index=index)
            write_sweep(page, root / f"page{index}")
            pages.append(gather(read_sweep(root / f"page{index}"), page=True))
        profile = calibrate(pages, PAGES_M)
        planes = tuple(1 / m for m in LAYOUTS["phone"])
        rendered = render_sweep(open_source("desk"), 0, camera, SweepOptions(planes, SIZE))
        write_sweep(LIE.tell(rendered), root / "desk")
        sweep = read_sweep(root / "desk")
        before = infer_depth(sweep)
        after = infer_depth(apply_profile(sweep, profile, "phone.json"))
    shape = (before.depth_m.shape[1], before.depth_m.shape[0])
    truth = cv2.resize(rendered.depth_m, shape, interpolation=cv2.INTER_NEAREST)
    for name, result in (("before", before), ("after", after)):
        print(f"{name}: MAE {error(result.depth_m, truth):.3f} D")
    limits = dioptre_limits(truth)
    maps = [colourise(m, limits) for m in (before.depth_m, after.depth_m, truth)]
    _write("calibrate.jpg", np.hstack([before.reference[..., ::-1], *maps]))


def finetuning(folder: Path) -> None:
    """Write the picture from what the measuring script left."""
    rows = [cv2.imread(str(folder / name)) for name in SHOWN]
    _write("finetune.jpg", np.vstack(rows))


def _write(name: str, picture: NDArray[np.uint8]) -> None:
    """A picture of four columns."""
    scale = 4 * WIDTH / picture.shape[1]
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(IMAGES / name), small, [cv2.IMWRITE_JPEG_QUALITY, 88])


def main() -> None:
    """Write calibrate.jpg, or finetune.jpg where its folder is given."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--finetuned", type=Path)
    given = parser.parse_args()
    if given.finetuned:
        finetuning(given.finetuned)
    else:
        calibration()


if __name__ == "__main__":
    main()
