"""NYU Depth v2, the labelled set: one HDF5 file, ``nyu_depth_v2_labeled.mat``.

1449 pictures of 640x480 with Kinect depth (Silberman et al., "Indoor Segmentation and Support
Inference from RGBD Images", ECCV 2012). MATLAB stores arrays column by column, so pictures
come out of the file lying on their side. ``nyu:FILE.mat?split=train`` and ``?split=test`` take the
official halves of 795 and 654.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import numpy as np
from numpy.typing import NDArray

from edgedepth.data.pairs import check_depth, wanted
from edgedepth.data.scenes import RgbdScene
from edgedepth.errors import UserError

SCENES = 1449
SPLITS = ("train", "test", "all")


@dataclass(frozen=True)
class NyuSource:
    """Scenes of the labelled set.

    Attributes:
        name: what the user typed.
        path: the file.
        indices: which of its scenes, counted from 0 as in the file.
        held: scenes in the file.
    """

    name: str
    path: Path
    indices: tuple[int, ...]
    held: int
    endless: bool = False

    def __len__(self) -> int:
        return len(self.indices)

    def names(self) -> list[str]:
        """The scenes' names."""
        return [scene_name(i) for i in self.indices]

    def scene(
        self,
        index: int,
        size: tuple[int, int] | None = None,
        tan_half_width: float | None = None,
    ) -> RgbdScene:
        """Scene ``index`` at its own size. Depth is the filled one, valid where the Kinect saw.

        Raises:
            UserError: the file cannot be read, or the scene's depth is not plausible.
        """
        place = self.indices[index]
        with _open(self.path) as file:
            try:
                rgb = np.transpose(file["images"][place], (2, 1, 0)).astype(np.float32) / 255
                depth = np.ascontiguousarray(file["depths"][place].T, np.float32)
                seen = file["rawDepths"][place].T > 0 if "rawDepths" in file else depth > 0
                labels = _upright(file["labels"][place]) if "labels" in file else None
            except (OSError, KeyError, ValueError) as error:
                raise _unreadable(self.path, error) from None
        valid = np.ascontiguousarray(seen & np.isfinite(depth) & (depth > 0))
        name = scene_name(place)
        depth = np.nan_to_num(depth, nan=0, posinf=0, neginf=0)
        check_depth(f"{self.path}, scene {name}", np.where(valid, depth, 0))
        return RgbdScene(np.ascontiguousarray(rgb), depth, valid, name, labels=labels)

    def pick(self, rng: np.random.Generator) -> int:
        """Any scene alike."""
        return int(rng.integers(len(self)))


def _upright(plane: Any) -> NDArray[np.uint16]:
    return np.ascontiguousarray(np.asarray(plane).T, np.uint16)


def scene_name(index: int) -> str:
    """Name of the scene at ``index`` in the file, counted from 0."""
    return f"nyu_{index:05d}"


def test_split() -> frozenset[int]:
    """Scenes of the official test half, counted from 0."""
    text = resources.files("edgedepth.data").joinpath("nyu_test_split.txt").read_text()
    spans = " ".join(line for line in text.splitlines() if not line.startswith("#")).split()
    ends = [tuple(int(n) for n in span.split("-")) for span in spans]
    return frozenset(i for end in ends for i in range(end[0] - 1, end[-1]))


def open_nyu(
    text: str, rest: str, include: Collection[str] | None, exclude: Collection[str]
) -> NyuSource:
    """Open the labelled set.

    Args:
        text: what the user typed.
        rest: the same without its kind: ``FILE.mat`` or ``FILE.mat?split=train``.
        include, exclude: names of scenes, ``*`` allowed.

    Raises:
        UserError: h5py is missing, the file is not the labelled set, or no scene is left.
    """
    name, _, query = rest.partition("?")
    path = Path(name).expanduser()
    if not path.is_file():
        raise UserError(f"{path} is not a file", "give nyu: the path of nyu_depth_v2_labeled.mat")
    with _open(path) as file:
        images, depths = file.get("images"), file.get("depths")
        count = _count(images, 4)
        if count == 0 or count != _count(depths, 3):
            raise UserError(f"{path} holds no images and depths", "give nyu_depth_v2_labeled.mat")
        _check_sizes(file, path)
    kept = tuple(
        i for i in _half(text, path, query, count) if wanted(scene_name(i), include, exclude)
    )
    if not kept:
        raise UserError(
            f"{path}: none of {count} scenes is left", "check the names to keep or leave out"
        )
    return NyuSource(text, path, kept, count)


def _half(text: str, path: Path, query: str, count: int) -> list[int]:
    """Scenes that the query asks for."""
    options = dict(parse_qsl(query, keep_blank_values=True))
    split = options.pop("split", "all")
    if options or split not in SPLITS:
        wrong = f"{next(iter(options))!r}" if options else f"split={split}"
        raise UserError(f"{text}: unknown option {wrong}", f"give split={'|'.join(SPLITS)}")
    if split == "all":
        return list(range(count))
    if count != SCENES:
        raise UserError(
            f"{path} holds {count} scenes; the official split is one of {SCENES}",
            "give nyu_depth_v2_labeled.mat as published, or leave split= out",
        )
    held = test_split()
    return [i for i in range(count) if (i in held) == (split == "test")]


def _check_sizes(file: Any, path: Path) -> None:
    """Pictures are (3, column, row) each, depths (column, row)."""
    size = tuple(file["images"].shape[2:])
    for name in ("depths", "rawDepths"):
        if name in file and tuple(file[name].shape[1:]) != size:
            found = "x".join(map(str, file[name].shape[1:]))
            raise UserError(
                f"{path}: images are {size[0]}x{size[1]} but {name} are {found}",
                "give nyu_depth_v2_labeled.mat as published",
            )


def _count(array: Any, dimensions: int) -> int:
    """Scenes in one of the file's arrays, 0 if it is not what it should be."""
    shape: tuple[int, ...] = getattr(array, "shape", ())
    return shape[0] if len(shape) == dimensions else 0


def _open(path: Path) -> Any:
    try:
        import h5py
    except ImportError:
        raise UserError("NYU's file needs h5py", "pip install h5py") from None
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: Exception) -> UserError:
    return UserError(
        f"{path} cannot be read ({' '.join(str(error).split())})",
        "download nyu_depth_v2_labeled.mat again",
    )
