"""Camera profiles: what ``edgedepth calibrate`` learnt of a camera, and how a sweep uses it.

A profile says how fast the lens really blurs and how the distances that the camera reports
relate to true ones, ``true = scale * reported + bias`` in dioptres. It follows
``docs/schemas/camera.schema.json``.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import edgedepth
from edgedepth.capture.camera import CameraReading
from edgedepth.capture.focus import FocusReading
from edgedepth.capture.sweep import Sweep
from edgedepth.errors import UserError

SCHEMA = "edgedepth-camera/1"
FOCAL_TOLERANCE = 0.03
MAX_BYTES = 1 << 20
_ADVICE = "make it again with `edgedepth calibrate`"


@dataclass(frozen=True)
class CameraIdentity:
    """Which camera a profile is of; "" where the pictures did not say."""

    make: str
    model: str
    focal_length_mm: float
    f_number: float
    sensor_long_side_mm: float
    image_long_side_px: int

    @classmethod
    def of(cls, reading: CameraReading) -> CameraIdentity:
        """The camera that took a sweep."""
        camera = reading.camera
        across = max(1.0, camera.image_height_px / camera.image_width_px)
        return cls(
            reading.make,
            reading.model,
            camera.focal_length_mm,
            camera.f_number,
            camera.sensor_width_mm * across,
            max(camera.image_width_px, camera.image_height_px),
        )

    def difference(self, other: CameraIdentity) -> str:
        """How the other is another camera, "" if it may be the same."""
        for name in ("make", "model"):
            mine, theirs = getattr(self, name), getattr(other, name)
            if mine and theirs and mine != theirs:
                return f"{name} {mine!r} and {theirs!r}"
        if abs(self.focal_length_mm / other.focal_length_mm - 1) > FOCAL_TOLERANCE:
            return f"focal length {self.focal_length_mm:g} and {other.focal_length_mm:g} mm"
        if abs(self.f_number / other.f_number - 1) > FOCAL_TOLERANCE:
            return f"f/{self.f_number:g} and f/{other.f_number:g}"
        if abs(self.sensor_long_side_mm / other.sensor_long_side_mm - 1) > FOCAL_TOLERANCE:
            return (
                f"sensor {self.sensor_long_side_mm:.2f} and {other.sensor_long_side_mm:.2f} mm "
                "(zoom or crop)"
            )
        return ""


@dataclass(frozen=True)
class CameraProfile:
    """A calibrated camera.

    Attributes:
        identity: which camera.
        coc_px_per_dioptre: K at ``identity.image_long_side_px``, per true dioptre.
        coc_relative_sd: its standard deviation, as a share.
        dioptre_scale, dioptre_bias: true dioptres are scale * reported + bias.
        scale_sd, bias_sd, correlation: their standard deviations and correlation.
        scale_from, bias_from: ``"pages"``, ``"breathing"`` or ``"assumed"``.
        reported_dioptres: (far, near) focus seen in calibrating.
        dioptres_sd: standard deviation of a corrected focus within that range, at its worst.
        evidence: one record per sweep.
        warnings: what the user should know.
    """

    identity: CameraIdentity
    coc_px_per_dioptre: float
    coc_relative_sd: float
    dioptre_scale: float
    dioptre_bias: float
    scale_sd: float
    bias_sd: float
    correlation: float
    scale_from: str
    bias_from: str
    reported_dioptres: tuple[float, float]
    dioptres_sd: float
    evidence: tuple[dict[str, Any], ...] = ()
    warnings: tuple[str, ...] = field(default=())

    def corrected(self, reported_dioptres: float) -> float:
        """True dioptres of a reported focus, never below 0."""
        return max(0.0, self.dioptre_scale * reported_dioptres + self.dioptre_bias)

    def record(self) -> dict[str, Any]:
        """As written to a file."""
        return {
            "schema": SCHEMA,
            "edgedepth": edgedepth.__version__,
            "camera": dict(vars(self.identity)),
            "coc_px_per_dioptre": round(self.coc_px_per_dioptre, 5),
            "coc_relative_sd": round(self.coc_relative_sd, 4),
            "dioptre_scale": round(self.dioptre_scale, 5),
            "dioptre_bias": round(self.dioptre_bias, 5),
            "scale_sd": round(self.scale_sd, 5),
            "bias_sd": round(self.bias_sd, 5),
            "correlation": round(self.correlation, 4),
            "scale_from": self.scale_from,
            "bias_from": self.bias_from,
            "reported_dioptres": [round(d, 4) for d in self.reported_dioptres],
            "dioptres_sd": round(self.dioptres_sd, 5),
            "evidence": list(self.evidence),
            "warnings": list(self.warnings),
        }


def read_profile(path: Path) -> CameraProfile:
    """Read a profile.

    Raises:
        UserError: no such file, not JSON, another schema, or figures that make no sense.
    """
    try:
        data = path.read_bytes()[: MAX_BYTES + 1]
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror})", _ADVICE) from None
    try:
        record = json.loads(data)
    except (ValueError, RecursionError):
        raise UserError(f"{path} is not a camera profile (not valid JSON)", _ADVICE) from None
    if not isinstance(record, dict) or record.get("schema") != SCHEMA:
        raise UserError(f"{path} is not of schema {SCHEMA}", _ADVICE)
    try:
        return _from_record(record)
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path} has a bad field ({error})", _ADVICE) from None


def _from_record(record: dict[str, Any]) -> CameraProfile:
    camera = record["camera"]
    identity = CameraIdentity(
        str(camera["make"]),
        str(camera["model"]),
        _number(camera, "focal_length_mm", 0.1, 5000),
        _number(camera, "f_number", 0.1, 1000),
        _number(camera, "sensor_long_side_mm", 0.1, 500),
        int(_number(camera, "image_long_side_px", 16, 1 << 16)),
    )
    low, high = (float(d) for d in record["reported_dioptres"])
    return CameraProfile(
        identity,
        _number(record, "coc_px_per_dioptre", 1e-3, 1e4),
        _number(record, "coc_relative_sd", 0, 10),
        _number(record, "dioptre_scale", 0.1, 10),
        _number(record, "dioptre_bias", -10, 10),
        _number(record, "scale_sd", 0, 10),
        _number(record, "bias_sd", 0, 10),
        _number(record, "correlation", -1, 1),
        str(record["scale_from"]),
        str(record["bias_from"]),
        (low, high),
        _number(record, "dioptres_sd", 0, 100),
        tuple(record["evidence"]),
        tuple(str(w) for w in record["warnings"]),
    )


def _number(record: dict[str, Any], key: str, low: float, high: float) -> float:
    value = record[key]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{key} is not a number")
    if not (math.isfinite(value) and low <= value <= high):
        raise ValueError(f"{key} is not within {low:g} to {high:g}")
    return float(value)


def apply_profile(sweep: Sweep, profile: CameraProfile, name: str) -> Sweep:
    """The sweep with true focus distances and the lens's true blur.

    Distances that the user gave are left as they are. The blur enters as an effective
    f-number, so that the intrinsics stay what they were.

    Args:
        name: of the profile, for the report.

    Raises:
        UserError: the sweep was taken by another camera.
    """
    taken = CameraIdentity.of(sweep.camera)
    different = profile.identity.difference(taken)
    if different:
        raise UserError(
            f"{name} is of another camera than {sweep.folder}: {different}",
            "calibrate the camera that took the sweep, or leave --camera out",
        )
    frames = tuple(replace(f, focus=_corrected(f.focus, profile, name)) for f in sweep.frames)
    warnings = [*sweep.warnings, *profile.warnings]
    given = [f.name for f in sweep.frames if f.focus is not None and f.focus.trust == "user"]
    if given:
        warnings.append(f"distances given by hand are taken as true, {name} corrects only K")
    behind = [
        before.name
        for before, after in zip(sweep.frames, frames, strict=True)
        if before.focus is not None and after.focus is not None
        and before.focus.dioptres and after.focus.dioptres == 0
    ]  # fmt: skip
    if behind:
        warnings.append(f"{', '.join(behind)}: corrected focus lies beyond infinity, taken as it")
    return replace(
        sweep,
        frames=frames,
        camera=_blurring(sweep.camera, profile, taken, name),
        warnings=tuple(warnings),
    )


def _corrected(
    focus: FocusReading | None, profile: CameraProfile, name: str
) -> FocusReading | None:
    if focus is None or focus.dioptres is None or focus.trust == "user":
        return focus
    span = focus.span_dioptres
    return replace(
        focus,
        source=f"{focus.source}, corrected by {name}",
        dioptres=profile.corrected(focus.dioptres),
        span_dioptres=span and (profile.corrected(span[0]), profile.corrected(span[1])),
    )


def _blurring(
    reading: CameraReading, profile: CameraProfile, taken: CameraIdentity, name: str
) -> CameraReading:
    share = taken.image_long_side_px / profile.identity.image_long_side_px
    wanted = profile.coc_px_per_dioptre * share
    f_number = reading.camera.f_number * reading.camera.coc_px_per_dioptre() / wanted
    return replace(
        reading,
        camera=replace(reading.camera, f_number=f_number),
        sources={**reading.sources, "f_number": f"{name}: effective"},
    )
