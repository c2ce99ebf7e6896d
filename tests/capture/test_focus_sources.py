"""Focus distances: every source, every sentinel, and real files of many makers."""

from __future__ import annotations

import json
import math
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from PIL import Image

from edgedepth.capture import read_sweep, sources
from edgedepth.capture.exif import Exif, read_exif, xmp_property
from edgedepth.capture.focus import FocusReading, from_metres, from_range, from_ratio
from edgedepth.capture.phones import PHONES, find_phone
from edgedepth.capture.sources import FrameWords, best_reading, exif_readings, settle
from edgedepth.capture.tiff import Ratio
from edgedepth.errors import UserError
from tests.capture.scenes import exif_bytes, texture, write_sweep
from tests.conftest import ROOT

READ: dict[str, tuple[str, float, str]] = {
    "camera_samples/heic__IMG_5195.HEIC": ("Apple FocusDistanceRange", 0.4585, "range"),
    "camera_samples/heic__mobile__iphone_13_pro_max.HEIC": (
        "Apple FocusDistanceRange", 0.4240, "range"),
    "camera_samples/jpg__Canon_DIGITAL_IXUS_400.jpg": ("Canon ShotInfo", 2.16, "range"),
    "camera_samples/jpg__Canon_PowerShot_S40.jpg": ("Canon ShotInfo", 7.82, "range"),
    "camera_samples/jpg__tests__22-canon_tags.jpg": ("Canon ShotInfo", 1.0, "range"),
    "camera_samples/jpg__exif-org__canon-ixus.jpg": ("EXIF SubjectDistance", 3.75, "measured"),
    "camera_samples/jpg__tests__87_OSError.jpg": ("Nikon LensData", 10.0, "measured"),
    "exiftool/Apple.jpg": ("Apple FocusDistanceRange", 0.6026, "range"),
    "exiftool/Canon.jpg": ("Canon ShotInfo", 10.92, "range"),
    "exiftool/Canon1DmkIII.jpg": ("Canon FileInfo", 1.4908, "range"),
    "exiftool/FLIR.jpg": ("EXIF SubjectDistance", 1.0, "measured"),
    "exiftool/Google.jpg": ("EXIF SubjectDistance", 17.853, "measured"),
    "exiftool/Minolta.jpg": ("Minolta", 2.0, "measured"),
    "exiftool/Nikon.nef": ("Nikon LensData", 2.3714, "measured"),
    "exiftool/NikonD70.jpg": ("Nikon LensData", 0.6310, "measured"),
    "exiftool/Olympus2.jpg": ("Olympus", 385.8, "measured"),
    "exiftool/OlympusE1.jpg": ("Olympus", 0.705, "measured"),
}  # fmt: skip
"""File -> source, metres, trust. The middle of a range is the middle in dioptres."""

DECLINED: dict[str, str] = {
    "camera_samples/jpg__corrupted.jpg": "junk",
    "camera_samples/jpg__exif-org__kodak-dc210.jpg": "zero denominator",
    "camera_samples/jpg__hdr__canon_hdr_NO.jpg": "0 means unknown",
    "camera_samples/jpg__hdr__canon_hdr_YES.jpg": "0 means unknown",
    "camera_samples/jpg__tests__11-tests.jpg": "0 means unknown",
    "camera_samples/jpg__tests__32-lens_data.jpeg": "encrypted by the camera",
    "exiftool/GoPro.jpg": "0 means unknown",
    "exiftool/NikonD2Hs.jpg": "encrypted by the camera",
}
"""File -> why what it says is not believed. Nikon's cipher needs a table that Nikon never
published."""

INFINITY_MARKS = {"camera_samples/jpg__tests__42_IndexError.jpg"}
"""Files that say infinity: believed only beside frames with distances."""

SILENT = frozenset(
    ["camera_samples/jpg__tests__28-hex_value.jpg"]  # an editor has moved its Canon maker note
    + [
        f"exiftool/{name}.jpg"
        for name in (
            "AFCP", "Casio", "Casio2", "CasioQVCI", "ExifTool", "ExtendedXMP", "FotoStation",
            "FujiFilm", "GE", "GPS", "IPTC", "InfiRay", "JVC", "JVC2", "Kodak", "MWG", "Motorola",
            "Nikon", "Olympus", "Panasonic", "Pentax", "PhotoMechanic", "Ricoh", "Ricoh2", "Sanyo",
            "Sigma", "Sony", "Unknown", "Writer", "XMP",
        )
    ]
)  # fmt: skip
"""Files in which no focus distance is written that any documentation tells of."""

