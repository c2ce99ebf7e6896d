"""Rehearsal: scenes that were never photographed, as the user's camera would have taken them.

What sets a camera apart from those in training shows in its sweeps without any depth truth: K
and the planes are reported, noise can be measured. The trainer's own generator, narrowed to
these figures, then gives stacks whose truth is known. They teach what the re-rendering of real
frames cannot: there, an answer that follows the frames' noise explains them better than the
truth does.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from edgedepth.data.degrade import DegradeRecipe
from edgedepth.data.planes import PlaneRecipe
from edgedepth.data.pool import Batch, PackedStack, assemble, pack, vary
from edgedepth.data.recipe import Recipe, random_stack
from edgedepth.data.sources import open_source
from edgedepth.learn.material import Material
from edgedepth.spec import ModelSpec

HELD_OUT = 0.15
"""Share of the rehearsed stacks that teach nothing: the error is measured on them."""

AROUND = 1.25
"""K and noise are drawn up to this factor about the measured ones: they are not known better."""

TAKEN = 8
"""Most frames of a rehearsed stack."""


@dataclass(frozen=True)
class Rehearsal:
    """Rendered stacks of one camera, with truth.

    Attributes:
        stacks: to learn from.
        held_out: to measure on.
    """

    stacks: tuple[PackedStack, ...]
    held_out: tuple[PackedStack, ...]

    def batch(self, count: int, spec: ModelSpec, rng: np.random.Generator) -> Batch:
        """``count`` random stacks, mirrored or not, near to far or far to near."""
        frames = len(self.stacks[0].rgb)  # ever as many: TensorFlow builds a graph for each
        chosen = rng.choice(len(self.stacks), count, replace=len(self.stacks) < count)
        return assemble([vary(self.stacks[int(i)], frames, spec, rng) for i in chosen], spec)

    def exam(self, spec: ModelSpec) -> Batch:
        """All held-out stacks with all their frames."""
        return assemble(list(self.held_out), spec)


def camera_recipe(material: Sequence[Material], height: int, width: int) -> Recipe:
    """Training stacks narrowed to the camera that took these sweeps.

    Args:
        height, width: of the model's grid.
    """
    scale = material[0].inputs.fit.cue_scale
    k = float(np.median([m.cue_coc for m in material]))
    noise = float(np.median([m.noise for m in material]))
    blur = k * max(m.inputs.sweep.span for m in material)
    usual = Recipe()
    return replace(
        usual,
        height=height * scale,
        width=width * scale,
        frames=min(TAKEN, max(len(m.focus) + 1 for m in material)),
        coc_px_per_dioptre=(k / AROUND, k * AROUND),
        max_coc_px=max(usual.max_coc_px, AROUND * blur),
        linear_share=1.0,
        planes=replace(PlaneRecipe(), layout_share=0.0),
        degrade=replace(
            DegradeRecipe(),
            read_noise=(noise / AROUND, noise * AROUND),
            shot_noise=(1e-6, 1e-5),
            misaligned_share=1.0,
        ),
    )


def rehearse(
    material: Sequence[Material],
    spec: ModelSpec,
    count: int,
    size: tuple[int, int],
    seed: int = 0,
    threads: int = 2,
) -> Rehearsal:
    """Render ``count`` stacks of a camera.

    Args:
        material: of its sweeps.
        spec: of the network.
        size: (height, width) of the stacks on the model's grid.
        seed: of the first stack.
        threads: stacks rendered at a time.
    """
    recipe, source = camera_recipe(material, *size), open_source("procedural")

    def make(index: int) -> PackedStack:
        return pack(random_stack(recipe, seed * 1_000_003 + index, [source]), spec, *size)

    with ThreadPoolExecutor(max(1, threads)) as pool:
        made = list(pool.map(make, range(count)))
    aside = max(1, round(HELD_OUT * count))
    return Rehearsal(tuple(made[aside:]), tuple(made[:aside]))
