"""Named evaluation protocols and sets: complete, and data."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edgedepth.data.missing import fill_missing
from edgedepth.data.pathtraced import EDITION, PathScene, scene_name
from edgedepth.data.renderer import render_stack
from edgedepth.data.scenes import (
    FARTHEST_M,
    RgbdScene,
    World,
    make_world,
    render_world,
    scaled_world,
    trace_thin_lens,
)
from edgedepth.data.sources import EVALUATION_SEED, Source
from edgedepth.light import DISPLAY_GAMMA
from edgedepth.stack import FocalStack, Frame

SIZE = (480, 640)
"""(height, width) that every protocol renders and scores at."""


@dataclass(frozen=True)
class Protocol:
    """A camera, its planes and its noise.

    Attributes:
        name: as typed.
        coc_px_per_dioptre: K at 640 pixels' width.
        planes_m: focus distances.
        noise: standard deviation of Gaussian noise, in units of full-scale grey.
        about: one line.
    """

    name: str
    coc_px_per_dioptre: float
    planes_m: tuple[float, ...]
    about: str
    noise: float = 0.004

    @property
    def focus_dioptres(self) -> NDArray[np.float32]:
        """(N,) planes, near to far."""
        return (1 / np.asarray(self.planes_m, np.float64)).astype(np.float32)


_PHONE_PLANES = (0.35, 0.45, 0.6, 0.9, 1.6, 4.0)
PROTOCOLS = {
    p.name: p
    for p in (
        Protocol("phone", 1.64, _PHONE_PLANES, "a phone's main camera seen at 640 px"),
        Protocol("crop", 6.55, _PHONE_PLANES, "the same camera at a 4x native crop"),
        Protocol(
            "dered", 26.0, (1.0, 1.5, 2.5, 4.0, 6.0), "50 mm f/8, 12 um: the literature's lens"
        ),
    )
}

DEV_RGBD = (
    "redwood_4",
    "room_view5",
    "tum",
    "sun",
    "motorcycle",
    "nyu_*",
    "mosd_learn41",
    "mosd_learn42",
    "mosd_learn43",
    "mosd_learn44",
)
"""Scenes of the development set that no shipped model is trained on."""

TRACED_SAMPLES, PATHTRACED_SAMPLES = 96, 32
"""Rays through a pixel of a picture."""


@dataclass(frozen=True)
class Case:
    """A stack to answer and its truth.

    Attributes:
        stack: rendered frames.
        truth_m: float32 (H, W) metres, NaN where unknown.
        name: of the scene.
    """

    stack: FocalStack
    truth_m: NDArray[np.float32]
    name: str


@dataclass(frozen=True)
class Stage:
    """A scene within reach of a protocol, ready to be photographed.

    Attributes:
        shoot: from a camera and its planes to pictures, float32 (N, H, W, 3), gamma-encoded,
            without noise; the protocol's own planes or others.
        index: of the scene, seed of its noise.
    """

    scene: RgbdScene
    shoot: Callable[[Protocol], NDArray[np.float32]]
    index: int

    @property
    def truth_m(self) -> NDArray[np.float32]:
        """(H, W) metres, NaN where unknown."""
        depth = self.scene.depth_m
        known = self.scene.valid & (depth > 0) & (depth <= FARTHEST_M)
        return np.where(known, depth, np.nan).astype(np.float32)


def rendered_stages(protocol: Protocol, source: Source, count: int) -> Iterator[Stage]:
    """A source's scenes before the layered renderer, at most ``count``."""
    for index in range(min(count, len(source))):
        number = EVALUATION_SEED + index if source.endless else index
        scene = _at_size(source.scene(number, SIZE))
        if source.endless:
            factor = np.float32(_within_reach(protocol, scene.depth_m))
            scene = dataclasses.replace(scene, depth_m=scene.depth_m * factor)
        yield Stage(scene, functools.partial(_render, scene), index)


