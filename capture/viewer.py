"""``viewer.html``: one file, no network: tap to refocus, read depth under the pointer.

The script and the style are those of the page that ``edgedepth serve`` gives out.
"""

from __future__ import annotations

import base64
import html
import json
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edgedepth.capture.inference import DepthResult, in_focus_order
from edgedepth.capture.picture import TICKS_M, palette
from edgedepth.capture.uncalibrated import FAR_DIOPTRES, NEAR_DIOPTRES

SIDE = 960
_HERE = Path(__file__).parent
SCRIPT, STYLE = _HERE / "viewer.js", _HERE / "viewer.css"


def write_viewer(path: Path, result: DepthResult) -> None:
    """Write a result as a page that needs nothing else."""
    page = (_HERE / "viewer.html").read_text(encoding="utf-8")
    parts = {
        "__TITLE__": html.escape(result.sweep.folder.name),
        "__STYLE__": STYLE.read_text(encoding="utf-8"),
        "__SCRIPT__": SCRIPT.read_text(encoding="utf-8"),
        "__DATA__": json.dumps(viewer_record(result)).replace("</", "<\\/"),
    }
    page = re.sub("|".join(parts), lambda match: parts[match[0]], page)
    path.write_text(page, encoding="utf-8")


def viewer_record(result: DepthResult) -> dict[str, Any]:
    """What the page needs: the scene, its pictures and the packed depth."""
    scene = scene_record(result)
    dioptres = _shrink(result_dioptres(result), cv2.INTER_NEAREST)
    confidence = _shrink(result.confidence, cv2.INTER_AREA)
    packed = pack_depth(dioptres, confidence, scene["far"], scene["near"])
    return {
        **scene,
        "frames": [_data_url(data, "jpeg") for data in scene_pictures(result)],
        "depth": _data_url(_encode(packed, ".png"), "png"),
    }


def scene_record(result: DepthResult) -> dict[str, Any]:
    """What ``viewer.js`` calls the scene: planes and scale in dioptres, colours, ticks."""
    dioptres = result_dioptres(result)
    known = dioptres[np.isfinite(dioptres)]
    planes = sorted(float(d) for d in result.registered.stack.focus_dioptres)
    far = min([*planes, *([float(known.min())] if known.size else [])])
    near = max([*planes, *([float(known.max())] if known.size else []), far + 1e-3])
    return {
        "metric": result.metric,
        "far": far,
        "near": near,
        "planes": planes,
        "palette": base64.b64encode(palette().tobytes()).decode(),
        "ticks": [metres for metres in TICKS_M if far <= 1 / metres <= near],
    }


def scene_pictures(result: DepthResult) -> list[bytes]:
    """The aligned frames as JPEG, far to near, at most ``SIDE`` pixels on the long side."""
    stack = in_focus_order(result.registered.stack)
    return [
        _encode(_shrink(frame.rgb[..., ::-1], cv2.INTER_AREA), ".jpg") for frame in stack.frames
    ]


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


def _encode(image: NDArray[np.uint8], suffix: str) -> bytes:
    _, data = cv2.imencode(suffix, image)
    encoded: bytes = data.tobytes()
    return encoded


def _data_url(data: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
