"""Write the golden vectors that hold every copy of the pre-processing to the Python one.

    python tests/golden/make.py

``preprocess.json`` holds the sweeps and, per case, the geometry and the frames' positions;
``NAME_pictures.npy`` is a sweep of pictures (uint8 N, H, W, 3), ``NAME_valid.npy`` the mask of
every second frame where they have one, ``NAME_packed.npy`` the model's planes (uint8 N, h, w, C).
Bytes may differ by 1 between implementations of area averaging.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edgedepth.cues import CUE_PLANES
from edgedepth.preprocess import Fit, Packer, SweepRange, encode_focus
from edgedepth.spec import ModelSpec

FOLDER = Path(__file__).resolve().parent
MODEL = (24, 32)
K = 9.5


@dataclass(frozen=True)
class Case:
    """A sweep of pictures: their (height, width), and the frames' positions in its range."""

    size: tuple[int, int]
    positions: tuple[float, ...]
    masked: bool = False


CASES = {
    "exact": Case((96, 128), (0.0, 0.375, 1.0)),
    "letterboxed": Case((100, 104), (0.0, 0.375, 1.0), masked=True),
    "turned": Case((70, 50), (0.0, 0.375, 1.0), masked=True),
    "enlarged": Case((20, 26), (0.0, 0.375, 1.0)),
    "single": Case((24, 32), (0.0,)),
    "pair": Case((48, 64), (0.0, 1.0), masked=True),
    "descending": Case((48, 64), (1.0, 0.7, 0.45, 0.2, 0.0), masked=True),
}
SHARP_AT = (0.25, 0.6)
"""Where the left and the right half are in focus."""

SWEEPS = {
    "phone": [2.857143, 2.0, 1.111111, 0.751880, 0.452489],
    "from infinity": [0.0, 0.5, 1.0, 4.0],
    "shuffled": [1.0, 3.0, 0.2],
    "single": [1.5],
    "single near": [8.0],
    "narrow": [1.0, 1.05],
    "at the width limit": [1.0, 1.1],
}

SWEEP_SPEC = ModelSpec("mobile", *MODEL, CUE_PLANES, "sweep", "sweep")
METRES_SPEC = ModelSpec("paper", 80, 80, 0, "metres", "metres", all_in_focus_first=True)


def picture(height: int, width: int, seed: int) -> NDArray[np.uint8]:
    """Sharp noise on the left fading to smooth on the right, over a colour ramp."""
    rng = np.random.default_rng(seed)
    noise = rng.uniform(-1, 1, (height, width, 3)).astype(np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), 2.0)
    share = np.linspace(0, 1, width, dtype=np.float32)[None, :, None]
    ramp = np.linspace(60, 190, height, dtype=np.float32)[:, None, None]
    return np.clip(ramp + 60 * (noise * (1 - share) ** 2 + soft * share), 0, 255).astype(np.uint8)


def mask(height: int, width: int) -> NDArray[np.bool_]:
    """Everything but a wedge along two borders, as alignment leaves it."""
    rows, columns = np.mgrid[:height, :width]
    return (rows + columns // 4 > height // 8) & (columns < width - width // 10)


def pictures(case: Case, seed: int) -> NDArray[np.uint8]:
    """A sweep (N, height, width, 3) over a step in depth."""
    sharp = picture(*case.size, seed)
    frames = []
    for position in case.positions:
        blurred = [cv2.GaussianBlur(sharp, (0, 0), 0.2 + 2 * abs(position - x)) for x in SHARP_AT]
        frames.append(np.where(np.arange(case.size[1])[:, None] < case.size[1] // 2, *blurred))
    return np.stack(frames)


def pack(
    fit: Fit, case: Case, sweep: NDArray[np.uint8], valid: NDArray[np.bool_] | None
) -> NDArray[np.uint8]:
    """The sweep's frames as the model takes them."""
    packer = Packer(*fit.model)
    return np.stack(
        [
            packer.add(*fit.to_cue_image(p, valid if i % 2 else None), position)
            for i, (p, position) in enumerate(zip(sweep, case.positions, strict=True))
        ]
    )


def described(case: Case) -> dict[str, Any]:
    """A case's geometry, positions, and whether it has a mask."""
    fit = Fit.of(case.size, MODEL)
    return {
        **asdict(fit),
        "offset": fit.offset,
        "k": K,
        "cue_coc": fit.cue_coc(K),
        "positions": case.positions,
        "masked": case.masked,
    }


def sweep(focus: list[float]) -> dict[str, Any]:
    values = np.array(focus)
    found = SweepRange.of(values)
    return {
        "focus_dioptres": focus,
        "low": found.low,
        "span": found.span,
        "encoded_sweep": encode_focus(values, SWEEP_SPEC).tolist(),
        "encoded_metres": encode_focus(values, METRES_SPEC).tolist(),
        "cue_coc": K,
        "optics": found.optics(K).tolist(),
    }


def record() -> dict[str, Any]:
    """Everything that goes into ``preprocess.json``."""
    return {
        "sweeps": {name: sweep(focus) for name, focus in SWEEPS.items()},
        "cases": {name: described(case) for name, case in CASES.items()},
    }


def main() -> None:
    for seed, (name, case) in enumerate(CASES.items()):
        made = pictures(case, seed)
        valid = mask(*case.size) if case.masked else None
        np.save(FOLDER / f"{name}_pictures.npy", made)
        if valid is not None:
            np.save(FOLDER / f"{name}_valid.npy", valid)
        np.save(FOLDER / f"{name}_packed.npy", pack(Fit.of(case.size, MODEL), case, made, valid))
    (FOLDER / "preprocess.json").write_text(json.dumps(record(), indent=1) + "\n")


if __name__ == "__main__":
    main()
