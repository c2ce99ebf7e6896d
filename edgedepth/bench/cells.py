"""What is measured: every combination of model, runtime, kernels, threads and way of running."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from edgedepth.capture.modelfile import ModelFile
from edgedepth.capture.runtimes import Name, choose
from edgedepth.errors import UserError
from edgedepth.spec import ModelSpec

Mode = Literal["unrolled", "streaming"]
Delegate = Literal["cpu", "gpu"]
MOST_THREADS = 64


@dataclass(frozen=True)
class Cell:
    """One combination.

    Attributes:
        runtime: as ``--runtime`` names it; on a phone the app's.
        xnnpack: whether the runtime may use its fast kernels.
        mode: ``"unrolled"``: one call for the whole stack; ``"streaming"``: one per frame, then
            the decoding.
        frames: N, the composite of a model that wants one included.
        delegate: ``"cpu"``, or ``"gpu"`` on a phone.
    """

    model: ModelFile
    runtime: str
    xnnpack: bool
    threads: int
    mode: Mode
    frames: int
    delegate: Delegate = "cpu"

    @property
    def label(self) -> str:
        """Short and unambiguous among one benchmark's cells."""
        kernels = "" if self.xnnpack else ", no XNNPACK"
        where = "GPU" if self.delegate == "gpu" else threads_in_words(self.threads)
        return f"{self.model.path.stem}, {self.runtime}{kernels}, {where}, {self.mode}"


def threads_in_words(count: int) -> str:
    """With the right plural."""
    return f"{count} thread{'s' if count > 1 else ''}"


def modes(spec: ModelSpec, frames: int) -> list[Mode]:
    """The ways in which a model can take a stack of so many frames."""
    found: list[Mode] = []
    if spec.frames == frames:
        found.append("unrolled")
    if spec.streaming:
        found.append("streaming")
    return found


def make_cells(
    models: Sequence[tuple[ModelFile, int]],
    runtimes: Sequence[str],
    kernels: Sequence[bool],
    threads: Sequence[int],
) -> list[Cell]:
    """All combinations, models outermost.

    Args:
        models: each with the number of frames it is given.
    """
    return [
        Cell(model, runtime, xnnpack, count, mode, frames)
        for model, frames in models
        for runtime in runtimes
        for xnnpack in kernels
        for count in threads
        for mode in modes(model.spec, frames)
    ]


def parse_threads(text: str) -> list[int]:
    """``"1,2"`` as [1, 2].

    Raises:
        ValueError: not whole numbers from 1 to 64.
    """
    counts = [int(part) for part in text.split(",")]
    if not all(1 <= count <= MOST_THREADS for count in counts):
        raise ValueError(f"threads are whole numbers from 1 to {MOST_THREADS}")
    return list(dict.fromkeys(counts))


def parse_runtimes(text: str) -> list[Name]:
    """``"litert,tflite-runtime"`` as names of installed runtimes.

    Raises:
        UserError: unknown, or not installed.
    """
    return list(dict.fromkeys(choose(part.strip()) for part in text.split(",")))


def parse_delegates(text: str) -> list[Delegate]:
    """``"cpu,gpu"`` as a list.

    Raises:
        ValueError: something else.
    """
    names = dict.fromkeys(part.strip() for part in text.split(","))
    if not names.keys() <= set(get_args(Delegate)):
        raise ValueError("delegates are cpu and gpu")
    return list(names)  # type: ignore[arg-type]


def require_distinct(paths: Iterable[Path]) -> None:
    """Results go by file name, so two models must not share one.

    Raises:
        UserError: two do.
    """
    seen: dict[str, Path] = {}
    for path in paths:
        if path.name in seen:
            raise UserError(
                f"{seen[path.name]} and {path} have the same file name",
                "rename one: results go by file name",
            )
        seen[path.name] = path


def cell_record(cell: Cell, version: str) -> dict[str, Any]:
    """The combination as it stands in a result."""
    return {
        "model": cell.model.path.name,
        "runtime": cell.runtime,
        "runtime_version": version,
        "xnnpack": cell.xnnpack,
        "threads": cell.threads,
        "delegate": cell.delegate,
        "mode": cell.mode,
        "frames": cell.frames,
    }
