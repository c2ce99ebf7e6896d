"""Rendered focal sweeps as a phone would have left them: JPEGs with true EXIF, and the truth.

Frames breathe as the thin lens does (the nearer the focus, the larger the picture), so a
sweep has to be aligned like a real one. The truth lies in the first frame's geometry.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from edgedepth import __version__, optics
from edgedepth.data.blur import Aperture
from edgedepth.data.degrade import add_noise, similarity, to_bytes
from edgedepth.data.missing import fill_missing
from edgedepth.data.pairs import millimetres
from edgedepth.data.paper_renderer import paper_coc_px_per_metre, render_stack_paper
from edgedepth.data.planes import LAYOUTS
from edgedepth.data.recipe import Renderer
from edgedepth.data.renderer import render_stack
from edgedepth.data.scenes import FARTHEST_M, RgbdScene
from edgedepth.data.sources import Source
from edgedepth.errors import UserError
from edgedepth.files import new_folder
from edgedepth.light import DISPLAY_GAMMA

TRUTH_SCHEMA = "edgedepth-truth/1"
DEFAULT_SIZE = (960, 1280)
"""(height, width) of scenes that can be rendered at any size."""

VIEW_LIMITS = (0.25, 0.8)
"""Tangent of half the view that procedural scenes can fill; a longer lens sees this much."""

MAX_SIDE = 8192


@dataclass(frozen=True)
class CameraPreset:
    """A camera to render for.

    Attributes:
        model: as written into the EXIF.
        focal_length_mm, f_number, sensor_width_mm: the lens and the sensor.
        focus_m: planes in metres of a sweep that names none.
    """

    model: str
    focal_length_mm: float
    f_number: float
    sensor_width_mm: float
    focus_m: tuple[float, ...] = LAYOUTS["phone"]

    def __post_init__(self) -> None:
        figures = (self.focal_length_mm, self.f_number, self.sensor_width_mm)
        if not all(math.isfinite(x) and 0 < x < 1000 for x in figures):
            raise ValueError("focal length, f-number and sensor width must be positive")


PRESETS: dict[str, CameraPreset] = {
    "pixel6pro": CameraPreset("edgedepth Pixel 6 Pro main", 6.81, 1.85, 9.8),
    "pixel3": CameraPreset("edgedepth Pixel 3 main", 4.44, 1.8, 5.64),
    "dered": CameraPreset("edgedepth 50 mm f/8", 50.0, 8.0, 7.68, LAYOUTS["dered"]),
}
"""Phones' main cameras, and the literature's 50 mm f/8 with 12 um pixels at 640."""


def parse_camera(text: str) -> CameraPreset:
    """A preset's name, or ``f_mm,N,sensor_width_mm``.

    Raises:
        ValueError: neither.
    """
    if text in PRESETS:
        return PRESETS[text]
    try:
        focal, f_number, width = (float(part) for part in text.split(","))
        return CameraPreset(f"edgedepth {focal:g} mm f/{f_number:g}", focal, f_number, width)
    except ValueError:
        raise ValueError(
            f"{text!r} is neither {', '.join(PRESETS)} nor f_mm,N,sensor_width_mm, "
            "e.g. 6.81,1.85,9.8"
        ) from None


@dataclass(frozen=True)
class RenderedSweep:
    """A sweep before it is written.

    Attributes:
        frames: uint8 (H, W, 3) each, in capture order.
        focus_dioptres: (N,), 0 for infinity.
        depth_m: float32 (H, W) in the first frame's geometry, 0 where unknown.
        sharp: uint8 (H, W, 3), the same without blur.
        camera: that took it.
        scene: its name.
        renderer: that rendered it.
    """

    frames: list[NDArray[np.uint8]]
    focus_dioptres: NDArray[np.float32]
    depth_m: NDArray[np.float32]
    sharp: NDArray[np.uint8]
    camera: CameraPreset
    scene: str
    renderer: Renderer

    @property
    def coc_px_per_dioptre(self) -> float:
        """K at the frames' width."""
        return _k(self.camera, self.sharp.shape[1])


def _k(camera: CameraPreset, width: int) -> float:
    return optics.coc_px_per_dioptre(
        camera.focal_length_mm, camera.f_number, camera.sensor_width_mm, width
    )


