"""A small ray tracer in NumPy: boxes, ellipsoids and cylinders inside a room.

A picture is traced for one point of the lens at a time. All its rays share their origin and
their directions are affine in the pixel's coordinates, so a primitive costs a few array
operations over its own part of the picture. A pinhole picture is the lens's centre; a
thin-lens picture is the mean over points of the aperture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgedepth.data.textures import Floats, Material, colour_at
from edgedepth.light import DISPLAY_GAMMA

BOX, ELLIPSOID, CYLINDER, ROOM = range(4)
FACES = 6
"""Segments per primitive: a box's sides; the other kinds use fewer."""

_NEAR_M = 1e-3


@dataclass(frozen=True)
class Primitive:
    """A solid, or the room seen from inside.

    Attributes:
        kind: BOX, ELLIPSOID, CYLINDER (along its second axis) or ROOM.
        centre: (3,) metres in the world (x right, y down, z forward).
        axes: (3, 3) rows are its own axes in the world.
        half: (3,) half extents in metres.
        materials: one, or one for each of the six faces.
    """

    kind: int
    centre: NDArray[np.float64]
    axes: NDArray[np.float64]
    half: NDArray[np.float64]
    materials: tuple[Material, ...]

    def corners(self) -> NDArray[np.float64]:
        """(8, 3) corners of its bounding box in the world."""
        signs = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
        return self.centre + (signs * self.half) @ self.axes


@dataclass(frozen=True)
class World:
    """A scene to trace: the camera sits at ``eye`` and looks along the third row of ``pose``.

    Attributes:
        primitives: the first one is the room.
        eye: (3,) metres.
        pose: (3, 3) rows are the camera's axes (right, down, forward) in the world.
        tan_half_width: half the picture's width at 1 m, in metres.
        light: (3,) position of the lamp in metres.
        ambient, lamp, reach_m: light from everywhere, from the lamp, and the distance at which
            the lamp has lost half.
        lamp_radius_m: of a lamp that casts shadows, soft ones over several rays; None for a
            lamp that casts none, which is much faster.
    """

    primitives: tuple[Primitive, ...]
    eye: NDArray[np.float64]
    pose: NDArray[np.float64]
    tan_half_width: float
    light: NDArray[np.float64]
    ambient: float
    lamp: float
    reach_m: float
    lamp_radius_m: float | None = None


@dataclass(frozen=True)
class Ray:
    """The point of the lens that a picture is traced through, and where in its pixel.

    Attributes:
        lens_m: (x, y) metres on the lens; (0, 0) for a pinhole.
        focus_dioptres: plane at which all points of the lens agree.
        pixel: (x, y) within the pixel, 0.5 for its centre.
        lamp: (x, y, z) the point of the lamp that lights it, in units of the lamp's radius.
    """

    lens_m: tuple[float, float] = (0.0, 0.0)
    focus_dioptres: float = 0.0
    pixel: tuple[float, float] = (0.5, 0.5)
    lamp: tuple[float, float, float] = (0.0, 0.0, 0.0)


def trace(
    world: World, height: int, width: int, ray: Ray | None = None
) -> tuple[Floats, Floats, NDArray[np.uint16]]:
    """Trace one picture.

    Returns:
        rgb: float32 (H, W, 3), gamma-encoded.
        depth: float32 (H, W) metres along the optical axis.
        segments: uint16 (H, W), ``FACES * primitive + face``.
    """
    ray = ray or Ray()
    fx = width / (2 * world.tan_half_width)
    lens = np.array([*ray.lens_m, 0.0])
    u = (np.arange(width) + ray.pixel[0] - width / 2) / fx - lens[0] * ray.focus_dioptres
    v = (np.arange(height) + ray.pixel[1] - height / 2) / fx - lens[1] * ray.focus_dioptres
    u, v = u.astype(np.float32)[None, :], v.astype(np.float32)[:, None]
    origin = world.eye + lens @ world.pose
    lamp = world.light + np.array(ray.lamp) * (world.lamp_radius_m or 0.0)
    depth = np.full((height, width), np.inf, np.float32)
    owner = np.zeros((height, width), np.int16)
    windows = []
    for index, primitive in enumerate(world.primitives):
        window = _window(world, primitive, ray, height, width, fx)
        windows.append(window)
        if window is None:
            continue
        t = _hit(primitive, world, origin, u[:, window[1]], v[window[0]])
        nearer = t < depth[window]
        depth[window] = np.where(nearer, t, depth[window])
        owner[window][nearer] = index
    rgb = np.zeros((height, width, 3), np.float32)
    segments = np.zeros((height, width), np.uint16)
    for index, window in enumerate(windows):
        if window is None:
            continue
        rows, columns = np.nonzero(owner[window] == index)
        rows += window[0].start
        columns += window[1].start
        if not rows.size:
            continue
        t = depth[rows, columns]
        rgb[rows, columns], faces = _shade(
            world, index, origin, (u[0, columns] * t, v[rows, 0] * t, t), lamp
        )
        segments[rows, columns] = FACES * index + faces
    return rgb, depth, segments


