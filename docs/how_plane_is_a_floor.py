"""How plane a floor is in depth from a real sweep, without relative blur and with it.

    python docs/how_plane_is_a_floor.py SWEEP --top 0.62

Of a sweep whose lower part is a floor. Its dioptres are linear in the picture: printed is how far
they are from the best plane, as mean and root of the square, for the whole picture and for crops
of it at their own resolution, in which the same lens has more blur to the pixel.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edgedepth.capture import Sweep, infer_depth, read_sweep
from edgedepth.capture.decode import decode
from edgedepth.capture.inference import DepthResult, finish, settled
from edgedepth.errors import UserError

CROPS = ((2, 0.5, 1.0), (2, 0.2, 0.85), (4, 0.5, 1.0), (4, 0.2, 0.85))
"""Side of the picture over the crop's, and where it lies: 0 left or top, 1 right or bottom."""

SIZE = (480, 640)
BORDER = 20
OUTLIERS, ROUNDS = 2.5, 5
"""Standard deviations, and how often the plane is fitted to what is nearer than that."""


def cropped(sweep: Sweep, folder: Path, side: int, right: float, down: float) -> Sweep:
    """A part of all frames, at their own resolution, as a sweep of its own."""
    camera = sweep.camera.camera
    notes = []
    for number, (frame, dioptres) in enumerate(
        zip(sweep.frames, sweep.focus_dioptres, strict=True)
    ):
        picture = decode(frame.image)
        height, width = picture.shape[0] // side, picture.shape[1] // side
        top = int(down * (picture.shape[0] - height))
        left = int(right * (picture.shape[1] - width))
        part = picture[top : top + height, left : left + width]
        cv2.imwrite(str(folder / f"{number}.png"), part[..., ::-1])
        notes.append({"file": f"{number}.png", "focus_dioptres": dioptres})
    lens = {
        "focal_length_mm": camera.focal_length_mm,
        "f_number": camera.f_number,
        "sensor_width_mm": camera.sensor_width_mm / side,
    }
    record = {"schema": "edgedepth-sweep/1", "camera": lens, "frames": notes}
    (folder / "sweep.json").write_text(json.dumps(record))
    return read_sweep(folder)


def off_plane(dioptres: NDArray[np.float32], top: int) -> tuple[float, float]:
    """Mean and root of the square of what a plane leaves of dioptres (H, W) from row ``top`` on."""
    rows, columns = np.mgrid[top : SIZE[0] - BORDER, BORDER : SIZE[1] - BORDER]
    sides = np.column_stack([columns.ravel(), rows.ravel(), np.ones(rows.size)])
    values = dioptres[rows.ravel(), columns.ravel()].astype(np.float64)
    kept = np.ones(len(values), bool)
    for _ in range(ROUNDS):
        plane, *_ = np.linalg.lstsq(sides[kept], values[kept], rcond=None)
        left = values - sides @ plane
        kept = np.abs(left) < OUTLIERS * left.std() + 1e-9
    return float(np.abs(left).mean()), float(np.sqrt(np.square(left).mean()))


def row(result: DepthResult, name: str, top: int) -> str:
    stack, spec = result.registered.stack, result.model.spec
    figures = []
    for known in (False, True):
        answer = settled(result.raw, stack, result.all_in_focus, spec, calibrated=known)
        metres, _, _ = finish(answer, stack.reference.rgb, SIZE, 0.0)
        figures.append("{:.3f} {:.3f}".format(*off_plane(1 / metres, top)))
    k = stack.coc_px_per_dioptre * SIZE[1] / stack.size[1]
    return f"| {name} | {k:.2f} | " + " | ".join(figures) + " |"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("sweep", type=Path)
    parser.add_argument("--top", type=float, default=0.62, help="where the floor begins, 0 to 1")
    given = parser.parse_args(arguments)
    try:
        sweep = read_sweep(given.sweep)
    except UserError as error:
        parser.error(str(error))
    print("| | K at 640 px | model alone | with relative blur |\n|---|---|---|---|")
    print(row(infer_depth(sweep), "whole picture", round(given.top * SIZE[0])))
    for side, right, down in CROPS:
        with tempfile.TemporaryDirectory() as folder:
            part = cropped(sweep, Path(folder), side, right, down)
            name = f"1/{side}, {right:.0%} right, {down:.0%} down"
            print(row(infer_depth(part), name, 2 * BORDER), flush=True)


if __name__ == "__main__":
    main()
