"""Write docs/images/demo.jpg from the sample sweep and what `make demo` made of it.

make demo
python docs/make_images.py
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
SWEEP = ROOT / "edgedepth" / "samples" / "desk"
RESULT = ROOT / "demo_depth" / "depth_color.png"
HEIGHT = 300


def read(path: Path) -> NDArray[np.uint8]:
    """A picture, ``HEIGHT`` pixels high."""
    picture = cv2.imread(str(path))
    if picture is None:
        raise SystemExit(f"{path} is missing: run `make demo` first")
    width = round(picture.shape[1] * HEIGHT / picture.shape[0])
    return cv2.resize(picture, (width, HEIGHT), interpolation=cv2.INTER_AREA)


def main() -> None:
    frames = sorted(SWEEP.glob("*.jpg"))
    row = [read(path) for path in (frames[0], frames[-1], RESULT)]
    target = ROOT / "docs" / "images" / "demo.jpg"
    target.parent.mkdir(exist_ok=True)
    cv2.imwrite(str(target), np.hstack(row), [cv2.IMWRITE_JPEG_QUALITY, 88])


if __name__ == "__main__":
    main()
