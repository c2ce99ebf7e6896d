"""Triangles for the solids of a made scene: turned and rough shapes, furniture, OBJ files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgedepth.data.tracer import CYLINDER, ELLIPSOID, ROOM, Primitive
from edgedepth.errors import UserError

Floats = NDArray[np.float32]
_Corner = tuple[float, float, float]

MOST_TRIANGLES = 200_000
"""Of a file; more is a scan, not an object among others."""

_ROUND = 64
"""Corners around a turned shape."""

_FLAT = 0.12
"""A box whose least extent is so much of its largest is a board or a table's top and stays one."""

_CUBE = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], np.float32)
_CUBE_FACES = np.array(
    [
        *([0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5]),
        *([0, 4, 5], [0, 5, 1], [2, 3, 7], [2, 7, 6]),
        *([0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3]),
    ]
)


@dataclass(frozen=True)
class Mesh:
    """Triangles within [-1, 1] on every axis, y down.

    Attributes:
        corners: float32 (T, 3, 3), corners of T triangles.
        normals: float32 (T, 3, 3) at the corners, outward; None for flat triangles.
    """

    corners: Floats
    normals: Floats | None = None

    def flat_normals(self) -> Floats:
        """(T, 3) of unit length; zero for a triangle without area."""
        a, b, c = (self.corners[:, k] for k in range(3))
        across = np.cross(b - a, c - a)
        length = np.linalg.norm(across, axis=1, keepdims=True)
        unit: Floats = (across / np.maximum(length, 1e-20)).astype(np.float32)
        return unit


def shape_of(primitive: Primitive, rng: np.random.Generator, library: Sequence[Path]) -> Mesh:
    """A shape to stand where the ray tracer has a primitive.

    Args:
        library: OBJ files; where there are any, half of the solids are one of them.

    Raises:
        UserError: a file holds no mesh.
    """
    if primitive.kind == ROOM:
        return cube()
    flat = primitive.half.min() < _FLAT * primitive.half.max()
    if library and not flat and rng.random() < 0.5:
        return read_obj(library[int(rng.integers(len(library)))])
    if primitive.kind == ELLIPSOID:
        return lump(rng, 0.0 if rng.random() < 0.4 else float(rng.uniform(0.05, 0.35)))
    if primitive.kind == CYLINDER:
        return turned(_profile(rng))
    if flat or rng.random() < 0.5:
        return cube()
    make = (chair, shelf, table)[int(rng.integers(3))]
    return make(rng)


def cube() -> Mesh:
    """The whole of [-1, 1]."""
    return Mesh(_CUBE[_CUBE_FACES])


def turned(profile: Floats) -> Mesh:
    """A surface of revolution about the y axis.

    Args:
        profile: (P, 2) radius and y from top to bottom, radii up to 1.
    """
    angle = np.linspace(0, 2 * np.pi, _ROUND, endpoint=False)
    ring = np.stack([np.sin(angle), np.zeros(_ROUND), np.cos(angle)], axis=1)
    points = profile[:, None, :1] * ring + profile[:, None, 1:] * np.array([0.0, 1.0, 0.0])
    return _smooth(points.reshape(-1, 3), _strips(len(profile), closed=True))


def _profile(rng: np.random.Generator) -> Floats:
    """Of a vase, a bottle, a bowl upside down or a plain drum, with flat ends."""
    if rng.random() < 0.25:
        radii = np.ones(2)
    else:
        knots = rng.uniform(0.25, 1.0, int(rng.integers(3, 6)))
        places = np.linspace(0, 1, len(knots))
        fine = np.linspace(0, 1, 24)
        radii = np.polynomial.Polynomial.fit(places, knots, len(knots) - 1)(fine)
        radii = np.clip(radii / radii.max(), 0.12, 1.0)
    heights = np.linspace(-1, 1, len(radii))
    ends = [[0.0, -1.0], *np.stack([radii, heights], axis=1), [0.0, 1.0]]
    return np.asarray(ends, np.float32)


def lump(rng: np.random.Generator, rough: float) -> Mesh:
    """A sphere with so much of its radius in smooth bumps: a ball, fruit, a stone."""
    rows = 40
    polar = np.linspace(0, np.pi, rows)
    angle = np.linspace(0, 2 * np.pi, _ROUND, endpoint=False)
    unit = np.stack(
        [
            np.sin(polar)[:, None] * np.sin(angle),
            np.repeat(-np.cos(polar)[:, None], _ROUND, axis=1),
            np.sin(polar)[:, None] * np.cos(angle),
        ],
        axis=-1,
    ).reshape(-1, 3)
    bumps = np.zeros(len(unit))
    for wave in rng.normal(size=(6, 3)) * np.linspace(1.0, 5.0, 6)[:, None]:
        bumps += np.sin(unit @ wave + rng.uniform(0, 2 * np.pi)) / (1 + np.linalg.norm(wave))
    bumps /= max(float(np.abs(bumps).max()), 1e-6)
    points = unit * (1 - rough * (0.5 - 0.5 * bumps))[:, None]
    return _smooth(points / np.abs(points).max(axis=0), _strips(rows, closed=True))


