"""Read a focal sweep: which pictures, in which order, focused where, by which camera.

Only headers are read here; pixels are decoded by :mod:`edgedepth.capture.decode`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edgedepth.capture import doubts, sources
from edgedepth.capture.camera import CameraReading, read_camera
from edgedepth.capture.decode import EXTENSIONS, ImageFile, open_image
from edgedepth.capture.focus import FocusReading
from edgedepth.capture.order import natural_order
from edgedepth.capture.sidecar import Sidecar, read_sidecar
from edgedepth.errors import UserError
from edgedepth.words import counted

MAX_FILES = 64
NAMED_FILES = 4
"""Files that a message names."""


@dataclass(frozen=True)
class SweepFrame:
    """One picture of a sweep.

    Attributes:
        image: the file, its bytes and metadata.
        focus: the believed focus distance; None in an uncalibrated sweep.
        words: all that was said about its focus.
    """

    image: ImageFile
    focus: FocusReading | None
    words: sources.FrameWords

    @property
    def name(self) -> str:
        """File name."""
        return self.image.path.name


@dataclass(frozen=True)
class Sweep:
    """A focal sweep as captured; the first frame is the reference.

    Attributes:
        folder: where it lies.
        frames: in capture order (that of the sidecar, else of the names).
        camera: figures and their sources, for pictures turned upright.
        size_px: (height, width) of the pictures turned upright.
        warnings: what the user should know.
    """

    folder: Path
    frames: tuple[SweepFrame, ...]
    camera: CameraReading
    size_px: tuple[int, int]
    warnings: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def calibrated(self) -> bool:
        """Every frame has a focus distance."""
        return all(f.focus is not None for f in self.frames)

    @property
    def focus_dioptres(self) -> tuple[float, ...]:
        """Focus of each frame in capture order.

        Raises:
            ValueError: the sweep is uncalibrated.
        """
        values = [None if f.focus is None else f.focus.dioptres for f in self.frames]
        if any(v is None for v in values):
            raise ValueError("an uncalibrated sweep has no focus distances")
        return tuple(v for v in values if v is not None)


def read_sweep(
    source: Path | str | Sequence[Path | str],
    focus: str | None = None,
    focus_from_name: bool = False,
    sensor_width_mm: float | None = None,
    uncalibrated: bool = False,
) -> Sweep:
    """Read a sweep's headers.

    Args:
        source: a folder of pictures, or the pictures themselves.
        focus: metres separated by commas, one per frame, ``inf`` allowed.
        focus_from_name: take the distances from the file names.
        sensor_width_mm: width of the sensor as the pictures are stored.
        uncalibrated: do without focus distances; the frames then have none.

    Raises:
        UserError: no pictures, damaged ones, unequal sizes, or no believable focus distances.
    """
    if sensor_width_mm is not None and not 0.5 <= sensor_width_mm <= 100:
        raise UserError(
            f"--sensor-width-mm {sensor_width_mm:g} is no sensor's width",
            "phones have 4 to 13 mm, full frame 36 mm",
        )
    folder, paths, sidecar, warnings = _list_pictures(source)
    images = [open_image(path) for path in paths]
    images, turned = _one_orientation(images)
    warnings += turned
    _check_sizes(images)
    words = [sources.read_words(image.path, image.exif, sidecar) for image in images]
    readings: list[FocusReading | None]
    if uncalibrated:
        readings = [None] * len(images)
    else:
        readings = [*_settle_focus(words, focus, focus_from_name)]
    first = images[0]
    if focus is not None and not uncalibrated:
        warnings += sources.against_the_names([r for r in readings if r is not None], words)
    camera = read_camera(first.exif, first.stored_size, sidecar, sensor_width_mm, first.turned)
    frames = tuple(
        SweepFrame(image, reading, said)
        for image, reading, said in zip(images, readings, words, strict=True)
    )
    sweep = Sweep(folder, frames, camera, first.size, tuple(warnings))
    return replace(sweep, warnings=(*warnings, *_doubts(sweep)))


def _list_pictures(
    source: Path | str | Sequence[Path | str],
) -> tuple[Path, list[Path], Sidecar | None, list[str]]:
    if not isinstance(source, Path | str):
        paths = [Path(p) for p in source]
        if len(paths) != 1:
            return _given_pictures(paths)
        source = paths[0]
    folder = Path(source)
    if folder.is_file():
        return _given_pictures([folder])
    if not folder.is_dir():
        raise UserError(f"{folder} does not exist", "give a folder of photos, one per focus")
    found = [folder / n for n in natural_order(p.name for p in folder.iterdir() if _is_picture(p))]
    sidecar = read_sidecar(folder)
    warnings = []
    if sidecar is not None:
        by_name = {p.name: p for p in found}
        missing = [name for name in sidecar.files if name not in by_name]
        if missing:
            raise UserError(
                f"{folder}: sweep.json names {missing[0]}, which is not there",
                "copy the missing pictures or remove them from sweep.json",
            )
        extra = len(found) - len(sidecar.files)
        if extra:
            ignored = counted(extra, "picture")
            left = "is" if extra == 1 else "are"
            warnings.append(f"{ignored} that sweep.json does not name {left} left out")
        found = [by_name[name] for name in sidecar.files]
    if not found:
        raise UserError(
            f"{folder} holds no pictures",
            f"a sweep is a folder of {', '.join(sorted(EXTENSIONS))} files, one per focus",
        )
    return folder, _not_too_many(found), sidecar, warnings


def _given_pictures(paths: list[Path]) -> tuple[Path, list[Path], Sidecar | None, list[str]]:
    if not paths:
        raise UserError("no pictures are given", "give a folder of photos, one per focus")
    for path in paths:
        if not path.is_file():
            raise UserError(f"{path} does not exist", "give one folder, or picture files")
    return paths[0].absolute().parent, _not_too_many(paths), None, []


def _not_too_many(paths: list[Path]) -> list[Path]:
    if len(paths) > MAX_FILES:
        raise UserError(
            f"{paths[0].parent} holds {len(paths)} pictures",
            f"a sweep has a handful, at most {MAX_FILES}: keep one scene per folder",
        )
    return paths


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in EXTENSIONS and not path.name.startswith(".") and path.is_file()


def _one_orientation(images: list[ImageFile]) -> tuple[list[ImageFile], list[str]]:
    """Turn all pictures as the first: a phone pointing down changes its mind mid-sweep."""
    first = images[0]
    odd = [i.path.name for i in images if i.orientation != first.orientation]
    if not odd or any(i.stored_size != first.stored_size for i in images):
        return images, []
    note = f"{', '.join(odd)}: orientation differs from the first frame's, which is taken for all"
    return [replace(i, orientation=first.orientation) for i in images], [note]


def _check_sizes(images: Sequence[ImageFile]) -> None:
    """Frames come from one camera at one setting.

    Raises:
        UserError: some have another size than most; it names them.
    """
    usual = Counter(image.size for image in images).most_common(1)[0][0]
    odd = [image for image in images if image.size != usual]
    if not odd:
        return
    shown = ", ".join(f"{i.path.name} is {_size(i.size)}" for i in odd[:NAMED_FILES])
    more = f" and {len(odd) - NAMED_FILES} more" if len(odd) > NAMED_FILES else ""
    turned = all(image.size == usual[::-1] for image in odd)
    it = "it" if len(odd) == 1 else "them"
    raise UserError(
        f"frames of unequal size: {shown}{more}, the others are {_size(usual)}",
        f"turned on {'its' if len(odd) == 1 else 'their'} side, by the look of it: turn {it} back, "
        f"or leave {it} out"
        if turned
        else f"leave {it} out, or take {it} again with the settings of the others",
    )


def _size(size: tuple[int, int]) -> str:
    return f"{size[1]}x{size[0]}"


def _settle_focus(
    words: Sequence[sources.FrameWords], focus: str | None, focus_from_name: bool
) -> list[FocusReading]:
    names = [w.name for w in words]
    if focus is not None:
        readings = sources.from_option(focus, names)
    elif focus_from_name:
        readings = sources.from_names(names)
    else:
        readings = sources.settle(words)
    values = [r.dioptres or 0.0 for r in readings]
    if len(values) > 1 and max(values) - min(values) <= sources.SAME_DIOPTRES:
        raise UserError(
            f"all distances are equal in the {len(words)} frames "
            f"({readings[0].source} {readings[0].said}): nothing to tell depth by",
            "shoot each frame focused at another distance, or correct them with --focus",
        )
    return readings


def _doubts(sweep: Sweep) -> list[str]:
    """Warnings that the headers alone call for."""
    found = []
    count = len(sweep.frames)
    if count == 1:
        found.append("a single frame: depth is a guess from the picture alone")
    elif count < 3:
        found.append(f"only {count} frames: shoot at least 3, better 5, for usable depth")
    names = {f.focus.source for f in sweep.frames if f.focus is not None}
    if len(names) > 1:
        found.append(f"focus distances come from different sources: {', '.join(sorted(names))}")
    if any(f.focus is not None and f.focus.trust == "range" for f in sweep.frames):
        found.append("focus distances are middles of ranges: depth is as coarse as they are")
    if sweep.calibrated:
        k = sweep.camera.camera.coc_px_per_dioptre(doubts.LOOKED_AT_PX)
        unit = doubts.about_unit([f.focus for f in sweep.frames if f.focus is not None], k)
        found += [str(unit)] if unit else []
    if sweep.camera.guessed:
        listed = ", ".join(sweep.camera.guessed)
        found.append(f"the camera's {listed} is a guess: give --sensor-width-mm if you know it")
    return found
