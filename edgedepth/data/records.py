"""Rendered stacks in TFRecord shards: written by ``edgedepth synth``, read as ``tfrecord:DIR``.

A folder holds ``stacks.json`` (what was asked for), the shards ``stacks-00003-of-00016.tfrecord``
and beside each, written after it, a ``.json`` with the names of its stacks and what was left
out. Shards are whole or absent, so that writing can stop and go on anywhere.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from edgedepth.data.recipe import Recipe, Renderer, StackSample, random_stack
from edgedepth.data.scenes import RgbdScene
from edgedepth.data.sources import Source, open_source
from edgedepth.errors import UserError
from edgedepth.files import write_text

SCHEMA = "edgedepth-stacks/1"
JOB_FILE = "stacks.json"
Preset = Literal["training", "paper"]


@dataclass(frozen=True)
class StackJob:
    """What to render.

    Attributes:
        source: SOURCE text; stack i shows its scene i, from the start again after the last.
        first, count: stacks.
        shards: files they are spread over.
        preset: ``training`` draws everything from the recipe; ``paper`` has published settings.
        recipe, renderer: of ``training``.
        skip_bad: leave out scenes that cannot be read.
    """

    source: str
    first: int
    count: int
    shards: int
    preset: Preset = "training"
    recipe: Recipe = field(default_factory=Recipe)
    renderer: Renderer = "edgedepth"
    skip_bad: bool = False

    def indices(self, shard: int) -> range:
        """Stacks of a shard."""
        ends = [self.first + self.count * i // self.shards for i in (shard, shard + 1)]
        return range(*ends)

    def shard_name(self, shard: int) -> str:
        """File name of a shard."""
        return f"stacks-{shard:05d}-of-{self.shards:05d}.tfrecord"

    def to_json(self) -> str:
        """All fields with the schema."""
        return json.dumps({"schema": SCHEMA, **dataclasses.asdict(self)}, indent=1) + "\n"


@dataclass(frozen=True)
class ShardReport:
    """What a shard holds.

    Attributes:
        file: its name.
        names: of the scenes, in order of the records.
        left_out: why scenes are missing, by their number.
    """

    file: str
    names: tuple[str, ...]
    left_out: dict[str, str]


@dataclass(frozen=True)
class OneScene:
    """A source reduced to one of its scenes."""

    source: Source
    index: int

    @property
    def name(self) -> str:
        """The whole source's."""
        return self.source.name

    @property
    def endless(self) -> bool:
        """The whole source's."""
        return self.source.endless

    def __len__(self) -> int:
        return 1

    def scene(
        self,
        index: int,
        size: tuple[int, int] | None = None,
        tan_half_width: float | None = None,
    ) -> RgbdScene:
        """The one scene, whatever is asked for."""
        return self.source.scene(self.index, size, tan_half_width)

    def pick(self, rng: np.random.Generator) -> int:
        """The only one."""
        return self.index


def render(job: StackJob, source: Source, index: int) -> StackSample:
    """Stack ``index`` of a job."""
    place = index % len(source)
    if job.preset == "paper":
        from edgedepth.data.paper_stack import paper_stack

        return paper_stack(source.scene(place), index)
    return random_stack(job.recipe, index, [OneScene(source, place)], job.renderer)


def begin(job: StackJob, folder: Path, resume: bool) -> list[int]:
    """Make the folder of a job and say which shards are still to be written.

    Raises:
        UserError: the folder holds something else, or cannot be written.
    """
    path = folder / JOB_FILE
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        if not resume:
            raise UserError(f"{folder} exists and is not empty", "add --resume, or give another -o")
        if not path.is_file() or path.read_text() != job.to_json():
            raise UserError(
                f"{folder} was begun with other options", "give the same ones, or another -o"
            )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_text(path, job.to_json())
    except OSError as error:
        raise UserError(
            f"{folder} cannot be written ({error.strerror or error})", "give another -o"
        ) from None
    return [i for i in range(job.shards) if not _report_path(job, folder, i).is_file()]


@lru_cache(maxsize=1)
def opened(text: str) -> Source:
    """A source, opened once per process: a raw data set takes long to list."""
    return open_source(text)


