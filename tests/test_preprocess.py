from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgedepth import preprocess
from edgedepth.cues import CUE_PLANES
from edgedepth.preprocess import CUE_SCALES, Fit, SweepRange
from edgedepth.spec import ModelSpec
from edgedepth.stack import FocalStack, Frame

GOLDEN = Path(__file__).parent / "golden"
VECTORS: dict[str, Any] = json.loads((GOLDEN / "preprocess.json").read_text())
MOBILE = ModelSpec("mobile", 24, 32, CUE_PLANES, "sweep", "sweep")
PAPER = ModelSpec("paper", 80, 80, 0, "metres", "metres", all_in_focus_first=True)

sizes = st.tuples(st.integers(8, 5000), st.integers(8, 5000))
models = st.sampled_from([(24, 32), (240, 320), (320, 240), (160, 160), (256, 192)])
focuses = st.lists(st.floats(0, 12, width=32), min_size=1, max_size=16)


@given(sizes, models)
def test_content_lies_inside_the_model_and_keeps_its_shape(
    picture: tuple[int, int], model: tuple[int, int]
) -> None:
    fit = Fit.of(picture, model)
    top, left = fit.offset
    assert 0 <= top <= model[0] - fit.content[0]
    assert 0 <= left <= model[1] - fit.content[1]
    assert fit.content[0] == model[0] or fit.content[1] == model[1]
    h, w = reversed(picture) if fit.turned else picture
    scale = min(model[0] / h, model[1] / w)
    assert abs(fit.content[0] - h * scale) <= 1
    assert abs(fit.content[1] - w * scale) <= 1


@given(sizes, models)
def test_pictures_are_turned_only_when_that_makes_them_larger(
    picture: tuple[int, int], model: tuple[int, int]
) -> None:
    fit = Fit.of(picture, model)
    h, w = picture
    upright = min(model[0] / h, model[1] / w)
    turned = min(model[0] / w, model[1] / h)
    assert fit.turned == (turned > upright)


@given(sizes, models)
def test_cue_images_are_no_finer_than_the_capture(
    picture: tuple[int, int], model: tuple[int, int]
) -> None:
    fit = Fit.of(picture, model)
    h, w = reversed(picture) if fit.turned else picture
    scale = min(model[0] / h, model[1] / w)
    assert fit.cue_scale in CUE_SCALES
    assert fit.cue_scale * scale <= 1.05 or fit.cue_scale == 1


@given(st.tuples(st.integers(8, 90), st.integers(8, 90)), st.sampled_from([(24, 32), (32, 24)]))
def test_a_ramp_comes_back_from_the_model_where_it_was(
    picture: tuple[int, int], model: tuple[int, int]
) -> None:
    """Laid into the model's grid and cut out again, a picture is the same one, smaller."""
    h, w = picture
    assume(max(h, w) / min(h, w) < 6)
    rows, columns = np.mgrid[:h, :w].astype(np.float32)
    image = np.stack([rows / h, columns / w, np.zeros_like(rows)], -1)
    rgb = np.rint(image * 255).astype(np.uint8)
    fit = Fit.of(picture, model)
    packed = preprocess.Packer(*model, cues=False).add(*fit.to_cue_image(rgb, None))
    assert packed.shape == (*model, 3)
    back = np.stack([fit.from_model(packed[..., c].astype(np.float32)) for c in (0, 1)], -1)
    small = cv2.resize(rgb, back.shape[1::-1], interpolation=cv2.INTER_AREA)[..., :2]
    step = 255 / min(back.shape[:2]) + 255 / min(h, w) + 2
    assert np.abs(back - small).max() <= step
    long_side = back.shape[0] >= back.shape[1]
    assert long_side == (h >= w) or back.shape[0] == back.shape[1]


def test_borders_of_the_letterbox_are_not_valid() -> None:
    fit = Fit.of((96, 96), (24, 32))
    rgb, valid = fit.to_cue_image(np.full((96, 96, 3), 90, np.uint8), None)
    assert valid is not None
    assert rgb.shape[:2] == valid.shape == (96, 128)
    assert valid[:, 16:112].all()
    assert not valid[:, :16].any()
    assert not valid[:, 112:].any()


def test_an_exact_fit_has_no_mask_and_copies_the_picture(texture: NDArray[np.uint8]) -> None:
    rgb, valid = Fit.of((240, 320), (60, 80)).to_cue_image(texture, None)
    assert valid is None
    assert np.array_equal(rgb, texture)


def test_k_follows_the_scale_of_the_cue_image() -> None:
    assert Fit.of((3000, 4000), (240, 320)).cue_coc(10.0) == pytest.approx(10 * 1280 / 4000)
    assert Fit.of((480, 640), (240, 320)).cue_coc(1.64) == pytest.approx(1.64)


def test_k_does_not_depend_on_how_the_phone_is_held() -> None:
    landscape = Fit.of((3000, 4000), (240, 320)).cue_coc(10.0)
    portrait = Fit.of((4000, 3000), (240, 320)).cue_coc(10.0)
    assert portrait == pytest.approx(landscape)


def test_a_pixel_counts_as_valid_only_if_it_is_wholly_so() -> None:
    valid = np.ones((240, 320), bool)
    valid[:90, :130] = False
    whole = preprocess.whole_pixels(valid, 60, 80)
    assert whole is not None
    assert not whole[:23, :33].any()
    assert whole[23:].all()
    assert whole[:, 33:].all()
    assert preprocess.whole_pixels(None, 60, 80) is None


def test_cues_stand_behind_the_picture(texture: NDArray[np.uint8]) -> None:
    packed = preprocess.Packer(60, 80).add(texture, None)
    assert packed.shape == (60, 80, 3 + CUE_PLANES)
    assert np.array_equal(packed[..., :3], preprocess.Packer(60, 80, cues=False).add(texture, None))


