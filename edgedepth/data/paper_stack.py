"""Focal stacks with the published settings, for a fair comparison with the paper's data.

Bruns's code draws the focus of each of five pictures evenly from 256 levels of 0 to 10 m and
blurs a level ``d`` away by a Gaussian of ``d / 256 * 4`` pixels at 640x480; a sixth picture is
the sharp one. Nothing else is done to the pictures. Training takes random 320x240 crops.
"""

from __future__ import annotations

import numpy as np

from edgedepth.data.degrade import to_bytes
from edgedepth.data.missing import fill_missing
from edgedepth.data.paper_renderer import render_stack_paper
from edgedepth.data.recipe import StackSample
from edgedepth.data.scenes import RgbdScene

PLANES = 5
LEVELS = 256
RANGE_M = 10.0
MAX_SIGMA_PX = 4.0

COC_PX_PER_METRE = 4 * MAX_SIGMA_PX / RANGE_M
"""A Gaussian's sigma is a quarter of the blur's diameter."""


def paper_stack(scene: RgbdScene, seed: int) -> StackSample:
    """The published stack of a scene. Level 0 is left out: nothing focuses at 0 m.

    The blur is linear in metres, so no lens has this K; ``coc_px_per_dioptre`` is what the
    blur per metre amounts to at the scene's median depth.
    """
    rng = np.random.default_rng([seed, 23])
    focus_m = rng.integers(1, LEVELS - 1, PLANES) * (RANGE_M / (LEVELS - 1))
    depth = np.clip(fill_missing(scene.depth_m, scene.valid), 0.05, RANGE_M)
    pictures = render_stack_paper(scene.rgb, depth, focus_m, COC_PX_PER_METRE)
    frames = np.stack([to_bytes(picture) for picture in pictures])
    return StackSample(
        frames,
        (1 / focus_m).astype(np.float32),
        COC_PX_PER_METRE * float(np.median(depth)) ** 2,
        depth,
        scene.valid,
        np.ones(frames.shape[:3], bool),
        to_bytes(scene.rgb),
        scene.name,
    )