LENS_UNITS = "iphone_brackets/"


def frame(path: Path) -> FrameWords:
    return FrameWords(path.name, tuple(exif_readings(read_exif(path.read_bytes()))))


def test_every_real_file_is_in_the_table_once(dev_data: Path) -> None:
    files = {p.relative_to(dev_data / "exif").as_posix() for p in _files(dev_data)}
    assert len(files) > 140
    named = [*READ, *DECLINED, *INFINITY_MARKS, *SILENT]
    assert len(named) == len(set(named))
    assert {name for name in files if not name.startswith(LENS_UNITS)} == set(named)


def _files(dev_data: Path) -> list[Path]:
    return sorted(p for p in (dev_data / "exif").rglob("*") if p.is_file())


def test_every_real_file_is_read_or_declined(dev_data: Path) -> None:
    for path in _files(dev_data):
        name = path.relative_to(dev_data / "exif").as_posix()
        words = frame(path)
        best = best_reading(words)
        if name in READ:
            source, metres, trust = READ[name]
            assert best is not None, name
            assert best.source.startswith(source), name
            assert best.metres == pytest.approx(metres, rel=2e-3), name
            assert best.trust == trust, name
            assert not best.infinity_mark
            continue
        with pytest.raises(UserError) as refused:
            settle([words, FrameWords("other.jpg", ())])
        if name in INFINITY_MARKS:
            assert best is not None, name
            assert best.infinity_mark, name
            assert "infinity or unknown" in str(refused.value), name
        elif name.startswith(LENS_UNITS):
            assert words.lens_position is not None, name
            assert "lens units, not metres" in str(refused.value), name
        elif name in DECLINED:
            assert DECLINED[name] in str(refused.value), name
        else:
            assert words.readings == (), name
            assert "nothing in EXIF, maker note, XMP" in str(refused.value), name


def test_apple_range_has_its_ends(dev_data: Path) -> None:
    reading = best_reading(frame(dev_data / "exif/exiftool/Apple.jpg"))
    assert reading is not None
    assert reading.span_dioptres is not None
    far, near = reading.span_dioptres
    assert 1 / near == pytest.approx(0.54, abs=0.005)
    assert 1 / far == pytest.approx(0.68, abs=0.005)


def test_iphone_brackets_give_lens_positions(dev_data: Path) -> None:
    positions = [frame(p).lens_position for p in (dev_data / "exif/iphone_brackets").iterdir()]
    known = [p for p in positions if p is not None]
    assert len(known) == len(positions)
    assert (min(known), max(known)) == (0, 255)


def test_real_sweeps(dev_data: Path) -> None:
    carpet = read_sweep(dev_data / "sweeps/pixel6pro_carpet")
    metres = [1 / d for d in carpet.focus_dioptres]
    assert metres == pytest.approx([0.35, 0.50, 0.90, 1.33, 2.21])
    assert carpet.camera.camera.coc_px_per_dioptre(640) == pytest.approx(1.64, abs=0.01)
    assert "table" in carpet.camera.sources["sensor_width_mm"]
    with pytest.raises(UserError, match="no focus distance for 7 of 7") as pcb:
        read_sweep(dev_data / "sweeps/pcb_no_focus")
    assert "--uncalibrated" in str(pcb.value)
    with pytest.raises(UserError, match=r"all distances are equal.*46/100"):
        read_sweep(dev_data / "sweeps/coins_constant_focus")


@pytest.mark.parametrize(
    ("ratio", "metres"),
    [
        (Ratio(7, 20), 0.35),
        (Ratio(0, 1), None),
        (Ratio(0, 0), None),
        (Ratio(5, 0), None),
        (Ratio(4294967286, 10), None),
        (Ratio(-1, 1), None),
        (Ratio(1, 1000), None),
        (Ratio(99999, 1), None),
        (Ratio(0xFFFFFFFF, 1), math.inf),
        (Ratio(0xFFFFFFFF, 1000), math.inf),
        (Ratio(858993459, 200), math.inf),
    ],
)
def test_ratios_and_sentinels(ratio: Ratio, metres: float | None) -> None:
    reading = from_ratio("EXIF SubjectDistance", ratio)
    assert reading.metres == metres
    assert reading.infinity_mark == (metres == math.inf)
    assert bool(reading.problem) == (metres is None)