@given(focuses)
def test_positions_and_dioptres_are_inverses(focus: list[float]) -> None:
    values = np.array(focus, np.float32)
    sweep = SweepRange.of(values)
    position = sweep.position(values)
    assert position.dtype == np.float32
    assert sweep.dioptres(position) == pytest.approx(values, abs=1e-4)
    assert position.min() >= 0
    assert position.max() <= 1


@given(focuses)
def test_what_the_sweep_is_like_does_not_depend_on_the_order(focus: list[float]) -> None:
    assert SweepRange.of(np.array(focus)) == SweepRange.of(np.array(sorted(focus)))


def test_a_narrow_sweep_is_taken_for_a_single_picture() -> None:
    assert SweepRange.of(np.array([1.0, 1.05])) == SweepRange(0.0, 4.0)
    assert SweepRange.of(np.array([9.0])) == SweepRange(0.0, 9.0)
    assert SweepRange.of(np.array([1.0, 1.5])) == SweepRange(1.0, 0.5)


@pytest.mark.parametrize("bad", [[], [-1.0], [np.nan], [1.0, np.inf]])
def test_impossible_focus_is_refused(bad: list[float]) -> None:
    with pytest.raises(ValueError, match="focus"):
        SweepRange.of(np.array(bad))


def test_answers_behind_infinity_are_infinity() -> None:
    assert SweepRange(0.2, 1.0).dioptres(np.array([-0.5], np.float32)) == 0


@given(focuses, st.floats(0.01, 60))
def test_the_optics_vector_stays_in_range_and_grows_with_k(focus: list[float], k: float) -> None:
    sweep = SweepRange.of(np.array(focus))
    vector = sweep.optics(k)
    assert vector.shape == (3,)
    assert vector.dtype == np.float32
    assert ((vector >= 0) & (vector <= 1)).all()
    assert sweep.optics(2 * k)[0] >= vector[0]


@given(focuses)
def test_encoded_focus_lies_between_0_and_1(focus: list[float]) -> None:
    values = np.array(focus)
    for spec in (MOBILE, PAPER):
        encoded = preprocess.encode_focus(values, spec)
        assert encoded.shape == values.shape
        assert ((encoded >= 0) & (encoded <= 1)).all()


def test_the_papers_encoding_is_metres_over_ten_with_the_sharp_frame_at_0() -> None:
    encoded = preprocess.encode_focus(np.array([1.0, 2.0, 0.5, 0.0]), PAPER)
    assert encoded == pytest.approx([0, 0.05, 0.2, 1.0])


def test_outputs_become_dioptres() -> None:
    sweep = SweepRange(0.5, 2.0)
    output = np.array([0.0, 0.5, 1.0], np.float32)
    assert preprocess.depth_from_output(output, sweep, MOBILE) == pytest.approx([0.5, 1.5, 2.5])
    metres = np.array([0.5, 2.0, 0.0], np.float32)
    assert preprocess.depth_from_output(metres, sweep, PAPER) == pytest.approx([2.0, 0.5, 100.0])


def test_inputs_of_a_stack(texture: NDArray[np.uint8]) -> None:
    stack = FocalStack(tuple(Frame(texture, d) for d in (0.5, 2.5, 1.0)), coc_px_per_dioptre=3.0)
    inputs = preprocess.model_inputs(stack, MOBILE)
    assert inputs.frames.shape == (3, 24, 32, 3 + CUE_PLANES)
    assert inputs.frames.dtype == np.uint8
    assert inputs.focus == pytest.approx([0, 1, 0.25])
    assert inputs.sweep == SweepRange(0.5, 2.0)
    assert inputs.optics == pytest.approx(inputs.sweep.optics(3.0 * 128 / 320))
    assert preprocess.model_inputs(stack, PAPER).frames.shape == (3, 80, 80, 3)


@pytest.mark.parametrize("name", VECTORS["cases"])
def test_golden_pictures(name: str) -> None:
    case = VECTORS["cases"][name]
    pictures = np.load(GOLDEN / f"{name}_pictures.npy")
    valid = np.load(GOLDEN / f"{name}_valid.npy") if case["masked"] else None
    fit = Fit.of(pictures.shape[1:3], tuple(case["model"]))
    assert fit.turned == case["turned"]
    assert list(fit.content) == case["content"]
    assert list(fit.offset) == case["offset"]
    assert fit.cue_scale == case["cue_scale"]
    assert fit.cue_coc(case["k"]) == pytest.approx(case["cue_coc"])
    packer = preprocess.Packer(*fit.model)
    packed = [
        packer.add(*fit.to_cue_image(rgb, valid if index % 2 else None), position)
        for index, (rgb, position) in enumerate(zip(pictures, case["positions"], strict=True))
    ]
    golden = np.load(GOLDEN / f"{name}_packed.npy")
    assert np.abs(np.stack(packed).astype(int) - golden).max() <= 1


@pytest.mark.parametrize("name", VECTORS["sweeps"])
def test_golden_sweeps(name: str) -> None:
    case = VECTORS["sweeps"][name]
    focus = np.array(case["focus_dioptres"])
    sweep = SweepRange.of(focus)
    assert [sweep.low, sweep.span] == pytest.approx([case["low"], case["span"]])
    assert preprocess.encode_focus(focus, MOBILE) == pytest.approx(case["encoded_sweep"], abs=1e-6)
    assert preprocess.encode_focus(focus, PAPER) == pytest.approx(case["encoded_metres"], abs=1e-6)
    assert sweep.optics(case["cue_coc"]) == pytest.approx(case["optics"], abs=1e-6)