def _window(
    world: World, primitive: Primitive, ray: Ray, height: int, width: int, fx: float
) -> tuple[slice, slice] | None:
    """Rows and columns that a primitive can be seen in; None if out of the picture."""
    whole = (slice(0, height), slice(0, width))
    if primitive.kind == ROOM:
        return whole
    seen = (primitive.corners() - world.eye) @ world.pose.T
    if seen[:, 2].min() < 0.02:
        return whole
    shift = float(np.hypot(*ray.lens_m))
    blur = fx * shift * np.abs(1 / seen[:, 2] - ray.focus_dioptres).max() + 2
    x = seen[:, 0] / seen[:, 2] * fx + width / 2
    y = seen[:, 1] / seen[:, 2] * fx + height / 2
    x0, x1 = max(0, int(x.min() - blur)), min(width, int(x.max() + blur) + 1)
    y0, y1 = max(0, int(y.min() - blur)), min(height, int(y.max() + blur) + 1)
    if x0 >= x1 or y0 >= y1:
        return None
    return slice(y0, y1), slice(x0, x1)


def _hit(
    primitive: Primitive, world: World, origin: NDArray[np.float64], u: Floats, v: Floats
) -> Floats:
    """Depth at which rays (u, v, 1) enter a primitive (leave it, for the room); inf if never."""
    o = (primitive.axes @ (origin - primitive.centre) / primitive.half).astype(np.float32)
    m = (primitive.axes @ world.pose.T / primitive.half[:, None]).astype(np.float32)
    d = [m[k, 0] * u + m[k, 1] * v + m[k, 2] for k in range(3)]
    enter, leave = _crossing(primitive.kind, d, o)
    if primitive.kind == ROOM:
        return leave
    return np.where((enter < leave) & (enter > _NEAR_M), enter, np.float32(np.inf))


def _crossing(
    kind: int, d: list[Floats], o: list[Floats] | NDArray[np.float32]
) -> tuple[Floats, Floats]:
    """Where rays ``o + t d`` enter and leave a solid of unit half extents; enter > leave: never."""
    with np.errstate(divide="ignore", invalid="ignore"):
        if kind == ELLIPSOID:
            return _quadric(d, o, (0, 1, 2))
        if kind == CYLINDER:
            enter, leave = _quadric(d, o, (0, 2))
            low, high = _slab(d[1], o[1])
            return np.fmax(enter, low), np.fmin(leave, high)
        enter, leave = _slab(d[0], o[0])
        for k in (1, 2):
            low, high = _slab(d[k], o[k])
            enter, leave = np.fmax(enter, low), np.fmin(leave, high)
        return enter, leave


def _slab(d: Floats, o: Floats) -> tuple[Floats, Floats]:
    inverse = 1 / d
    first, second = (-1 - o) * inverse, (1 - o) * inverse
    return np.minimum(first, second), np.maximum(first, second)


def _quadric(
    d: list[Floats], o: list[Floats] | NDArray[np.float32], axes: tuple[int, ...]
) -> tuple[Floats, Floats]:
    """Where rays cross the unit sphere, or the unit cylinder over two of the axes."""
    a = sum(d[k] * d[k] for k in axes)
    b = sum(o[k] * d[k] for k in axes)
    c = sum(o[k] * o[k] for k in axes) - 1
    root = b * b - a * c
    missed = root < 0
    root = np.sqrt(np.maximum(root, 0))
    enter, leave = (-b - root) / a, (-b + root) / a
    return np.where(missed, np.float32(np.inf), enter), leave