@pytest.mark.parametrize(
    ("said", "metres"),
    [("46/100", 0.46), ("0.46", 0.46), ("4294967295/1", math.inf), ("4294967.295", math.inf),
     ("0", None), ("near", None), ("1e9", None), ("-3", None), ("12/0", None), ("", None)],
)  # fmt: skip
@pytest.mark.parametrize("form", ['<x aux:ApproximateFocusDistance="{}"/>',
                                  "<aux:ApproximateFocusDistance>{}</aux:Approx"])  # fmt: skip
def test_xmp_focus_distance(said: str, metres: float | None, form: str) -> None:
    xmp = form.format(said)
    assert xmp_property(xmp, "aux:ApproximateFocusDistance") == said
    (reading,) = exif_readings(Exif(xmp=xmp))
    assert reading.metres == metres


def test_range_middle_is_in_dioptres() -> None:
    assert from_range("x", 0.5, 1.0).dioptres == pytest.approx(1.5)
    assert from_range("x", math.inf, 2.0).dioptres == pytest.approx(0.25)
    assert from_range("x", 0.0, 2.0).dioptres is None


def said(*readings: FocusReading) -> FrameWords:
    return FrameWords("f", readings)


def test_infinity_mark_needs_other_frames_with_distances() -> None:
    mark = from_ratio("EXIF SubjectDistance", Ratio(0xFFFFFFFF, 1))
    near = [said(from_metres("EXIF SubjectDistance", m, "")) for m in (0.5, 1.0)]
    assert [r.dioptres for r in settle([*near, said(mark)])] == [2.0, 1.0, 0.0]
    with pytest.raises(UserError, match="infinity or unknown"):
        settle([near[0], said(mark)])
    with pytest.raises(UserError, match="no focus distance"):
        settle([said(mark)])


def test_a_constant_source_gives_way_to_the_next() -> None:
    frames = [
        said(from_metres("EXIF SubjectDistance", 1.0, "1/1"), from_metres("note", m, ""))
        for m in (0.5, 1.0, 2.0)
    ]
    assert [r.source for r in settle(frames)] == ["note"] * 3


def test_first_source_wins_frame_by_frame(tmp_path: Path) -> None:
    sweep = write_sweep(tmp_path / "s", [0.5, None, 2.0])
    with pytest.raises(UserError, match=r"no focus distance for 1 of 3 frames \(frame2.jpg"):
        read_sweep(sweep)
    (sweep / "frame2.json").write_text(json.dumps({"LensPosition": 1.25}))
    read = read_sweep(sweep)
    assert read.focus_dioptres == pytest.approx((2.0, 1.25, 0.5))
    assert any("different sources" in w for w in read.warnings)


def test_infinity_in_exif_is_infinity(tmp_path: Path) -> None:
    read = read_sweep(write_sweep(tmp_path / "s", [0.5, 1.0, math.inf]))
    assert read.focus_dioptres == pytest.approx((2.0, 1.0, 0.0))


class TestOption:
    def test_metres_in_order(self, good_sweep: Path) -> None:
        read = read_sweep(good_sweep, focus="0.4, 0.5,1,2,inf")
        assert read.focus_dioptres == pytest.approx((2.5, 2.0, 1.0, 0.5, 0.0))
        assert {f.focus.trust for f in read.frames if f.focus} == {"user"}

    @pytest.mark.parametrize("text", ["1,2", "1,2,3,4,x", "0,1,2,3,4", "-1,1,2,3,4", "nan,1,2,3,4"])
    def test_refused(self, good_sweep: Path, text: str) -> None:
        with pytest.raises(UserError, match="--focus"):
            read_sweep(good_sweep, focus=text)


class TestNames:
    @pytest.mark.parametrize(
        ("name", "metres"),
        [("0.35m.jpg", 0.35), ("shot_35cm.jpg", 0.35), ("a 350mm.jpg", 0.35),
         ("PXL_0.35.jpg", 0.35), ("IMG_2.5D.jpg", 0.4), ("x_inf.jpg", math.inf),
         ("IMG_0001_1.5.jpg", 1.5)],
    )  # fmt: skip
    def test_distance(self, name: str, metres: float) -> None:
        (reading,) = sources.from_names([name])
        assert reading.metres == pytest.approx(metres)

    def test_a_running_count_is_refused(self) -> None:
        with pytest.raises(UserError, match="only count"):
            sources.from_names(["IMG_0001.jpg", "IMG_0002.jpg", "IMG_0003.jpg"])

    def test_no_number(self) -> None:
        with pytest.raises(UserError, match=r"near.jpg holds no distance"):
            sources.from_names(["near.jpg"])

    def test_sweep_by_names(self, tmp_path: Path) -> None:
        for metres in (0.5, 2):
            Image.fromarray(texture((64, 64))).save(tmp_path / f"at_{metres}m.jpg")
        assert read_sweep(tmp_path, focus_from_name=True).focus_dioptres == (2.0, 0.5)


