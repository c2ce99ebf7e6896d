from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from edgedepth.data.desk import desk_world
from edgedepth.data.scenes import (
    FARTHEST_M,
    NEAREST_M,
    lens_points,
    make_world,
    procedural_scene,
    render_world,
    trace_thin_lens,
)
from edgedepth.data.textures import KINDS, Material, colour_at
from edgedepth.data.tracer import FACES, ROOM, Primitive, World, trace
from edgedepth.metrics import psnr


def test_a_seed_gives_the_same_bits_and_another_another() -> None:
    first, again, other = (procedural_scene(s, 48, 64, 2) for s in (3, 3, 4))
    for a, b in ((first.rgb, again.rgb), (first.depth_m, again.depth_m)):
        assert np.array_equal(a, b)
    assert not np.array_equal(first.rgb, other.rgb)
    assert first.name != other.name


def test_shapes_types_and_ranges() -> None:
    scene = procedural_scene(0, 48, 64)
    assert scene.rgb.shape == (48, 64, 3)
    assert scene.rgb.dtype == scene.depth_m.dtype == np.float32
    assert scene.rgb.min() >= 0
    assert scene.rgb.max() <= 1
    assert scene.valid.all()
    assert scene.segments is not None
    assert scene.segments.dtype == np.uint16
    assert scene.segments.max() < FACES * len(make_world(0).primitives)


def test_depths_keep_to_their_range_and_both_near_and_far_are_common() -> None:
    depths = [procedural_scene(seed, 20, 28).depth_m for seed in range(90)]
    assert min(d.min() for d in depths) >= NEAREST_M
    assert max(d.max() for d in depths) <= FARTHEST_M
    medians = np.array([np.median(d) for d in depths])
    assert 0.3 < (medians < 1.0).mean() < 0.75
    assert (medians < 0.5).mean() > 0.08
    assert (medians > 2.5).mean() > 0.15


def test_scenes_have_depth_edges_and_texture_to_focus_on() -> None:
    spans, detail = [], []
    for seed in range(9):
        scene = procedural_scene(seed, 240, 320, 2)
        near, far = np.percentile(1 / scene.depth_m, [95, 5])
        spans.append(near - far)
        grey = scene.rgb.mean(-1)
        detail.append(np.abs(2 * grey[:, 1:-1] - grey[:, :-2] - grey[:, 2:]).mean())
    assert np.median(spans) > 0.5
    assert np.median(detail) > 0.01


def test_supersampling_keeps_the_geometry() -> None:
    plain, fine = procedural_scene(8, 60, 80), procedural_scene(8, 60, 80, 3)
    assert np.median(np.abs(plain.depth_m - fine.depth_m)) < 1e-5
    assert psnr(plain.rgb, fine.rgb) > 15


@pytest.mark.parametrize("kind", KINDS)
def test_every_texture_is_a_colour_that_varies(kind: str) -> None:
    palette = ((0.1, 0.2, 0.3), (0.5, 0.5, 0.5), (0.9, 0.8, 0.7))
    material = Material(kind, 2.0, palette, 1.0, 0.1, (0.3, 0.7), 0.2, 1)
    u, v = (a.ravel() for a in np.meshgrid(*[np.linspace(-1, 1, 60, dtype=np.float32)] * 2))
    colour = colour_at(material, u, v)
    assert colour.shape == (3600, 3)
    assert colour.min() >= 0.1 - 1e-6
    assert colour.max() <= 0.9 + 1e-6
    assert colour.std(axis=0).min() > 0.004


def test_a_pinhole_lens_sees_the_pinhole_picture() -> None:
    scene = procedural_scene(9, 48, 64, 4)
    seen = trace_thin_lens(9, 48, 64, 1.0, 1e-6, 64)
    assert psnr(seen, scene.rgb) > 38


def test_a_lens_blurs_what_is_out_of_focus_only() -> None:
    world = make_world(1)
    rgb, depth, _ = trace(world, 60, 80)
    near, far = np.quantile(1 / depth, [0.97, 0.03])
    sharp_near = trace_thin_lens(world, 60, 80, float(near), 12, 48)
    at_near = np.abs(1 / depth - near) < 0.02
    at_far = np.abs(1 / depth - far) < 0.02
    error = np.abs(sharp_near - rgb).mean(-1)
    assert error[at_near].mean() < 0.6 * error[at_far].mean()


@pytest.mark.parametrize("count", [32, 48, 96])
def test_rays_lie_evenly_on_the_lens_and_in_the_pixel(count: int) -> None:
    lens, pixel = lens_points(count)
    assert lens.shape == pixel.shape == (count, 2)
    assert (np.hypot(*lens.T) <= 1).all()
    assert np.square(lens).mean(axis=0) == pytest.approx(0.25, rel=0.1)
    assert pixel.mean(axis=0) == pytest.approx(0.5)
    np.testing.assert_allclose(lens.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(lens.T @ (pixel - 0.5), 0, atol=1e-12)


def test_an_odd_count_of_rays_darkens_nothing() -> None:
    odd, even = (trace_thin_lens(9, 24, 32, 1.0, 3.0, count) for count in (15, 16))
    np.testing.assert_array_equal(odd, even)


def wall(distance_m: float) -> World:
    """A grained wall that faces the camera."""
    colours = ((0.1, 0.1, 0.1), (0.5, 0.5, 0.5), (0.9, 0.9, 0.9))
    grain = Material("speckle", 60.0, colours, 1.0, 0.5, (0.3, 0.7), 0.2, 1)
    room = Primitive(ROOM, np.zeros(3), np.eye(3), np.array([9.0, 9.0, distance_m]), (grain,))
    return World((room,), np.zeros(3), np.eye(3), 0.5, np.zeros(3), 1.0, 0.0, 1.0)


@pytest.mark.parametrize("axis", [0, 1])
def test_a_traced_lens_is_sharpest_where_it_is_focused(axis: int) -> None:
    """At a phone's small blur, where a pixel is as wide as the blur, and along either side."""
    detail = []
    for focus in (0.5, 1.5, 2.5):
        picture = trace_thin_lens(wall(1 / 1.5), 120, 160, focus, 1.64, 96).mean(axis=-1)
        detail.append(float(np.square(np.diff(picture, n=2, axis=axis)).mean()))
    farther, sharp, nearer = detail
    assert farther < 0.8 * sharp
    assert nearer == pytest.approx(farther, rel=0.02)


def test_a_scene_takes_under_a_third_of_a_second_at_vga() -> None:
    procedural_scene(0, 480, 640)
    start = time.process_time()
    for seed in range(4):
        procedural_scene(seed, 480, 640)
    assert (time.process_time() - start) / 4 < 0.6  # 0.1 s alone; other load doubles it


def test_the_desk_spans_what_its_planes_span() -> None:
    scene = render_world(desk_world(), 30, 40, 1, "desk")
    assert 0.3 < scene.depth_m.min() < 0.4
    assert 3.5 < scene.depth_m.max() < 4.5
    shares = np.histogram(scene.depth_m, [0.3, 0.5, 0.8, 1.3, 5])[0] / scene.depth_m.size
    assert shares.min() > 0.08


def test_shadows_only_darken() -> None:
    world = desk_world()
    lit, _, _ = trace(replace(world, lamp_radius_m=None), 30, 40)
    shaded, _, _ = trace(world, 30, 40)
    assert (shaded <= lit + 1e-6).all()
    assert 0.03 < (shaded < lit - 0.02).mean() < 0.6
