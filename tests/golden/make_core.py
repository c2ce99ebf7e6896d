"""Write the golden vectors that hold the Android app's core to the Python code.

    python tests/golden/make_core.py

``core.npz`` holds arrays in and out of single steps (``STEP_in`` and so on), ``core.json`` their
parameters and everything that is a handful of numbers. The pre-processing as a whole has vectors
of its own, see ``make.py``.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edgedepth import optics
from edgedepth.bench import stats
from edgedepth.capture.align import Aligner, Motion
from edgedepth.capture.blur_ladder import (
    SAMPLES,
    UNEXPLAINED_SHARE,
    Planes,
    ladders,
    linear_light,
)
from edgedepth.capture.blur_scale import blur_scale
from edgedepth.capture.flow import laid_over
from edgedepth.capture.fusion import all_in_focus
from edgedepth.capture.refine import settle, sure_of, upsample
from edgedepth.capture.register import apply_gain, brightness_gain, place
from edgedepth.capture.relative_blur import by_relative_blur, posterior
from edgedepth.capture.runtimes import Tensor
from edgedepth.data.renderer import render_stack
from edgedepth.stack import FocalStack, Frame

FOLDER = Path(__file__).resolve().parent
AREA_SIZES = ((18, 24), (12, 16), (9, 12), (23, 31), (36, 30), (35, 48), (40, 30), (30, 52))
LINEAR_SIZES = ((72, 96), (45, 60), (37, 49), (24, 32))
NEAREST_SIZES = ((18, 24), (23, 31), (60, 80))
MEAN_WINDOWS = (3, 7, 11)
SIGMAS = (1.2, 2.6)
MOTION = (1.021, 0.012, 5.5, -3.25)
"""Scale, rotation (rad), shift right and down at 640 px."""

MOTIONS = {
    "breathing": (1.018, 0.0, 0.0, 0.0, 1.018),
    "hand": (0.985, 0.011, 14.0, -9.0, 0.99),
    "too far": (1.0, 0.0, 110.0, 10.0, 1.0),
}
"""Scale, rotation, shift at 640 px, and the breathing that is expected."""

Arrays = dict[str, NDArray[Any]]


def _make() -> ModuleType:
    spec = importlib.util.spec_from_file_location("golden_make", FOLDER / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up there
    spec.loader.exec_module(module)
    return module


def similarity(scale: float, turn: float, right: float, down: float) -> NDArray[np.float64]:
    """(2, 3) about the centre, as :class:`edgedepth.capture.align.Motion` holds it."""
    a, b = scale * np.cos(turn), scale * np.sin(turn)
    return np.array([[a, -b, right], [b, a, down]])


def resizing(picture: NDArray[np.uint8], plane: NDArray[np.float32]) -> Arrays:
    found: Arrays = {}
    for name, source in (("rgb", picture), ("plane", plane)):
        for height, width in AREA_SIZES:
            key = f"area_{name}_{height}x{width}"
            found[key] = cv2.resize(source, (width, height), interpolation=cv2.INTER_AREA)
        for height, width in LINEAR_SIZES:
            key = f"linear_{name}_{height}x{width}"
            found[key] = cv2.resize(source, (width, height), interpolation=cv2.INTER_LINEAR)
    mask = (picture[..., 0] > 110).astype(np.uint8)
    found["mask"] = mask
    for height, width in NEAREST_SIZES:
        key = f"nearest_{height}x{width}"
        found[key] = cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST)
    return found


def filters(picture: NDArray[np.uint8], plane: NDArray[np.float32]) -> Arrays:
    luma = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    kernel = np.array([[-1, 2, -1]], np.float32)
    found: Arrays = {"luma": luma}
    for window in MEAN_WINDOWS:
        found[f"mean_{window}"] = cv2.boxFilter(plane, -1, (window, window))
    for sigma in SIGMAS:
        found[f"gaussian_{sigma}"] = cv2.GaussianBlur(plane, (0, 0), sigma)
    found["slope_across"] = cv2.Sobel(plane, cv2.CV_32F, 1, 0, scale=1 / 8)
    found["slope_down"] = cv2.Sobel(plane, cv2.CV_32F, 0, 1, scale=1 / 8)
    found["modified_laplacian"] = np.abs(cv2.filter2D(plane, -1, kernel)) + np.abs(
        cv2.filter2D(plane, -1, kernel.T)
    )
    found["laplacian"] = np.abs(cv2.Laplacian(luma, cv2.CV_16S)).astype(np.float32)
    return found


def scene(height: int, width: int) -> NDArray[np.float32]:
    """Blobs of many sizes, grey in [0, 1]."""
    rng = np.random.default_rng(11)
    total = np.zeros((height, width), np.float32)
    for cell in (4, 8, 16, 32):
        coarse = rng.normal(0, 1, (height // cell + 2, width // cell + 2)).astype(np.float32)
        total += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(0.5 + 0.16 * total, 0, 1)


def moved(gray: NDArray[np.float32], motion: tuple[float, ...]) -> NDArray[np.uint8]:
    """A frame that moved so against ``gray``, blurred a little, as bytes."""
    height, width = gray.shape
    matrix = Motion(similarity(*motion[:4]), 1, 1, 0, "aligned").at((height, width))
    frame = cv2.warpAffine(gray, matrix, (width, height), borderMode=cv2.BORDER_REFLECT_101)
    return np.rint(cv2.GaussianBlur(frame, (0, 0), 0.8) * 255).astype(np.uint8)


def alignment() -> tuple[Arrays, dict[str, Any]]:
    gray = scene(144, 192)
    reference = np.rint(gray * 255).astype(np.uint8)
    aligner = Aligner(reference.astype(np.float32) / 255, 4.0)
    arrays: Arrays = {"align_reference": reference}
    record = {}
    for name, motion in MOTIONS.items():
        frame = moved(gray, motion)
        found = aligner.align(frame.astype(np.float32) / 255, motion[4])
        arrays[f"align_{name}"] = frame
        record[name] = {
            "expected_scale": motion[4],
            "verdict": found.verdict,
            "matrix": found.matrix.tolist(),
            "score": found.score,
        }
    return arrays, record


def placing(picture: NDArray[np.uint8]) -> tuple[Arrays, dict[str, Any]]:
    """Warping over the reference, and matching the brightness."""
    motion = Motion(similarity(*MOTION), 0.9, 0.5, 0.0, "aligned")
    dim = (picture * np.array([0.8, 0.7, 0.9])).astype(np.uint8)
    frame, gain = place(dim, picture, motion, 1.0, "dim")
    plain, _ = place(picture, picture, motion, 1.0, "plain")
    assert frame.valid is not None
    arrays: Arrays = {
        "place_dim": dim,
        "place_rgb": frame.rgb,
        "place_valid": frame.valid.astype(np.uint8),
        "place_plain": plain.rgb,
        "gain_applied": apply_gain(dim, brightness_gain(dim, picture)),
    }
    record = {
        "matrix": motion.matrix.tolist(),
        "gain": list(gain),
        "unmoved_gain": list(brightness_gain(dim, picture)),
    }
    return arrays, record


def composites(picture: NDArray[np.uint8]) -> Arrays:
    soft = cv2.GaussianBlur(picture, (0, 0), 2.0)
    middle = picture.shape[1] // 2
    left, right = soft.copy(), soft.copy()
    left[:, :middle] = picture[:, :middle]
    right[:, middle:] = picture[:, middle:]
    valid = np.ones(picture.shape[:2], bool)
    valid[:7] = False
    stack = FocalStack((Frame(left, 0.5), Frame(right, 2.0, valid)), 3.0)
    return {
        "fusion_left": left,
        "fusion_right": right,
        "fusion_valid": valid.astype(np.uint8),
        "fusion": all_in_focus(stack),
    }


def refining() -> Arrays:
    """Large enough for three passes of the median; one half is noise, the other a slanted plane."""
    rng = np.random.default_rng(5)
    height, width = 60, 80
    picture = _make().picture(2 * height, 2 * width, seed=22)
    dioptres = rng.uniform(0.4, 2.5, (height, width)).astype(np.float32)
    row, column = np.indices((height, width // 2), np.float32)
    dioptres[:, : width // 2] *= np.float32(0.1)
    dioptres[:, : width // 2] += np.float32(0.03) * row + np.float32(0.01) * column
    confidence = rng.uniform(0, 1, (height, width)).astype(np.float32)
    spread = rng.uniform(0.02, 0.4, (height, width)).astype(np.float32)
    spread[: height // 4] = np.inf
    settled = settle(dioptres, confidence, picture)
    refined, sure, _ = upsample(settled, confidence, picture, picture.shape[:2])
    assert sure is not None
    return {
        "refine_picture": picture,
        "refine_dioptres": dioptres,
        "refine_confidence": confidence,
        "refine_spread": spread,
        "settled": settled,
        "settled_by_spread": settle(dioptres, confidence, picture, spread),
        "settled_sure": sure_of(confidence, dioptres, settled),
        "refined_dioptres": refined,
        "refined_confidence": sure,
    }


def relative_blur() -> tuple[Arrays, dict[str, Any]]:
    """A slanted texture in four frames, one of them off by half a pixel, and a poor answer."""
    height, width, coc = 36, 48, 2.0
    planes = np.array([2.6, 0.6, 1.9, 1.2])
    grain = np.random.default_rng(7).uniform(0.1, 0.9, (3 * height, 3 * width, 3))
    row, column = np.indices(grain.shape[:2])
    truth = (0.4 + 1.8 * row / row.max() + 0.6 * column / column.max()).astype(np.float32)
    stack = render_stack(grain.astype(np.float32), truth, planes.astype(np.float32), coc)
    pictures = np.rint(np.clip(stack, 0, 1) ** (1 / 2.2) * 255).astype(np.uint8)
    shift = np.array([[1, 0, 0.4], [0, 1, -0.3]])
    pictures[2] = cv2.warpAffine(pictures[2], shift, grain.shape[1::-1], flags=cv2.INTER_CUBIC)
    valid = np.ones(grain.shape[:2], bool)
    valid[:, :9] = False
    frames = [Frame(pictures[i], float(planes[i]), valid if i == 1 else None) for i in range(4)]
    focal = FocalStack(tuple(frames), coc)
    small = cv2.resize(truth, (width, height), interpolation=cv2.INTER_AREA)
    answer = small + np.float32(0.05) * np.sin(np.arange(width, dtype=np.float32))
    answer[:2, :9] = 7.0  # out of reach of all hypotheses
    confidence = np.linspace(0.1, 1, width, dtype=np.float32) * np.ones_like(small)
    k, compared = coc * width / grain.shape[1], Planes(focal, (height, width))
    rungs, wide = ladders(compared.neighbours(), k), ladders(compared.wide(k), k)
    assert len(wide) == 2
    scale = blur_scale(answer, rungs)
    assert scale is not None
    tempered = [ladder.tempered() for ladder in rungs]
    doubtful = [ladder.tempered(UNEXPLAINED_SHARE) for ladder in wide]
    after = posterior(answer, tempered, doubtful, scale, 1.0)
    weighed = by_relative_blur(answer, confidence, focal, all_in_focus(focal))
    assert weighed is not None
    light = [linear_light(pictures[i], small.shape) for i in (3, 2)]
    laid, apart = laid_over(*light, small.shape)
    arrays: Arrays = {f"blur_frame_{i}": picture for i, picture in enumerate(pictures)}
    arrays |= {
        "blur_valid": valid.astype(np.uint8),
        "blur_answer": answer,
        "blur_laid": laid,
        "blur_apart": apart,
        "blur_logs": rungs[1].logs.reshape(-1, width) / np.float32(SAMPLES),
        "blur_wide_logs": doubtful[0].logs.reshape(-1, width) / np.float32(SAMPLES),
        "blur_confidence": confidence,
        "blur_mean": after.dioptres,
        "blur_spread": after.spread,
        "blur_told": after.told,
        "blur_weighed": weighed.dioptres,
    }
    return arrays, {"focus": planes.tolist(), "coc": coc, "scale": scale}


def timing() -> dict[str, Any]:
    rng = np.random.default_rng(3)
    found = {}
    for name, shape in {"few": (2, 7), "many": (6, 40)}.items():
        rounds = np.round(rng.lognormal(-3, 0.2, shape), 6).tolist()
        summary = stats.summarise(rounds)
        found[name] = {"rounds": rounds} | {
            key: getattr(summary, key)
            for key in ("p50", "p90", "p99", "mean", "least", "most", "spread", "drift")
        }
    return found


def storing() -> list[dict[str, Any]]:
    values = np.array([-1.5, -0.5, -0.003, 0.0, 0.00196, 0.25, 0.5, 0.999, 1.0, 1.5, 7.0])
    picture = np.arange(256, dtype=np.uint8)
    found = []
    for kind, scale, zero in (
        ("int8", 1 / 255, -128),
        ("int8", 0.0078125, 0),
        ("int8", 0.03, -17),
        ("uint8", 1 / 128, 64),
    ):
        tensor = Tensor((len(values),), np.dtype(kind), float(np.float32(scale)), zero)
        stored = tensor.quantize(values)
        pixels = Tensor((256,), tensor.dtype, tensor.scale, zero).quantize_bytes(picture)
        found.append(
            {
                "type": kind.upper(),
                "scale": tensor.scale,
                "zero_point": zero,
                "real": values.tolist(),
                "stored": stored.tolist(),
                "back": tensor.real(stored).tolist(),
                "pixels": pixels.tolist(),
            }
        )
    return found


def lens() -> dict[str, Any]:
    figures = (6.81, 1.85, 9.8, 4080)
    focus = [0.0, 0.5, 2.857143, 9.8]
    return {
        "camera": figures,
        "coc_px_per_dioptre": optics.coc_px_per_dioptre(*figures),
        "focus_dioptres": focus,
        "breathing": optics.breathing_scale(focus, figures[0]).tolist(),
        "relative_breathing": optics.relative_breathing(focus, 2.0, figures[0]).tolist(),
        "depth_uncertainty_m": float(optics.depth_uncertainty_m(2.0, 0.05)),
        "plan": {"far": 0.25, "near": 9.8, "planes": np.linspace(0.25, 9.8, 7).tolist()},
    }


def vectors() -> tuple[Arrays, dict[str, Any]]:
    """Everything that goes into ``core.npz`` and ``core.json``."""
    picture = _make().picture(36, 48, seed=21)
    plane = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    aligned, motions = alignment()
    placed, placement = placing(picture)
    blurred, blur = relative_blur()
    arrays: Arrays = {"picture": picture}
    for part in (
        resizing(picture, plane),
        filters(picture, plane),
        aligned,
        placed,
        composites(picture),
        refining(),
        blurred,
    ):
        arrays |= part
    record = {
        "alignment": motions,
        "placement": placement,
        "relative_blur": blur,
        "lens": lens(),
        "storing": storing(),
        "timing": timing(),
    }
    return arrays, record


def main() -> None:
    arrays, record = vectors()
    np.savez_compressed(FOLDER / "core.npz", **arrays)
    (FOLDER / "core.json").write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
