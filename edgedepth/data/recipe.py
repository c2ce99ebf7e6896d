"""The random training stack: a pure function of a recipe, a seed and the sources."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from edgedepth import optics
from edgedepth.data.blur import APERTURES, Aperture
from edgedepth.data.degrade import DegradeRecipe, degrade, to_bytes
from edgedepth.data.missing import fill_missing
from edgedepth.data.paper_renderer import paper_coc_px_per_metre, render_stack_paper
from edgedepth.data.photos import PhotoSource, lay
from edgedepth.data.planes import PlaneRecipe, draw_planes
from edgedepth.data.renderer import render_stack
from edgedepth.data.scenes import FARTHEST_M, NEAREST_M, RgbdScene
from edgedepth.data.sources import Source
from edgedepth.errors import UserError
from edgedepth.light import DISPLAY_GAMMA

Renderer = Literal["edgedepth", "paper"]
PHOTO_SOURCE_SHARE = 0.75
"""Painted surfaces whose picture comes from photos, where real scenes could give it too."""

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Recipe:
    """Everything a training stack is drawn from. Shares are of the stacks.

    Attributes:
        height, width: of the frames, which are native crops.
        frames: planes per stack.
        procedural_share: scenes made, where both kinds of source are given.
        photo_texture_share: procedural scenes whose surfaces carry crops of real pictures.
        coc_px_per_dioptre: K at ``width``, log-uniform. A crop has its picture's K, since K
            depends on the pixels' pitch alone; so a range of K stands for lenses and for crops.
        max_coc_px: scenes are moved away until their dioptre range blurs no more than this.
        rescale_share, rescale_log: real scenes given another size, by exp of this range.
        far_share, far_log: scenes moved away, by exp of this range: rooms are larger than what
            the sources mostly show, and at little blur it is for the sources to say how large.
        valid_share: least part of a crop that must have depth.
        permute_share: colour channels are swapped.
        gain, colour_gain: brightness and per-channel gain.
        linear_share: rendered in linear light, the others on gamma-encoded values.
        aperture_weights: disk, gaussian, polygon.
        focus_jitter: spread of the log error of the focus distances that a stack reports.
        planes, degrade: see there.
    """

    height: int = 256
    width: int = 320
    frames: int = 10
    procedural_share: float = 0.5
    photo_texture_share: float = 0.5
    coc_px_per_dioptre: tuple[float, float] = (0.4, 30.0)
    max_coc_px: float = 75.0
    rescale_share: float = 0.5
    rescale_log: tuple[float, float] = (-0.8, 0.7)
    far_share: float = 0.3
    far_log: tuple[float, float] = (0.2, 1.4)
    valid_share: float = 0.25
    permute_share: float = 0.3
    gain: tuple[float, float] = (0.6, 1.3)
    colour_gain: tuple[float, float] = (0.85, 1.15)
    linear_share: float = 0.6
    aperture_weights: tuple[float, float, float] = (0.75, 0.15, 0.10)
    focus_jitter: float = 0.0
    planes: PlaneRecipe = field(default_factory=PlaneRecipe)
    degrade: DegradeRecipe = field(default_factory=DegradeRecipe)

    def to_json(self) -> str:
        """All fields, keys sorted."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Recipe:
        """Read what :meth:`to_json` wrote.

        Raises:
            TypeError: a field is unknown.
            ValueError: not JSON.
        """
        record: dict[str, Any] = json.loads(text)
        planes = PlaneRecipe(**_tuples(record.pop("planes", {})))
        spoil = DegradeRecipe(**_tuples(record.pop("degrade", {})))
        return cls(**_tuples(record), planes=planes, degrade=spoil)

    def digest(self) -> str:
        """Short name of these very values; the same on every machine."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:12]


def _tuples(record: dict[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in record.items()}


@dataclass(frozen=True)
class StackSample:
    """A focal stack with truth.

    Attributes:
        frames: uint8 (N, H, W, 3), gamma-encoded, in capture order; the first one's geometry
            is the truth's.
        focus_dioptres: float32 (N,).
        coc_px_per_dioptre: K at the frames' width.
        depth_m: float32 (H, W), filled from the nearest known pixel where not valid.
        valid: bool (H, W).
        frame_valid: bool (N, H, W), false where alignment left no pixel.
        sharp: uint8 (H, W, 3), the picture without blur or noise.
        name: the scene's.
    """

    frames: NDArray[np.uint8]
    focus_dioptres: NDArray[np.float32]
    coc_px_per_dioptre: float
    depth_m: Floats
    valid: NDArray[np.bool_]
    frame_valid: NDArray[np.bool_]
    sharp: NDArray[np.uint8]
    name: str


def random_stack(
    recipe: Recipe,
    seed: int,
    sources: Sequence[Source | PhotoSource],
    renderer: Renderer = "edgedepth",
) -> StackSample:
    """Draw stack ``seed``; the same arguments give the same bits.

    Photos only cover the surfaces of procedural scenes.

    Raises:
        ValueError: no sources of scenes.
        UserError: a source's files cannot be read.
    """
    photos = [source for source in sources if isinstance(source, PhotoSource)]
    scenes = [source for source in sources if not isinstance(source, PhotoSource)]
    if not scenes:
        raise ValueError("a stack needs a source of scenes")
    rng = np.random.default_rng([seed, 11])
    scene, real = _draw_scene(recipe, rng, scenes, photos)
    rgb = recolour(recipe, rng, scene.rgb)
    valid = scene.valid
    k = _log_uniform(rng, recipe.coc_px_per_dioptre)
    depth = fill_missing(scene.depth_m, valid)
    rescalable = not real or rng.random() < recipe.rescale_share
    if real and rescalable:
        depth = depth * np.float32(math.exp(rng.uniform(*recipe.rescale_log)))
    if recipe.far_share and rng.random() < recipe.far_share:
        depth = depth * np.float32(math.exp(rng.uniform(*recipe.far_log)))
    depth = _within_blur(depth, valid, k, recipe.max_coc_px)
    planes = draw_planes(recipe.planes, rng, 1 / depth[valid], recipe.frames, k, rescalable)
    depth = np.clip(depth * np.float32(planes.depth_factor), NEAREST_M, FARTHEST_M)
    pictures = _render(recipe, rng, rgb, depth, planes.focus_dioptres, k, renderer)
    frames, frame_valid = degrade(recipe.degrade, rng, pictures, planes.focus_dioptres)
    focus = reported_focus(recipe, seed, planes.focus_dioptres)
    return StackSample(frames, focus, k, depth, valid, frame_valid, to_bytes(rgb), scene.name)


def reported_focus(
    recipe: Recipe, seed: int, focus_dioptres: NDArray[np.float32]
) -> NDArray[np.float32]:
    """What a phone would say it was focused at: each distance off by its own factor."""
    if recipe.focus_jitter <= 0:
        return focus_dioptres
    rng = np.random.default_rng([seed, 13])
    error = rng.normal(0, recipe.focus_jitter, len(focus_dioptres))
    return (focus_dioptres * np.exp(error)).astype(np.float32)


def _log_uniform(rng: np.random.Generator, bounds: tuple[float, float]) -> float:
    return math.exp(rng.uniform(math.log(bounds[0]), math.log(bounds[1])))


def _draw_scene(
    recipe: Recipe,
    rng: np.random.Generator,
    sources: Sequence[Source],
    photos: Sequence[PhotoSource],
) -> tuple[RgbdScene, bool]:
    """A scene of the recipe's size, and whether it is a real one."""
    made = [s for s in sources if s.endless]
    real = [s for s in sources if not s.endless]
    if real and (not made or rng.random() >= recipe.procedural_share):
        return _crop_of_real(recipe, rng, real), True
    source = made[int(rng.integers(len(made)))]
    scene = source.scene(source.pick(rng), (recipe.height, recipe.width))
    if (real or photos) and rng.random() < recipe.photo_texture_share:
        scene = _paint(rng, scene, real, photos)
    return scene, False


