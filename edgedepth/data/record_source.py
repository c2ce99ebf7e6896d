"""``tfrecord:DIR``: stacks that ``edgedepth synth --format tfrecord`` has rendered."""

from __future__ import annotations

import dataclasses
import json
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from edgedepth.data.pairs import wanted
from edgedepth.data.recipe import Recipe, StackSample
from edgedepth.data.records import JOB_FILE, SCHEMA, decode_stack
from edgedepth.data.scenes import RgbdScene
from edgedepth.errors import UserError

_CACHED_INDEXES = 64


@dataclass(frozen=True)
class Place:
    """Where a stack lies: the so-manieth record of a shard."""

    name: str
    shard: Path
    record: int


@dataclass(frozen=True)
class RecordSource:
    """Rendered stacks; as a source of scenes it gives their sharp pictures with depth.

    Attributes:
        name: what the user typed.
        places: the stacks.
    """

    name: str
    places: tuple[Place, ...]
    endless: bool = False
    _offsets: OrderedDict[Path, list[int]] = field(
        default_factory=OrderedDict, repr=False, compare=False
    )

    def __len__(self) -> int:
        return len(self.places)

    def names(self) -> list[str]:
        """The scenes' names."""
        return [place.name for place in self.places]

    def stack(self, index: int) -> StackSample:
        """Stack ``index`` as it was rendered.

        Raises:
            UserError: its shard is damaged.
        """
        from edgedepth.data.tfrecord import read_record, record_offsets

        place = self.places[index]
        if place.shard not in self._offsets:
            self._offsets[place.shard] = record_offsets(place.shard)
            while len(self._offsets) > _CACHED_INDEXES:
                self._offsets.popitem(last=False)
        try:
            offset = self._offsets[place.shard][place.record]
            return decode_stack(read_record(place.shard, offset))
        except (ValueError, KeyError, IndexError) as error:
            raise UserError(
                f"{place.shard} holds no stack {place.record} ({error})",
                "delete it and its .json, and render again with --resume",
            ) from None

    def drawn(self, index: int, seed: int, recipe: Recipe) -> StackSample:
        """Training stack ``index``: every record once, then all again in another order.

        Larger ones are cropped at random to the recipe's size.

        Raises:
            UserError: a shard is damaged, or the stacks are smaller than the recipe.
        """
        epoch, place = divmod(index, len(self))
        order = np.random.default_rng([seed, 29, epoch]).permutation(len(self))
        sample = self.stack(int(order[place]))
        return cropped(sample, recipe, np.random.default_rng([seed, 31, index]), self.name)

    def scene(
        self,
        index: int,
        size: tuple[int, int] | None = None,
        tan_half_width: float | None = None,
    ) -> RgbdScene:
        """The sharp picture of stack ``index``, at its own size and view."""
        sample = self.stack(index)
        rgb = sample.sharp.astype(np.float32) / 255
        return RgbdScene(rgb, sample.depth_m, sample.valid, sample.name)

    def pick(self, rng: np.random.Generator) -> int:
        """Any stack alike."""
        return int(rng.integers(len(self)))


def cropped(
    sample: StackSample, recipe: Recipe, rng: np.random.Generator, name: str
) -> StackSample:
    """A random crop of a stack of the recipe's size; its K stays, since pixels stay.

    Raises:
        UserError: the stack is smaller.
    """
    height, width = sample.depth_m.shape
    h, w = recipe.height, recipe.width
    if height < h or width < w:
        raise UserError(
            f"{name} holds stacks of {width}x{height}, but training crops {w}x{h}",
            f"render them with --size {w}x{h} or larger, or train at a smaller --size",
        )
    top, left = int(rng.integers(height - h + 1)), int(rng.integers(width - w + 1))
    rows, columns = slice(top, top + h), slice(left, left + w)
    return dataclasses.replace(
        sample,
        frames=sample.frames[:, rows, columns],
        depth_m=sample.depth_m[rows, columns],
        valid=sample.valid[rows, columns],
        frame_valid=sample.frame_valid[:, rows, columns],
        sharp=sample.sharp[rows, columns],
    )


def open_records(
    text: str, folder: Path, include: Collection[str] | None, exclude: Collection[str]
) -> RecordSource:
    """Open a folder of shards.

    Raises:
        UserError: it is none, or not all of its shards are there.
    """
    path = folder / JOB_FILE
    try:
        job = json.loads(path.read_text())
        if job["schema"] != SCHEMA:
            raise ValueError(f"not of schema {SCHEMA}")
        shards = int(job["shards"])
    except FileNotFoundError:
        raise UserError(
            f"{folder} holds no {JOB_FILE}", "give the -o of edgedepth synth --format tfrecord"
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} cannot be read ({error})", "render the stacks again") from None
    reports = sorted(folder.glob("stacks-*-of-*.json"))
    if len(reports) != shards:
        raise UserError(
            f"{folder} holds {len(reports)} of {shards} shards",
            "finish it with the same edgedepth synth command and --resume",
        )
    places = [place for report in reports for place in _places(report)]
    kept = tuple(p for p in places if wanted(p.name, include, exclude))
    if not kept:
        raise UserError(
            f"{folder}: none of {len(places)} stacks is left",
            "check the names to keep or leave out",
        )
    return RecordSource(text, kept)


def _places(report: Path) -> list[Place]:
    shard = report.with_suffix(".tfrecord")
    try:
        names = json.loads(report.read_text())["names"]
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{report} cannot be read ({error})", "delete it and --resume") from None
    return [Place(name, shard, i) for i, name in enumerate(names)]