def _render(scene: RgbdScene, protocol: Protocol) -> NDArray[np.float32]:
    depth = np.clip(fill_missing(scene.depth_m, scene.valid), 1e-2, FARTHEST_M)
    light = scene.rgb ** np.float32(DISPLAY_GAMMA)
    stack = render_stack(light, 1 / depth, protocol.focus_dioptres, protocol.coc_px_per_dioptre)
    pictures: NDArray[np.float32] = np.clip(stack, 0, 1) ** np.float32(1 / DISPLAY_GAMMA)
    return pictures


def traced_stages(protocol: Protocol, count: int) -> Iterator[Stage]:
    """Procedural scenes before a ray-traced thin lens: optics that no renderer of ours shares."""
    for index in range(count):
        world = _world_within_reach(protocol, EVALUATION_SEED + index)
        scene = render_world(world, *SIZE, supersample=1, name=f"traced-{index}")
        yield Stage(scene, functools.partial(_trace, world), index)


Keep = Callable[[str, Callable[[], RgbdScene]], RgbdScene]
"""A scene by a key under which it may have been kept, and how it is made where it was not."""


def pathtraced_stages(
    protocol: Protocol, count: int, keep: Keep = lambda _, make: make()
) -> Iterator[Stage]:
    """Scenes before a path-traced thin lens: neither optics nor light nor shapes are those that
    stacks are rendered with.

    Raises:
        UserError: the path tracer is not installed.
    """
    for index in range(count):
        seed = EVALUATION_SEED + index
        world = _world_within_reach(protocol, seed)
        made = functools.cache(functools.partial(PathScene, seed, world=world))
        rays = f"{SIZE[1]}x{SIZE[0]}x{PATHTRACED_SAMPLES}"
        key = f"{scene_name(seed)}-{EDITION}-{rays}-from-{min(protocol.planes_m):g}m"
        scene = keep(key, functools.partial(_sharp, made))
        yield Stage(scene, functools.partial(_path_trace, made), index)


def _sharp(made: Callable[[], PathScene]) -> RgbdScene:
    return made().sharp(*SIZE, PATHTRACED_SAMPLES)


def _path_trace(made: Callable[[], PathScene], protocol: Protocol) -> NDArray[np.float32]:
    k = protocol.coc_px_per_dioptre
    pictures = [
        made().through_lens(*SIZE, float(focus), k, PATHTRACED_SAMPLES)
        for focus in protocol.focus_dioptres
    ]
    return np.stack(pictures)


