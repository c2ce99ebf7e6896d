"""What a sweep holds, what it can resolve, what is wrong with it, what to shoot next time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from edgedepth.capture.doubts import about_breathing
from edgedepth.capture.fusion import sharpness
from edgedepth.capture.next_sweep import planes_for_next_time
from edgedepth.capture.register import FrameReport, RegisteredSweep, register_sweep
from edgedepth.capture.report import camera_record, finite
from edgedepth.capture.sources import SAME_DIOPTRES
from edgedepth.capture.sweep import Sweep, read_sweep
from edgedepth.errors import UserError

SCHEMA = "edgedepth-inspection/1"
WORK_SIZE = (240, 320)
"""Model size that decides at which scale the pictures are looked at."""

Level = Literal["problem", "advice", "note"]


@dataclass(frozen=True)
class Finding:
    """One thing to know about a sweep.

    Attributes:
        level: ``problem``: depth will fail or be wrong; ``advice``: it could be better;
            ``note``: good to know.
        code: a stable name, e.g. ``"focus gap"``.
        text: what is the matter.
        todo: what to do about it, "" for nothing.
    """

    level: Level
    code: str
    text: str
    todo: str = ""


@dataclass(frozen=True)
class FrameFacts:
    """What the pixels of one frame say.

    Attributes:
        clipped_bright, clipped_dark: shares of the pixels.
        sharpest_share: share of the pixels where focus shows that are sharpest in this frame.
    """

    clipped_bright: float
    clipped_dark: float
    sharpest_share: float


@dataclass(frozen=True)
class Resolution:
    """Depths that a sweep can tell apart.

    Attributes:
        nearest_m, farthest_m: range within which depth is good to 20 %.
        dioptre_step: smallest difference that shows.
    """

    nearest_m: float
    farthest_m: float
    dioptre_step: float


@dataclass(frozen=True)
class Inspection:
    """A sweep looked at.

    Attributes:
        sweep, registered: what was read and how it aligns.
        facts: one per captured frame.
        findings: problems first.
        resolution: None for a sweep without focus distances and for a single picture.
    """

    sweep: Sweep
    registered: RegisteredSweep
    facts: tuple[FrameFacts, ...]
    findings: tuple[Finding, ...]
    resolution: Resolution | None


def inspect_sweep(
    source: Path | str | Sequence[Path | str], threads: int = 2, **options: Any
) -> Inspection:
    """Look at a sweep, with or without usable focus distances.

    Args:
        source: a folder or pictures.
        threads: frames worked on at a time.
        options: ``focus``, ``focus_from_name``, ``sensor_width_mm`` of :func:`read_sweep`.

    Raises:
        UserError: no pictures, or damaged ones.
    """
    findings = []
    try:
        sweep = read_sweep(source, **options)
    except UserError as error:
        sweep = read_sweep(source, **(options | _NO_FOCUS))
        findings.append(Finding("problem", "no focus", error.problem, error.advice))
    focus = list(sweep.focus_dioptres) if sweep.calibrated else [0.0] * len(sweep)
    registered = register_sweep(sweep, WORK_SIZE, focus, threads=threads, keep_rejected=True)
    facts = _facts(registered)
    resolution = None
    if sweep.calibrated:
        noise = picture_noise(registered.stack.reference.rgb)
        if len(sweep) > 1:
            resolution = resolve(focus, registered.stack.coc_px_per_dioptre, noise)
        findings += _about_planes(sweep, registered, resolution)
        findings += _about_next_time(focus, facts)
    findings += _about_sources(sweep)
    findings += _about_pixels(sweep, facts, registered)
    findings += _about_motion(registered, focus if sweep.calibrated else None)
    order = {"problem": 0, "advice": 1, "note": 2}
    ranked = tuple(sorted(findings, key=lambda f: order[f.level]))
    return Inspection(sweep, registered, facts, ranked, resolution)


_NO_FOCUS = {"uncalibrated": True, "focus": None, "focus_from_name": False}


def resolve(focus: Sequence[float], k: float, noise: float) -> Resolution:
    """Depth range that a sweep resolves to 20 %, a rule of thumb.

    A blur difference shows from half a pixel up, more in noise (one level of 255 counts as a
    tenth of a pixel); a plane's own place is known to an eighth of the gap to the next. An
    error of dD dioptres is an error of d dD of the depth d.

    Args:
        focus: dioptres of the planes.
        k: pixels per dioptre at the width that the pictures are looked at.
        noise: standard deviation in levels of 255.
    """
    planes = np.unique(np.asarray(focus))
    gap = float(np.median(np.diff(planes))) if len(planes) > 1 else 4.0
    step = max((0.5 + 0.1 * noise) / k, gap / 8)
    nearest = float(planes.max()) + gap / 2
    farthest = max(float(planes.min()) - gap / 2, step / 0.2, 1e-3)
    return Resolution(1 / nearest, max(1 / farthest, 1 / nearest), step)


def picture_noise(rgb: NDArray[np.uint8]) -> float:
    """Noise in levels of 255: median of Immerkaer's (1996) operator over the flattest tiles."""
    gray = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    response = np.abs(cv2.filter2D(gray, -1, kernel))
    tiles = cv2.resize(response, (32, 24), interpolation=cv2.INTER_AREA)
    return float(np.percentile(tiles, 10) * np.sqrt(np.pi / 2) / 6)


