"""What the models are fed: a real sweep, or a rendered one, never zeros."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import edgedepth
from edgedepth.capture.inference import prepare
from edgedepth.capture.limits import check_frames
from edgedepth.capture.modelfile import ModelFile
from edgedepth.preprocess import ModelInputs
from edgedepth.protocols import Protocol, rendered_cases, thinned
from edgedepth.stack import FocalStack

SAMPLE = Path(edgedepth.__file__).resolve().parent / "samples" / "desk"
RENDERED_FRAMES = 6
NEAREST_M, FARTHEST_M = 0.35, 4.0
_PHONE_COC = 1.64


@dataclass
class Pictures:
    """Where the frames come from; a sweep is decoded and aligned once per model size.

    Attributes:
        sweep: folder, None for a rendered stack.
    """

    sweep: Path | None
    threads: int = 2
    _stacks: dict[tuple[int, int], FocalStack] = field(default_factory=dict)

    @property
    def source(self) -> str:
        """In words."""
        if self.sweep is None:
            return "rendered: a procedural scene through the phone's lens"
        shipped = self.sweep.resolve() == SAMPLE
        return f"{'shipped sample' if shipped else 'sweep'} {self.sweep.name}"

    def stack(self, model: ModelFile) -> FocalStack:
        """Frames for a model: its N spread over the sweep, all of them if it only streams.

        Raises:
            UserError: the sweep is missing, cannot be read, or is too short.
        """
        whole = self._whole(model)
        composite = 1 if model.spec.all_in_focus_first else 0
        wanted = model.spec.frames - composite if model.spec.frames else len(whole)
        stack = thinned(whole, wanted)
        check_frames(len(stack), model)
        return stack

    def model_inputs(self, model: ModelFile) -> ModelInputs:
        """The frames as a model takes them."""
        return prepare(self.stack(model), model.spec)

    def _whole(self, model: ModelFile) -> FocalStack:
        if self.sweep is None:
            return render(max(RENDERED_FRAMES, model.spec.frames))
        size = model.spec.height, model.spec.width
        if size not in self._stacks:
            from edgedepth.capture.register import register_sweep
            from edgedepth.capture.sweep import read_sweep

            read = read_sweep(self.sweep)
            self._stacks[size] = register_sweep(read, size, threads=self.threads).stack
        return self._stacks[size]


def render(frames: int) -> FocalStack:
    """A procedural scene, its planes evenly spaced in dioptres from 0.35 to 4 m."""
    from edgedepth.data.sources import open_source

    planes = 1 / np.linspace(1 / NEAREST_M, 1 / FARTHEST_M, frames)
    protocol = Protocol("bench", _PHONE_COC, tuple(float(p) for p in planes), "a phone's planes")
    return next(iter(rendered_cases(protocol, open_source("procedural"), 1))).stack


def default_pictures(models: Sequence[ModelFile], threads: int) -> Pictures:
    """The shipped sample sweep; a rendered stack where it is missing or too short."""
    frames = len(list(SAMPLE.glob("*.jpg"))) if SAMPLE.is_dir() else 0
    wanted = max((m.spec.frames for m in models), default=0)
    return Pictures(SAMPLE if frames >= max(1, wanted) else None, threads)