def _world_within_reach(protocol: Protocol, seed: int) -> World:
    world = make_world(seed)
    small = render_world(world, SIZE[0] // 4, SIZE[1] // 4, supersample=1, name="small")
    return scaled_world(world, _within_reach(protocol, small.depth_m))


def _trace(world: World, protocol: Protocol) -> NDArray[np.float32]:
    k = protocol.coc_px_per_dioptre
    pictures = [
        trace_thin_lens(world, *SIZE, float(focus), k, TRACED_SAMPLES, DISPLAY_GAMMA)
        for focus in protocol.focus_dioptres
    ]
    return np.clip(np.stack(pictures), 0, 1).astype(np.float32)


def rendered_cases(protocol: Protocol, source: Source, count: int) -> Iterator[Case]:
    """Stacks of a source's scenes through the layered renderer, at most ``count``."""
    for stage in rendered_stages(protocol, source, count):
        yield make_case(protocol, stage, stage.shoot(protocol))


def traced_cases(protocol: Protocol, count: int) -> Iterator[Case]:
    """Procedural scenes through the ray-traced lens."""
    for stage in traced_stages(protocol, count):
        yield make_case(protocol, stage, stage.shoot(protocol))


def _within_reach(protocol: Protocol, depth_m: NDArray[np.float32]) -> float:
    """Factor that moves a made scene away until its nearest part is at the nearest plane.

    Protocols have fixed planes, made scenes begin at 0.15 m; a larger world looks the same.
    """
    return max(1.0, min(protocol.planes_m) / float(np.quantile(depth_m, 0.02)))


def _at_size(scene: RgbdScene) -> RgbdScene:
    """The scene at ``SIZE``: scaled to cover it, the middle kept."""
    h, w = scene.depth_m.shape
    if (h, w) == SIZE:
        return scene
    scale = max(SIZE[0] / h, SIZE[1] / w)
    size = (round(w * scale), round(h * scale))
    top, left = (size[1] - SIZE[0]) // 2, (size[0] - SIZE[1]) // 2
    window = (slice(top, top + SIZE[0]), slice(left, left + SIZE[1]))
    smooth = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return RgbdScene(
        cv2.resize(scene.rgb, size, interpolation=smooth)[window],
        cv2.resize(scene.depth_m, size, interpolation=cv2.INTER_NEAREST)[window],
        cv2.resize(scene.valid.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)[window] > 0,
        scene.name,
    )


def make_case(protocol: Protocol, stage: Stage, pictures: NDArray[np.float32]) -> Case:
    """The pictures of a stage as a stack, with the protocol's noise.

    Args:
        pictures: what ``stage.shoot(protocol)`` gives.
    """
    rng = np.random.default_rng([stage.index, 5])
    noisy = pictures + rng.normal(0, protocol.noise, pictures.shape).astype(np.float32)
    frames = np.rint(np.clip(noisy, 0, 1) * 255).astype(np.uint8)
    stack = FocalStack(
        tuple(
            Frame(rgb, float(focus), None, f"{metres:g} m")
            for rgb, focus, metres in zip(
                frames, protocol.focus_dioptres, protocol.planes_m, strict=True
            )
        ),
        protocol.coc_px_per_dioptre,
    )
    return Case(stack, stage.truth_m, stage.scene.name)


def shuffled(stack: FocalStack, seed: int) -> FocalStack:
    """The stack under permuted focus distances: what a model that uses focus must fail on."""
    order = np.random.default_rng(seed).permutation(len(stack))
    if np.array_equal(order, np.arange(len(stack))):
        order = np.roll(order, 1)
    return stack.with_focus(stack.focus_dioptres[order])


def thinned(stack: FocalStack, count: int) -> FocalStack:
    """``count`` frames spread evenly over the stack."""
    if count >= len(stack):
        return stack
    picks = np.linspace(0, len(stack) - 1, count).round().astype(int)
    if count == 1:
        picks = np.array([len(stack) // 2])
    return FocalStack(tuple(stack.frames[i] for i in picks), stack.coc_px_per_dioptre)


def misaligned(stack: FocalStack, pixels: float, seed: int) -> FocalStack:
    """The stack with each frame but the first, the reference, moved by so many pixels in a
    direction of its own."""
    if pixels == 0:
        return stack
    angles = np.random.default_rng([seed, 6]).uniform(0, 2 * np.pi, len(stack))
    height, width = stack.size
    moved = [stack.frames[0]]
    for frame, angle in zip(stack.frames[1:], angles[1:], strict=True):
        shift = np.array(
            [[1, 0, pixels * np.cos(angle)], [0, 1, pixels * np.sin(angle)]], np.float64
        )
        rgb = cv2.warpAffine(
            frame.rgb, shift, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
        )
        moved.append(dataclasses.replace(frame, rgb=rgb))
    return FocalStack(tuple(moved), stack.coc_px_per_dioptre)


def spread(protocol: Protocol, count: int, power: float = 1.0) -> Protocol:
    """The protocol with other planes between its nearest and farthest.

    Args:
        count: planes, two at least.
        power: 1: evenly spaced in dioptres; more: crowded far away; less: crowded close up.
    """
    low, high = (float(v) for v in np.sort(protocol.focus_dioptres)[[0, -1]])
    places = np.linspace(0, 1, count) ** power
    dioptres = low + (high - low) * places[::-1]
    return dataclasses.replace(protocol, planes_m=tuple(float(1 / d) for d in dioptres))


ENDS = (0.03, 0.97)
"""Shares of a scene's pixels that are nearer than its nearest and its farthest thing."""


def single(protocol: Protocol, stage: Stage, place: float = 0.5) -> Protocol:
    """The protocol with one picture, focused at something the scene shows as a camera would.

    Args:
        place: 0: at the nearest thing, 0.5: at the median depth, 1: at the farthest thing.
    """
    share = ENDS[0] + place * (ENDS[1] - ENDS[0])
    return dataclasses.replace(protocol, planes_m=(float(np.nanquantile(stage.truth_m, share)),))