@dataclass(frozen=True)
class SweepOptions:
    """How a sweep is taken.

    Attributes:
        focus_dioptres: planes, in capture order; 0 for infinity.
        size: (height, width); None for the scene's own.
        renderer: which lens.
        aperture: its shape; the paper's renderer knows Gaussians only.
        shake_px: largest shift of a hand-held frame against the first.
        noise: spread of the read noise, of full scale.
        seed: of shake and noise.
    """

    focus_dioptres: tuple[float, ...]
    size: tuple[int, int] | None = None
    renderer: Renderer = "edgedepth"
    aperture: Aperture = "disk"
    shake_px: float = 0.0
    noise: float = 0.004
    seed: int = 0


def render_sweep(
    source: Source, index: int, camera: CameraPreset, options: SweepOptions
) -> RenderedSweep:
    """Render scene ``index`` of a source as a sweep.

    The scene is rendered as seen with the lens at infinity; each frame is then enlarged by its
    breathing, which enlarges the blur as the exact thin lens does. Shaken frames are enlarged
    a little more, and the scene taken that much wider, so that no border shows.

    Raises:
        UserError: a focus distance lies within the focal length, or the source cannot be read.
    """
    focus = np.array(options.focus_dioptres, np.float32)
    try:
        breathing = optics.breathing_scale(focus, camera.focal_length_mm)
    except ValueError as error:
        raise UserError(
            f"{error} ({camera.focal_length_mm:g} mm)", "give farther --focus distances"
        ) from None
    scene, reserve = _scene(source, index, camera, options)
    height, width = scene.depth_m.shape
    rgb, depth = scene.rgb, fill_missing(scene.depth_m, scene.valid)
    k = _k(camera, width) / reserve
    light = rgb ** np.float32(DISPLAY_GAMMA)
    if options.renderer == "paper":
        focus_m = np.minimum(optics.dioptres_to_metres(focus), FARTHEST_M)
        stack = render_stack_paper(light, depth, focus_m, paper_coc_px_per_metre(depth, k))
    else:
        stack = render_stack(light, 1 / depth, focus, k, aperture=options.aperture)
    stack = np.clip(stack, 0, 1) ** np.float32(1 / DISPLAY_GAMMA)
    rng = np.random.default_rng([options.seed, index, 5])
    frames = []
    for i, picture in enumerate(stack):
        dx, dy = rng.uniform(-1, 1, 2) * (options.shake_px if i else 0.0)
        matrix = similarity(float(breathing[i]) * reserve, float(dx), float(dy), height, width)
        frames.append(to_bytes(add_noise(rng, _warped(picture, matrix), options.noise, 0.0)))
    first = similarity(float(breathing[0]) * reserve, 0.0, 0.0, height, width)
    known = np.where(scene.valid, scene.depth_m, 0).astype(np.float32)
    truth = cv2.warpAffine(known, first, (width, height), flags=cv2.INTER_NEAREST)
    return RenderedSweep(
        frames,
        focus,
        np.asarray(truth, np.float32),
        to_bytes(_warped(rgb, first)),
        camera,
        scene.name,
        options.renderer,
    )


