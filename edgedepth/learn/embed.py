"""A scene's embedding and feature maps, as the streaming network holds them after a sweep.

What a network keeps of the frames is its state. Its learnt parts (features under a running
maximum, the recurrent hidden state) describe the scene; the rest are depth answers in the
making. Everything runs on the shipped files, without TensorFlow.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgedepth.capture.inference import feed, initial_state, prepare
from edgedepth.capture.modelfile import ModelFile
from edgedepth.capture.runtimes import Runtime
from edgedepth.errors import UserError
from edgedepth.preprocess import Fit
from edgedepth.stack import FocalStack

SCHEMA = "edgedepth-embed/1"

Floats = NDArray[np.float32]

MEMORY = "state_c"
"""The recurrent cell's own memory; the hidden state is what it shows of it."""

ANSWERS = ("state_means", "state_answers")
"""Depth in the making rather than features."""


@dataclass(frozen=True)
class Part:
    """Some neighbouring numbers of an array's last axis and what they are."""

    name: str
    start: int
    stop: int


@dataclass(frozen=True)
class Features:
    """What a network holds of one stack.

    Attributes:
        maps: stride -> float32 (h, w, C), the picture's part, upright; a map at stride s has
            one cell per s x s pixels of the model's input.
        parts: stride -> what its channels are.
        embedding: float32 (E,): mean, then maximum, over each map's learnt parts.
        embedding_parts: what its numbers are.
    """

    maps: dict[int, Floats]
    parts: dict[int, tuple[Part, ...]]
    embedding: Floats
    embedding_parts: tuple[Part, ...]


def extract(stack: FocalStack, model: ModelFile, engine: Runtime) -> Features:
    """Run a network's encoder and recurrence over an aligned stack.

    Raises:
        UserError: the file has no streaming signatures, so its state cannot be read.
    """
    if "encode_step" not in engine:
        raise UserError(
            f"{model.path.name} keeps its features to itself: it has no streaming signatures",
            "convert it with --streaming, or use the shipped model",
        )
    inputs = prepare(stack, model.spec)
    encode = engine.signature("encode_step")
    state = initial_state(encode, float(inputs.focus[0]))
    for step in range(len(inputs.frames)):
        feeds = {
            name: state[name] if name in state else feed(tensor, name, inputs, step)
            for name, tensor in encode.inputs.items()
        }
        state = encode.run(feeds)
    real = {n: encode.outputs[n].real(v)[0] for n, v in sorted(state.items()) if n != MEMORY}
    grouped: dict[int, list[str]] = {}
    for name, value in real.items():
        grouped.setdefault(model.spec.height // value.shape[0], []).append(name)
    maps, parts = {}, {}
    for stride, names in sorted(grouped.items()):
        cut = [_upright(real[n], inputs.fit, stride) for n in names]
        maps[stride] = np.concatenate(cut, axis=-1)
        parts[stride] = _parts(names, [c.shape[-1] for c in cut])
    embedding, embedding_parts = _pooled(maps, parts)
    return Features(maps, parts, embedding, embedding_parts)


def _upright(value: Floats, fit: Fit, stride: int) -> Floats:
    """The picture's part of a (h, w, C) map, turned as the picture is."""
    top, left = (o // stride for o in fit.offset)
    height, width = (max(1, -(-side // stride)) for side in fit.content)
    part = value[top : top + height, left : left + width]
    return np.ascontiguousarray(np.rot90(part) if fit.turned else part)


def _parts(names: list[str], sizes: list[int]) -> tuple[Part, ...]:
    ends = np.cumsum(sizes).tolist()
    return tuple(
        Part(n.removeprefix("state_"), end - size, end)
        for n, size, end in zip(names, sizes, ends, strict=True)
    )


def _pooled(
    maps: dict[int, Floats], parts: dict[int, tuple[Part, ...]]
) -> tuple[Floats, tuple[Part, ...]]:
    names, values = [], []
    answers = {a.removeprefix("state_") for a in ANSWERS}
    for stride, plane in maps.items():
        for part in parts[stride]:
            if part.name in answers:
                continue
            cells = plane[..., part.start : part.stop].reshape(-1, part.stop - part.start)
            names += [f"{part.name} mean", f"{part.name} maximum"]
            values += [cells.mean(axis=0), cells.max(axis=0)]
    return np.concatenate(values).astype(np.float32), _parts(names, [len(v) for v in values])


class Writer:
    """Arrays of scenes one after another, all of one shape, and what they hold.

    Args:
        folder: an empty one.
        count: scenes to come.
    """

    def __init__(self, folder: Path, count: int) -> None:
        self.folder, self.count = folder, count
        self.names: list[str] = []
        self.arrays: dict[str, Any] = {}
        self.layout: dict[str, Any] = {}

    def add(self, name: str, features: Features, labels: NDArray[np.uint16] | None) -> None:
        """Write one scene.

        Raises:
            UserError: its pictures have another shape than the scenes before.
        """
        place = len(self.names)
        given: dict[str, tuple[NDArray[Any], tuple[Part, ...], int | None]] = {
            "embedding": (features.embedding, features.embedding_parts, None)
        }
        for stride, plane in features.maps.items():
            given[f"features_{stride}"] = (plane, features.parts[stride], stride)
        if labels is not None:
            given["labels"] = (labels, (), None)
        for key, (value, parts, step) in given.items():
            if not place:
                self._begin(key, value, parts, step)
            if key not in self.arrays or self.arrays[key].shape[1:] != value.shape:
                raise UserError(
                    f"{name} has pictures of another shape than {self.names[0]}",
                    "embed pictures of one shape at a time",
                )
            self.arrays[key][place] = value
        self.names.append(name)

    def _begin(
        self, key: str, value: NDArray[Any], parts: tuple[Part, ...], stride: int | None
    ) -> None:
        file = f"{key}.npy"
        shape = (self.count, *value.shape)
        self.arrays[key] = np.lib.format.open_memmap(  # type: ignore[no-untyped-call]
            self.folder / file, "w+", value.dtype, shape
        )
        entry: dict[str, Any] = {"shape": list(shape), "dtype": str(value.dtype)}
        if stride is not None:
            entry["stride"] = stride
        if parts:
            entry["parts"] = [{"name": p.name, "from": p.start, "to": p.stop} for p in parts]
        self.layout[file] = entry

    def finish(self, record: dict[str, Any]) -> dict[str, Any]:
        """Write ``embed.json``; returns what it says."""
        for array in self.arrays.values():
            array.flush()
        full = {"schema": SCHEMA, **record, "scenes": self.names, "arrays": self.layout}
        (self.folder / "embed.json").write_text(json.dumps(full, indent=1) + "\n")
        return full
