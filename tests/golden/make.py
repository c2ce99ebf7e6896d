"""Write the golden vectors that hold every copy of the pre-processing to the Python one.

    python tests/golden/make.py

``preprocess.json`` holds the sweeps and, per case, the geometry; ``NAME_pictures.npy`` is a
sweep of pictures (uint8 N, H, W, 3), ``NAME_valid.npy`` the mask of all but the first where they
have one, ``NAME_packed.npy`` the model's planes (uint8 N, h, w, C) of the frames at the positions
in the JSON. Bytes may differ by 1 between implementations of area averaging.
"""

from __future__ import annotations

import json
from dataclasses import asdict
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

PICTURES = {
    "exact": (96, 128),
    "letterboxed": (100, 104),
    "turned": (70, 50),
    "enlarged": (20, 26),
}
POSITIONS = (0.0, 0.375, 1.0)
MASKED = ("letterboxed", "turned")

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


def pictures(height: int, width: int, seed: int) -> NDArray[np.uint8]:
    """A sweep (N, height, width, 3): the picture sharp, a little less so, and blurred."""
    sharp = picture(height, width, seed)
    return np.stack([cv2.GaussianBlur(sharp, (0, 0), s) if s else sharp for s in (0.4, 0, 1.5)])


def pack(fit: Fit, sweep: NDArray[np.uint8], valid: NDArray[np.bool_] | None) -> NDArray[np.uint8]:
    packer = Packer(*fit.model)
    return np.stack(
        [
            packer.add(*fit.to_cue_image(p, valid if i else None), position)
            for i, (p, position) in enumerate(zip(sweep, POSITIONS, strict=True))
        ]
    )


def geometry(size: tuple[int, int]) -> dict[str, Any]:
    fit = Fit.of(size, MODEL)
    return {**asdict(fit), "offset": fit.offset, "k": K, "cue_coc": fit.cue_coc(K)}


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
        "positions": POSITIONS,
        "sweeps": {name: sweep(focus) for name, focus in SWEEPS.items()},
        "cases": {
            name: {**geometry(size), "masked": name in MASKED} for name, size in PICTURES.items()
        },
    }


def main() -> None:
    for seed, (name, size) in enumerate(PICTURES.items()):
        made = pictures(*size, seed)
        valid = mask(*size) if name in MASKED else None
        np.save(FOLDER / f"{name}_pictures.npy", made)
        if valid is not None:
            np.save(FOLDER / f"{name}_valid.npy", valid)
        np.save(FOLDER / f"{name}_packed.npy", pack(Fit.of(size, MODEL), made, valid))
    (FOLDER / "preprocess.json").write_text(json.dumps(record(), indent=1) + "\n")


if __name__ == "__main__":
    main()