def _shade(
    world: World,
    index: int,
    origin: NDArray[np.float64],
    seen: tuple[Floats, Floats, Floats],
    lamp: NDArray[np.float64],
) -> tuple[Floats, NDArray[np.uint16]]:
    """Colour (n, 3) and face (n,) of points given from the lens, in the camera's axes."""
    primitive = world.primitives[index]
    pose = world.pose.astype(np.float32)
    point = [
        seen[0] * pose[0, k] + seen[1] * pose[1, k] + seen[2] * pose[2, k] + np.float32(origin[k])
        for k in range(3)
    ]
    faces, normal, (tu, tv) = _surface(primitive, _own(primitive, point))
    albedo = np.empty((tu.size, 3), np.float32)
    if len(primitive.materials) == 1:
        albedo[:] = colour_at(primitive.materials[0], tu, tv)
    else:
        for face, material in enumerate(primitive.materials):
            part = np.flatnonzero(faces == face)
            if part.size:
                albedo[part] = colour_at(material, tu[part], tv[part])
    axes = primitive.axes.astype(np.float32)
    outward = [sum(axes[j, k] * normal[j] for j in range(3)) for k in range(3)]
    light = [np.float32(lamp[k]) - point[k] for k in range(3)]
    distance = np.sqrt(light[0] ** 2 + light[1] ** 2 + light[2] ** 2) + 1e-6
    facing = sum(outward[k] * light[k] for k in range(3)) / distance
    direct = np.maximum(facing, 0) / (1 + (distance / np.float32(world.reach_m)) ** 2)
    if world.lamp_radius_m is not None:
        direct = direct * _lit(world, index, point, light)
    # Light adds up in linear light, colours are gamma-encoded.
    strength = world.ambient * (1 - 0.25 * outward[1]) + world.lamp * direct
    rgb = albedo * (np.maximum(strength, 0) ** np.float32(1 / DISPLAY_GAMMA))[:, None]
    return np.clip(rgb, 0, 1), faces


def _own(primitive: Primitive, point: list[Floats]) -> list[Floats]:
    """Points of the world in a primitive's own axes, metres from its centre."""
    centre, axes = primitive.centre.astype(np.float32), primitive.axes.astype(np.float32)
    away = [point[k] - centre[k] for k in range(3)]
    return [axes[k, 0] * away[0] + axes[k, 1] * away[1] + axes[k, 2] * away[2] for k in range(3)]


def _lit(world: World, index: int, point: list[Floats], light: list[Floats]) -> NDArray[np.bool_]:
    """Where nothing stands between points of a primitive and the lamp (solids are convex)."""
    lit = np.ones(point[0].size, bool)
    for other, primitive in enumerate(world.primitives):
        if other == index or primitive.kind == ROOM:
            continue
        half, axes = primitive.half.astype(np.float32), primitive.axes.astype(np.float32)
        o = [v / half[k] for k, v in enumerate(_own(primitive, point))]
        d = [sum(axes[k, j] * light[j] for j in range(3)) / half[k] for k in range(3)]
        enter, leave = _crossing(primitive.kind, d, o)
        lit &= ~((enter < leave) & (leave > _NEAR_M) & (enter < 1))
    return lit


def _surface(
    primitive: Primitive, own: list[Floats]
) -> tuple[NDArray[np.uint16], list[Floats], tuple[Floats, Floats]]:
    """Face, unit normal (own axes) and texture coordinates (metres) of points on a primitive."""
    h = primitive.half.astype(np.float32)
    unit = [own[k] / h[k] for k in range(3)]
    zero = np.zeros_like(own[0])
    if primitive.kind == ELLIPSOID:
        normal = [unit[k] / h[k] for k in range(3)]
        length = np.sqrt(normal[0] ** 2 + normal[1] ** 2 + normal[2] ** 2)
        around = np.arctan2(unit[0], -unit[2]) * h[0]
        up = np.arcsin(np.clip(unit[1], -1, 1)) * h[1]
        return zero.astype(np.uint16), [n / length for n in normal], (around, up)
    if primitive.kind == CYLINDER:
        cap = np.abs(unit[1]) > 0.9995
        normal = [unit[0] / h[0], zero, unit[2] / h[2]]
        length = np.sqrt(normal[0] ** 2 + normal[2] ** 2) + 1e-9
        side = np.where(cap, 0, 1 / length)
        normal = [normal[0] * side, np.where(cap, np.sign(unit[1]), 0), normal[2] * side]
        around = np.where(cap, own[0], np.arctan2(unit[0], -unit[2]) * h[0])
        return cap.astype(np.uint16), normal, (around, np.where(cap, own[2], own[1]))
    size = np.abs(np.stack(unit))
    axis = np.argmax(size, axis=0)
    positive = np.choose(axis, unit) > 0
    sign = np.where(positive, 1, -1).astype(np.float32)
    if primitive.kind == ROOM:
        sign = -sign
    normal = [np.where(axis == k, sign, 0).astype(np.float32) for k in range(3)]
    tu = np.where(axis == 0, own[2], own[0])
    tv = np.where(axis == 1, own[2], own[1])
    return (2 * axis + positive).astype(np.uint16), normal, (tu, tv)
