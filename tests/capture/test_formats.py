"""HEIC and DNG through their extras, and what is said without them."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgedepth.capture import read_sweep
from edgedepth.capture.decode import decode, open_image, reduction_for
from edgedepth.errors import UserError
from tests.capture.dng import write_dng
from tests.capture.scenes import exif_bytes, texture


def test_heic_sweep(tmp_path: Path) -> None:
    pillow_heif = pytest.importorskip("pillow_heif", reason="pillow-heif is not installed")
    pillow_heif.register_heif_opener()
    picture = texture((64, 96))
    for i, metres in enumerate((0.5, 1.0)):
        Image.fromarray(picture).save(
            tmp_path / f"{i}.heic", exif=exif_bytes(metres, orientation=6), quality=95
        )
    read = read_sweep(tmp_path)
    assert read.focus_dioptres == pytest.approx((2.0, 1.0))
    assert read.size_px == (96, 64)
    upright = np.rot90(picture, -1).astype(int)
    assert np.abs(decode(read.frames[0].image).astype(int) - upright).mean() < 25
    assert decode(read.frames[0].image, 2).shape == (48, 32, 3)


def test_real_heic_is_upright(dev_data: Path) -> None:
    pytest.importorskip("pillow_heif", reason="pillow-heif is not installed")
    image = open_image(dev_data / "exif/camera_samples/heic__mobile__iphone_13_pro_max.HEIC")
    assert image.size == (4032, 3024)
    assert not image.turned
    assert decode(image, 4).shape == (1008, 756, 3)


def test_dng_sweep(tmp_path: Path) -> None:
    pytest.importorskip("rawpy", reason="rawpy is not installed")
    for i, metres in enumerate((0.5, 1.0)):
        write_dng(tmp_path / f"{i}.dng", texture((64, 96)), metres, orientation=6)
    read = read_sweep(tmp_path)
    assert read.focus_dioptres == (2.0, 1.0)
    assert read.size_px == (96, 64)
    assert decode(read.frames[0].image).shape == (96, 64, 3)
    (tmp_path / "2.dng").write_bytes((tmp_path / "1.dng").read_bytes()[:200])
    with pytest.raises(UserError, match=r"2\.dng"):
        read_sweep(tmp_path)


@pytest.mark.parametrize(("name", "module"), [("a.heic", "pillow_heif"), ("a.dng", "rawpy")])
def test_a_missing_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, module: str
) -> None:
    (tmp_path / name).write_bytes(b"\0\0\0\x18ftypheic" + bytes(64))
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UserError, match=rf"pip install 'edgedepth\[{name[2:]}\]'"):
        read_sweep(tmp_path)


def test_reduction_never_goes_below_what_is_wanted() -> None:
    assert reduction_for((3072, 4080), 1276) == 2
    assert reduction_for((3072, 4080), 1020) == 4
    assert reduction_for((480, 640), 640) == 1


@pytest.mark.parametrize("reduction", [1, 2, 4])
@pytest.mark.parametrize("form", ["jpg", "png"])
def test_reduced_decoding_has_the_reduced_size(tmp_path: Path, form: str, reduction: int) -> None:
    picture = texture((99, 130))
    Image.fromarray(picture).save(tmp_path / f"a.{form}")
    small = decode(open_image(tmp_path / f"a.{form}"), reduction)
    assert small.shape == (-(-99 // reduction), -(-130 // reduction), 3)
    assert np.abs(small.mean((0, 1)) - picture.mean((0, 1))).max() < 3


def test_grey_alpha_and_16_bit_pictures_become_rgb(tmp_path: Path) -> None:
    import cv2

    grey = texture((48, 64))[..., 0]
    Image.fromarray(grey).save(tmp_path / "grey.png")
    Image.fromarray(np.dstack([texture((48, 64)), grey])).save(tmp_path / "alpha.png")
    cv2.imwrite(str(tmp_path / "deep.tif"), grey.astype(np.uint16) * 257)
    for path in tmp_path.iterdir():
        rgb = decode(open_image(path))
        assert (rgb.shape, rgb.dtype) == ((48, 64, 3), np.uint8)
    deep = decode(open_image(tmp_path / "deep.tif"))
    assert np.abs(deep[..., 0].astype(int) - grey).max() <= 1
