"""Scenes with truth, as the user's camera would have taken them: lessons and an exam.

The camera's K and planes are reported, its noise can be measured; the trainer's own generator,
narrowed to these figures, gives stacks whose truth is known. The re-rendering of real frames is
neither teacher nor judge enough by itself: where noise is strong, an answer that follows it can
explain frames better while depth becomes worse.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from edgedepth.data.degrade import DegradeRecipe
from edgedepth.data.planes import PlaneRecipe
from edgedepth.data.pool import Batch, PackedStack, assemble, pack
from edgedepth.data.recipe import Recipe, random_stack
from edgedepth.data.sources import ProceduralSource
from edgedepth.data.sweep_writer import VIEW_LIMITS
from edgedepth.learn.material import Material
from edgedepth.spec import ModelSpec

AROUND = 1.25
"""K and noise are drawn up to this factor about the measured ones: they are not known better."""

OUTSIDE, BLIND = 0.2, 0.1
"""Of a stack at most this share lies beyond its planes on either side, and few sweeps know nothing
of their scene: whoever sweeps what is before the lens leaves less out than the trainer does."""

EVEN = (0.5, 0.3, 0.1, 0.1)
"""Most sweeps step evenly in dioptres; see PlaneRecipe.spread_weights."""

MOST_FRAMES = 8

SEEDS_APART, FIRST_LESSON = 1_000_003, 500_000
"""Between the stacks of one seed and the next, and between the exam's and the lessons'."""


def camera_recipe(material: Sequence[Material]) -> Recipe:
    """Stacks narrowed to the camera that took these sweeps."""
    k = float(np.median([m.cue_coc for m in material]))
    noise = float(np.median([m.noise for m in material]))
    blur = k * max(m.inputs.sweep.span for m in material)
    usual = Recipe()
    return replace(
        usual,
        frames=min(MOST_FRAMES, max(len(m.focus) + 1 for m in material)),
        coc_px_per_dioptre=(k / AROUND, k * AROUND),
        max_coc_px=max(usual.max_coc_px, AROUND * blur),
        linear_share=1.0,
        planes=PlaneRecipe(
            blind_share=BLIND,
            layout_share=0.0,
            far_outside=OUTSIDE,
            near_outside=OUTSIDE,
            spread_weights=EVEN,
        ),
        degrade=DegradeRecipe(
            read_noise=(noise / AROUND, noise * AROUND),
            shot_noise=(1e-6, 1e-5),
            misaligned_share=1.0,
            shrunk_share=0.0,
        ),
    )


def exam(
    material: Sequence[Material], spec: ModelSpec, count: int, seed: int = 0, threads: int = 2
) -> list[Batch]:
    """Render ``count`` stacks of a camera on the model's whole grid, each a batch of one.

    Args:
        material: of its sweeps, prepared for ``spec``.
        seed: of the first stack.
        threads: stacks rendered at a time.
    """
    stacks = _stacks(material, spec, range(count), seed, threads)
    return [assemble([stack], spec) for stack in stacks]


def lessons(
    material: Sequence[Material], spec: ModelSpec, count: int, seed: int = 0, threads: int = 2
) -> list[PackedStack]:
    """Render ``count`` stacks of a camera to learn from, none of them of the exam.

    Args:
        material: of its sweeps.
        spec: of a network for crops of the model's grid.
        seed, threads: see :func:`exam`.
    """
    return _stacks(material, spec, range(FIRST_LESSON, FIRST_LESSON + count), seed, threads)


def _stacks(
    material: Sequence[Material], spec: ModelSpec, numbers: range, seed: int, threads: int
) -> list[PackedStack]:
    fit = material[0].inputs.fit
    size = spec.height * fit.cue_scale, spec.width * fit.cue_scale
    recipe = replace(camera_recipe(material), height=size[0], width=size[1])
    view = material[0].tan_half_width * spec.width / fit.model[1]
    scenes = ProceduralSource(supersample=1, tan_half_width=float(np.clip(view, *VIEW_LIMITS)))

    def make(number: int) -> PackedStack:
        sample = random_stack(recipe, seed * SEEDS_APART + number, [scenes])
        return pack(sample, spec, spec.height, spec.width)

    with ThreadPoolExecutor(max(1, threads)) as pool:
        return list(pool.map(make, numbers))