def _warped(picture: NDArray[np.float32], matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    size = (picture.shape[1], picture.shape[0])
    warped = cv2.warpAffine(
        picture, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(warped, np.float32)


def _scene(
    source: Source, index: int, camera: CameraPreset, options: SweepOptions
) -> tuple[RgbdScene, float]:
    """A scene at the wanted size, and how much wider it was taken than the camera sees."""
    size = options.size or DEFAULT_SIZE
    if source.endless:
        reserve = _reserve(options.shake_px, size)
        view = float(np.clip(camera.sensor_width_mm / camera.focal_length_mm / 2, *VIEW_LIMITS))
        return source.scene(index, size, view * reserve), reserve
    scene = source.scene(index)
    if options.size is not None:
        scene = fit_scene(scene, options.size)
    return scene, _reserve(options.shake_px, scene.depth_m.shape[:2])


def _reserve(shake_px: float, size: tuple[int, ...]) -> float:
    return 1.0 if shake_px <= 0 else 1 + 2 * (shake_px + 1) / min(size)


def fit_scene(scene: RgbdScene, size: tuple[int, int]) -> RgbdScene:
    """Cut the middle of a scene to another aspect and resize it to (height, width)."""
    height, width = scene.depth_m.shape
    scale = max(size[0] / height, size[1] / width)
    h, w = min(height, round(size[0] / scale)), min(width, round(size[1] / scale))
    top, left = (height - h) // 2, (width - w) // 2
    window = (slice(top, top + h), slice(left, left + w))
    area = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    flat = (size[1], size[0])
    rgb = cv2.resize(scene.rgb[window], flat, interpolation=area)
    depth = cv2.resize(scene.depth_m[window], flat, interpolation=cv2.INTER_NEAREST)
    valid = cv2.resize(scene.valid[window].astype(np.uint8), flat, interpolation=cv2.INTER_NEAREST)
    return RgbdScene(
        np.asarray(rgb, np.float32), np.asarray(depth, np.float32), valid > 0, scene.name
    )


def jpeg_with_exif(
    frame: NDArray[np.uint8], focus_dioptres: float, camera: CameraPreset, quality: int
) -> bytes:
    """A JPEG whose EXIF says what was in focus and what took it (EXIF 2.32).

    Infinity is SubjectDistance FFFFFFFF/1; the sensor's width can be read back from the
    pixels per centimetre of its focal plane.
    """
    height, width = frame.shape[:2]
    exif = Image.Exif()
    exif[0x010F] = "edgedepth"  # Make
    exif[0x0110] = camera.model  # Model
    exif[0x0131] = f"edgedepth {__version__}"  # Software
    photo = exif.get_ifd(0x8769)
    photo[0x829D] = IFDRational(round(camera.f_number * 100), 100)  # FNumber
    photo[0x920A] = IFDRational(round(camera.focal_length_mm * 1000), 1000)  # FocalLength
    photo[0x9206] = _distance(focus_dioptres)  # SubjectDistance
    photo[0xA002], photo[0xA003] = width, height  # PixelXDimension, PixelYDimension
    pitch = round(camera.sensor_width_mm * 1000)
    photo[0xA20E] = IFDRational(width * 10000, pitch)  # FocalPlaneXResolution
    photo[0xA20F] = IFDRational(width * 10000, pitch)  # FocalPlaneYResolution
    photo[0xA210] = 3  # FocalPlaneResolutionUnit: centimetre
    data = BytesIO()
    Image.fromarray(frame).save(data, "JPEG", quality=quality, exif=exif, optimize=True)
    return data.getvalue()


def _distance(focus_dioptres: float) -> IFDRational:
    if focus_dioptres <= 0:
        return IFDRational(0xFFFFFFFF, 1)
    return IFDRational(round(1000 / focus_dioptres), 1000)


def write_sweep(sweep: RenderedSweep, folder: Path, quality: int = 92, truth: bool = True) -> None:
    """Write a sweep folder, whole or not at all.

    The truth goes into ``truth/``: ``truth_depth_mm.png`` (uint16, 0 unknown),
    ``all_in_focus.jpg`` and ``truth.json``.

    Raises:
        UserError: the folder exists and is not empty, or cannot be written.
    """
    with new_folder(folder) as partial:
        for i, (frame, focus) in enumerate(zip(sweep.frames, sweep.focus_dioptres, strict=True)):
            data = jpeg_with_exif(frame, float(focus), sweep.camera, quality)
            (partial / f"frame_{i:02d}.jpg").write_bytes(data)
        if truth:
            _write_truth(sweep, partial / "truth")


def _write_truth(sweep: RenderedSweep, folder: Path) -> None:
    folder.mkdir()
    Image.fromarray(millimetres(sweep.depth_m)).save(folder / "truth_depth_mm.png")
    Image.fromarray(sweep.sharp).save(folder / "all_in_focus.jpg", quality=92)
    record = {
        "schema": TRUTH_SCHEMA,
        "scene": sweep.scene,
        "renderer": sweep.renderer,
        "focus_dioptres": [float(f) for f in sweep.focus_dioptres],
        "coc_px_per_dioptre": sweep.coc_px_per_dioptre,
        "camera": asdict(sweep.camera),
    }
    (folder / "truth.json").write_text(json.dumps(record, indent=2) + "\n")
