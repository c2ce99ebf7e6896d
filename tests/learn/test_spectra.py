"""Spectra of tiles: the blur they measure is the blur that was applied."""

from __future__ import annotations

import numpy as np
import pytest

from edgedepth.data.blur import blur
from edgedepth.learn.blurfit import fit_k
from edgedepth.learn.spectra import (
    TILE,
    disk_response,
    gaussian_response,
    tile_spectra,
)
from edgedepth.stack import FocalStack, Frame
from tests.learn.pages import PageSource


def stack_of(diameters: tuple[float, ...], gain: tuple[float, ...] | None = None) -> FocalStack:
    """One page, blurred evenly in each frame."""
    light = PageSource(1.0).scene(3, (320, 384)).rgb ** 2.2
    frames = []
    for i, diameter in enumerate(diameters):
        picture = blur(light, diameter) * (1.0 if gain is None else gain[i])
        rgb = np.rint(np.clip(picture, 0, 1) ** (1 / 2.2) * 255).astype(np.uint8)
        frames.append(Frame(rgb, float(i)))
    return FocalStack(tuple(frames), 2.0)


def test_disk_response_is_that_of_a_disk() -> None:
    """Against the spectrum of a drawn disk of 24 px."""
    side, diameter = 512, 24.0
    y, x = np.mgrid[:side, :side] - side // 2
    radius = np.hypot(x, y)
    disk = np.clip(diameter / 2 + 0.5 - radius, 0, 1)
    spectrum = np.abs(np.fft.rfft2(np.fft.ifftshift(disk / disk.sum())))[0]
    cycles = np.fft.rfftfreq(side) * diameter
    low = cycles < 2
    np.testing.assert_allclose(disk_response(cycles)[low], spectrum[low], atol=0.01)


def test_responses_agree_where_blur_is_small() -> None:
    """Both have the variance c^2 / 16, which rules low frequencies."""
    cycles = np.linspace(0, 0.3, 20)
    np.testing.assert_allclose(disk_response(cycles), gaussian_response(cycles), atol=2e-3)


def test_spectra_do_not_see_brightness() -> None:
    plain = tile_spectra(stack_of((0, 2, 4)))
    dimmed = tile_spectra(stack_of((0, 2, 4), (1.0, 0.8, 0.9)))
    np.testing.assert_allclose(plain.amplitude, dimmed.amplitude, atol=0.03)


@pytest.mark.parametrize("k", [2.0, 3.5])
def test_k_from_a_page(k: float) -> None:
    """Blur of k |D - s| at a depth between the planes gives k and D back."""
    planes = np.array([0.0, 0.5, 1.0, 1.5, 2.0])
    depth = 0.8
    spectra = tile_spectra(stack_of(tuple(k * abs(depth - p) for p in planes)))
    fit = fit_k(spectra, planes, 2.5)
    assert fit.k == pytest.approx(k, rel=0.04)
    assert np.median(fit.depth) == pytest.approx(depth, abs=0.03)
    assert fit.scatter < 0.03


def test_tiles_without_texture_or_without_all_frames_are_left_out() -> None:
    stack = stack_of((0, 2, 4))
    frames = list(stack.frames)
    valid = np.ones(stack.size, bool)
    valid[:, : 2 * TILE] = False
    frames[1] = Frame(frames[1].rgb, frames[1].focus_dioptres, valid)
    for i, frame in enumerate(frames):
        rgb = frame.rgb.copy()
        rgb[-TILE - 32 :] = 128
        frames[i] = Frame(rgb, frame.focus_dioptres, frame.valid)
    spectra = tile_spectra(FocalStack(tuple(frames), 2.0))
    assert len(spectra)
    assert spectra.centre[:, 1].min() > 2 * TILE
    assert spectra.centre[:, 0].max() < stack.size[0] - TILE - 32 + 16
    assert spectra.tiles > len(spectra)