def chair(rng: np.random.Generator) -> Mesh:
    """Four legs, a seat and a back of bars or one board."""
    leg, seat = float(rng.uniform(0.06, 0.14)), float(rng.uniform(-0.1, 0.25))
    parts = [((-1, seat, -1), (1, seat + 0.1, 1)), *_legs(leg, seat + 0.1)]
    if rng.random() < 0.5:
        parts.append(((-1, -1, 1 - leg), (1, seat - 0.2, 1)))
    else:
        bars = int(rng.integers(3, 7))
        for x in np.linspace(-1, 1 - leg, bars):
            parts.append(((x, -1, 1 - leg), (x + leg, seat, 1)))
        parts.append(((-1, -1, 1 - leg), (1, -0.85, 1)))
    return _boxes(parts)


def table(rng: np.random.Generator) -> Mesh:
    """A top on four legs."""
    return _boxes([((-1, -1, -1), (1, -0.88, 1)), *_legs(float(rng.uniform(0.06, 0.18)), -0.9)])


def shelf(rng: np.random.Generator) -> Mesh:
    """Boards between two sides, open to front and back or with a back."""
    thick = float(rng.uniform(0.04, 0.1))
    parts: list[tuple[_Corner, _Corner]] = [
        ((-1, -1, -1), (-1 + 2 * thick, 1, 1)),
        ((1 - 2 * thick, -1, -1), (1, 1, 1)),
    ]
    for y in np.linspace(-1, 1 - 2 * thick, int(rng.integers(3, 6))):
        parts.append(((-1, y, -1), (1, y + 2 * thick, 1)))
    if rng.random() < 0.6:
        parts.append(((-1, -1, 1 - 2 * thick), (1, 1, 1)))
    return _boxes(parts)


def _legs(thick: float, top: float) -> list[tuple[_Corner, _Corner]]:
    wide = 2 * thick
    return [
        ((x, top, z), (x + wide, 1.0, z + wide)) for x in (-1, 1 - wide) for z in (-1, 1 - wide)
    ]


def _boxes(parts: Sequence[tuple[_Corner, _Corner]]) -> Mesh:
    low = np.array([part[0] for part in parts], np.float32)[:, None, None]
    high = np.array([part[1] for part in parts], np.float32)[:, None, None]
    unit = (cube().corners + 1) / 2
    return Mesh((low + unit * (high - low)).reshape(-1, 3, 3).astype(np.float32))


def _strips(rows: int, closed: bool) -> NDArray[np.int64]:
    """Triangles (T, 3) between rows of ``_ROUND`` points each."""
    row, column = np.meshgrid(np.arange(rows - 1), np.arange(_ROUND), indexing="ij")
    a = (row * _ROUND + column).ravel()
    b = (row * _ROUND + (column + 1) % _ROUND).ravel()
    quads = np.stack([a, b, a + _ROUND, b + _ROUND], axis=1)
    return np.concatenate([quads[:, [0, 1, 2]], quads[:, [1, 3, 2]]])


def _smooth(points: NDArray[np.float64], faces: NDArray[np.int64]) -> Mesh:
    """Triangles without area left out, a point's normal the mean of its triangles' by area,
    but where triangles meet at an edge."""
    corners = points[faces].astype(np.float32)
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    kept = np.linalg.norm(across, axis=1) > 1e-9
    faces, corners, across = faces[kept], corners[kept], across[kept]
    flat = across / np.linalg.norm(across, axis=1, keepdims=True)
    total = np.zeros_like(points)
    for k in range(3):
        np.add.at(total, faces[:, k], across)
    total /= np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)
    normals = total[faces]
    edge = (normals * flat[:, None]).sum(axis=2) < 0.8
    normals[edge] = np.broadcast_to(flat[:, None], normals.shape)[edge]
    return Mesh(corners, normals.astype(np.float32))


def read_obj(path: Path) -> Mesh:
    """The triangles of a Wavefront OBJ file, brought to [-1, 1]; its y is taken as up.

    Raises:
        UserError: unreadable, no faces, or more than ``MOST_TRIANGLES``.
    """
    points: list[list[float]] = []
    faces: list[tuple[int, int, int]] = []
    try:
        for line in path.read_text(errors="replace").splitlines():
            kind, *words = line.split() or [""]
            if kind == "v":
                points.append([float(word) for word in words[:3]])
            elif kind == "f":
                ring = [int(word.split("/")[0]) for word in words]
                ring = [i - 1 if i > 0 else len(points) + i for i in ring]
                faces += [(ring[0], ring[k], ring[k + 1]) for k in range(1, len(ring) - 1)]
        corners = np.array(points, np.float32)[np.array(faces)]
    except (OSError, ValueError, IndexError):
        raise UserError(f"{path} is no OBJ mesh", "leave it out of the folder of meshes") from None
    if len(faces) > MOST_TRIANGLES:
        raise UserError(
            f"{path} has {len(faces)} triangles, more than {MOST_TRIANGLES}",
            "leave it out of the folder of meshes",
        )
    low, high = corners.min(axis=(0, 1)), corners.max(axis=(0, 1))
    if not np.isfinite(corners).all() or (high - low).max() <= 0:
        raise UserError(f"{path} has no extent", "leave it out of the folder of meshes")
    corners = (corners - (low + high) / 2) / np.maximum((high - low) / 2, 1e-9)
    corners[..., 1:] *= -1  # a half turn about x: y down, and no mirror image
    return Mesh(corners)