class TestSidecar:
    def write(self, folder: Path, **changes: object) -> Path:
        write_sweep(folder, [None] * 3)
        record = {
            "schema": "edgedepth-sweep/1",
            "camera": {"focal_length_mm": 5.0, "f_number": 2.0, "sensor_width_mm": 8.0},
            "frames": [
                {"file": f"frame{i}.jpg", "focus_dioptres": d}
                for i, d in ((3, 2.0), (1, 1.0), (2, 0.0))
            ],
        }
        (folder / "sweep.json").write_text(json.dumps(record | changes))
        return folder

    def test_order_focus_and_camera(self, tmp_path: Path) -> None:
        read = read_sweep(self.write(tmp_path))
        assert [f.name for f in read.frames] == ["frame3.jpg", "frame1.jpg", "frame2.jpg"]
        assert read.focus_dioptres == (2.0, 1.0, 0.0)
        assert read.camera.camera.sensor_width_mm == 8.0
        assert set(read.camera.sources.values()) == {"sweep.json"}

    def test_the_schema_describes_it(self, tmp_path: Path) -> None:
        schema = json.loads((ROOT / "docs/schemas/sweep.schema.json").read_text())
        record = json.loads((self.write(tmp_path) / "sweep.json").read_text())
        jsonschema.validate(record, schema)
        for key, value in (("schema", "x"), ("frames", []), ("camera", {"f_number": 0})):
            with pytest.raises(jsonschema.ValidationError):
                jsonschema.validate(record | {key: value}, schema)

    def test_requested_focus_stands_in(self, tmp_path: Path) -> None:
        frames = [{"file": f"frame{i}.jpg", "focus_dioptres_requested": i} for i in (1, 2, 3)]
        assert read_sweep(self.write(tmp_path, frames=frames)).focus_dioptres == (1, 2, 3)

    def test_an_uncalibrated_lens_gives_no_distances(self, tmp_path: Path) -> None:
        self.write(tmp_path, camera={"focus_calibration": "uncalibrated"})
        with pytest.raises(UserError, match="lens units"):
            read_sweep(tmp_path)

    @pytest.mark.parametrize(
        "changes",
        [
            {"schema": "other/9"},
            {"frames": []},
            {"frames": 7},
            {"frames": [{"file": "frame1.jpg"}, {"file": "frame1.jpg"}]},
            {"frames": [{"file": "../frame1.jpg"}]},
            {"frames": [{"file": "gone.jpg", "focus_dioptres": 1}]},
            {"frames": [{"file": f"frame{i}.jpg", "focus_dioptres": "1"} for i in (1, 2, 3)]},
            {"frames": [{"file": f"frame{i}.jpg", "focus_dioptres": -i} for i in (1, 2, 3)]},
            {"camera": "good"},
        ],
    )
    def test_unusable(self, tmp_path: Path, changes: dict[str, object]) -> None:
        with pytest.raises(UserError):
            read_sweep(self.write(tmp_path, **changes))

    @pytest.mark.parametrize("text", ["", "{", "[1]", '{"a":' * 9999, "\xff\xfe"])
    def test_not_json(self, tmp_path: Path, text: str) -> None:
        write_sweep(tmp_path)
        (tmp_path / "sweep.json").write_bytes(text.encode("latin-1"))
        with pytest.raises(UserError, match=r"sweep\.json"):
            read_sweep(tmp_path)


