"""What one sweep shows of its camera: blur per reported dioptre, a page's place, breathing."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from edgedepth import optics
from edgedepth.capture.profile import CameraIdentity
from edgedepth.capture.register import RegisteredSweep, register_sweep
from edgedepth.capture.sweep import Sweep
from edgedepth.errors import UserError
from edgedepth.learn.blurfit import BlurFit, best_misfit, fit_k, mean_depth
from edgedepth.learn.joint import solve, start_by_component
from edgedepth.learn.spectra import TILE, Doubles, TileSpectra, shrunk, tile_spectra
from edgedepth.stack import FocalStack

LONGEST_PX = 1280
SHORTEST_PX = 384
SEARCH_BLUR_PX, K_BLUR_PX, PAGE_BLUR_PX = 4.0, 6.0, 10.0
"""Blur over the sweep, in pixels, of the pictures that are looked at: where K may still be far
off what is reported, to measure K (more, and the blur's shape rules), to place a page."""

LEAST_FRAMES = 3
LEAST_SPAN_DIOPTRES = 0.3
LEAST_TILES = 40
LEAST_SHARE = 0.08
GOOD_MISFIT = 0.0015
"""A tile that fits worse holds more than one depth, moved, or is not focused where it says."""

LEAST_BLUR_PX = 1.0
MOST_K_SD = 0.1
SHUFFLED = 0.8
PAGE_PART = 0.7
PAGE_MISFIT = 0.01
PAGE_FLAT_DIOPTRES = 0.06
PAGE_DEVIATION_SHARE = 0.004


@dataclass(frozen=True)
class SweepEvidence:
    """What a sweep shows.

    Attributes:
        name: of its folder.
        identity: its camera.
        focal_guessed: the focal length is a guess.
        focus_dioptres: as reported, of the frames used.
        k: pixels per reported dioptre at ``identity.image_long_side_px``.
        k_scatter, k_shape: its relative deviations, by chance and for want of the blur's shape.
        page_dioptres, page_sd: reported dioptres at which a flat page would be sharpest in the
            middle of the picture; None when it is not a flat page.
        page_flatness: spread of the tiles about the best plane, dioptres.
        breathing, breathing_sd: change of log magnification per reported dioptre.
        tiles: tiles used.
        misfit: their median misfit.
    """

    name: str
    identity: CameraIdentity
    focal_guessed: bool
    focus_dioptres: tuple[float, ...]
    k: float
    k_scatter: float
    k_shape: float
    page_dioptres: float | None
    page_sd: float
    page_flatness: float
    breathing: float | None
    breathing_sd: float
    tiles: int
    misfit: float


def gather(sweep: Sweep, page: bool = False, threads: int = 2) -> SweepEvidence:
    """Look at one sweep.

    Args:
        sweep: with focus distances.
        page: it is said to show a flat page.
        threads: frames worked on at a time.

    Raises:
        UserError: too few frames, too little texture, frames that are not focused where they
            say, or no flat page where there should be one.
    """
    name = sweep.folder.name
    _check_frames(name, sweep)
    registered = register_sweep(sweep, _size(sweep), threads=threads)
    stack = registered.stack
    planes = stack.focus_dioptres.astype(np.float64)
    if len(planes) < LEAST_FRAMES:
        raise UserError(
            f"{name}: only {len(planes)} frames could be aligned",
            "hold the phone still and let the scene stand still",
        )
    fit, tiles = _measure_k(name, stack, planes)
    shown, sd, flatness = _page(stack, planes, fit.k)
    if page and flatness > PAGE_FLAT_DIOPTRES * max(1.0, float(np.ptp(planes)) / 2.5):
        raise UserError(
            f"{name} shows no flat page: depth departs from a plane by {flatness:.2f} D",
            "fill the picture with a page on a wall, or leave its --distance out",
        )
    identity = CameraIdentity.of(sweep.camera)
    breathing, breathing_sd = _breathing(registered)
    grown = _magnification(planes[0], identity.focal_length_mm)
    return SweepEvidence(
        name,
        identity,
        "focal_length_mm" in sweep.camera.guessed,
        tuple(float(p) for p in planes),
        fit.k / grown * identity.image_long_side_px / max(stack.size),
        fit.scatter,
        fit.shape,
        shown,
        sd,
        flatness,
        breathing,
        breathing_sd,
        tiles,
        float(np.median(fit.misfit)),
    )


def _size(sweep: Sweep) -> tuple[int, int]:
    """(height, width) of the model whose cue image is as large as pictures should be."""
    height, width = sweep.size_px
    long_side = max(height, width)
    focus = sweep.focus_dioptres
    blur = sweep.camera.camera.coc_px_per_dioptre() * (max(focus) - min(focus))
    scale = min(LONGEST_PX / long_side, max(PAGE_BLUR_PX / blur, SHORTEST_PX / long_side), 1.0)
    quarter = scale / 4
    return max(TILE // 4, round(height * quarter)), max(TILE // 4, round(width * quarter))


def _measure_k(name: str, stack: FocalStack, planes: Doubles) -> tuple[BlurFit, int]:
    """K at the stack's size, first roughly, then at the size that suits it; tiles used."""
    long_side, span = max(stack.size), float(np.ptp(planes))

    def at_blur(k: float, wanted: float) -> FocalStack:
        return shrunk(stack, max(wanted / (k * span), SHORTEST_PX / long_side))

    rough = at_blur(stack.coc_px_per_dioptre, SEARCH_BLUR_PX)
    spectra = tile_spectra(rough)
    _check_texture(name, spectra)
    good = _consistent(name, spectra, planes, rough.coc_px_per_dioptre)
    fit = fit_k(good, planes, rough.coc_px_per_dioptre)
    _check_blur(name, fit, planes)
    right = at_blur(fit.k * long_side / max(rough.size), K_BLUR_PX)
    if right.size != rough.size:
        finer, guess = tile_spectra(right), fit.k * max(right.size) / max(rough.size)
        kept = finer.pick(best_misfit(finer, planes, guess, 1.5) < GOOD_MISFIT)
        if len(kept) >= LEAST_TILES:
            good, rough = kept, right
            fit = fit_k(good, planes, guess, 1.5)
    return replace(fit, k=fit.k * long_side / max(rough.size)), len(good)


def _check_frames(name: str, sweep: Sweep) -> None:
    if len(sweep) < LEAST_FRAMES:
        raise UserError(
            f"{name} has {len(sweep)} frames: blur and texture cannot be told apart",
            f"a sweep to calibrate from needs at least {LEAST_FRAMES}, better six",
        )
    focus = sweep.focus_dioptres
    if max(focus) - min(focus) < LEAST_SPAN_DIOPTRES:
        raise UserError(
            f"{name}: the focus distances span {max(focus) - min(focus):.2f} D only",
            "sweep from the nearest to the farthest focus, e.g. 0.35 to 4 m",
        )


def _check_texture(name: str, spectra: TileSpectra) -> None:
    if len(spectra) >= max(LEAST_TILES, LEAST_SHARE * spectra.tiles):
        return
    share = 100 * len(spectra) / max(1, spectra.tiles)
    raise UserError(
        f"{name} has too little texture: {share:.0f} % of the picture shows any",
        "photograph something detailed: a printed page, a carpet, a bookshelf",
    )


def check_stack(name: str, stack: FocalStack) -> None:
    """Refuse a stack whose pictures cannot teach anything, or contradict its distances.

    Raises:
        UserError: too little texture, or frames not focused where they say.
    """
    planes = stack.focus_dioptres.astype(np.float64)
    factor = SEARCH_BLUR_PX / (stack.coc_px_per_dioptre * max(float(np.ptp(planes)), 0.1))
    spectra = tile_spectra(shrunk(stack, max(factor, SHORTEST_PX / max(stack.size))))
    _check_texture(name, spectra)
    misfit = best_misfit(spectra, planes, spectra_k(stack, spectra))
    _check_order(name, spectra, planes, float(np.median(misfit)))


def spectra_k(stack: FocalStack, spectra: TileSpectra) -> float:
    """The stack's K at the size that its spectra were taken at."""
    return stack.coc_px_per_dioptre * max(spectra.size) / max(stack.size)


def _check_order(name: str, spectra: TileSpectra, planes: Doubles, misfit: float) -> None:
    """Raise when other planes than those reported explain the blur, and much better."""
    if misfit < GOOD_MISFIT:
        return
    free = solve(spectra, [planes, start_by_component(spectra)])
    agrees = 0.0 if free is None else abs(float(np.corrcoef(free.positions, planes)[0, 1]))
    if free is not None and free.misfit < 0.4 * misfit and agrees < SHUFFLED:
        raise UserError(
            f"{name}: the frames are not focused at the distances that they report",
            "look at them with `edgedepth inspect`, and correct them with --focus",
        )


def _consistent(name: str, spectra: TileSpectra, planes: Doubles, guess: float) -> TileSpectra:
    """The tiles whose blur follows the planes as reported."""
    misfit = best_misfit(spectra, planes, guess)
    good = misfit < GOOD_MISFIT
    if good.sum() >= max(LEAST_TILES, LEAST_SHARE * spectra.tiles):
        return spectra.pick(good)
    _check_order(name, spectra, planes, float(np.median(misfit)))
    raise UserError(
        f"{name}: too thin evidence, the blur of only {int(good.sum())} of {len(spectra)} places "
        "follows the focus distances",
        "photograph something flat and detailed that lies between the nearest and the farthest "
        "focus, from a tripod",
    )


def _check_blur(name: str, fit: BlurFit, planes: Doubles) -> None:
    sd = float(np.hypot(fit.scatter, fit.shape))
    if fit.k * float(np.ptp(planes)) >= LEAST_BLUR_PX and sd <= MOST_K_SD:
        return
    raise UserError(
        f"{name}: too thin evidence, K is known to {100 * sd:.0f} % only",
        "photograph something detailed that lies within the sweep, from a tripod",
    )


def _page(stack: FocalStack, planes: Doubles, k: float) -> tuple[float | None, float, float]:
    """A plane through the tiles near the middle: its dioptres there, deviation, flatness.

    In dioptres a plane in space is linear in the picture.
    """
    factor = max(PAGE_BLUR_PX / (k * float(np.ptp(planes))), SHORTEST_PX / max(stack.size))
    spectra = tile_spectra(shrunk(stack, factor))
    depths, misfit = mean_depth(spectra, planes, k * max(spectra.size) / max(stack.size))
    height, width = spectra.size
    x = spectra.centre[:, 1] / width - 0.5
    y = spectra.centre[:, 0] / height - 0.5
    near = (np.maximum(np.abs(x), np.abs(y)) < PAGE_PART / 2) & (misfit < PAGE_MISFIT)
    if near.sum() < LEAST_TILES / 2:
        return None, float("inf"), float("inf")
    columns = np.stack([np.ones(int(near.sum())), x[near], y[near]], axis=1)
    depth, weight = depths[near], np.ones(int(near.sum()))
    plane, spread = np.zeros(3), 0.0
    for _ in range(10):
        root = np.sqrt(weight)[:, None]
        plane = np.linalg.lstsq(columns * root, depth * root[:, 0], rcond=None)[0]
        left = np.abs(depth - columns @ plane)
        spread = 1.4826 * float(np.median(left))
        weight = np.minimum(1, 1.5 * spread / np.maximum(left, 1e-9))
    blocks = len(np.unique(np.rint(spectra.centre[near] / (2 * TILE)), axis=0))
    floor = PAGE_DEVIATION_SHARE * float(np.ptp(planes))
    return float(plane[0]), float(np.hypot(spread / blocks**0.5, floor)), spread


def _breathing(registered: RegisteredSweep) -> tuple[float | None, float]:
    """Slope of log magnification over reported dioptres, and its deviation."""
    used = [r for r in registered.reports if r.motion.verdict in ("reference", "aligned")]
    if len(used) < 4:
        return None, float("inf")
    focus = np.array([r.focus_dioptres for r in used])
    grown = np.log([r.motion.scale for r in used])
    columns = np.stack([focus - focus.mean(), np.ones(len(used))], axis=1)
    line = np.linalg.lstsq(columns, grown, rcond=None)[0]
    left = grown - columns @ line
    noise = max(float(np.sqrt(np.square(left).sum() / (len(used) - 2))), 1e-4)
    return float(line[0]), noise / float(np.sqrt(np.square(columns[:, 0]).sum()))


def _magnification(focus_dioptres: float, focal_length_mm: float) -> float:
    """Of the reference frame against one focused at infinity; K is that of the latter."""
    try:
        return float(optics.breathing_scale(focus_dioptres, focal_length_mm))
    except ValueError:
        return 1.0