def _facts(registered: RegisteredSweep) -> tuple[FrameFacts, ...]:
    frames = registered.stack.frames
    energy = np.stack([sharpness(f.rgb, f.valid) for f in frames])
    best = energy.max(axis=0)
    detailed = best > 1.25 * energy.min(axis=0)
    winner = energy.argmax(axis=0)
    found = []
    for i, report in enumerate(registered.reports):
        share = float((winner[detailed] == i).mean()) if detailed.any() else 0.0
        found.append(FrameFacts(report.clipped_bright, report.clipped_dark, share))
    return tuple(found)


def _metres(dioptres: float) -> str:
    return "infinity" if dioptres <= 0 else f"{1 / dioptres:.2g} m"


def _about_range(resolution: Resolution) -> Finding:
    if resolution.farthest_m <= resolution.nearest_m:
        text = "no depth can be told to 20 %: blur changes too little over these distances"
        return Finding("advice", "range", text, "focus closer, and farther apart")
    return Finding(
        "note",
        "range",
        f"depth can be told from about {resolution.nearest_m:.2g} to "
        f"{resolution.farthest_m:.2g} m (to 20 %), in steps of "
        f"{resolution.dioptre_step:.2g} dioptres",
    )


def _about_planes(
    sweep: Sweep, registered: RegisteredSweep, resolution: Resolution | None
) -> list[Finding]:
    focus = np.array(sweep.focus_dioptres)
    found = [] if resolution is None else [_about_range(resolution)]
    planes = np.sort(focus)
    gaps = np.diff(planes)
    found += [
        Finding(
            "advice",
            "duplicate planes",
            f"two frames are focused at {_metres(far)}",
            "leave one out; frames at other distances tell more",
        )
        for far, gap in zip(planes, gaps, strict=False)
        if gap <= SAME_DIOPTRES
    ]
    k = registered.stack.coc_px_per_dioptre * 640 / max(registered.stack.size)
    typical = float(np.median(gaps)) if len(gaps) else 0.0
    found += [
        Finding(
            "advice",
            "focus gap",
            f"a gap of {gap:.2g} dioptres between {_metres(far)} and {_metres(far + gap)}",
            f"add a frame at about {_metres(far + gap / 2)}",
        )
        for far, gap in zip(planes, gaps, strict=False)
        if gap * k > 8 or (len(gaps) > 2 and gap > 3 * typical)
    ]
    if len(planes) > 1 and planes[0] > 0.5:
        found.append(
            Finding(
                "note",
                "no far plane",
                f"the farthest plane is at {_metres(planes[0])}: what lies behind it is a guess",
                "add a frame focused at infinity if the background matters",
            )
        )
    if len(planes) > 1 and planes[-1] < 1.0:
        found.append(
            Finding(
                "note",
                "no near plane",
                f"the nearest plane is at {_metres(planes[-1])}: what lies before it is a guess",
                "add a frame focused closer if there is something closer",
            )
        )
    steps = np.diff(focus)
    if len(steps) > 1 and (steps > 0).any() and (steps < 0).any():
        found.append(
            Finding(
                "note",
                "order",
                "the frames do not run from near to far or from far to near",
                "harmless, but a steady sweep moves the lens and the scene less",
            )
        )
    return found


def _about_next_time(focus: Sequence[float], facts: Sequence[FrameFacts]) -> list[Finding]:
    wanted = planes_for_next_time(focus, [f.sharpest_share for f in facts])
    if wanted is None:
        return []
    listed = ", ".join(_metres(d) for d in wanted)
    even = abs(float(wanted[1] - wanted[0]))
    return [
        Finding(
            "note",
            "next sweep",
            f"planes even in dioptres, {even:.2g} apart, would tell this scene's depth better",
            f"next time focus at {listed}",
        )
    ]


