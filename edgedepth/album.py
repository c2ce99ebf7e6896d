"""Traced scenes and pictures kept in a folder, since tracing costs more than scoring on them."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgedepth import protocols
from edgedepth.data.scenes import RgbdScene
from edgedepth.data.sources import open_source
from edgedepth.errors import UserError
from edgedepth.files import write_arrays
from edgedepth.protocols import Protocol, Stage
from edgedepth.rundir import read_arrays

Shoot = Callable[[Protocol], NDArray[np.float32]]

TRACED = RAY_TRACED, PATH_TRACED = "traced", "pathtraced"
"""Data whose pictures are no work of the layered renderer."""


def stages(kind: str, protocol: Protocol, count: int, folder: Path | None) -> Iterator[Stage]:
    """Scenes before a true lens, which come from the folder where it has them.

    Args:
        kind: one of ``TRACED``.
        folder: None keeps nothing.

    Raises:
        UserError: the path tracer is not installed, or the folder cannot be written.
    """
    if kind == RAY_TRACED:
        samples, made = protocols.TRACED_SAMPLES, protocols.traced_stages(protocol, count)
    else:
        keep = [functools.partial(kept_scene, folder)] if folder else []
        samples = protocols.PATHTRACED_SAMPLES
        made = protocols.pathtraced_stages(protocol, count, *keep)
    for stage in made:
        if folder is None:
            yield stage
        else:
            shoot = kept(folder, stage.scene, stage.shoot, samples)
            yield dataclasses.replace(stage, shoot=shoot)


def development_stages(
    text: str, protocol: Protocol, count: int, folder: Path | None, include: Sequence[str]
) -> Iterator[Stage]:
    """Scenes of a source in words: those named of one that holds scenes, ``count`` that training
    never draws of one that makes them.

    Raises:
        UserError: as :func:`stages`; or the source cannot be read.
    """
    if text in TRACED:
        return stages(text, protocol, count, folder)
    source = open_source(text, include=() if text == "procedural" else include)
    return protocols.rendered_stages(protocol, source, count if source.endless else len(source))


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
