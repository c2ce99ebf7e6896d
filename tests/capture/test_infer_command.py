"""The real command, in a process of its own: what it writes, and how it says no."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import jsonschema
import numpy as np
import pytest
from PIL import Image

from tests.capture.conftest import Edgedepth
from tests.capture.scenes import FAR_M, FOCUS_M, NEAR_M, TwoPlanes, exif_bytes, texture, write_sweep
from tests.capture.tiny_model import build, tiny_spec
from tests.conftest import ROOT

SCHEMAS = ROOT / "docs" / "schemas"


def assert_refused(
    done: subprocess.CompletedProcess[str], out: Path, *words: str, code: int = 1
) -> None:
    """One clear line with these words, the exit code, nothing written."""
    lines = done.stderr.strip().splitlines()
    assert done.returncode == code, done.stderr
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("edgedepth: ")
    for word in words:
        assert word in lines[0]
    assert not out.exists()
    assert not list(out.parent.glob(f".{out.name}*"))


def test_infer_writes_all_files(
    edgedepth: Edgedepth, good_sweep: Path, model: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    done = edgedepth("infer", good_sweep, "--model", model, "-o", out)
    assert done.returncode == 0, done.stderr
    depth = np.load(out / "depth.npy")
    assert depth.dtype == np.float32
    assert depth.shape == (480, 640)
    half = depth.shape[1] // 2
    left, right = depth[40:-40, 40 : half - 40], depth[40:-40, half + 40 : -40]
    assert abs(1 / np.nanmedian(left) - 1 / NEAR_M) < 0.25
    assert abs(1 / np.nanmedian(right) - 1 / FAR_M) < 0.25
    millimetres = cv2.imread(str(out / "depth_mm.png"), cv2.IMREAD_UNCHANGED)
    assert millimetres.dtype == np.uint16
    known = np.isfinite(depth)
    np.testing.assert_array_equal(millimetres > 0, known)
    np.testing.assert_allclose(millimetres[known] / 1000, depth[known], atol=6e-4)
    assert cv2.imread(str(out / "depth_color.png")).shape[1] == 640
    assert cv2.imread(str(out / "confidence.png"), cv2.IMREAD_UNCHANGED).shape == depth.shape
    assert cv2.imread(str(out / "all_in_focus.jpg")).shape[:2] == (384, 512)
    report = json.loads((out / "report.json").read_text())
    jsonschema.validate(report, json.loads((SCHEMAS / "report.schema.json").read_text()))
    assert [f["focus_m"] for f in report["frames"]] == pytest.approx(list(FOCUS_M))
    assert set(report["files"].values()) == {p.name for p in out.iterdir()} - {"report.json"}
    for words in ("EXIF SubjectDistance", "px per dioptre", "litert", "seconds", str(out)):
        assert words in done.stdout


def test_json_output_is_the_report(
    edgedepth: Edgedepth, good_sweep: Path, model: Path, tmp_path: Path
) -> None:
    done = edgedepth("infer", good_sweep, "--model", model, "-o", tmp_path / "out", "--json")
    printed = json.loads(done.stdout)
    assert printed.pop("out") == str(tmp_path / "out")
    assert printed == json.loads((tmp_path / "out" / "report.json").read_text())


def test_default_output_lies_beside_the_sweep_and_is_replaced(
    edgedepth: Edgedepth, good_sweep: Path, model: Path, tmp_path: Path
) -> None:
    sweep = shutil.copytree(good_sweep, tmp_path / "mine")
    assert edgedepth("infer", sweep, "--model", model).returncode == 0
    out = tmp_path / "mine_depth"
    (out / "depth.npy").write_bytes(b"old")
    assert edgedepth("infer", sweep, "--model", model, "--size", "320x240").returncode == 0
    assert np.load(out / "depth.npy").shape == (240, 320)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mine", "mine_depth"]


def test_no_depth_that_is_certain_enough_is_told(
    edgedepth: Edgedepth, good_sweep: Path, model: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    options = ("--model", model, "-o", out, "--min-confidence", "1", "--viewer", "--ply")
    done = edgedepth("infer", good_sweep, *options)
    assert done.returncode == 0, done.stderr
    assert np.isnan(np.load(out / "depth.npy")).all()
    assert "depth    none is certain enough" in done.stdout
    warnings = json.loads((out / "report.json").read_text())["warnings"]
    (warning,) = (w for w in warnings if "--min-confidence 1" in w)
    for words in ("the most certain has 0.", "by default 0.1", "inspect"):
        assert words in warning
    assert warning in done.stdout


def test_infinity_is_a_word(
    edgedepth: Edgedepth, good_sweep: Path, model: Path, tmp_path: Path
) -> None:
    options = ("--model", model, "-o", tmp_path / "out", "--focus", "0.5,0.7,1,1.6,inf")
    done = edgedepth("infer", good_sweep, *options)
    assert "frame5.jpg  infinity  --focus" in done.stdout
    assert "inf m" not in done.stdout


def test_the_order_of_the_files_does_not_matter(
    edgedepth: Edgedepth, good_sweep: Path, model: Path, tmp_path: Path
) -> None:
    """Frames after the first in another order: the same depth."""
    other = tmp_path / "other"
    other.mkdir()
    for new, old in zip((1, 2, 3, 4, 5), (1, 5, 3, 2, 4), strict=True):
        shutil.copy(good_sweep / f"frame{old}.jpg", other / f"frame{new}.jpg")
    for name, sweep in (("a", good_sweep), ("b", other)):
        done = edgedepth("infer", sweep, "--model", model, "-o", tmp_path / name)
        assert done.returncode == 0, done.stderr
    a, b = np.load(tmp_path / "a/depth.npy"), np.load(tmp_path / "b/depth.npy")
    np.testing.assert_allclose(a, b, rtol=1e-5)


def test_no_tensorflow_is_imported(good_sweep: Path, model: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from edgedepth.cli import cli;"
        f"cli.main(['infer', {str(good_sweep)!r}, '--model', {str(model)!r},"
        f" '-o', {str(tmp_path / 'o')!r}], standalone_mode=False);"
        "bad = {'tensorflow', 'tf_keras', 'keras', 'tensorflow_model_optimization'};"
        "sys.exit(str(bad & set(sys.modules)) if bad & set(sys.modules) else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "o" / "depth.npy").is_file()


class TestBadInput:
    def run(self, edgedepth: Edgedepth, sweep: Path, model: Path, *words: str) -> None:
        out = sweep.parent / "out"
        assert_refused(edgedepth("infer", sweep, "--model", model, "-o", out), out, *words)

    def test_missing_folder(self, edgedepth: Edgedepth, model: Path, tmp_path: Path) -> None:
        self.run(edgedepth, tmp_path / "nothing", model, "nothing", "does not exist")

    def test_empty_folder(self, edgedepth: Edgedepth, model: Path, tmp_path: Path) -> None:
        (tmp_path / "empty").mkdir()
        (tmp_path / "empty" / "notes.txt").write_text("no picture")
        self.run(edgedepth, tmp_path / "empty", model, "holds no pictures", ".jpg")

    def test_unequal_size(self, edgedepth: Edgedepth, model: Path, tmp_path: Path) -> None:
        sweep = write_sweep(tmp_path / "s")
        Image.fromarray(texture((240, 320))).save(sweep / "frame3.jpg", exif=exif_bytes(1.0))
        said = "frame3.jpg is 320x240, the others are 640x480"
        self.run(edgedepth, sweep, model, "unequal size", said, "leave it out", "again")

    def test_first_frame_of_another_size(
        self, edgedepth: Edgedepth, model: Path, tmp_path: Path
    ) -> None:
        sweep = write_sweep(tmp_path / "s")
        Image.fromarray(texture((240, 320))).save(sweep / "frame1.jpg", exif=exif_bytes(1.0))
        self.run(edgedepth, sweep, model, "frame1.jpg is 320x240, the others are 640x480")

    def test_frames_turned_on_their_side(
        self, edgedepth: Edgedepth, model: Path, tmp_path: Path
    ) -> None:
        sweep = write_sweep(tmp_path / "s")
        for name in ("frame2.jpg", "frame4.jpg"):
            Image.fromarray(texture((640, 480))).save(sweep / name, exif=exif_bytes(1.0))
        said = "frame2.jpg is 480x640, frame4.jpg is 480x640, the others are 640x480"
        self.run(edgedepth, sweep, model, said, "on their side", "turn them back")

    @pytest.mark.parametrize("focus", ["abc", "0.5,0.7,1,1.6,3m", "0.5;0.7;1;1.6;3"])
    def test_focus_that_is_no_number(
        self, edgedepth: Edgedepth, good_sweep: Path, model: Path, tmp_path: Path, focus: str
    ) -> None:
        out = tmp_path / "out"
        done = edgedepth("infer", good_sweep, "--model", model, "-o", out, "--focus", focus)
        wrong = focus.split(",")[-1]
        assert_refused(done, out, f"--focus: {wrong} is no focus distance (not a number)")

    def test_too_few_distances(
        self, edgedepth: Edgedepth, good_sweep: Path, model: Path, tmp_path: Path
    ) -> None:
        out = tmp_path / "out"
        done = edgedepth("infer", good_sweep, "--model", model, "-o", out, "--focus", "0.5")
        assert_refused(done, out, "--focus gives 1 distance for 5 frames", "frame1.jpg, frame2.jpg")

    def test_model_is_a_run_directory(
        self, edgedepth: Edgedepth, good_sweep: Path, model: Path, tmp_path: Path
    ) -> None:
        run, out = tmp_path / "first", tmp_path / "out"
        run.mkdir()
        (run / "config.json").write_text("{}")
        done = edgedepth("infer", good_sweep, "--model", run, "-o", out)
        made = f"{run / 'first-int8.tflite'}"
        assert_refused(done, out, "is a run directory", f"edgedepth convert {run}", made)
        assert "is a run directory" in edgedepth("check", run).stderr
        shutil.copy(model, made)
        done = edgedepth("infer", good_sweep, "--model", run, "-o", out)
        assert_refused(done, out, "is a run directory", f"name the file, e.g. {made}")

    def test_model_is_a_folder(
        self, edgedepth: Edgedepth, good_sweep: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "some").mkdir()
        out = tmp_path / "out"
        done = edgedepth("infer", good_sweep, "--model", tmp_path / "some", "-o", out)
        assert_refused(done, out, "some is a folder, not a model file", "edgedepth convert RUN_DIR")

    def test_no_focus_distance(self, edgedepth: Edgedepth, model: Path, tmp_path: Path) -> None:
        sweep = write_sweep(tmp_path / "s", [None] * 4)
        self.run(edgedepth, sweep, model, "no focus distance for 4 of 4", "frame1.jpg", "--focus")

    def test_zero_focus_distance(self, edgedepth: Edgedepth, model: Path, tmp_path: Path) -> None:
        sweep = write_sweep(tmp_path / "s", [0.5, 0.7, 0.0001, 1.0])
        self.run(edgedepth, sweep, model, "frame3.jpg", "0/1", "0 means unknown")

    def test_all_distances_equal(self, edgedepth: Edgedepth, model: Path, tmp_path: Path) -> None:
        sweep = write_sweep(tmp_path / "s", [0.5] * 4)
        self.run(edgedepth, sweep, model, "all distances are equal", "1/2", "--focus")

    def test_all_given_distances_equal(
        self, edgedepth: Edgedepth, good_sweep: Path, model: Path, tmp_path: Path
    ) -> None:
        done = edgedepth(
            "infer", good_sweep, "--model", model, "-o", tmp_path / "out", "--focus", "1,1,1,1,1"
        )
        assert_refused(done, tmp_path / "out", "all distances are equal")

    def test_truncated_jpeg(self, edgedepth: Edgedepth, model: Path, tmp_path: Path) -> None:
        sweep = write_sweep(tmp_path / "s")
        whole = (sweep / "frame2.jpg").read_bytes()
        (sweep / "frame2.jpg").write_bytes(whole[: len(whole) * 2 // 3])
        self.run(edgedepth, sweep, model, "frame2.jpg is truncated")

    def test_text_named_jpg(self, edgedepth: Edgedepth, model: Path, tmp_path: Path) -> None:
        sweep = write_sweep(tmp_path / "s")
        (sweep / "notes.jpg").write_text("shopping list")
        self.run(edgedepth, sweep, model, "notes.jpg is not a picture")

    def test_huge_header(self, edgedepth: Edgedepth, model: Path, tmp_path: Path) -> None:
        sweep = write_sweep(tmp_path / "s")
        data = bytearray((sweep / "frame1.jpg").read_bytes())
        at = data.index(b"\xff\xc0") + 5
        data[at : at + 4] = (60000).to_bytes(2, "big") * 2
        (sweep / "frame1.jpg").write_bytes(data)
        self.run(edgedepth, sweep, model, "frame1.jpg claims more than", "megapixels")

    def test_model_without_metadata(
        self, edgedepth: Edgedepth, good_sweep: Path, tmp_path: Path
    ) -> None:
        bare = build(tmp_path / "bare.tflite", metadata=False)
        done = edgedepth("infer", good_sweep, "--model", bare, "-o", tmp_path / "out")
        assert_refused(done, tmp_path / "out", "no edgedepth metadata", "edgedepth convert")

    @pytest.mark.parametrize("share", [0.02, 0.5, 0.97])
    def test_truncated_model(
        self, edgedepth: Edgedepth, good_sweep: Path, model: Path, tmp_path: Path, share: float
    ) -> None:
        data = model.read_bytes()
        (tmp_path / "cut.tflite").write_bytes(data[: int(len(data) * share)])
        done = edgedepth("infer", good_sweep, "--model", tmp_path / "cut.tflite", "-o",
                         tmp_path / "out")  # fmt: skip
        assert_refused(done, tmp_path / "out", "cut.tflite")

    def test_no_model(self, edgedepth: Edgedepth, good_sweep: Path, tmp_path: Path) -> None:
        done = edgedepth("infer", good_sweep, "--model", tmp_path / "x.tflite", "-o",
                         tmp_path / "out")  # fmt: skip
        assert_refused(done, tmp_path / "out", "x.tflite does not exist")

    def test_frames_that_the_model_does_not_take(
        self, edgedepth: Edgedepth, tmp_path: Path
    ) -> None:
        three = build(tmp_path / "three.tflite", tiny_spec(frames=3, streaming=False))
        sweep = write_sweep(tmp_path / "s")
        self.run(edgedepth, sweep, three, "takes 3 frames", "the sweep has 5", "--frames 5")

    def test_output_in_an_unwritable_place(
        self, edgedepth: Edgedepth, good_sweep: Path, model: Path
    ) -> None:
        place = Path("/proc/edgedepth_out")
        done = edgedepth("infer", good_sweep, "--model", model, "-o", place)
        assert_refused(done, place, str(place), "cannot be written")

    def test_output_is_somebodys_folder(
        self, edgedepth: Edgedepth, good_sweep: Path, model: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "thesis.tex").write_text("years of work")
        done = edgedepth("infer", good_sweep, "--model", model, "-o", tmp_path)
        assert done.returncode == 1
        assert "holds other files" in done.stderr
        assert (tmp_path / "thesis.tex").read_text() == "years of work"

    def test_output_is_a_file(
        self, edgedepth: Edgedepth, good_sweep: Path, model: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "file").write_text("x")
        done = edgedepth("infer", good_sweep, "--model", model, "-o", tmp_path / "file")
        assert (done.returncode, "is a file" in done.stderr) == (1, True)

    def test_opencv_that_cannot_be_imported(
        self, good_sweep: Path, model: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "cv2.py").write_text(
            "raise ImportError('libGL.so.1: cannot open shared object file')"
        )
        done = subprocess.run(
            [sys.executable, "-m", "edgedepth", "infer", str(good_sweep), "--model", str(model)],
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert_refused(done, tmp_path / "out", "libGL.so.1", "libgl1", "opencv-python-headless")

    @pytest.mark.parametrize("size", ["640", "0x0", "axb", "99999x99999"])
    def test_wrong_usage_exits_with_2(
        self, edgedepth: Edgedepth, good_sweep: Path, size: str
    ) -> None:
        done = edgedepth("infer", good_sweep, "--size", size)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr


def test_portrait_sweep_gives_a_portrait_map(
    edgedepth: Edgedepth, good_sweep: Path, model: Path, tmp_path: Path
) -> None:
    """Stored sideways with orientation 6: the map is upright and the same as unturned."""
    turned = write_sweep(tmp_path / "sideways", orientation=6)
    for name, sweep in (("plain", good_sweep), ("turned", turned)):
        done = edgedepth("infer", sweep, "--model", model, "-o", tmp_path / name)
        assert done.returncode == 0, done.stderr
    plain, upright = (np.load(tmp_path / n / "depth.npy") for n in ("plain", "turned"))
    assert upright.shape == (640, 480)
    back = np.rot90(upright, 1)
    close = np.abs(1 / back - 1 / plain) < 0.1
    assert np.mean(close) > 0.95


def test_wide_sweep_keeps_its_aspect(edgedepth: Edgedepth, model: Path, tmp_path: Path) -> None:
    """16:9 is letterboxed for the model and cut back afterwards."""
    sweep = write_sweep(tmp_path / "wide", scene=TwoPlanes((360, 640)))
    done = edgedepth("infer", sweep, "--model", model, "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    depth = np.load(tmp_path / "out" / "depth.npy")
    assert depth.shape == (360, 640)
    left, right = depth[30:-30, 40:280], depth[30:-30, 360:-40]
    assert abs(1 / np.nanmedian(left) - 1 / NEAR_M) < 0.25
    assert abs(1 / np.nanmedian(right) - 1 / FAR_M) < 0.25


@pytest.mark.parametrize("count", [1, 2])
def test_few_frames_run_with_a_warning(
    edgedepth: Edgedepth, model: Path, tmp_path: Path, count: int
) -> None:
    sweep = write_sweep(tmp_path / "few", FOCUS_M[:count])
    done = edgedepth("infer", sweep, "--model", model, "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "warning" in done.stdout
    assert np.load(tmp_path / "out" / "depth.npy").shape == (480, 640)
