"""Write what ``infer`` found: all files or none."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edgedepth.capture.inference import DepthResult
from edgedepth.capture.picture import depth_picture, relative_picture
from edgedepth.capture.report import make_report
from edgedepth.errors import UserError
from edgedepth.files import not_written

REPORT = "report.json"
OURS = {
    "depth.npy",
    "depth_mm.png",
    "depth_color.png",
    "confidence.png",
    "all_in_focus.jpg",
    "cloud.ply",
    "viewer.html",
    "relative.npy",
    "relative_color.png",
    REPORT,
}
"""Names that edgedepth writes; a folder that holds only these is ours to replace."""

Writer = Callable[[Path, DepthResult], None]


def default_output(sweep_folder: Path) -> Path:
    """``NAME_depth`` beside the sweep's folder."""
    folder = sweep_folder.resolve()
    return folder.parent / f"{folder.name or 'sweep'}_depth"


def check_output(target: Path, sweep_folder: Path) -> None:
    """Refuse a place that cannot or must not be written, before any work is done.

    Raises:
        UserError: it is a file, the sweep itself, somebody's folder, or not writable.
    """
    choose = "choose another place with -o"
    if target.exists() and not target.is_dir():
        raise UserError(f"{target} is a file", choose)
    if target.exists():
        if target.resolve() == sweep_folder.resolve():
            raise UserError(f"{target} is the sweep itself", choose)
        names = {p.name for p in target.iterdir()}
        if names and (REPORT not in names or not names <= OURS):
            raise UserError(f"{target} holds other files", choose)
    parent = target.absolute().parent
    while not parent.exists():
        parent = parent.parent
    if not parent.is_dir():
        raise UserError(f"{target} cannot be made: {parent} is not a folder", choose)
    try:
        with tempfile.TemporaryFile(dir=parent):
            pass
    except OSError as error:
        raise UserError(f"{target} cannot be written ({error.strerror})", choose) from None


def write_result(
    result: DepthResult, target: Path, extra: dict[str, Writer] | None = None
) -> dict[str, Any]:
    """Write every output into ``target``, which appears whole or not at all.

    Args:
        extra: further files: name -> function that writes it.

    Returns:
        The report.

    Raises:
        UserError: the disk is full or the place cannot be written.
    """
    target = target.absolute()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        try:
            report = _write_all(result, work, extra or {})
            work.chmod(0o777 & ~_umask())
            _swap(work, target)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    except OSError as error:
        raise not_written(target, error, "choose another place with -o") from None
    return report


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def _swap(work: Path, target: Path) -> None:
    """Put the finished folder in place; an older one of ours steps aside first."""
    if not target.exists():
        work.replace(target)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{target.name}.old.", dir=target.parent))
    target.replace(old / target.name)
    try:
        work.replace(target)
    except OSError:
        (old / target.name).replace(target)
        raise
    finally:
        shutil.rmtree(old, ignore_errors=True)


def _write_all(result: DepthResult, work: Path, extra: dict[str, Writer]) -> dict[str, Any]:
    if result.relative is None:
        np.save(work / "depth.npy", result.depth_m)
        _write_image(work / "depth_mm.png", depth_millimetres(result.depth_m))
        _write_image(work / "depth_color.png", depth_picture(result.depth_m))
    else:
        np.save(work / "relative.npy", result.relative)
        _write_image(work / "relative_color.png", relative_picture(result.relative))
    _write_image(work / "confidence.png", np.rint(result.confidence * 255).astype(np.uint8))
    _write_image(work / "all_in_focus.jpg", cv2.cvtColor(result.all_in_focus, cv2.COLOR_RGB2BGR))
    for name, write in extra.items():
        write(work / name, result)
    names = sorted(p.name for p in work.iterdir())
    files = {Path(n).stem: n for n in names}
    report = make_report(result, files)
    (work / REPORT).write_text(json.dumps(report, indent=2) + "\n")
    return report


def depth_millimetres(depth_m: NDArray[np.float32]) -> NDArray[np.uint16]:
    """uint16 millimetres: 0 where depth is NaN, 65535 for 65.5 m and beyond."""
    known = np.isfinite(depth_m)
    millimetres = np.where(known, depth_m, 0) * 1000
    return np.where(known, np.clip(np.rint(millimetres), 1, 65535), 0).astype(np.uint16)


def _write_image(path: Path, image: NDArray[Any]) -> None:
    fast = (
        [cv2.IMWRITE_PNG_COMPRESSION, 2]
        if path.suffix == ".png"
        else [cv2.IMWRITE_JPEG_QUALITY, 92]
    )
    good, data = cv2.imencode(path.suffix, image, fast)
    if not good:
        raise OSError(f"{path.name} cannot be encoded")
    path.write_bytes(data.tobytes())