def _about_sources(sweep: Sweep) -> list[Finding]:
    found = [Finding("advice", "warning", w) for w in sweep.warnings]
    doubted = {
        f"{r.source} said {r.said}: {r.problem}"
        for frame in sweep.frames
        for r in frame.words.readings
        if r.problem and sweep.calibrated
    }
    found += [Finding("note", "not believed", text) for text in sorted(doubted)[:6]]
    return found


def _about_pixels(
    sweep: Sweep, facts: Sequence[FrameFacts], registered: RegisteredSweep
) -> list[Finding]:
    found = []
    bright = [f.name for f, x in zip(sweep.frames, facts, strict=True) if x.clipped_bright > 0.08]
    dark = [f.name for f, x in zip(sweep.frames, facts, strict=True) if x.clipped_dark > 0.3]
    if bright:
        found.append(
            Finding(
                "advice",
                "clipping",
                f"bright parts are clipped in {', '.join(bright)}",
                "expose less: clipped parts show no focus",
            )
        )
    if dark:
        found.append(
            Finding(
                "advice",
                "clipping",
                f"dark parts are lost in {', '.join(dark)}",
                "use more light: black parts show no focus",
            )
        )
    idle = [f.name for f, x in zip(sweep.frames, facts, strict=True) if x.sharpest_share < 0.01]
    if idle and len(facts) > 2:
        found.append(
            Finding(
                "note",
                "nothing in focus",
                f"nothing is sharpest in {', '.join(idle)}",
                "no object lies at that distance, or the frame is blurred by motion",
            )
        )
    uneven = [r.name for r in registered.reports if max(r.gain) > 1.25 or min(r.gain) < 0.8]
    if uneven:
        found.append(
            Finding(
                "advice",
                "exposure",
                f"brightness differs in {', '.join(uneven)}",
                "lock exposure and white balance before the sweep",
            )
        )
    return found


def _about_motion(registered: RegisteredSweep, focus: Sequence[float] | None) -> list[Finding]:
    found = [
        Finding(
            "problem",
            "motion",
            f"{r.name} cannot be used: {r.motion.reason}",
            "hold the phone still, best against something, and shoot again",
        )
        for r in registered.reports
        if r.motion.verdict == "rejected"
    ]
    shaken = [r for r in registered.reports if r.used and _moved(r)]
    if shaken:
        names = ", ".join(r.name for r in shaken)
        found.append(
            Finding(
                "advice", "motion", f"the camera moved in {names}", "rest the phone on something"
            )
        )
    doubt = None if focus is None else about_breathing(registered.reports, focus)
    if doubt is not None:
        found.append(Finding("advice", "suspicious distances", doubt.text, doubt.todo))
    return found


def _moved(report: FrameReport) -> bool:
    right, down = report.motion.shift_px
    return bool(np.hypot(right, down) > 20) or abs(report.motion.rotation_deg) > 2


def to_record(inspection: Inspection) -> dict[str, Any]:
    """An inspection as plain data."""
    sweep = inspection.sweep
    height, width = sweep.size_px
    frames = []
    for frame, report, facts in zip(
        sweep.frames, inspection.registered.reports, inspection.facts, strict=True
    ):
        reading = frame.focus
        frames.append(
            {
                "file": frame.name,
                "focus_m": None if reading is None else finite(reading.metres),
                "focus_dioptres": None if reading is None else finite(reading.dioptres),
                "source": None if reading is None else reading.source,
                "trust": "none" if reading is None else reading.trust,
                "said": [
                    {"source": r.source, "said": r.said, "problem": r.problem}
                    for r in frame.words.readings
                ],
                "verdict": report.motion.verdict,
                "scale": finite(report.motion.scale),
                "shift_px": [finite(v, 3) for v in report.motion.shift_px],
                "rotation_deg": finite(report.motion.rotation_deg, 4),
                "residual_px": finite(report.motion.residual_px, 3),
                **{name: finite(value, 4) for name, value in asdict(facts).items()},
            }
        )
    resolution = inspection.resolution
    return {
        "schema": SCHEMA,
        "sweep": str(sweep.folder),
        "frames": frames,
        "camera": camera_record(sweep, width, height),
        "resolution": None if resolution is None else asdict(resolution),
        "findings": [asdict(f) for f in inspection.findings],
    }
