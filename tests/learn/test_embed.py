"""Embeddings: what is written, what the numbers are, and that probes learn from them."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from edgedepth.capture.modelfile import read_model_file
from edgedepth.capture.runtimes import Runtime
from edgedepth.data.sources import open_source
from edgedepth.data.sweep_writer import write_sweep
from edgedepth.errors import UserError
from edgedepth.files import new_folder
from edgedepth.learn.embed import Features, Part, Writer, extract
from edgedepth.learn.probe import Head, Pairs, area_under_curve, joined, sample_pairs
from edgedepth.stack import FocalStack, Frame
from tests.capture.test_infer_command import assert_refused
from tests.capture.tiny_model import build
from tests.conftest import ROOT
from tests.learn.conftest import Edgedepth
from tests.learn.pages import page_sweep

DESK = ROOT / "edgedepth" / "samples" / "desk"


def test_a_sweep_through_the_command(edgedepth: Edgedepth, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = edgedepth("embed", DESK, "-o", out, "--json")
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert record == json.loads((out / "embed.json").read_text())
    assert {p.name for p in out.iterdir()} == {*record["arrays"], "embed.json"}
    height, width = record["input"]
    for file, entry in record["arrays"].items():
        array = np.load(out / file)
        assert list(array.shape) == entry["shape"]
        assert np.isfinite(array).all()
        parts = entry["parts"]
        assert (parts[0]["from"], parts[-1]["to"]) == (0, array.shape[-1])
        assert all(a["to"] == b["from"] for a, b in itertools.pairwise(parts))
        if "stride" in entry:
            assert array.shape[1:3] == (height // entry["stride"], width // entry["stride"])
            assert np.ptp(array) > 0


def test_learnt_parts_make_the_embedding(tmp_path: Path) -> None:
    model = read_model_file(build(tmp_path / "tiny.tflite"))
    rng = np.random.default_rng(3)
    pictures = rng.integers(0, 256, (3, 96, 128, 3), np.uint8)
    frames = tuple(Frame(rgb, focus) for rgb, focus in zip(pictures, (0.5, 1, 2), strict=True))
    found = extract(FocalStack(frames, 3.0), model, Runtime(model.path))
    assert [part.name for part in found.parts[1]] == ["answers", "means", "peaks"]
    assert found.maps[1].shape == (96, 128, 3)
    assert [part.name for part in found.embedding_parts] == ["peaks mean", "peaks maximum"]
    peaks = found.maps[1][..., 2]
    assert found.embedding == pytest.approx([peaks.mean(), peaks.max()])
    np.testing.assert_array_equal(found.maps[1][..., 0], peaks)


def test_a_source_brings_labels(edgedepth: Edgedepth, tmp_path: Path) -> None:
    done = edgedepth("embed", "procedural", "--scenes", "2", "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    labels = np.load(tmp_path / "out" / "labels.npy")
    assert labels.shape == (2, 480, 640)
    assert labels.min() >= 1
    embedding = np.load(tmp_path / "out" / "embedding.npy")
    assert not np.allclose(embedding[0], embedding[1])


def test_refusals(edgedepth: Edgedepth, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert_refused(edgedepth("embed", "nonsense", "-o", out), out, "unknown data source")
    write_sweep(page_sweep(0.7, (1.0, 2.0), size=(240, 320)), tmp_path / "two")
    assert_refused(edgedepth("embed", tmp_path / "two", "-o", out), out, "2 usable frames")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    done = edgedepth("embed", DESK, "-o", tmp_path / "full")
    assert done.returncode == 1
    assert "not empty" in done.stderr
    assert [p.name for p in (tmp_path / "full").iterdir()] == ["file"]


def features(height: int = 6) -> Features:
    plane = np.zeros((height, 8, 3), np.float32)
    return Features({8: plane}, {8: (Part("a", 0, 3),)}, np.ones(6, np.float32), ())


def test_scenes_of_another_shape_are_refused_and_nothing_stays(tmp_path: Path) -> None:

    def write() -> None:
        with new_folder(tmp_path / "out") as folder:
            writer = Writer(folder, 2)
            writer.add("first", features(), None)
            writer.add("second", features(7), None)

    with pytest.raises(UserError, match="another shape"):
        write()
    assert list(tmp_path.iterdir()) == []


def test_objects_of_a_procedural_scene_are_labelled() -> None:
    scene = open_source("procedural").scene(3, (48, 64))
    assert scene.labels is not None
    assert scene.segments is not None
    assert len(np.unique(scene.labels)) > 3
    for number in np.unique(scene.segments):
        assert len(np.unique(scene.labels[scene.segments == number])) == 1


def two_sides(noise: float, rng: np.random.Generator) -> Pairs:
    """Pairs of a picture whose halves differ in one of three channels."""
    labels = np.ones((60, 80), np.uint16)
    labels[:, 40:] = 2
    plane = rng.normal(0, 1, (30, 40, 3)).astype(np.float32)
    plane[..., 0] = noise * plane[..., 0] + (np.arange(40) >= 20)
    return sample_pairs({2: plane}, labels, 400, rng)


@pytest.mark.parametrize("hidden", [0, 8])
def test_probes_find_what_is_there(hidden: int) -> None:
    rng = np.random.default_rng(0)
    train = joined([two_sides(0.1, rng) for _ in range(4)])
    test = two_sides(0.1, rng)
    assert 0.45 < train.same.mean() < 0.55
    head = Head(3, hidden).fit(train)
    assert area_under_curve(head.logits(test.difference), test.same) > 0.95


def test_probes_find_nothing_in_noise() -> None:
    rng = np.random.default_rng(1)
    train = joined([two_sides(0.1, rng) for _ in range(4)])
    test = two_sides(0.1, rng)
    blind = Pairs(rng.normal(0, 1, train.difference.shape).astype(np.float32), train.same)
    unseen = rng.normal(0, 1, test.difference.shape).astype(np.float32)
    head = Head(3).fit(blind)
    assert 0.35 < area_under_curve(head.logits(unseen), test.same) < 0.65


def test_area_under_curve() -> None:
    scores = np.array([0.1, 0.4, 0.4, 0.9], np.float32)
    assert area_under_curve(scores, np.array([False, False, True, True])) == pytest.approx(0.875)
    with pytest.raises(ValueError, match="both kinds"):
        area_under_curve(scores, np.ones(4, bool))


def test_unknown_pixels_make_no_pairs() -> None:
    labels = np.zeros((60, 80), np.uint16)
    plane = np.zeros((30, 40, 1), np.float32)
    assert len(sample_pairs({2: plane}, labels, 50, np.random.default_rng(0)).same) == 0
