"""Traced scenes and pictures kept in a folder, since tracing costs more than scoring on them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgedepth.data.scenes import RgbdScene
from edgedepth.errors import UserError
from edgedepth.files import write_arrays
from edgedepth.protocols import Protocol
from edgedepth.rundir import read_arrays

Shoot = Callable[[Protocol], NDArray[np.float32]]


def kept(folder: Path, scene: RgbdScene, shoot: Shoot, samples: int) -> Shoot:
    """A camera that looks into the folder first and puts there what it had to trace.

    Files go by the scene's own pinhole picture and depth, the lens, the planes and the rays per
    pixel. A change of the tracer's lens alone shows in none of these: delete the folder then.
    """

    def look_first(protocol: Protocol) -> NDArray[np.float32]:
        path = folder / f"{scene.name}-{_digest(scene, protocol, samples)}.npz"
        return _found_or_made(path, lambda: {"pictures": shoot(protocol)})["pictures"]

    return look_first


def kept_scene(folder: Path, key: str, make: Callable[[], RgbdScene]) -> RgbdScene:
    """A scene that another processor may make with other bits, so that it goes by its key."""

    def arrays() -> dict[str, NDArray[Any]]:
        made = make()
        return {
            "rgb": made.rgb,
            "depth_m": made.depth_m,
            "valid": made.valid,
            "name": np.array(made.name),
        }

    found = _found_or_made(folder / f"{key}.npz", arrays)
    return RgbdScene(found["rgb"], found["depth_m"], found["valid"], str(found["name"]))


def _found_or_made(
    path: Path, make: Callable[[], dict[str, NDArray[Any]]]
) -> dict[str, NDArray[Any]]:
    try:
        if path.exists():
            return read_arrays(path)
    except UserError:
        pass  # a damaged file is traced again
    arrays = make()
    _write(path, arrays)
    return arrays


def _digest(scene: RgbdScene, protocol: Protocol, samples: int) -> str:
    lens = np.array([protocol.coc_px_per_dioptre, samples, *protocol.planes_m], np.float64)
    parts = (scene.rgb, scene.depth_m, lens)
    content = b"".join(np.ascontiguousarray(part).tobytes() for part in parts)
    return hashlib.sha256(content).hexdigest()[:20]


def _write(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_arrays(path, arrays)
    except OSError as error:
        raise UserError(
            f"cannot keep pictures in {path.parent} ({error.strerror})", "give another --cache"
        ) from None
