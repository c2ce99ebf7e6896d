"""A small folder of pictures with depth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgedepth.data.scenes import procedural_scene


def write_pair(folder: Path, name: str, seed: int, height: int = 120, width: int = 160) -> None:
    scene = procedural_scene(seed, height, width)
    depth = np.rint(scene.depth_m * 1000).astype(np.uint16)
    depth[: height // 6, : width // 5] = 0
    Image.fromarray((scene.rgb * 255).astype(np.uint8)).save(folder / f"{name}_rgb.png")
    Image.fromarray(depth).save(folder / f"{name}_depth_mm.png")


@pytest.fixture
def rgbd_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "rgbd"
    folder.mkdir()
    for i, name in enumerate(["desk1", "desk2", "desk3", "hall"]):
        write_pair(folder, name, 40 + i)
    return folder
