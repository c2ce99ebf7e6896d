"""``report.json``: what was done, with what, and how far to trust it.

The record follows ``docs/schemas/report.schema.json``.
"""

from __future__ import annotations

import platform
from typing import Any

import numpy as np

import edgedepth
from edgedepth.capture.inference import DepthResult
from edgedepth.capture.register import FrameReport
from edgedepth.capture.sweep import Sweep, SweepFrame

SCHEMA = "edgedepth-report/1"


def finite(value: float | None, digits: int = 6) -> float | None:
    """A number that JSON can hold; None for infinity and NaN."""
    return None if value is None or not np.isfinite(value) else round(float(value), digits)


def make_report(result: DepthResult, files: dict[str, str]) -> dict[str, Any]:
    """The report of one inference as plain data.

    Args:
        files: what was written: kind -> file name.
    """
    import cv2

    height, width = result.depth_m.shape
    answer = result.depth_m if result.relative is None else result.relative
    return {
        "schema": SCHEMA,
        "edgedepth": edgedepth.__version__,
        "sweep": str(result.sweep.folder),
        "metric": result.metric,
        "relative": _relative(result),
        "frames": [
            _frame(frame, report)
            for frame, report in zip(result.sweep.frames, result.registered.reports, strict=True)
        ],
        "camera": camera_record(result.sweep, width, height),
        "model": {
            "file": result.model.path.name,
            "preset": result.model.spec.preset,
            "precision": result.model.spec.precision,
            "height": result.model.spec.height,
            "width": result.model.spec.width,
            "signature": result.raw.signature,
        },
        "relative_blur": {"coc_ratio": finite(result.coc_ratio, 4)},
        "runtime": result.raw.runtime,
        "depth": {
            "width": width,
            "height": height,
            "min_confidence": result.min_confidence,
            "valid_share": finite(float(np.isfinite(answer).mean())),
            "confidence_known": result.raw.confidence is not None,
            **_range(result),
        },
        "seconds": {stage: finite(value, 4) for stage, value in result.seconds.items()},
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "opencv": cv2.__version__,
        },
        "files": files,
        "warnings": list(result.warnings),
    }


def _relative(result: DepthResult) -> dict[str, Any] | None:
    ordering = result.ordering
    if ordering is None:
        return None
    return {
        "positions": [finite(p, 4) for p in ordering.positions],
        "solved": ordering.span_px is not None,
        "span_px": finite(ordering.span_px, 3),
        "basis": ordering.basis,
        "near_end_known": ordering.end_known,
    }


def _range(result: DepthResult) -> dict[str, float | None]:
    known = result.depth_m[np.isfinite(result.depth_m)]
    if known.size == 0:
        return {"nearest_m": None, "median_m": None, "farthest_m": None}
    low, middle, high = np.percentile(known, (1, 50, 99))
    return {"nearest_m": finite(low), "median_m": finite(middle), "farthest_m": finite(high)}


def _frame(frame: SweepFrame, report: FrameReport) -> dict[str, Any]:
    reading = frame.focus
    motion = report.motion
    return {
        "file": frame.name,
        "focus_dioptres": None if reading is None else finite(report.focus_dioptres),
        "focus_m": finite(None if reading is None else reading.metres),
        "source": None if reading is None else reading.source,
        "said": None if reading is None else reading.said,
        "trust": "none" if reading is None else reading.trust,
        "verdict": motion.verdict,
        "reason": motion.reason,
        "scale": finite(motion.scale),
        "shift_px": [finite(v, 3) for v in motion.shift_px],
        "rotation_deg": finite(motion.rotation_deg, 4),
        "residual_px": finite(motion.residual_px, 3),
        "correlation": finite(motion.score, 4),
        "gain": [finite(g, 4) for g in report.gain],
        "valid_share": finite(report.valid_share, 4),
    }


def camera_record(sweep: Sweep, width: int, height: int) -> dict[str, Any]:
    """The camera, its sources, K and the pinhole intrinsics at a map of width x height."""
    reading, camera = sweep.camera, sweep.camera.camera
    fx = camera.focal_length_px(width)
    fy = camera.focal_length_px() * height / camera.image_height_px
    return {
        "make": reading.make,
        "model": reading.model,
        "focal_length_mm": finite(camera.focal_length_mm),
        "f_number": finite(camera.f_number),
        "sensor_width_mm": finite(camera.sensor_width_mm),
        "image_width_px": camera.image_width_px,
        "image_height_px": camera.image_height_px,
        "sources": reading.sources,
        "guessed": list(reading.guessed),
        "coc_px_per_dioptre": finite(camera.coc_px_per_dioptre()),
        "intrinsics": {
            "fx": finite(fx),
            "fy": finite(fy),
            "cx": (width - 1) / 2,
            "cy": (height - 1) / 2,
        },
    }
