"""Picture files: headers first, pixels when they are wanted, at the scale they are wanted.

OpenCV decodes half a JPEG without a word and obeys any header, so what it is given is checked
before: format, size, orientation, end of image.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edgedepth.capture.exif import Exif, jpeg_segments, parse_block, read_exif
from edgedepth.errors import UserError

_PLAIN = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff"}
_HEIC = {".heic", ".heif"}
_RAW = {".dng"}
EXTENSIONS = _PLAIN | _HEIC | _RAW
MAX_PIXELS = 170_000_000
MAX_FILE_BYTES = 1 << 29
MIN_SIDE = 16
_REDUCED = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
}
_SWAPS_SIDES = {5, 6, 7, 8}


@dataclass(frozen=True)
class ImageFile:
    """A picture file whose header has been read and checked.

    Attributes:
        path: where it is.
        data: its bytes.
        exif: its metadata.
        stored_size: (height, width) as stored.
        orientation: EXIF orientation still to be applied, 1 when the decoder does it.
        reducible: the decoder can shrink by 2 or 4 while decoding.
    """

    path: Path
    data: bytes = field(repr=False)
    exif: Exif = field(repr=False)
    stored_size: tuple[int, int]
    orientation: int = 1
    reducible: bool = False

    @property
    def turned(self) -> bool:
        """Shown turned by a quarter."""
        return self.orientation in _SWAPS_SIDES

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) turned upright."""
        h, w = self.stored_size
        return (w, h) if self.turned else (h, w)


def open_image(path: Path) -> ImageFile:
    """Read a picture's header and metadata.

    Raises:
        UserError: not a picture, truncated, too large, or of a format whose extra is missing.
    """
    if path.stat().st_size > MAX_FILE_BYTES:
        raise UserError(f"{path} is larger than {MAX_FILE_BYTES >> 20} MB", "remove it")
    data = path.read_bytes()
    if not data:
        raise UserError(f"{path} is empty", "copy it again or remove it")
    exif = read_exif(data)
    kind = path.suffix.lower()
    if kind in _RAW:
        return ImageFile(path, data, exif, _raw_size(path, data))
    heic = kind in _HEIC or data[4:12] in (b"ftypheic", b"ftypheix", b"ftypmif1")
    if heic:
        _require_heif(path)
    size, form, block = _header(path, data)
    if heic and not exif.block:  # exifread knows fewer brands of HEIC than libheif
        exif = parse_block(block, exif.xmp)
    if form == "JPEG":
        _check_whole(path, data)
    if min(size) < MIN_SIDE:
        raise UserError(f"{path} is only {size[1]}x{size[0]} pixels", "use whole photos")
    orientation = 1 if heic else exif.orientation
    return ImageFile(path, data, exif, size, orientation, form == "JPEG")


def _header(path: Path, data: bytes) -> tuple[tuple[int, int], str, bytes]:
    """(height, width), format and EXIF block as Pillow finds them, without decoding."""
    from PIL import Image, UnidentifiedImageError

    too_large = UserError(
        f"{path} claims more than {MAX_PIXELS // 1_000_000} megapixels", "remove it"
    )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of what is refused or does not matter
            with Image.open(io.BytesIO(data)) as image:
                width, height = image.size
                form = image.format or ""
                block = image.info.get("exif") or b""
    except Image.DecompressionBombError:
        raise too_large from None
    except UnidentifiedImageError:
        raise UserError(f"{path} is not a picture", "remove it or copy it again") from None
    except Exception as error:  # Pillow's parsers raise whatever a damaged header provokes
        raise UserError(
            f"{path} has a damaged header ({error})", "copy it again or remove it"
        ) from None
    if width * height > MAX_PIXELS:
        raise too_large
    if form == "MPO":  # a JPEG with further pictures behind it, as phones write
        form = "JPEG"
    if form not in ("JPEG", "PNG", "WEBP", "TIFF", "HEIF"):
        raise UserError(
            f"{path} is a {form} file", "use JPEG, PNG, WebP, TIFF, HEIC or DNG pictures"
        )
    return (height, width), form, block


def _check_whole(path: Path, data: bytes) -> None:
    """A JPEG must end: entropy-coded data cannot hold the end marker by chance."""
    segments = jpeg_segments(data)
    scan = segments[-1] if segments else None
    if scan is None or scan[0] != 0xDA or data.find(b"\xff\xd9", scan[1]) < 0:
        raise UserError(f"{path} is truncated", "copy it again or remove it from the sweep")


