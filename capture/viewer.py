"""``viewer.html``: one file, no network: tap to refocus, read depth under the pointer."""

from __future__ import annotations

import base64
import html
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edgedepth.capture.inference import DepthResult, in_focus_order
from edgedepth.capture.picture import colourise
from edgedepth.capture.uncalibrated import FAR_DIOPTRES, NEAR_DIOPTRES

SIDE = 960
_PAGE = Path(__file__).with_name("viewer.html")


def write_viewer(path: Path, result: DepthResult) -> None:
    """Write a result as a page that needs nothing else."""
    page = _PAGE.read_text(encoding="utf-8")
    title = html.escape(result.sweep.folder.name)
    record = json.dumps(viewer_record(result)).replace("</", "<\\/")
    path.write_text(page.replace("__TITLE__", title).replace("__DATA__", record), encoding="utf-8")


def viewer_record(result: DepthResult) -> dict[str, Any]:
    """What the page needs: aligned frames far to near, their planes, the packed depth."""
    stack = in_focus_order(result.registered.stack)
    dioptres = _shrink(result_dioptres(result), cv2.INTER_NEAREST)
    confidence = _shrink(result.confidence, cv2.INTER_AREA)
    known = dioptres[np.isfinite(dioptres)]
    planes = [float(d) for d in stack.focus_dioptres]
    far = min([*planes, *([float(known.min())] if known.size else [])])
    near = max([*planes, *([float(known.max())] if known.size else []), far + 1e-3])
    colours = colourise((1 / np.maximum(dioptres, 1e-3)).astype(np.float32), (far, near))
    return {
        "metric": result.metric,
        "far": far,
        "near": near,
        "planes": planes,
        "frames": [
            _data_url(_shrink(f.rgb[..., ::-1], cv2.INTER_AREA), ".jpg") for f in stack.frames
        ],
        "depth": _data_url(pack_depth(dioptres, confidence, far, near), ".png"),
        "colour": _data_url(colours, ".jpg"),
    }


def result_dioptres(result: DepthResult) -> NDArray[np.float32]:
    """(H, W) dioptres of a result, stand-ins for an uncalibrated sweep; NaN where declined."""
    if result.relative is None:
        return 1 / result.depth_m
    return FAR_DIOPTRES + (NEAR_DIOPTRES - FAR_DIOPTRES) * result.relative


def pack_depth(
    dioptres: NDArray[np.float32], confidence: NDArray[np.float32], far: float, near: float
) -> NDArray[np.uint8]:
    """Position between ``far`` and ``near`` in 16 bit and confidence in 8, as a BGR picture.

    Red holds the high byte, green the low one, blue the confidence; all 0 is unknown.
    """
    known = np.isfinite(dioptres)
    level = np.clip((np.where(known, dioptres, far) - far) / (near - far), 0, 1)
    steps = np.rint(level * 65535).astype(np.uint16)
    certain = np.clip(np.rint(confidence * 255), 1, 255).astype(np.uint8)
    planes = [certain, (steps & 255).astype(np.uint8), (steps >> 8).astype(np.uint8)]
    packed: NDArray[np.uint8] = np.stack(planes, axis=-1)
    packed[~known] = 0
    return packed


def _shrink(picture: NDArray[Any], how: int) -> NDArray[Any]:
    """At most ``SIDE`` pixels on the long side."""
    scale = SIDE / max(picture.shape[:2])
    if scale >= 1:
        return picture
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    small: NDArray[Any] = cv2.resize(picture, size, interpolation=how)
    return small


def _data_url(image: NDArray[np.uint8], suffix: str) -> str:
    _, data = cv2.imencode(suffix, image)
    kind = "jpeg" if suffix == ".jpg" else "png"
    return f"data:image/{kind};base64,{base64.b64encode(data.tobytes()).decode()}"
