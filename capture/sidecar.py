"""Notes that travel beside the pictures: ``sweep.json`` and Raspberry Pi camera metadata.

``sweep.json`` follows ``docs/schemas/sweep.schema.json``; the Android demo writes it.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgedepth.capture.focus import FocusReading, declined, from_lens_position
from edgedepth.errors import UserError

NAME = "sweep.json"
SCHEMA = "edgedepth-sweep/1"
MAX_BYTES = 1 << 22
MAX_DIOPTRES = 100.0
_ADVICE = "mend it or remove it to go by the pictures' own metadata"


@dataclass(frozen=True)
class Sidecar:
    """A ``sweep.json`` that was read.

    Attributes:
        files: picture names in capture order.
        focus: name -> reading, for the frames that state one.
        camera: the ``camera`` object: focal_length_mm, f_number, sensor_width_mm, ...
    """

    files: tuple[str, ...]
    focus: dict[str, FocusReading]
    camera: dict[str, Any] = field(default_factory=dict)

    def camera_number(self, key: str) -> float | None:
        """A positive figure of the camera, None when absent or unusable."""
        value = self.camera.get(key)
        good = isinstance(value, int | float) and math.isfinite(value) and value > 0
        return float(value) if good and not isinstance(value, bool) else None  # type: ignore[arg-type]


def read_sidecar(folder: Path) -> Sidecar | None:
    """Read ``sweep.json`` of a folder; None when there is none.

    Raises:
        UserError: it is not JSON, of another schema, or its frames are not usable.
    """
    path = folder / NAME
    if not path.is_file():
        return None
    record = _load(path)
    if record.get("schema") != SCHEMA:
        raise UserError(f"{path} is not of schema {SCHEMA}", _ADVICE)
    frames = record.get("frames")
    if not isinstance(frames, list) or not frames or not all(isinstance(f, dict) for f in frames):
        raise UserError(f"{path} has no list of frames", _ADVICE)
    files = tuple(str(f.get("file", "")) for f in frames)
    if len(set(files)) != len(files) or not all(f and Path(f).name == f for f in files):
        raise UserError(f"{path}: every frame needs the name of a file of its own", _ADVICE)
    camera = record.get("camera", {})
    if not isinstance(camera, dict):
        raise UserError(f"{path}: camera must be an object", _ADVICE)
    relative = camera.get("focus_calibration") == "uncalibrated"
    readings = {
        name: reading
        for name, frame in zip(files, frames, strict=True)
        if (reading := _frame_focus(frame, relative)) is not None
    }
    return Sidecar(files, readings, camera)


def _frame_focus(frame: dict[str, Any], relative: bool) -> FocusReading | None:
    """Focus as the camera reported it, else as it was asked for."""
    for key in ("focus_dioptres", "focus_dioptres_requested"):
        if key in frame:
            return _from_dioptres(f"sweep.json {key}", frame[key], relative)
    return None


def _from_dioptres(source: str, value: Any, relative: bool) -> FocusReading:
    good = isinstance(value, int | float) and not isinstance(value, bool)
    if not good or not 0 <= value <= MAX_DIOPTRES:
        return declined(source, str(value)[:40], f"not within 0 to {MAX_DIOPTRES:g} D")
    if relative:
        return from_lens_position(f"{source} (uncalibrated lens)", float(value))
    return FocusReading(source, f"{value:g} D", "measured", float(value))


def raspberry_pi_reading(image: Path) -> FocusReading | None:
    """LensPosition (dioptres) from a frame's rpicam or picamera2 metadata file.

    Looks for ``NAME.json`` and ``NAME.jpg.json`` beside ``NAME.jpg``; Raspberry Pi documents
    LensPosition as the reciprocal of the distance in metres.
    """
    for path in (image.with_suffix(".json"), image.with_name(image.name + ".json")):
        if not path.is_file() or path.name == NAME:
            continue
        record = _load(path)
        if "LensPosition" in record:
            return _from_dioptres("Raspberry Pi LensPosition", record["LensPosition"], False)
    return None


def _load(path: Path) -> dict[str, Any]:
    if path.stat().st_size > MAX_BYTES:
        raise UserError(f"{path} is larger than {MAX_BYTES >> 20} MB", _ADVICE)
    try:
        record = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        raise UserError(f"{path} is not valid JSON", _ADVICE) from None
    if not isinstance(record, dict):
        raise UserError(f"{path} must hold a JSON object", _ADVICE)
    return record
