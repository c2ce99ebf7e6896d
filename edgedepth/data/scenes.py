"""Scenes with depth: what a data source gives, and procedural ones made from a seed.

Procedural scenes are rooms (metres across) and tabletops (a hand's breadth to a few metres),
full of boxes, ellipsoids, cylinders and leaning boards under many textures.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from edgedepth.data.textures import Material, random_material
from edgedepth.data.tracer import (
    BOX,
    CYLINDER,
    ELLIPSOID,
    FACES,
    ROOM,
    Primitive,
    Ray,
    World,
    trace,
)

NEAREST_M, FARTHEST_M = 0.15, 10.0
"""Depths that procedural scenes keep to."""

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class RgbdScene:
    """A sharp picture with depth.

    Attributes:
        rgb: float32 (H, W, 3), gamma-encoded, in [0, 1].
        depth_m: float32 (H, W) metres along the optical axis; meaningless where not valid.
        valid: bool (H, W), depth is known.
        name: for messages and for keeping sets apart.
        segments: uint16 (H, W), pixels of one surface share a number; None if unknown.
        labels: uint16 (H, W), what a pixel belongs to, 0 where unknown: objects by number in
            procedural scenes, classes in NYU's; None if the source has none.
    """

    rgb: NDArray[np.float32]
    depth_m: NDArray[np.float32]
    valid: NDArray[np.bool_]
    name: str
    segments: NDArray[np.uint16] | None = None
    labels: NDArray[np.uint16] | None = None


def procedural_scene(seed: int, height: int, width: int, supersample: int = 1) -> RgbdScene:
    """Make a scene from a seed; the same arguments give the same bits.

    Args:
        seed: any non-negative number.
        height, width: pixels.
        supersample: rays per pixel along each side, 1 or more.
    """
    return render_world(make_world(seed), height, width, supersample, f"procedural-{seed}")


def render_world(world: World, height: int, width: int, supersample: int, name: str) -> RgbdScene:
    """A sharp picture of a world, through a pinhole, ``supersample`` rays across a pixel."""
    if world.lamp_radius_m is not None:
        return _render_softly(world, height, width, supersample, name)
    rgb, depth, segments = trace(world, height * supersample, width * supersample)
    if supersample > 1:
        small = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA)
        rgb = np.asarray(small, np.float32)
        middle = slice(supersample // 2, None, supersample)
        depth, segments = depth[middle, middle].copy(), segments[middle, middle].copy()
    return _whole(rgb, depth, name, segments)


def _whole(
    rgb: NDArray[np.float32], depth: NDArray[np.float32], name: str, segments: NDArray[np.uint16]
) -> RgbdScene:
    labels = (segments // FACES + 1).astype(np.uint16)
    return RgbdScene(rgb, depth, np.ones(depth.shape, bool), name, segments, labels)


def _render_softly(world: World, height: int, width: int, supersample: int, name: str) -> RgbdScene:
    """As :func:`render_world`, each ray of a pixel lit by another point of the lamp."""
    _, depth, segments = trace(replace(world, lamp_radius_m=None), height, width)
    rng = np.random.default_rng(0)
    total = np.zeros((height, width, 3), np.float32)
    for i in range(supersample**2):
        direction = rng.normal(size=3)
        direction /= np.linalg.norm(direction)
        pixel = ((i % supersample + 0.5) / supersample, (i // supersample + 0.5) / supersample)
        x, y, z = (float(v) for v in direction)
        total += trace(world, height, width, Ray(pixel=pixel, lamp=(x, y, z)))[0]
    rgb = total / np.float32(supersample**2)
    return _whole(rgb, depth, name, segments)


def trace_thin_lens(
    scene: int | World,
    height: int,
    width: int,
    focus_dioptres: float,
    coc_px_per_dioptre: float,
    samples: int = 128,
    gamma: float = 1.0,
) -> NDArray[np.float32]:
    """What a real lens would see: the mean over rays through all of a round aperture.

    The aperture is ``K / fx`` metres wide (fx: focal length in pixels), so that a point d
    dioptres out of focus spreads over K d pixels.

    Args:
        scene: a seed of :func:`procedural_scene`, or a world.
        height, width: pixels.
        focus_dioptres: the plane in focus.
        coc_px_per_dioptre: K at this width.
        samples: points on the aperture, each also another point of the pixel.
        gamma: light is summed after raising colours to this power (2.2: linear light).

    Returns:
        float32 (H, W, 3) in the scene's encoding.
    """
    world = make_world(scene) if isinstance(scene, int) else scene
    radius = coc_px_per_dioptre * world.tan_half_width / width
    total = np.zeros((height, width, 3), np.float64)
    points, pixels = lens_points(samples)
    for point, pixel in zip(points, pixels, strict=True):
        ray = Ray((radius * point[0], radius * point[1]), focus_dioptres, (pixel[0], pixel[1]))
        total += trace(world, height, width, ray)[0] ** gamma
    return ((total / len(points)) ** (1 / gamma)).astype(np.float32)


def lens_points(count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where each ray of a pixel passes the lens and the pixel: evenly over each, and both together.

    What a pixel averages must not lean with the part of the lens that it is seen through, or it
    acts as another lens: every point of the pixel is seen through two opposite ones.

    Args:
        count: rays; one more if that is odd.

    Returns:
        (count, 2) points of the unit disk, and (count, 2) of a pixel, each in [0, 1).
    """
    k = np.arange((count + 1) // 2)[:, None] + 0.5
    base = 1.0
    for _ in range(32):  # additive sequence in three dimensions (Roberts 2018): x^4 = x + 1
        base = (1 + base) ** 0.25
    order = np.argsort(np.argsort((k * base ** -np.arange(1.0, 4.0)) % 1, axis=0), axis=0)
    places = (order + 0.5) / len(k)
    turn = np.pi * places[:, :1]
    half = np.sqrt(k / len(k)) * np.hstack([np.cos(turn), np.sin(turn)])
    return np.concatenate([half, -half]), np.concatenate([places[:, 1:]] * 2)


def make_world(seed: int) -> World:
    """The geometry, materials, light and camera of a procedural scene."""
    rng = np.random.default_rng([seed, 7])
    world = _room(rng) if rng.random() < 0.45 else _tabletop(rng)
    return _within_reach(world)


def _within_reach(world: World) -> World:
    """Drop what is too near the camera, and shrink a world that is too deep."""
    forward = world.pose[2]
    room = world.primitives[0]
    farthest = float(((room.corners() - world.eye) @ forward).max())
    shrink = min(1.0, FARTHEST_M * 0.999 / farthest)
    kept = [room]
    for primitive in world.primitives[1:]:
        near = float(((primitive.corners() - world.eye) @ forward).min())
        reaches = float(np.linalg.norm(primitive.corners() - world.eye, axis=1).min())
        if near * shrink > NEAREST_M and reaches > near * 0.5:
            kept.append(primitive)
    return scaled_world(replace(world, primitives=tuple(kept)), shrink)


def look(pitch: float, yaw: float, roll: float) -> Vector:
    """Camera axes (rows) after turning down by ``pitch``, aside by ``yaw``, then rolling."""
    cp, sp, cy, sy, cr, sr = (f(a) for a in (pitch, yaw, roll) for f in (np.cos, np.sin))
    down = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    aside = np.array([[cy, 0, -sy], [0, 1, 0], [sy, 0, cy]])
    rolled = np.array([[cr, sr, 0], [-sr, cr, 0], [0, 0, 1]])
    return rolled @ down @ aside


def turned(angle: float) -> Vector:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])


