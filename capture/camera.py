"""The camera behind a sweep: focal length, f-number, sensor width, each with its source."""

from __future__ import annotations

import math
from dataclasses import dataclass

from edgedepth.capture import exif as tags
from edgedepth.capture.exif import Exif
from edgedepth.capture.phones import find_phone
from edgedepth.capture.sidecar import Sidecar
from edgedepth.stack import Camera

FULL_FRAME_DIAGONAL_MM = math.hypot(36.0, 24.0)
DIGITAL_ZOOM = 0xA404
_MM_PER_UNIT = {2: 25.4, 3: 10.0, 4: 1.0, 5: 1e-3}
_GUESS = {"focal_length_mm": 4.7, "f_number": 1.8}
GUESSED_EQUIVALENT_MM = 26.0
"""35 mm equivalent of the common phone's main camera, taken when nothing is known."""


@dataclass(frozen=True)
class CameraReading:
    """A camera and where each of its figures comes from.

    Attributes:
        camera: the figures, for pictures as turned upright.
        sources: focal_length_mm, f_number, sensor_width_mm -> source.
        make, model: as EXIF has them.
    """

    camera: Camera
    sources: dict[str, str]
    make: str = ""
    model: str = ""

    @property
    def guessed(self) -> tuple[str, ...]:
        """Names of the figures that are guesses."""
        return tuple(name for name, source in self.sources.items() if source.startswith("guess"))


def read_camera(
    exif: Exif,
    size_px: tuple[int, int],
    sidecar: Sidecar | None = None,
    sensor_width_mm: float | None = None,
    turned: bool = False,
) -> CameraReading:
    """Put a camera together from what the file, its sidecar and the user say.

    Args:
        exif: metadata of the first frame.
        size_px: (height, width) of the pictures as stored.
        sidecar: the sweep's notes.
        sensor_width_mm: the user's word on the sensor's long side as stored.
        turned: the pictures are shown turned by a quarter, so that width becomes height.
    """
    height, width = size_px
    focal, focal_source = _focal_length(exif, sidecar)
    aperture, aperture_source = _f_number(exif, sidecar, focal)
    sensor, sensor_source = _sensor_width(exif, sidecar, sensor_width_mm, focal, size_px)
    if turned:
        sensor, width, height = sensor * height / width, height, width
    sources = {
        "focal_length_mm": focal_source,
        "f_number": aperture_source,
        "sensor_width_mm": sensor_source,
    }
    guessed = any(s.startswith("guess") for s in sources.values())
    camera = Camera(focal, aperture, sensor, width, height, "guess" if guessed else sensor_source)
    return CameraReading(camera, sources, exif.make, exif.model)


def _plausible(value: float | None, low: float, high: float) -> bool:
    return value is not None and low <= value <= high


def _focal_length(exif: Exif, sidecar: Sidecar | None) -> tuple[float, str]:
    noted = sidecar.camera_number("focal_length_mm") if sidecar else None
    if noted is not None and _plausible(noted, 0.5, 2000):
        return noted, "sweep.json"
    value = exif.photo.number(tags.FOCAL_LENGTH)
    if value is not None and _plausible(value, 0.5, 2000):
        return value, "EXIF FocalLength"
    phone = find_phone(exif.model, None)
    if phone is not None:
        return phone.focal_length_mm, f"table: {exif.model}"
    return _GUESS["focal_length_mm"], "guess: a phone's main camera"


def _f_number(exif: Exif, sidecar: Sidecar | None, focal: float) -> tuple[float, str]:
    noted = sidecar.camera_number("f_number") if sidecar else None
    if noted is not None and _plausible(noted, 0.5, 64):
        return noted, "sweep.json"
    value = exif.photo.number(tags.F_NUMBER)
    if value is not None and _plausible(value, 0.5, 64):
        return value, "EXIF FNumber"
    phone = find_phone(exif.model, focal)
    if phone is not None:
        return phone.f_number, f"table: {exif.model}"
    return _GUESS["f_number"], "guess: a phone's main camera"


def _sensor_width(
    exif: Exif,
    sidecar: Sidecar | None,
    given: float | None,
    focal: float,
    size_px: tuple[int, int],
) -> tuple[float, str]:
    if given is not None:
        return given, "--sensor-width-mm"
    noted = sidecar.camera_number("sensor_width_mm") if sidecar else None
    if noted is not None and _plausible(noted, 1, 60):
        return noted, "sweep.json"
    height, width = size_px
    share = width / math.hypot(width, height)
    equivalent = exif.photo.number(tags.FOCAL_LENGTH_35)
    if equivalent is not None and _plausible(equivalent, 5, 2000):
        found = FULL_FRAME_DIAGONAL_MM * focal / equivalent * share
        if _plausible(found, 1, 60):
            return found, f"EXIF 35 mm equivalent {equivalent:g} mm, by the diagonal"
    found_plane = _focal_plane_width(exif, width)
    if found_plane is not None:
        return found_plane, "EXIF focal-plane resolution"
    phone = find_phone(exif.model, focal)
    if phone is not None:
        side = phone.sensor_width_mm * (1.0 if width >= height else width / height)
        return side / _zoom(exif), f"table: {exif.model} ({phone.origin})"
    guess = FULL_FRAME_DIAGONAL_MM * focal / GUESSED_EQUIVALENT_MM * share
    return guess, f"guess: {GUESSED_EQUIVALENT_MM:g} mm equivalent"


def _zoom(exif: Exif) -> float:
    zoom = exif.photo.number(DIGITAL_ZOOM)
    return zoom if zoom is not None and 1 <= zoom <= 100 else 1.0


def _focal_plane_width(exif: Exif, width: int) -> float | None:
    """Sensor width from pixels per unit on the focal plane, None when it makes no sense."""
    resolution = exif.photo.number(tags.PLANE_X_RESOLUTION)
    unit = exif.photo.number(tags.PLANE_UNIT)
    across = exif.photo.number(tags.PIXEL_WIDTH) or width
    if not resolution or not math.isfinite(resolution) or resolution < 0:
        return None
    found = across / resolution * _MM_PER_UNIT.get(int(unit or 2), 25.4) / _zoom(exif)
    return found if _plausible(found, 1, 60) else None