def _any_scene(rng: np.random.Generator, real: Sequence[Source]) -> RgbdScene:
    sizes = np.array([len(s) for s in real], np.float64)
    source = real[int(rng.choice(len(real), p=sizes / sizes.sum()))]
    return source.scene(source.pick(rng))


def _crop_of_real(recipe: Recipe, rng: np.random.Generator, real: Sequence[Source]) -> RgbdScene:
    """A random crop of a real scene, shrunk by a random zoom, with enough depth in it."""
    best: RgbdScene | None = None
    for _ in range(8):
        crop = one_crop(recipe, rng, _any_scene(rng, real))
        if best is None or crop.valid.sum() > best.valid.sum():
            best = crop
        if best.valid.mean() >= recipe.valid_share:
            break
    if best is None or not best.valid.any():
        raise UserError("the data source's scenes have hardly any depth", "use another source")
    return best


def one_crop(recipe: Recipe, rng: np.random.Generator, scene: RgbdScene) -> RgbdScene:
    height, width = scene.depth_m.shape
    most = min(height / recipe.height, width / recipe.width)
    zoom = rng.uniform(1, most) if most > 1 else most
    h, w = min(height, int(recipe.height * zoom)), min(width, int(recipe.width * zoom))
    top, left = int(rng.integers(height - h + 1)), int(rng.integers(width - w + 1))
    window = (slice(top, top + h), slice(left, left + w))
    size = (recipe.width, recipe.height)
    rgb = cv2.resize(
        scene.rgb[window], size, interpolation=cv2.INTER_AREA if zoom >= 1 else cv2.INTER_LINEAR
    )
    depth = cv2.resize(scene.depth_m[window], size, interpolation=cv2.INTER_NEAREST)
    valid = cv2.resize(scene.valid[window].astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    if rng.random() < 0.5:
        rgb, depth, valid = rgb[:, ::-1], depth[:, ::-1], valid[:, ::-1]
    return RgbdScene(
        np.ascontiguousarray(rgb),
        np.ascontiguousarray(depth),
        np.ascontiguousarray(valid) > 0,
        scene.name,
    )


def _paint(
    rng: np.random.Generator,
    scene: RgbdScene,
    real: Sequence[Source],
    photos: Sequence[PhotoSource],
) -> RgbdScene:
    """Cover the surfaces of a procedural scene with crops of photographs, keeping its light."""
    if scene.segments is None:
        return scene
    height, width = scene.depth_m.shape
    light = scene.rgb.mean(-1)
    if rng.random() < 0.6:  # the light alone; otherwise with the texture under the photograph
        light = cv2.GaussianBlur(light, (0, 0), 6)
    light = (light / max(float(light.mean()), 0.05))[..., None] ** np.float32(rng.uniform(0.2, 1))
    covers = [_cover(rng, real, photos, height, width) for _ in range(6)]
    numbers, surface = np.unique(scene.segments, return_inverse=True)
    choice = rng.integers(len(covers), size=len(numbers))[surface].reshape(height, width)
    rgb = np.empty_like(scene.rgb)
    for index, cover in enumerate(covers):
        here = choice == index
        rgb[here] = cover[here]
    return dataclasses.replace(scene, rgb=np.clip(rgb * light, 0, 1), name=scene.name + "-photo")


def _cover(
    rng: np.random.Generator,
    real: Sequence[Source],
    photos: Sequence[PhotoSource],
    height: int,
    width: int,
) -> Floats:
    """A photograph over the whole scene: from photos, or the picture of a real scene."""
    if photos and (not real or rng.random() < PHOTO_SOURCE_SHARE):
        sizes = np.array([len(source) for source in photos], np.float64)
        source = photos[int(rng.choice(len(photos), p=sizes / sizes.sum()))]
        return lay(rng, source.picture(source.pick(rng)), height, width)
    return _photo(rng, _any_scene(rng, real).rgb, height, width)


def _photo(rng: np.random.Generator, rgb: Floats, height: int, width: int) -> Floats:
    h0, w0 = rgb.shape[:2]
    share = rng.uniform(0.35, 1.0)
    h, w = int(h0 * share), int(w0 * share)
    top, left = int(rng.integers(h0 - h + 1)), int(rng.integers(w0 - w + 1))
    photo = cv2.resize(
        rgb[top : top + h, left : left + w], (width, height), interpolation=cv2.INTER_AREA
    )
    return photo[:, ::-1] if rng.random() < 0.5 else photo


def recolour(recipe: Recipe, rng: np.random.Generator, rgb: Floats) -> Floats:
    if rng.random() < recipe.permute_share:
        rgb = rgb[..., rng.permutation(3)]
    gains = rng.uniform(*recipe.gain) * rng.uniform(*recipe.colour_gain, 3)
    return np.clip(np.ascontiguousarray(rgb) * gains.astype(np.float32), 0, 1)


def _within_blur(depth: Floats, valid: NDArray[np.bool_], k: float, most_px: float) -> Floats:
    """Move a scene away until its dioptre range spans at most ``most_px`` of blur."""
    near, far = np.quantile(depth[valid], [0.02, 0.98])
    spread = k * (1 / near - 1 / far)
    return depth * np.float32(max(1.0, spread / most_px))


def _render(
    recipe: Recipe,
    rng: np.random.Generator,
    rgb: Floats,
    depth: Floats,
    focus: NDArray[np.float32],
    k: float,
    renderer: Renderer,
) -> Floats:
    linear = rng.random() < recipe.linear_share
    aperture: Aperture = APERTURES[int(rng.choice(3, p=recipe.aperture_weights))]
    light = rgb ** np.float32(DISPLAY_GAMMA) if linear else rgb
    if renderer == "paper":
        focus_m = np.minimum(optics.dioptres_to_metres(focus), FARTHEST_M)
        stack = render_stack_paper(light, depth, focus_m, paper_coc_px_per_metre(depth, k))
    else:
        stack = render_stack(light, 1 / depth, focus, k, aperture=aperture)
    stack = np.clip(stack, 0, 1)
    return stack ** np.float32(1 / DISPLAY_GAMMA) if linear else stack