def _any_turn(rng: np.random.Generator) -> Vector:
    """A random orthonormal frame."""
    q, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    return q * np.sign(np.linalg.det(q))


def _materials(rng: np.random.Generator, count: int, distance_m: float) -> tuple[Material, ...]:
    return tuple(random_material(rng, distance_m) for _ in range(count))


def _walls(
    rng: np.random.Generator, low: tuple[float, float, float], high: tuple[float, float, float]
) -> Primitive:
    corner0, corner1 = np.array(low), np.array(high)
    distance = 0.6 * float(corner1[2])
    return Primitive(
        ROOM,
        (corner0 + corner1) / 2,
        np.eye(3),
        (corner1 - corner0) / 2,
        _materials(rng, 6, distance),
    )


def _solid(
    rng: np.random.Generator, foot: Vector, size: float, distance: float, stands: bool
) -> Primitive:
    """A random solid about ``size`` across; standing on ``foot``, or floating around it."""
    kind = int(rng.choice([BOX, ELLIPSOID, CYLINDER], p=[0.5, 0.22, 0.28]))
    half = 0.5 * size * rng.uniform(0.35, 1.5, 3)
    if kind == CYLINDER:
        half[2] = half[0] * rng.uniform(0.9, 1.1)
        half[1] *= rng.uniform(0.8, 1.8)
    if rng.random() < 0.15:
        half[2] *= 0.08  # a board or a book
    axes = turned(rng.uniform(0, np.pi)) if stands else _any_turn(rng)
    if stands and rng.random() < 0.15:
        axes = lean(rng.normal(0, 0.35)) @ axes
    reach = float(np.abs(axes[:, 1]) @ half)
    centre = foot - np.array([0, reach, 0]) if stands else foot
    faces = 6 if kind == BOX and rng.random() < 0.6 else 1
    return Primitive(kind, centre, axes, half, _materials(rng, faces, distance))


def lean(angle: float) -> Vector:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])