def write_shard(job: StackJob, folder: Path, shard: int) -> ShardReport:
    """Render and write a shard. Doing it again, or twice at once, gives the same files.

    Raises:
        UserError: a scene cannot be read and ``skip_bad`` is off, or the disk is full.
    """
    from edgedepth.data.tfrecord import write_records

    source = opened(job.source)
    names: list[str] = []
    left_out: dict[str, str] = {}

    def records() -> Iterator[bytes]:
        for index in job.indices(shard):
            try:
                sample = render(job, source, index)
            except UserError as error:
                if not job.skip_bad:
                    raise
                left_out[str(index)] = str(error)
                continue
            names.append(sample.name)
            yield encode_stack(sample, index)

    path = folder / job.shard_name(shard)
    try:
        write_records(path, records())
        report = ShardReport(path.name, tuple(names), left_out)
        write_text(_report_path(job, folder, shard), json.dumps(dataclasses.asdict(report)) + "\n")
    except OSError as error:
        raise UserError(
            f"{path} cannot be written ({error.strerror or error})",
            "free some space and add --resume",
        ) from None
    return report


def read_reports(job: StackJob, folder: Path) -> list[ShardReport]:
    """What the finished shards of a job hold."""
    paths = [_report_path(job, folder, i) for i in range(job.shards)]
    return [ShardReport(**json.loads(path.read_text())) for path in paths if path.is_file()]


def _report_path(job: StackJob, folder: Path, shard: int) -> Path:
    return (folder / job.shard_name(shard)).with_suffix(".json")


def encode_stack(sample: StackSample, index: int) -> bytes:
    """A stack as a serialized ``tf.train.Example``.

    Pictures are PNG. Depth is a 16-bit PNG in units of ``depth_unit_m``.
    """
    from edgedepth.data.tfrecord import encode_example

    unit = float(sample.depth_m.max()) / 65535
    depth = np.rint(sample.depth_m / unit).astype(np.uint16)
    frame_valid = [_png(mask.astype(np.uint8) * 255) for mask in sample.frame_valid]
    return encode_example(
        {
            "schema": [SCHEMA.encode()],
            "index": [index],
            "name": [sample.name.encode()],
            "frames": [_png(frame[..., ::-1]) for frame in sample.frames],
            "frame_valid": frame_valid,
            "focus_dioptres": [float(f) for f in sample.focus_dioptres],
            "coc_px_per_dioptre": [float(sample.coc_px_per_dioptre)],
            "sharp": [_png(sample.sharp[..., ::-1])],
            "depth": [_png(depth)],
            "depth_unit_m": [unit],
            "valid": [_png(sample.valid.astype(np.uint8) * 255)],
        }
    )


def _png(picture: NDArray) -> bytes:
    options = [cv2.IMWRITE_PNG_COMPRESSION, 3]
    return bytes(cv2.imencode(".png", np.ascontiguousarray(picture), options)[1])


def decode_stack(data: bytes) -> StackSample:
    """Read what :func:`encode_stack` wrote.

    Raises:
        ValueError: it is none.
    """
    from edgedepth.data.tfrecord import decode_example

    found: dict[str, Any] = decode_example(data)
    if found.get("schema") != [SCHEMA.encode()]:
        raise ValueError(f"not of schema {SCHEMA}")
    frames = np.stack([_picture(data)[..., ::-1] for data in found["frames"]])
    return StackSample(
        frames,
        np.array(found["focus_dioptres"], np.float32),
        found["coc_px_per_dioptre"][0],
        _picture(found["depth"][0]).astype(np.float32) * np.float32(found["depth_unit_m"][0]),
        _picture(found["valid"][0]) > 0,
        np.stack([_picture(data) > 0 for data in found["frame_valid"]]),
        np.ascontiguousarray(_picture(found["sharp"][0])[..., ::-1]),
        found["name"][0].decode(),
    )


def _picture(data: bytes) -> NDArray:
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if picture is None:
        raise ValueError("a picture cannot be decoded")
    return np.asarray(picture)
