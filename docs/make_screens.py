"""Write docs/images/android.jpg: the app's screens as its tests draw them.

make tools
python docs/make_screens.py
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from edgedepth.demo.project import open_project  # noqa: E402
from tests.android import robolectric  # noqa: E402

NAMES = ("capture", "depth", "settings")
HEIGHT = 560
GAP = 12
TIMES_SHARE = 0.045
"""The depth screen's last line tells how long this computer took: nothing about a phone."""


def read(path: Path) -> NDArray[np.uint8]:
    """A screen at the picture's height."""
    picture = cv2.imread(str(path))
    if picture is None:
        raise SystemExit(f"{path.name} was not drawn")
    if path.stem == "depth":
        picture[-round(TIMES_SHARE * picture.shape[0]) :] = picture[-1, 0]
    width = round(picture.shape[1] * HEIGHT / picture.shape[0])
    return cv2.resize(picture, (width, HEIGHT), interpolation=cv2.INTER_AREA)


def compose(folder: Path) -> NDArray[np.uint8]:
    """The screens side by side."""
    parts: list[NDArray[np.uint8]] = []
    for name in NAMES:
        parts += [read(folder / f"{name}.png"), np.full((HEIGHT, GAP, 3), 255, np.uint8)]
    return np.hstack(parts[:-1])


def main() -> None:
    if len(sys.argv) > 1:
        picture = compose(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as name:
            picture = compose(robolectric.run_tests(open_project(), Path(name)).folder)
    target = ROOT / "docs" / "images" / "android.jpg"
    cv2.imwrite(str(target), picture, [cv2.IMWRITE_JPEG_QUALITY, 85])


if __name__ == "__main__":
    main()