def _require_heif(path: Path) -> None:
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        raise UserError(
            f"{path} is a HEIC file, which needs pillow-heif", "pip install 'edgedepth[heic]'"
        ) from None
    register_heif_opener()


def _raw_size(path: Path, data: bytes) -> tuple[int, int]:
    with _open_raw(path, data) as raw:
        sizes = raw.sizes
        height, width = sizes.height, sizes.width
        swapped = sizes.flip in (5, 6)
    if width * height > MAX_PIXELS:
        raise UserError(f"{path} claims too many pixels", "remove it")
    return (width, height) if swapped else (height, width)


def _open_raw(path: Path, data: bytes):  # type: ignore[no-untyped-def]  # rawpy has no types
    try:
        import rawpy
    except ImportError:
        raise UserError(
            f"{path} is a DNG file, which needs rawpy", "pip install 'edgedepth[dng]'"
        ) from None
    try:
        return rawpy.imread(io.BytesIO(data))
    except rawpy.LibRawError as error:
        raise UserError(f"{path} cannot be read ({error})", "copy it again") from None


def reduction_for(size: tuple[int, int], least_long_side: int) -> int:
    """Largest of 1, 2, 4 by which pictures may shrink and still be ``least_long_side`` long."""
    return next(r for r in (4, 2, 1) if r == 1 or max(size) // r >= least_long_side)


def decode(image: ImageFile, reduction: int = 1) -> NDArray[np.uint8]:
    """Pixels of one picture, upright.

    Args:
        image: from :func:`open_image`.
        reduction: 1, 2 or 4.

    Returns:
        uint8 (H, W, 3) RGB.

    Raises:
        UserError: the decoder gives up.
    """
    kind = image.path.suffix.lower()
    if kind in _RAW:
        rgb = _decode_raw(image)
    elif image.data[4:8] == b"ftyp":
        rgb = _decode_pillow(image)
    else:
        rgb = _decode_plain(image, reduction if image.reducible else 1)
    rgb = _upright(rgb, image.orientation)
    target = tuple(-(-s // reduction) for s in image.size)
    if rgb.shape[:2] != target:
        rgb = cv2.resize(rgb, (target[1], target[0]), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(rgb)


def _decode_plain(image: ImageFile, reduction: int) -> NDArray[np.uint8]:
    flags = _REDUCED[reduction] | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        bgr = cv2.imdecode(np.frombuffer(image.data, np.uint8), flags)
    except cv2.error:
        bgr = None
    if bgr is None:
        raise UserError(f"{image.path} cannot be decoded", "copy it again or remove it")
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)


def _decode_pillow(image: ImageFile) -> NDArray[np.uint8]:
    from PIL import Image

    try:
        with Image.open(io.BytesIO(image.data)) as picture:
            return np.asarray(picture.convert("RGB"))
    except Exception as error:  # libheif's errors come in many classes
        raise UserError(f"{image.path} cannot be decoded ({error})", "copy it again") from None


def _decode_raw(image: ImageFile) -> NDArray[np.uint8]:
    with _open_raw(image.path, image.data) as raw:
        return np.asarray(raw.postprocess(use_camera_wb=True, no_auto_bright=True, output_bps=8))


def _upright(rgb: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Apply an EXIF orientation (TIFF tag 274)."""
    if orientation in (2, 4, 5, 7):
        rgb = rgb[:, ::-1] if orientation in (2, 5, 7) else rgb[::-1]
    if orientation in (3,):
        rgb = cv2.rotate(np.ascontiguousarray(rgb), cv2.ROTATE_180)
    if orientation in (6, 7):
        rgb = cv2.rotate(np.ascontiguousarray(rgb), cv2.ROTATE_90_CLOCKWISE)
    if orientation in (5, 8):
        rgb = cv2.rotate(np.ascontiguousarray(rgb), cv2.ROTATE_90_COUNTERCLOCKWISE)
    return rgb


def decode_all(
    images: Sequence[ImageFile], reduction: int = 1, threads: int = 2
) -> list[NDArray[np.uint8]]:
    """Decode several pictures, ``threads`` at a time."""
    with ThreadPoolExecutor(max(1, threads)) as pool:
        return list(pool.map(lambda image: decode(image, reduction), images))