def _room(rng: np.random.Generator) -> World:
    width, tall = rng.uniform(2.0, 6.5), rng.uniform(2.2, 3.2)
    deep = float(np.exp(rng.uniform(np.log(2.0), np.log(9.6))))
    eye_x, eye_up = rng.uniform(0.25, 0.75), rng.uniform(0.9, 1.7)
    walls = _walls(rng, (-width * eye_x, eye_up - tall, -0.5), (width * (1 - eye_x), eye_up, deep))
    tan_half = rng.uniform(0.3, 0.65)
    pitch, yaw = rng.normal(0.08, 0.12), rng.normal(0, 0.25)
    solids = []
    for _ in range(int(rng.integers(8, 28))):
        z = float(np.exp(rng.uniform(np.log(0.45), np.log(deep * 0.97))))
        x = rng.uniform(-1.1, 1.1) * tan_half * z + np.tan(yaw) * z
        stands = rng.random() < 0.6 and z > 0.9
        if stands:
            size = rng.uniform(0.12, 0.5) * z**0.5
            foot = np.array([x, eye_up, z])
        else:
            size = rng.uniform(0.1, 0.4) * z**0.8
            foot = np.array([x, rng.uniform(-0.8, 0.8) * tan_half * z, z])
        solids.append(_solid(rng, foot, size, z, stands))
    light = np.array(
        [
            rng.uniform(-0.8, 0.8) * width * 0.5,
            eye_up - tall * rng.uniform(0.6, 0.95),
            deep * rng.uniform(0, 0.8),
        ]
    )
    return World(
        (walls, *solids),
        np.zeros(3),
        look(pitch, yaw, rng.normal(0, 0.04)),
        tan_half,
        light,
        ambient=rng.uniform(0.25, 0.7),
        lamp=rng.uniform(0.5, 1.6),
        reach_m=rng.uniform(1.5, 5.0),
    )


def _tabletop(rng: np.random.Generator) -> World:
    """Built with the table's middle 1 away from the camera, then scaled as a whole."""
    scale = float(np.exp(rng.uniform(np.log(0.28), np.log(1.6))))
    pitch = rng.uniform(0.12, 1.05)
    tan_half = rng.uniform(0.25, 0.55)
    height = np.sin(pitch)
    middle = np.cos(pitch)
    wall = middle + np.exp(rng.uniform(np.log(0.35), np.log(min(8.0, 9.0 / scale))))
    below = rng.uniform(0.5, 1.2)
    side = rng.uniform(1.2, 4.0) + 0.4 * wall
    walls = _walls(rng, (-side, height - 3.0, -0.6), (side, height + below, wall))
    half = np.array([rng.uniform(0.5, 1.2), 0.02, rng.uniform(0.4, 0.9)])
    edge = max(half[2] + 0.02, 0.0)
    table = Primitive(
        BOX,
        np.array([rng.normal(0, 0.1), height + half[1], max(middle, edge - 0.2)]),
        turned(rng.normal(0, 0.3)),
        half,
        _materials(rng, 1, 1.0),
    )
    solids = [table]
    for _ in range(int(rng.integers(6, 24))):
        x, z = rng.normal(0, 0.4) * tan_half * 2, middle + rng.normal(0.05, 0.28)
        size = float(np.exp(rng.uniform(np.log(0.06), np.log(0.38))))
        solids.append(_solid(rng, np.array([x, height, z]), size, 1.0, True))
    for _ in range(int(rng.integers(0, 6))):
        z = middle + rng.uniform(0.3, 1.0) * (wall - middle)
        foot = np.array([rng.normal(0, 0.5) * z, height + rng.choice([0.0, below]), z])
        solids.append(_solid(rng, foot, rng.uniform(0.2, 0.7), z, True))
    light = np.array([rng.normal(0, 0.8), height - rng.uniform(0.8, 2.0), rng.uniform(-0.3, 1.2)])
    world = World(
        (walls, *solids),
        np.zeros(3),
        look(pitch, rng.normal(0, 0.1), rng.normal(0, 0.06)),
        tan_half,
        light,
        ambient=rng.uniform(0.25, 0.7),
        lamp=rng.uniform(0.6, 1.6),
        reach_m=rng.uniform(1.0, 4.0),
    )
    return scaled_world(world, scale)


def scaled_world(world: World, scale: float) -> World:
    """The same view of a world ``scale`` times as large; textures grow with it."""
    primitives = tuple(
        replace(
            p,
            centre=p.centre * scale,
            half=p.half * scale,
            materials=tuple(replace(m, scale=m.scale / scale) for m in p.materials),
        )
        for p in world.primitives
    )
    return replace(
        world,
        primitives=primitives,
        eye=world.eye * scale,
        light=world.light * scale,
        reach_m=world.reach_m * scale,
    )
