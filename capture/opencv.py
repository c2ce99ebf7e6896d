"""OpenCV, or one line that says how to get it."""

from __future__ import annotations

from edgedepth.errors import UserError


def require_opencv() -> None:
    """Import cv2 now.

    Raises:
        UserError: it cannot be imported; the message names the fix.
    """
    try:
        import cv2  # noqa: F401
    except ImportError as error:
        name = str(error).split(":")[0]
        raise UserError(
            f"OpenCV cannot be imported ({name})",
            "run `apt-get install libgl1` or `pip install opencv-python-headless`",
        ) from None
