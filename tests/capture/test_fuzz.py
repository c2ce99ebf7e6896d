"""Damaged files: a sweep is read, or refused by a UserError; never a crash or silent metres."""

from __future__ import annotations

import json
import math
import os
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from edgedepth.capture import read_model_file, read_sweep
from edgedepth.capture.decode import decode
from edgedepth.capture.exif import read_exif
from edgedepth.capture.sources import exif_readings
from edgedepth.errors import UserError
from tests.capture.scenes import exif_bytes, texture
from tests.capture.tiny_model import build

MAKER_FILES = ("Apple.jpg", "Canon1DmkIII.jpg", "Minolta.jpg", "NikonD70.jpg", "OlympusE1.jpg",
               "Panasonic.jpg", "Sony.jpg")  # fmt: skip
STARTS = (
    b"",
    b"II*\0\x08\0\0\0",
    b"MM\0*\0\0\0\x08",
    b"\xff\xd8\xff\xe1\x01\x00Exif\0\0MM\0*",
    b"RIFF\0\0\0\0WEBP",
    b"\x89PNG\r\n\x1a\n",
    b"\0\0\0\x18ftypheic",
)
SLOWEST_S = 2.0
"""Processor time that a damaged file may cost; wall time would tell of other programs too."""
EXAMPLES = int(os.environ.get("EDGEDEPTH_FUZZ", "100"))
"""Cases per test; EDGEDEPTH_FUZZ=900 makes 12,600 in all."""

mutations = st.lists(
    st.tuples(
        st.sampled_from(["set", "cut", "insert", "zero", "ones"]),
        st.floats(0, 1, exclude_max=True),
        st.integers(0, 255),
    ),
    min_size=1,
    max_size=12,
)


def mutate(data: bytes, changes: list[tuple[str, float, int]], head: int) -> bytes:
    """Damage the first ``head`` bytes, where the headers are; cut anywhere."""
    damaged = bytearray(data)
    for kind, where, value in changes:
        at = int(where * min(head, len(damaged)))
        if kind == "set":
            damaged[at : at + 1] = bytes([value])
        elif kind == "insert":
            damaged[at:at] = bytes([value] * (value % 7))
        elif kind == "cut":
            del damaged[int(where * len(damaged)) :]
        else:
            damaged[at : at + 4] = b"\0\0\0\0" if kind == "zero" else b"\xff\xff\xff\xff"
    return bytes(damaged)


def picture(path: Path, metres: float) -> bytes:
    Image.fromarray(texture((48, 64))).save(path, exif=exif_bytes(metres))
    return path.read_bytes()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("fuzz")
    for i, metres in enumerate((0.5, 1.0, 2.0)):
        picture(made / f"{i}.jpg", metres)
    return made


def read_and_decode(folder: Path) -> None:
    start = time.process_time()
    try:
        sweep = read_sweep(folder)
        for frame in sweep.frames:
            rgb = decode(frame.image)
            assert rgb.shape == (*sweep.size_px, 3)
        assert all(math.isfinite(d) and 0 <= d <= 100 for d in sweep.focus_dioptres)
        assert sweep.camera.camera.coc_px_per_dioptre() > 0
    except UserError as error:
        one_line = "\n" not in str(error)
    else:
        one_line = True
    assert one_line
    assert time.process_time() - start < SLOWEST_S


@given(changes=mutations)
@settings(max_examples=EXAMPLES)
def test_damaged_jpeg(folder: Path, changes: list[tuple[str, float, int]]) -> None:
    path = folder / "1.jpg"
    whole = path.read_bytes()
    try:
        path.write_bytes(mutate(whole, changes, head=700))
        read_and_decode(folder)
    finally:
        path.write_bytes(whole)


@pytest.mark.parametrize("form", ["png", "webp", "tif"])
@given(changes=mutations)
@settings(max_examples=EXAMPLES)
def test_other_damaged_formats(
    tmp_path_factory: pytest.TempPathFactory, form: str, changes: list[tuple[str, float, int]]
) -> None:
    made = tmp_path_factory.getbasetemp() / f"fuzz_{form}"
    made.mkdir(exist_ok=True)
    for i, metres in enumerate((0.5, 1.0)):
        picture(made / f"{i}.{form}", metres)
    path = made / f"1.{form}"
    path.write_bytes(mutate(path.read_bytes(), changes, head=400))
    read_and_decode(made)


@pytest.mark.parametrize("name", MAKER_FILES)
@given(changes=mutations)
@settings(max_examples=EXAMPLES)
def test_damaged_maker_notes(
    dev_data: Path, name: str, changes: list[tuple[str, float, int]]
) -> None:
    data = (dev_data / "exif/exiftool" / name).read_bytes()
    start = time.process_time()
    readings = exif_readings(read_exif(mutate(data, changes, head=len(data))))
    assert time.process_time() - start < SLOWEST_S
    for reading in readings:
        believed = reading.dioptres is not None
        assert believed == (reading.problem == "")
        assert not believed or 0 <= (reading.dioptres or 0.0) <= 100


@given(data=st.binary(max_size=400))
@settings(max_examples=EXAMPLES)
def test_any_bytes_have_some_exif_or_none(data: bytes) -> None:
    for prefix in STARTS:
        exif_readings(read_exif(prefix + data))


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=8) | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)


@given(
    frames=json_values
    | st.lists(
        st.fixed_dictionaries(
            {"file": st.sampled_from(["0.jpg", "1.jpg", "2.jpg"]) | json_values},
            optional={"focus_dioptres": st.floats() | json_values},
        ),
        max_size=4,
    ),
    camera=json_values
    | st.fixed_dictionaries({}, optional={"focal_length_mm": json_values, "f_number": st.floats()}),
)
@settings(max_examples=EXAMPLES)
def test_damaged_sidecar(folder: Path, frames: object, camera: object) -> None:
    record = {"schema": "edgedepth-sweep/1", "frames": frames, "camera": camera}
    try:
        (folder / "sweep.json").write_text(json.dumps(record))
        read_and_decode(folder)
    finally:
        (folder / "sweep.json").unlink()


@given(changes=mutations, tail=st.booleans())
@settings(max_examples=EXAMPLES)
def test_damaged_model_metadata(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[str, float, int]], tail: bool
) -> None:
    base = tmp_path_factory.getbasetemp()
    whole = build(base / "fuzz.tflite").read_bytes()
    data = mutate(whole, changes, head=len(whole) if tail else 200)
    path = base / "damaged.tflite"
    path.write_bytes(data)
    try:
        said = f"damaged.tflite is {read_model_file(path).spec.width} wide"
    except UserError as error:
        said = str(error)
    assert "damaged.tflite" in said


def test_noise_pictures_do_not_break_the_reader(folder: Path) -> None:
    """Nothing but noise is still a sweep."""
    assert np.isfinite(read_sweep(folder).focus_dioptres).all()
