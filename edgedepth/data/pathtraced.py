"""Made scenes before a path tracer: light that bounces, soft shadows, gloss, meshes, a true lens.

Geometry and materials are those of :mod:`edgedepth.data.scenes`, with shapes of
:mod:`edgedepth.data.meshes` standing where the ray tracer has boxes, ellipsoids and cylinders.
Mitsuba 3 (Jakob et al. 2022) follows the light; Open Image Denoise takes out what is left of its
noise, which a network would else take for texture.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgedepth.data.meshes import shape_of
from edgedepth.data.photos import PhotoSource, lay
from edgedepth.data.scenes import RgbdScene, make_world
from edgedepth.data.textures import Material, colour_at
from edgedepth.data.tracer import ROOM, Primitive, World
from edgedepth.errors import UserError
from edgedepth.light import DISPLAY_GAMMA

Floats = NDArray[np.float32]

LLVM = (
    "/usr/lib/x86_64-linux-gnu/libLLVM.so.19.1",
    "/usr/lib/aarch64-linux-gnu/libLLVM.so.19.1",
)
"""Where Debian has the library that makes Mitsuba several times faster; 14 and 16 abort."""

EDITION = 2
"""Raised where the same scene gives other pictures than before: kept ones are made again."""

_BOUNCES = 5
_PASS = 16
"""Samples of a pixel that are followed at once, spread evenly over lens and pixel."""

_PHOTO_SHARE, _GLOSS_SHARE = 0.6, 0.3
_PICTURE_PX, _TEXELS = 640, (64, 1536)
"""A texture has a texel for each pixel of so wide a picture, within these bounds."""

_DARKEST = 0.005
"""Albedo below which a surface is as good as black."""

_BRIGHTEST = 0.85
"""No surface gives back more of the light."""


@dataclasses.dataclass(frozen=True)
class Surface:
    """Triangles of one material.

    Attributes:
        corners: float32 (T, 3, 3) metres in the world.
        normals: float32 (T, 3, 3) at the corners; None for flat triangles.
        uv: float32 (T, 3, 2) in the texture, 0 to 1.
        texture: float32 (h, w, 3), gamma-encoded.
        roughness: of its gloss; None for a matte surface.
    """

    corners: Floats
    normals: Floats | None
    uv: Floats
    texture: Floats
    roughness: float | None


def make_surfaces(
    world: World, seed: int, photos: PhotoSource | None = None, meshes: Sequence[Path] = ()
) -> list[Surface]:
    """What a world's solids look like to the path tracer; the same arguments give the same.

    Args:
        photos: pictures that cover about six of ten surfaces.
        meshes: OBJ files that stand in for about half of the solids.

    Raises:
        UserError: a picture or a mesh cannot be read.
    """
    rng = np.random.default_rng([seed, 11])
    found = []
    for primitive in world.primitives:
        texel_m = _texel_m(world, primitive)
        mesh = shape_of(primitive, rng, meshes)
        own = mesh.corners * primitive.half.astype(np.float32)
        flat = dataclasses.replace(mesh, corners=own).flat_normals()
        axis = np.abs(flat).argmax(axis=1)
        positive = np.take_along_axis(flat, axis[:, None], axis=1)[:, 0] > 0
        uv = _box_mapped(own, axis)
        normals = mesh.normals
        if normals is not None:
            normals = normals / primitive.half.astype(np.float32)
            normals = _turned(normals / np.linalg.norm(normals, axis=2, keepdims=True), primitive)
        single = len(primitive.materials) == 1
        faces = np.zeros(len(own), int) if single else 2 * axis + positive
        for face in np.unique(faces):
            part = faces == face
            material = primitive.materials[0 if single else face]
            inside, texture = _textured(rng, uv[part], material, texel_m, photos)
            found.append(
                Surface(
                    _turned(own[part], primitive) + primitive.centre.astype(np.float32),
                    None if normals is None else normals[part],
                    inside,
                    texture,
                    float(rng.uniform(0.1, 0.4)) if rng.random() < _GLOSS_SHARE else None,
                )
            )
    return found


def _turned(vectors: Floats, primitive: Primitive) -> Floats:
    """From a primitive's own axes to the world's."""
    world: Floats = vectors @ primitive.axes.astype(np.float32)
    return world


def _box_mapped(own: Floats, axis: NDArray[np.intp]) -> Floats:
    """Each triangle seen along the axis it faces most, (T, 3, 2) metres."""
    across = np.where(axis == 0, 2, 0)[:, None]
    along = np.where(axis == 1, 2, 1)[:, None]
    rows, corners = np.arange(len(own))[:, None], np.arange(3)
    return np.stack([own[rows, corners, across], own[rows, corners, along]], axis=-1)


def _texel_m(world: World, primitive: Primitive) -> float:
    """What a pixel covers where a solid is nearest; of a room, half way to its end."""
    seen = (primitive.corners() - world.eye) @ world.pose[2]
    distance = seen.max() / 2 if primitive.kind == ROOM else max(seen.min(), 0.2 * seen.max())
    return float(2 * world.tan_half_width * distance / _PICTURE_PX)


def _textured(
    rng: np.random.Generator,
    uv: Floats,
    material: Material,
    texel_m: float,
    photos: PhotoSource | None,
) -> tuple[Floats, Floats]:
    """Coordinates within a texture of just the extent that is needed, and the texture."""
    low, high = uv.min(axis=(0, 1)), uv.max(axis=(0, 1))
    extent = np.maximum(high - low, 1e-6)
    width, height = (int(np.clip(e / texel_m, *_TEXELS)) for e in extent)
    if photos is not None and rng.random() < _PHOTO_SHARE:
        texture = lay(rng, photos.picture(photos.pick(rng)), height, width)
    else:
        texture = _painted(material, low, extent, height, width)
    return ((uv - low) / extent).astype(np.float32), texture


def _painted(material: Material, low: Floats, extent: Floats, height: int, width: int) -> Floats:
    u = low[0] + extent[0] * (np.arange(width, dtype=np.float32) + 0.5) / width
    v = low[1] + extent[1] * (np.arange(height, dtype=np.float32) + 0.5) / height
    grid = np.meshgrid(u.astype(np.float32), v.astype(np.float32))
    return colour_at(material, grid[0].ravel(), grid[1].ravel()).reshape(height, width, 3)


@lru_cache(maxsize=1)
def load_mitsuba() -> Any:
    """Mitsuba with its fastest variant that works here.

    Raises:
        UserError: it is not installed.
    """
    try:
        import mitsuba
    except ImportError:
        raise UserError(
            "path tracing needs Mitsuba", "pip install 'edgedepth[pathtrace]'"
        ) from None
    library = next((path for path in LLVM if Path(path).exists()), None)
    if library is not None:
        os.environ.setdefault("DRJIT_LIBLLVM_PATH", library)
    fast = os.environ.get("DRJIT_LIBLLVM_PATH")
    mitsuba.set_variant("llvm_ad_rgb" if fast else "scalar_rgb")
    mitsuba.set_log_level(mitsuba.LogLevel.Error)  # it tells of every count of rays it rounds up
    return mitsuba


def scene_name(seed: int) -> str:
    """Of a scene, in messages and files."""
    return f"pathtraced-{seed:05d}"


class PathScene:
    """A made scene that can be photographed, sharp or through a lens.

    Attributes:
        name: of its pictures.
    """

    def __init__(
        self,
        seed: int,
        photos: PhotoSource | None = None,
        meshes: Sequence[Path] = (),
        world: World | None = None,
    ) -> None:
        """Make the scene of a seed.

        Args:
            seed: any non-negative number; those below
                :data:`edgedepth.data.sources.EVALUATION_SEED` are for training.
            photos, meshes: see :func:`make_surfaces`.
            world: the geometry; the seed's own if None.

        Raises:
            UserError: Mitsuba is not installed, or a picture or mesh cannot be read.
        """
        self.name = scene_name(seed)
        self._mi = load_mitsuba()
        self._world = world or make_world(seed)
        self._seed = seed
        rng = np.random.default_rng([seed, 12])
        parts: dict[str, Any] = {"type": "scene"}
        for index, surface in enumerate(make_surfaces(self._world, seed, photos, meshes)):
            parts[f"surface{index}"] = self._shape(surface)
        parts["panel"] = self._panel(rng)
        if not self._is_inside_solid(self._world.light):
            parts["lamp"] = self._lamp(rng)
        self._scene = self._mi.load_dict(parts)
        self._level = float(rng.uniform(0.35, 0.95))

    def sharp(self, height: int, width: int, samples: int = 64) -> RgbdScene:
        """The scene through a pinhole.

        Args:
            samples: rays per pixel.

        Returns:
            the picture without noise, with depth at one point of each pixel.
        """
        camera = self._camera(height, width)
        light, helpers = self._light(camera, samples)
        point = np.array(
            self._mi.render(
                self._scene,
                sensor=camera,
                integrator=self._mi.load_dict({"type": "aov", "aovs": "where:position"}),
                spp=1,
                seed=self._seed,
            ),
            np.float32,
        )[..., -3:]
        depth = (point - self._world.eye.astype(np.float32)) @ self._world.pose[2].astype(
            np.float32
        )
        rgb = self._developed(denoised(light, *helpers))
        return RgbdScene(rgb, depth.astype(np.float32), depth > 0, self.name)

    def through_lens(
        self,
        height: int,
        width: int,
        focus_dioptres: float,
        coc_px_per_dioptre: float,
        samples: int = 64,
    ) -> Floats:
        """What a round thin lens sees; arguments as of
        :func:`edgedepth.data.scenes.trace_thin_lens`.

        Returns:
            float32 (H, W, 3), gamma-encoded.
        """
        radius = coc_px_per_dioptre * self._world.tan_half_width / width
        camera = self._camera(
            height,
            width,
            type="thinlens",
            aperture_radius=radius,
            focus_distance=1 / focus_dioptres,
        )
        light, helpers = self._light(camera, samples)
        return self._developed(denoised(light, *helpers))

    def _camera(self, height: int, width: int, **lens: Any) -> Any:
        eye, (_, down, forward) = self._world.eye, self._world.pose
        return self._mi.load_dict(
            {
                "type": "perspective",
                "fov": float(np.degrees(2 * np.arctan(self._world.tan_half_width))),
                "fov_axis": "x",
                "near_clip": 1e-3,
                "to_world": self._mi.ScalarTransform4f().look_at(
                    origin=eye.tolist(), target=(eye + forward).tolist(), up=(-down).tolist()
                ),
                "film": {
                    "type": "hdrfilm",
                    "width": width,
                    "height": height,
                    "rfilter": {"type": "box"},
                    "pixel_format": "rgb",
                    "component_format": "float32",
                },
                "sampler": {"type": "multijitter", "sample_count": _PASS},
                **lens,
            }
        )

    def _light(self, camera: Any, samples: int) -> tuple[Floats, tuple[Floats, Floats]]:
        """Linear light (H, W, 3) and what the denoiser is helped by: albedo and normals."""
        integrator = self._mi.load_dict(
            {
                "type": "aov",
                "aovs": "albedo:albedo,normal:sh_normal",
                "light": {"type": "path", "max_depth": _BOUNCES},
            }
        )
        total: Floats | None = None
        passes = -(-samples // _PASS)
        for number in range(passes):
            part = np.array(
                self._mi.render(
                    self._scene,
                    sensor=camera,
                    integrator=integrator,
                    spp=min(_PASS, samples),
                    seed=self._seed * 1009 % 2**31 + number,
                ),
                np.float32,
            )
            total = part if total is None else total + part
        assert total is not None
        mean = np.nan_to_num(total / np.float32(passes))
        return mean[..., :3], (np.clip(mean[..., 3:6], 0, 1), np.clip(mean[..., 6:9], -1, 1))

    @cached_property
    def _exposure(self) -> float:
        """Makes the brightest tenth of the scene as bright as its seed says."""
        light, _ = self._light(self._camera(48, 64), _PASS)
        return self._level / max(float(np.quantile(light.mean(axis=2), 0.9)), 1e-6)

    def _developed(self, light: Floats) -> Floats:
        exposed = np.clip(light * np.float32(self._exposure), 0, 1)
        encoded: Floats = exposed ** np.float32(1 / DISPLAY_GAMMA)
        return encoded

    def _shape(self, surface: Surface) -> Any:
        mi = self._mi
        colours = _BRIGHTEST * np.clip(surface.texture, 0.01, 1) ** np.float32(DISPLAY_GAMMA)
        paint = {
            "type": "bitmap",
            "bitmap": mi.Bitmap(np.ascontiguousarray(colours[::-1], np.float32)),
            "raw": True,
            "wrap_mode": "mirror",
        }
        cover: dict[str, Any] = {"type": "diffuse", "reflectance": paint}
        if surface.roughness is not None:
            cover = {
                "type": "roughplastic",
                "diffuse_reflectance": paint,
                "alpha": surface.roughness,
                "nonlinear": False,
            }
        properties = mi.Properties()
        properties["cover"] = mi.load_dict({"type": "twosided", "cover": cover})
        count = len(surface.corners)
        mesh = mi.Mesh(
            "surface",
            vertex_count=3 * count,
            face_count=count,
            has_vertex_normals=surface.normals is not None,
            has_vertex_texcoords=True,
            props=properties,
        )
        values = mi.traverse(mesh)
        values["vertex_positions"] = surface.corners.ravel()
        values["faces"] = np.arange(3 * count, dtype=np.uint32)
        values["vertex_texcoords"] = surface.uv.ravel()
        if surface.normals is not None:
            values["vertex_normals"] = surface.normals.ravel()
        values.update()
        return mesh

    def _panel(self, rng: np.random.Generator) -> Any:
        """A bright rectangle under the ceiling, facing down."""
        room = self._world.primitives[0]
        half = room.half * np.array([rng.uniform(0.2, 0.8), 1.0, rng.uniform(0.2, 0.8)])
        centre = room.centre + np.array([0.0, -0.99 * room.half[1], 0.0])
        pose = np.eye(4)
        pose[:3, 0], pose[:3, 1] = [0, 0, half[2]], [half[0], 0, 0]
        pose[:3, 2], pose[:3, 3] = [0, 1, 0], centre
        away = float(np.sum((centre - self._middle) ** 2))
        radiance = self._world.ambient * away / float(4 * half[0] * half[2])
        return {
            "type": "rectangle",
            "to_world": self._mi.ScalarTransform4f(pose),
            "cover": {"type": "diffuse", "reflectance": {"type": "rgb", "value": 0.0}},
            "light": {
                "type": "area",
                "radiance": {"type": "rgb", "value": _tinted(rng, radiance)},
            },
        }

    def _lamp(self, rng: np.random.Generator) -> Any:
        """A bright ball where the ray tracer has its lamp."""
        size = float(rng.uniform(0.03, 0.12) * self._world.primitives[0].half.min())
        away = float(np.sum((self._world.light - self._middle) ** 2))
        radiance = self._world.lamp * away / (np.pi * size**2)
        return {
            "type": "sphere",
            "center": self._world.light.tolist(),
            "radius": size,
            "light": {
                "type": "area",
                "radiance": {"type": "rgb", "value": _tinted(rng, radiance)},
            },
        }

    @property
    def _middle(self) -> NDArray[np.float64]:
        """What the camera looks at: half way to the room's farther wall."""
        room = self._world.primitives[0]
        deep = float(((room.corners() - self._world.eye) @ self._world.pose[2]).max())
        point: NDArray[np.float64] = self._world.eye + self._world.pose[2] * deep / 2
        return point

    def _is_inside_solid(self, point: NDArray[np.float64]) -> bool:
        return any(
            bool((np.abs(solid.axes @ (point - solid.centre)) < 1.2 * solid.half).all())
            for solid in self._world.primitives[1:]
        )


def _tinted(rng: np.random.Generator, radiance: float) -> list[float]:
    """Warm to cold white."""
    warm = rng.uniform(-0.15, 0.15)
    return [radiance * (1 + warm), radiance, radiance * (1 - warm)]


def denoised(light: Floats, albedo: Floats, normals: Floats) -> Floats:
    """Linear light without a path tracer's noise (Open Image Denoise, Afra 2025).

    What falls on surfaces is denoised and not what comes back, so that textures stay as they are.

    Raises:
        UserError: the denoiser is not installed.
    """
    try:
        from pyoidn import denoise
    except ImportError:
        raise UserError(
            "path tracing needs Open Image Denoise", "pip install 'edgedepth[pathtrace]'"
        ) from None
    paint = np.maximum(albedo, np.float32(_DARKEST))
    falling = np.ascontiguousarray(light / paint, np.float32)
    helpers = {"albedo": np.ones_like(falling), "normal": np.ascontiguousarray(normals, np.float32)}
    clean: Floats = np.asarray(denoise(falling, **helpers, hdr=True), np.float32)
    return clean * paint
