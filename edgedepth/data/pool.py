"""A growing pool of rendered, packed stacks on disk, and the batches drawn from it.

Rendering a stack costs more than training on it, so worker processes render ahead while the
trainer draws from what is there. Everything is a function of the seed and the step: which
stacks exist at a step, which of them a batch takes and how it varies them. A run that is
killed and resumed therefore sees the same data as one that is not.
"""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import signal
import time
import traceback
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgedepth import preprocess
from edgedepth.cues import Evidence, focus_energy
from edgedepth.data.photos import PhotoSource
from edgedepth.data.recipe import Recipe, Renderer, StackSample, random_stack
from edgedepth.data.record_source import RecordSource
from edgedepth.data.sources import Source, open_for_training
from edgedepth.errors import UserError
from edgedepth.files import write_arrays
from edgedepth.spec import ModelSpec

STALLED_S = 900
ENDS_STAY = 0.7
"""Share of the drawn stacks that keep their nearest and farthest plane."""

FOCUSED_SHARE = 0.8
"""Share of the single pictures that are focused at something they show, as cameras do it."""


@dataclass(frozen=True)
class PoolConfig:
    """What the pool holds.

    Attributes:
        sources: SOURCE texts.
        exclude: patterns of scene names that training never sees.
        recipe: how stacks are drawn.
        seed: of stack 0; stack i has seed + i.
        start, size: stacks before the first step and at most.
        growth: stacks that each step adds.
        coarse_every: every so-manieth stack is packed at half the size, as captures with
            native resolution to spare are (cue scale 4 instead of 2); 0 for none.
        renderer: which lens.
    """

    sources: tuple[str, ...]
    exclude: tuple[str, ...]
    recipe: Recipe
    seed: int
    start: int
    size: int
    growth: float
    coarse_every: int
    renderer: Renderer

    def available(self, step: int) -> int:
        """Stacks that batches of this step may draw from."""
        return min(self.size, self.start + int(self.growth * step))

    def share_of(self, index: int | NDArray[np.intp], total: int) -> Any:
        """Which of ``total`` shares of the data stack ``index`` belongs to; coarse and fine
        stacks are spread over the shares alike."""
        return index // max(1, self.coarse_every) % total

    def is_coarse(self, index: int) -> bool:
        """Whether stack ``index`` is packed at half the size."""
        return self.coarse_every > 0 and index % self.coarse_every == self.coarse_every - 1

    def open_sources(self) -> list[Source | PhotoSource]:
        """Open the sources.

        Raises:
            UserError: one cannot be opened.
        """
        return open_for_training(self.sources, self.exclude)


@dataclass(frozen=True)
class PackedStack:
    """A stack on the model's grid, from which any choice of its frames can be fed, with truth.

    Attributes:
        rgb: uint8 (N, h, w, 3).
        energy: float16 (N, h, w, 2) focus energy; None for a model without cues.
        frame_valid: bool (N, h, w), likewise.
        focus_dioptres: (N,).
        cue_coc: K at the cue image.
        inverse_depth: float32 (h, w) dioptres, 0 where unknown.
        valid: bool (h, w).
    """

    rgb: NDArray[np.uint8]
    energy: NDArray[np.float16] | None
    frame_valid: NDArray[np.bool_] | None
    focus_dioptres: NDArray[np.float32]
    cue_coc: float
    inverse_depth: NDArray[np.float32]
    valid: NDArray[np.bool_]

    def picked(
        self, frames: NDArray[np.intp], down: slice = slice(None), across: slice = slice(None)
    ) -> PackedStack:
        """Some of the frames in that order, and of the picture what the slices take."""
        return PackedStack(
            self.rgb[frames][:, down, across],
            None if self.energy is None else self.energy[frames][:, down, across],
            None if self.frame_valid is None else self.frame_valid[frames][:, down, across],
            self.focus_dioptres[frames],
            self.cue_coc,
            self.inverse_depth[down, across],
            self.valid[down, across],
        )


