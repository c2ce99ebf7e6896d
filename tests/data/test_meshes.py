"""Shapes that stand in path-traced scenes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from edgedepth.data import meshes
from edgedepth.data.scenes import make_world
from edgedepth.data.tracer import CYLINDER, ROOM
from edgedepth.errors import UserError

CUBE = """
# a cube by its quads, some counted from the end
v 0 0 0
v 2 0 0
v 2 4 0
v 0 4 0
v 0 0 6
v 2 0 6
v 2 4 6
v 0 4 6
vt 0 0
f 1/1 4/1 3/1 2/1
f 5 6 7 8
f 1 2 6 5
f -6 -5 -1 -2
f 1 5 8 4
f 2 3 7 6
"""


def every_kind() -> list[meshes.Mesh]:
    rng = np.random.default_rng(0)
    made = [meshes.cube(), meshes.lump(rng, 0.0), meshes.lump(rng, 0.3)]
    for make in (meshes.chair, meshes.table, meshes.shelf):
        made += [make(rng) for _ in range(4)]
    return made


def turned_shapes() -> list[meshes.Mesh]:
    drum = next(p for p in make_world(1).primitives if p.kind == CYLINDER)
    return [meshes.shape_of(drum, np.random.default_rng(seed), ()) for seed in range(8)]


def test_shapes_keep_to_their_box_and_normals_are_of_unit_length():
    for mesh in (*every_kind(), *turned_shapes()):
        assert np.abs(mesh.corners).max() <= 1 + 1e-5
        np.testing.assert_allclose(np.abs(mesh.corners).max(axis=(0, 1)), 1, atol=0.05)
        np.testing.assert_allclose(np.linalg.norm(mesh.flat_normals(), axis=1), 1, atol=1e-4)
        if mesh.normals is not None:
            np.testing.assert_allclose(np.linalg.norm(mesh.normals, axis=2), 1, atol=1e-4)
            assert ((mesh.normals * mesh.flat_normals()[:, None]).sum(axis=2) > 0.7).all()


def test_round_shapes_are_closed_and_turn_their_outside_outward():
    for mesh in (meshes.lump(np.random.default_rng(1), 0.25), *turned_shapes()):
        edges: Counter[tuple[bytes, bytes]] = Counter()
        for triangle in np.round(mesh.corners, 4) + 0.0:
            a, b, c = (corner.tobytes() for corner in triangle)
            edges.update([(a, b), (b, c), (c, a)])
        assert set(edges.values()) == {1}
        assert all((b, a) in edges for a, b in edges)
        a, b, c = (mesh.corners[:, k] for k in range(3))
        assert (a * np.cross(b, c)).sum() / 6 > 0.1  # the volume, negative inside out


def test_an_obj_file_fills_the_box_and_is_no_mirror_image(tmp_path: Path):
    path = tmp_path / "cube.obj"
    path.write_text(CUBE)
    mesh = meshes.read_obj(path)
    assert mesh.corners.shape == (12, 3, 3)
    assert set(np.unique(mesh.corners)) == {-1, 1}
    outward = (mesh.corners.mean(axis=1) * mesh.flat_normals()).sum(axis=1)
    assert (outward > 0).all()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is no OBJ mesh"),
        ("v 0 0\nf 1 2 3\n", "is no OBJ mesh"),
        ("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 9\n", "is no OBJ mesh"),
        ("v 1 1 1\nf 1 1 1\n", "has no extent"),
        ("v nan 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n", "has no extent"),
    ],
)
def test_files_without_a_mesh_are_named(tmp_path: Path, text: str, words: str):
    path = tmp_path / "bad.obj"
    path.write_text(text)
    with pytest.raises(UserError, match=words):
        meshes.read_obj(path)


def test_a_scan_is_no_object_among_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "cube.obj"
    path.write_text(CUBE)
    monkeypatch.setattr(meshes, "MOST_TRIANGLES", 11)
    with pytest.raises(UserError, match="has 12 triangles"):
        meshes.read_obj(path)


def test_rooms_and_boards_stay_what_they_are_and_a_library_lends_half(tmp_path: Path):
    path = tmp_path / "cube.obj"
    path.write_text(CUBE)
    rng = np.random.default_rng(0)
    borrowed = solids = 0
    for seed in range(20):
        for primitive in make_world(seed).primitives:
            mesh = meshes.shape_of(primitive, rng, [path])
            flat = primitive.half.min() < 0.1 * primitive.half.max()
            if primitive.kind == ROOM:
                assert np.array_equal(mesh.corners, meshes.cube().corners)
            elif not flat:
                solids += 1
                borrowed += np.array_equal(mesh.corners, meshes.read_obj(path).corners)
    assert 0.4 < borrowed / solids < 0.6
