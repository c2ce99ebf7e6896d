"""Sensor widths of phone cameras whose EXIF leaves them out.

Width = photosites across x pitch, from the sensor makers' public figures (named per row).
Which sensor a phone has is from the phone makers' specifications and public teardowns. The
focal length tells a phone's main camera from its others.
"""

from __future__ import annotations

from dataclasses import dataclass

FOCAL_TOLERANCE = 0.06


@dataclass(frozen=True)
class PhoneCamera:
    """One camera of one or several phone models.

    Attributes:
        models: EXIF Model, lower case; a row matches when it equals one of these, or for the
            Raspberry Pi, contains it.
        focal_length_mm: true focal length of that camera.
        f_number: its aperture.
        sensor_width_mm: long side of the sensor.
        origin: where the width comes from.
    """

    models: tuple[str, ...]
    focal_length_mm: float
    f_number: float
    sensor_width_mm: float
    origin: str


PHONES = (
    PhoneCamera(
        ("pixel 6", "pixel 6 pro", "pixel 7", "pixel 7 pro"),
        6.81,
        1.85,
        9.79,
        "Samsung ISOCELL GN1: 8160 x 1.2 um",
    ),
    PhoneCamera(
        ("pixel 8", "pixel 8 pro", "pixel 9", "pixel 9 pro", "pixel 9 pro xl"),
        6.9,
        1.68,
        9.79,
        "Samsung ISOCELL GNV: 8160 x 1.2 um",
    ),
    PhoneCamera(
        ("pixel 3", "pixel 3 xl", "pixel 3a", "pixel 3a xl"),
        4.44,
        1.8,
        5.64,
        "Sony IMX363: 4032 x 1.4 um",
    ),
    PhoneCamera(
        ("pixel 4", "pixel 4 xl", "pixel 4a", "pixel 4a (5g)", "pixel 5", "pixel 5a", "pixel 6a"),
        4.38,
        1.73,
        5.64,
        "Sony IMX363: 4032 x 1.4 um",
    ),
    PhoneCamera(("pixel 7a", "pixel 8a"), 5.43, 1.89, 7.4, "Sony IMX787: 9248 x 0.8 um"),
    PhoneCamera(
        ("sm-s911b", "sm-s916b", "sm-s911u", "sm-s916u", "sm-s901b", "sm-s906b"),
        5.4,
        1.8,
        8.16,
        "Samsung ISOCELL GN3/GN5: 8160 x 1.0 um",
    ),
    PhoneCamera(("imx708",), 4.74, 1.8, 6.45, "Sony IMX708 (Camera Module 3): 4608 x 1.4 um"),
    PhoneCamera(("imx519",), 4.28, 1.75, 5.68, "Sony IMX519: 4656 x 1.22 um"),
)


def find_phone(model: str, focal_length_mm: float | None) -> PhoneCamera | None:
    """The camera of a phone model, if the table has it and the focal length agrees."""
    name = model.strip().lower()
    if not name:
        return None
    for row in PHONES:
        known = name in row.models or any(m.startswith("imx") and m in name for m in row.models)
        if known and (
            focal_length_mm is None
            or abs(focal_length_mm / row.focal_length_mm - 1) <= FOCAL_TOLERANCE
        ):
            return row
    return None