def pack(sample: StackSample, spec: ModelSpec, height: int, width: int) -> PackedStack:
    """Pack a rendered stack at (height, width); with the sharp picture first if the spec asks."""
    _, rows, columns, _ = sample.frames.shape
    fit = preprocess.Fit.of((rows, columns), (height, width))
    frames, masks = list(sample.frames), list(sample.frame_valid)
    focus = sample.focus_dioptres
    if spec.all_in_focus_first:
        frames.insert(0, sample.sharp)
        masks.insert(0, np.ones(sample.valid.shape, bool))
        focus = np.concatenate([[0], focus]).astype(np.float32)
    laid = [
        fit.to_cue_image(frame, None if mask.all() else mask)
        for frame, mask in zip(frames, masks, strict=True)
    ]
    energy, whole = None, None
    if spec.cue_planes:
        energy = np.stack([focus_energy(p, height, width) for p, _ in laid]).astype(np.float16)
        whole = np.ones((len(laid), height, width), bool)
        for mask, (_, valid) in zip(whole, laid, strict=True):
            if valid is not None:
                mask &= preprocess.whole_pixels(valid, height, width)
    step = sample.depth_m.shape[0] // height
    centre = slice(step // 2, None, step)
    valid = sample.valid[centre, centre][:height, :width]
    depth = sample.depth_m[centre, centre][:height, :width]
    return PackedStack(
        np.stack([preprocess.rgb_planes(p, height, width) for p, _ in laid]),
        energy,
        whole,
        focus,
        fit.cue_coc(sample.coc_px_per_dioptre),
        np.where(valid, 1 / np.maximum(depth, 1e-3), 0).astype(np.float32),
        valid,
    )


@dataclass(frozen=True)
class Shares:
    """Which shares of the data a process draws, for each of its replicas.

    Every stack belongs to one share, so shares never overlap. A step draws a batch from every
    share, whoever draws it.

    Attributes:
        replicas: the shares of each replica of this process.
        total: shares of all processes.
    """

    replicas: tuple[tuple[int, ...], ...] = ((0,),)
    total: int = 1

    def stacks(self, config: PoolConfig, count: int) -> list[int]:
        """Those of the first ``count`` stacks that are drawn here."""
        mine = {share for replica in self.replicas for share in replica}
        return [i for i in range(count) if config.share_of(i, self.total) in mine]


class Pool:
    """The stacks of a PoolConfig in a folder, rendered by worker processes.

    Use as a context manager: workers run inside it.

    Attributes:
        shares: those of the data that are drawn here; only their stacks are rendered.
        waited_s: time for which the trainer has stood waiting for batches.
    """

    def __init__(
        self,
        config: PoolConfig,
        spec: ModelSpec,
        folder: Path,
        workers: int,
        shares: Shares | None = None,
    ) -> None:
        self.config, self.spec, self.folder, self.workers = config, spec, folder, workers
        self.shares = shares or Shares()
        self.waited_s = 0.0
        self._processes: list[multiprocessing.process.BaseProcess] = []

    def __enter__(self) -> Pool:
        self.folder.mkdir(parents=True, exist_ok=True)
        context = multiprocessing.get_context("spawn")
        for rank in range(self.workers):
            process = context.Process(
                target=_render_share,
                args=(
                    self.config,
                    self.spec,
                    self.folder,
                    self.shares.stacks(self.config, self.config.size)[rank :: self.workers],
                    os.getpid(),
                ),
                daemon=True,
            )
            process.start()
            self._processes.append(process)
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.terminate()
            process.join()
        self._processes.clear()

    def stack(self, index: int) -> PackedStack:
        """Stack ``index``, waiting for its worker where it is not there yet.

        Raises:
            UserError: the worker gave up; its reason is passed on.
        """
        path = stack_path(self.folder, index)
        started = time.monotonic()
        while not path.exists():
            self._check_workers()
            time.sleep(0.02)
            if time.monotonic() - started > STALLED_S:
                raise UserError("rendering stands still", "give --workers 1 and free the machine")
        try:
            return _load(path)
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise UserError(
                f"{path} cannot be read ({error})", "delete it; it will be rendered again"
            ) from None

    def _check_workers(self) -> None:
        complaint = self.folder / "worker-error.txt"
        if complaint.exists():
            text = complaint.read_text().strip()
            complaint.unlink()
            raise UserError(f"rendering failed: {text}", "check --data and the free disk space")
        if self._processes and all(p.exitcode not in (None, 0) for p in self._processes):
            raise UserError("the rendering workers died", "is the memory full? try --workers 1")


def stack_path(folder: Path, index: int) -> Path:
    """File of stack ``index``."""
    return folder / f"{index:07d}.npz"


def _load(path: Path) -> PackedStack:
    with np.load(path) as record:
        return PackedStack(
            record["rgb"],
            record.get("energy"),
            record.get("frame_valid"),
            record["focus_dioptres"],
            float(record["cue_coc"]),
            record["inverse_depth"].astype(np.float32),
            record["valid"],
        )


def _save(path: Path, stack: PackedStack) -> None:
    arrays = {field.name: getattr(stack, field.name) for field in dataclasses.fields(stack)}
    write_arrays(path, {name: value for name, value in arrays.items() if value is not None})


def draw_stack(
    config: PoolConfig, index: int, sources: Sequence[Source | PhotoSource]
) -> StackSample:
    """Training stack ``index``: a rendered one of ``tfrecord:`` sources, or one made now; either
    with equal chance where there are both.

    Raises:
        UserError: a source's files cannot be read.
    """
    rendered = [source for source in sources if isinstance(source, RecordSource)]
    scenes = [source for source in sources if not isinstance(source, RecordSource)]
    rng = np.random.default_rng([config.seed + index, 37])
    if not rendered or (scenes and rng.random() < 0.5):
        return random_stack(config.recipe, config.seed + index, scenes, config.renderer)
    source = rendered[int(rng.integers(len(rendered)))]
    return source.drawn(index, config.seed, config.recipe)


def _render_share(
    config: PoolConfig, spec: ModelSpec, folder: Path, stacks: Sequence[int], parent: int
) -> None:
    """Worker: render those of ``stacks`` that are missing, then end."""
    import cv2

    cv2.setNumThreads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the trainer's to handle
    try:
        sources = config.open_sources()
        for index in stacks:
            if os.getppid() != parent:
                return
            path = stack_path(folder, index)
            if not path.exists():
                sample = draw_stack(config, index, sources)
                divisor = 2 if config.is_coarse(index) else 1
                _save(path, pack(sample, spec, spec.height // divisor, spec.width // divisor))
    except Exception as error:
        text = str(error) or traceback.format_exc(limit=1)
        (folder / "worker-error.txt").write_text(" ".join(text.split()))
        raise SystemExit(1) from None


@dataclass(frozen=True)
class BatchConfig:
    """How batches are drawn.

    Attributes:
        frame_counts, frame_weights: how often a batch has how many frames, the all-in-focus
            picture aside; 0 is that picture alone.
        frames_per_batch: frames over all stacks of a batch, about.
        seed: of the drawing.
    """

    frame_counts: tuple[int, ...] = (5, 3, 8, 10, 2, 1)
    frame_weights: tuple[float, ...] = (0.31, 0.17, 0.17, 0.12, 0.12, 0.11)
    frames_per_batch: int = 40
    seed: int = 0


@dataclass(frozen=True)
class Batch:
    """Stacks of one size and frame count.

    Attributes:
        frames: uint8 (B, N, h, w, C); focus: float32 (B, N), encoded; optics: (B, 3).
        low, span: (B,) dioptre range; blur: (B,) K at the cue image.
        inverse_depth: (B, h, w) dioptres; valid: float32 (B, h, w).
    """

    frames: NDArray[np.uint8]
    focus: NDArray[np.float32]
    optics: NDArray[np.float32]
    low: NDArray[np.float32]
    span: NDArray[np.float32]
    blur: NDArray[np.float32]
    inverse_depth: NDArray[np.float32]
    valid: NDArray[np.float32]


def batch_at(
    step: int,
    config: BatchConfig,
    pool: PoolConfig,
    spec: ModelSpec,
    stack: Callable[[int], PackedStack],
    share: int = 0,
    total: int = 1,
) -> Batch:
    """The batch that a step draws from one share; the same arguments give the same batch.

    All shares of a step agree in size and frame count.
    """
    rng = np.random.default_rng([config.seed, 77, step])
    weights = np.array(config.frame_weights[: len(config.frame_counts)], np.float64)
    count = int(rng.choice(config.frame_counts, p=weights / weights.sum()))
    available = np.arange(pool.available(step))
    coarse = np.array([pool.is_coarse(int(i)) for i in available])
    use_coarse = bool(coarse.any()) and rng.random() < coarse.mean()
    mine = pool.share_of(available, total) == share
    candidates = available[(coarse == use_coarse) & mine]
    if not len(candidates):
        raise UserError(
            f"{len(available)} stacks are too few for {total} shares of data",
            "give a larger --pool-size",
        )
    if total > 1:
        rng = np.random.default_rng([config.seed, 77, step, share])
    size = max(3, min(10, config.frames_per_batch // max(1, count))) * (3 if use_coarse else 1)
    chosen = rng.choice(candidates, size, replace=len(candidates) < size)
    return assemble([vary(stack(int(i)), count, spec, rng) for i in chosen], spec)


def vary(stack: PackedStack, count: int, spec: ModelSpec, rng: np.random.Generator) -> PackedStack:
    """A choice of ``count`` frames, near to far or far to near, mirrored or not.

    The nearest and the farthest plane mostly stay: the recipe placed them so that few pixels
    lie outside, and a choice at random would undo that.
    """
    first = 1 if spec.all_in_focus_first else 0
    planes = len(stack.rgb) - first
    ranked = rng.permutation(planes)
    focus = stack.focus_dioptres[first:]
    if count > 1 and rng.random() < ENDS_STAY:
        ends = np.array([focus.argmin(), focus.argmax()])
        ranked = np.concatenate([ends, ranked[~np.isin(ranked, ends)]])
    elif count == 1 and stack.valid.any() and rng.random() < FOCUSED_SHARE:
        ranked = np.array([np.abs(focus - rng.choice(stack.inverse_depth[stack.valid])).argmin()])
    chosen = first + ranked[: min(count, planes)]
    order = np.argsort(stack.focus_dioptres[chosen], kind="stable")
    chosen = chosen[order if rng.random() < 0.5 else order[::-1]]
    if first:
        chosen = np.concatenate([[0], chosen])
    across = slice(None, None, -1 if rng.random() < 0.5 else 1)
    down = slice(None, None, -1 if rng.random() < 0.1 else 1)
    return stack.picked(chosen, down, across)


def frame_planes(stack: PackedStack, spec: ModelSpec) -> NDArray[np.uint8]:
    """(N, h, w, C) planes of a stack's frames in their order."""
    if stack.energy is None or stack.frame_valid is None:
        return stack.rgb
    evidence = Evidence(preprocess.brightness(stack.rgb[0]))
    cues = [
        evidence.add(energy.astype(np.float32), float(position), None if valid.all() else valid)
        for energy, position, valid in zip(
            stack.energy,
            preprocess.encode_focus(stack.focus_dioptres, spec),
            stack.frame_valid,
            strict=True,
        )
    ]
    return np.concatenate([stack.rgb, np.stack(cues)], axis=-1)


def _range_of_planes(focus_dioptres: NDArray[np.float32], spec: ModelSpec) -> preprocess.SweepRange:
    """The range of the planes behind the all-in-focus picture, or of that picture alone."""
    planes = focus_dioptres[1:] if spec.all_in_focus_first else focus_dioptres
    return preprocess.SweepRange.of(planes if len(planes) else focus_dioptres)


def assemble(stacks: list[PackedStack], spec: ModelSpec) -> Batch:
    """Put stacks of one size and frame count into one batch."""
    ranges = [_range_of_planes(s.focus_dioptres, spec) for s in stacks]
    return Batch(
        np.stack([frame_planes(s, spec) for s in stacks]),
        np.stack([preprocess.encode_focus(s.focus_dioptres, spec) for s in stacks]),
        np.stack([r.optics(s.cue_coc) for r, s in zip(ranges, stacks, strict=True)]),
        np.array([r.low for r in ranges], np.float32),
        np.array([r.span for r in ranges], np.float32),
        np.array([s.cue_coc for s in stacks], np.float32),
        np.stack([s.inverse_depth for s in stacks]),
        np.stack([s.valid for s in stacks]).astype(np.float32),
    )
