"""``cloud.ply``: the depth map as coloured points in metres.

Camera coordinates: x right, y down, z forward, origin at the lens. Binary little-endian PLY
(Turk 1994), one vertex per pixel that has a depth.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgedepth.capture.inference import FARTHEST_M, DepthResult

VERTEX = np.dtype(
    [("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("red", "u1"), ("green", "u1"), ("blue", "u1")]
)


def point_cloud(
    depth_m: NDArray[np.float32], rgb: NDArray[np.uint8], focal_px: tuple[float, float]
) -> NDArray[np.void]:
    """Back-project a depth map through a pinhole in the picture's centre.

    Args:
        depth_m: (H, W) metres along the optical axis, NaN where unknown.
        rgb: uint8 (H, W, 3).
        focal_px: (fx, fy) in pixels of the depth map.

    Returns:
        (points,) of :data:`VERTEX`; depths at the far limit are left out.
    """
    height, width = depth_m.shape
    known = np.isfinite(depth_m) & (depth_m < 0.99 * FARTHEST_M)
    rows, columns = np.nonzero(known)
    z = depth_m[known]
    points = np.empty(len(z), VERTEX)
    points["x"] = (columns - (width - 1) / 2) / focal_px[0] * z
    points["y"] = (rows - (height - 1) / 2) / focal_px[1] * z
    points["z"] = z
    for channel, name in enumerate(("red", "green", "blue")):
        points[name] = rgb[..., channel][known]
    return points


def write_ply(path: Path, result: DepthResult) -> None:
    """Write a result as a point cloud."""
    height, width = result.depth_m.shape
    camera = result.sweep.camera.camera
    focal = (
        camera.focal_length_px(width),
        camera.focal_length_px() * height / camera.image_height_px,
    )
    points = point_cloud(result.depth_m, result.reference, focal)
    header = (
        "ply\nformat binary_little_endian 1.0\n"
        "comment edgedepth: metres, x right, y down, z forward\n"
        f"element vertex {len(points)}\n"
        "property float x\nproperty float y\nproperty float z\n"
        "property uchar red\nproperty uchar green\nproperty uchar blue\nend_header\n"
    )
    path.write_bytes(header.encode("ascii") + points.tobytes())
