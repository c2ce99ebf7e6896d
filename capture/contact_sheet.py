"""A contact sheet of a sweep: thumbnails with their focus, and where the planes lie."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from edgedepth.capture.inspection import Inspection

_PAPER, _INK, _DIM = (24, 24, 24), (235, 235, 235), (140, 140, 140)
_GOOD, _BAD = (120, 200, 120), (80, 80, 230)
_CELL_WIDTH = 320
_CAPTION, _AXIS, _GAP = 44, 90, 8
_AXIS_M = (0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)


def contact_sheet(inspection: Inspection) -> NDArray[np.uint8]:
    """Draw it.

    Returns:
        uint8 (H, W, 3) BGR.
    """
    cells = [_cell(inspection, i) for i in range(len(inspection.sweep))]
    columns = min(len(cells), max(1, math.ceil(math.sqrt(len(cells) * 1.5))))
    height, width = cells[0].shape[:2]
    rows = math.ceil(len(cells) / columns)
    sheet_width = columns * (width + _GAP) + _GAP
    sheet = np.full((rows * (height + _GAP) + _GAP, sheet_width, 3), _PAPER, np.uint8)
    for i, cell in enumerate(cells):
        top = _GAP + i // columns * (height + _GAP)
        left = _GAP + i % columns * (width + _GAP)
        sheet[top : top + height, left : left + width] = cell
    if not inspection.sweep.calibrated:
        return sheet
    return np.vstack([sheet, _axis(inspection.sweep.focus_dioptres, sheet_width)])


def _cell(inspection: Inspection, index: int) -> NDArray[np.uint8]:
    frame = inspection.sweep.frames[index]
    report = inspection.registered.reports[index]
    rgb = inspection.registered.stack.frames[index].rgb
    height = max(1, round(rgb.shape[0] * _CELL_WIDTH / rgb.shape[1]))
    small = cv2.resize(rgb, (_CELL_WIDTH, height), interpolation=cv2.INTER_AREA)
    caption = np.full((_CAPTION, _CELL_WIDTH, 3), _PAPER, np.uint8)
    focus = "no focus distance"
    if frame.focus is not None and frame.focus.dioptres is not None:
        metres = frame.focus.metres or math.inf
        focus = "infinity" if math.isinf(metres) else f"{metres:.3g} m"
    _write(caption, f"{index + 1}  {_ascii(frame.name)[:30]}", 4, 16, _DIM)
    used = report.used and frame.focus is not None
    _write(caption, f"{focus}  {report.motion.verdict}", 4, 36, _GOOD if used else _BAD)
    return np.vstack([cv2.cvtColor(small, cv2.COLOR_RGB2BGR), caption])


def _ascii(text: str) -> str:
    return text.encode("ascii", "replace").decode()


def _write(
    canvas: NDArray[np.uint8], text: str, x: int, y: int, colour: tuple[int, int, int]
) -> None:
    cv2.putText(canvas, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, 1, cv2.LINE_AA)


def _axis(focus: tuple[float, ...], width: int) -> NDArray[np.uint8]:
    """Planes on an axis that is even in dioptres, far on the left."""
    canvas = np.full((_AXIS, width, 3), _PAPER, np.uint8)
    margin, line = 40, 40
    near = max(max(focus) * 1.08, 0.5)

    def place(dioptres: float) -> int:
        return round(margin + (width - 2 * margin) * dioptres / near)

    cv2.line(canvas, (margin, line), (width - margin, line), _DIM, 1, cv2.LINE_AA)
    _write(canvas, "inf", margin - 10, line + 36, _DIM)
    last = margin + 20
    for metres in sorted(_AXIS_M, reverse=True):
        x = place(1 / metres)
        if x > width - margin or x - last < 50:
            continue
        cv2.line(canvas, (x, line), (x, line + 8), _DIM, 1)
        _write(canvas, f"{metres:g} m", x - 16, line + 36, _DIM)
        last = x
    for index, dioptres in enumerate(focus):
        cv2.circle(canvas, (place(dioptres), line), 5, _GOOD, -1, cv2.LINE_AA)
        _write(canvas, str(index + 1), place(dioptres) - 4, line - 12, _INK)
    return canvas
