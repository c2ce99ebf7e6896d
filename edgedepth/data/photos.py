"""``photos:DIR``: a folder of pictures without depth, which lend their surfaces to made scenes."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgedepth.data.pairs import read_picture, unreadable_picture, wanted
from edgedepth.errors import UserError

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
LEAST_PX = 64
"""Smaller pictures hold no texture worth the name."""

UPRIGHT_SHARE = 0.5
"""Surfaces laid by quarter turns, which keep the pixels as they were taken."""

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class PhotoSource:
    """Pictures for the surfaces of procedural scenes; it has no scene of its own.

    Attributes:
        name: what the user typed.
        files: the pictures, in order of their names.
    """

    name: str
    files: tuple[Path, ...]
    endless: bool = False

    def __len__(self) -> int:
        return len(self.files)

    def names(self) -> list[str]:
        """The pictures' names."""
        return [path.stem for path in self.files]

    def picture(self, index: int) -> Bytes:
        """Picture ``index``, uint8 (H, W, 3) RGB at its own size.

        Raises:
            UserError: it cannot be read, or is too small.
        """
        path = self.files[index]
        rgb = read_picture(path, cv2.IMREAD_COLOR)[..., ::-1]
        height, width = rgb.shape[:2]
        if min(height, width) < LEAST_PX:
            raise UserError(
                f"{path} is only {width}x{height}",
                f"give pictures of {LEAST_PX} pixels and more, or leave it out with --skip-bad",
            )
        return np.ascontiguousarray(rgb)

    def pick(self, rng: np.random.Generator) -> int:
        """A picture, by its pixels: a large one holds more different surfaces.

        Raises:
            UserError: a file is no picture.
        """
        return int(rng.choice(len(self.files), p=self._weights))

    @cached_property
    def _weights(self) -> NDArray[np.float64]:
        pixels = np.array([math.prod(_size(path)) for path in self.files], np.float64)
        return pixels / pixels.sum()


def _size(path: Path) -> tuple[int, int]:
    """(width, height) from the file's head."""
    try:
        with Image.open(path) as picture:
            return picture.size
    except (OSError, ValueError, Image.DecompressionBombError):
        raise unreadable_picture(path) from None


def open_photos(
    text: str, folder: Path, include: Collection[str] | None, exclude: Collection[str]
) -> PhotoSource:
    """Open a folder of pictures.

    Args:
        text: what the user typed.
        folder: where they are; folders in it are not looked into.
        include, exclude: names of pictures without suffix, ``*`` allowed.

    Raises:
        UserError: no such folder, or no picture in it or left of it.
    """
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder", "give photos: a folder of pictures")
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if not files:
        raise UserError(
            f"{folder} holds no picture", f"give photos: a folder with {', '.join(SUFFIXES)} files"
        )
    kept = [path for path in files if wanted(path.stem, include, exclude)]
    if not kept:
        raise UserError(
            f"{text}: none of {len(files)} pictures is left", "check the names to leave out"
        )
    return PhotoSource(text, tuple(kept))


def lay(rng: np.random.Generator, picture: Bytes, height: int, width: int) -> Floats:
    """Cover (height, width) with a random part of a picture.

    Between one picture pixel per pixel and the whole picture, log-uniform, so that the spectra
    of the surfaces vary as the distances of real ones do; turned, and mirrored at its borders
    where it does not reach.

    Returns:
        float32 (height, width, 3) in 0..1.
    """
    least = min(picture.shape[0] / height, picture.shape[1] / width)
    shrink = math.exp(rng.uniform(0, math.log(max(1.0, least))))
    turns, mirrored = int(rng.integers(4)), rng.random() < 0.5
    angle = 0.0 if rng.random() < UPRIGHT_SHARE else rng.uniform(-45.0, 45.0)
    place = rng.random(2)
    if shrink > 1:
        size = (round(picture.shape[1] / shrink), round(picture.shape[0] / shrink))
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))
    picture = np.rot90(picture, turns)
    picture = np.ascontiguousarray(picture[:, ::-1] if mirrored else picture)
    top, left = (
        math.floor(share * max(0, have - want + 1))
        for share, have, want in zip(place, picture.shape[:2], (height, width), strict=True)
    )
    centre = (left + (width - 1) / 2, top + (height - 1) / 2)
    matrix = cv2.getRotationMatrix2D(centre, angle, 1.0)
    matrix[:, 2] -= (left, top)
    laid = cv2.warpAffine(
        picture, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101
    )
    return laid.astype(np.float32) / 255