class TestCamera:
    def test_35_mm_equivalent_by_the_diagonal(self, good_sweep: Path) -> None:
        read = read_sweep(good_sweep)
        assert read.camera.camera.sensor_width_mm == pytest.approx(9.8, rel=0.02)
        assert "diagonal" in read.camera.sources["sensor_width_mm"]
        assert read.camera.guessed == ()

    def test_option_goes_first(self, good_sweep: Path) -> None:
        read = read_sweep(good_sweep, sensor_width_mm=6.4)
        assert read.camera.camera.sensor_width_mm == 6.4
        with pytest.raises(UserError, match="--sensor-width-mm"):
            read_sweep(good_sweep, sensor_width_mm=-1)

    def test_focal_plane_resolution(self, tmp_path: Path) -> None:
        tags = {"x0xa405": 0, "x0xa20e": 640 / 8.0, "x0xa210": 4}
        read = read_sweep(write_sweep(tmp_path, **tags))
        assert read.camera.camera.sensor_width_mm == pytest.approx(8.0)
        assert "focal-plane" in read.camera.sources["sensor_width_mm"]

    def test_portrait_swaps_the_sensor(self, tmp_path: Path) -> None:
        read = read_sweep(write_sweep(tmp_path, orientation=6))
        assert read.size_px == (640, 480)
        assert read.camera.camera.sensor_width_mm == pytest.approx(9.8 * 3 / 4, rel=0.02)
        plain = optics_k(9.8, 640)
        assert read.camera.camera.coc_px_per_dioptre() == pytest.approx(plain, rel=0.02)

    def test_the_table_knows_a_phone_by_its_focal_length(self) -> None:
        main = find_phone("Pixel 6 Pro", 6.81)
        assert main is not None
        assert main.sensor_width_mm == pytest.approx(9.8, abs=0.05)
        assert find_phone("Pixel 6 Pro", 2.2) is None
        assert find_phone("/base/axi/i2c@88000/imx708@1a", 4.74) is not None
        assert find_phone("", None) is None
        names = [m for row in PHONES for m in row.models]
        assert len(set(names)) == len(names)
        for row in PHONES:
            assert row.origin
            equivalent = row.focal_length_mm / row.sensor_width_mm * 36
            assert 22 < equivalent < 30  # every row is a phone's main camera

    def test_a_guess_is_called_a_guess(self, tmp_path: Path) -> None:
        for i in (1, 2, 3):
            Image.fromarray(texture((64, 64))).save(tmp_path / f"{i}.png")
        read = read_sweep(tmp_path, focus="0.5,1,2")
        assert len(read.camera.guessed) == 3
        assert any("guess" in w and "--sensor-width-mm" in w for w in read.warnings)


def optics_k(sensor_mm: float, width: int) -> float:
    return float(12.0**2 / (1.8 * sensor_mm / width) * 1e-3)


def test_frames_come_in_natural_order(tmp_path: Path) -> None:
    for i in (1, 2, 10):
        Image.fromarray(texture((64, 64))).save(tmp_path / f"img{i}.jpg", exif=exif_bytes(float(i)))
    (tmp_path / "notes.txt").write_text("ignored")
    (tmp_path / "._img1.jpg").write_bytes(b"ignored too")
    assert [f.name for f in read_sweep(tmp_path).frames] == ["img1.jpg", "img2.jpg", "img10.jpg"]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_that_of_pillow(tmp_path: Path, orientation: int) -> None:
    from PIL import ImageOps

    from edgedepth.capture.decode import decode, open_image

    path = tmp_path / "a.png"
    Image.fromarray(texture((48, 64))).save(path, exif=exif_bytes(1.0, orientation=orientation))
    with Image.open(path) as image:
        expected = np.asarray(ImageOps.exif_transpose(image))
    opened = open_image(path)
    assert opened.size == expected.shape[:2]
    np.testing.assert_array_equal(decode(opened), expected)


def test_mixed_orientation_follows_the_first_frame(tmp_path: Path) -> None:
    for i, orientation in enumerate((6, 6, 1)):
        Image.fromarray(texture((48, 64))).save(
            tmp_path / f"{i}.jpg", exif=exif_bytes(0.5 + i, orientation=orientation)
        )
    read = read_sweep(tmp_path)
    assert {f.image.orientation for f in read.frames} == {6}
    assert any("orientation" in w for w in read.warnings)


@pytest.mark.parametrize("form", ["png", "webp", "tif", "jpg"])
def test_formats_carry_their_exif(tmp_path: Path, form: str) -> None:
    for i, metres in enumerate((0.5, 1.0)):
        Image.fromarray(texture((48, 64))).save(tmp_path / f"{i}.{form}", exif=exif_bytes(metres))
    assert read_sweep(tmp_path).focus_dioptres == pytest.approx((2.0, 1.0))
