"""bench --adb against a scripted adb and a played app; no phone was at hand."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from edgedepth import adb
from edgedepth.bench import app, device
from edgedepth.bench.app import BenchApp
from edgedepth.bench.cells import parse_delegates
from edgedepth.errors import UserError
from tests.bench import phone_app
from tests.bench.phone_app import add_phone
from tests.bench.test_bench_command import SCHEMA
from tests.capture.tiny_model import build, tiny_spec
from tests.conftest import ROOT
from tests.fake_adb import WAITING, FakeAdb, FakePhone

ANSWER_SCHEMA = json.loads((ROOT / "docs" / "schemas" / "device-bench.schema.json").read_text())
QUICK = ("--runs", "4", "--rounds", "2", "--warmup", "1")


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeAdb:
    folder = tmp_path / "adb"
    folder.mkdir()
    made = FakeAdb(folder)
    for key, value in made.environment.items():
        monkeypatch.setenv(key, value)
    monkeypatch.setattr(app, "POLL_S", 0.02)
    return made


@pytest.fixture
def phone(fake: FakeAdb) -> FakePhone:
    return add_phone(fake)


@pytest.fixture(scope="module")
def float_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("phone") / "half.tflite", tiny_spec(precision="fp32"))


def bench_adb(fake: FakeAdb, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edgedepth", "bench", "--adb", *map(str, arguments)],
        env=fake.environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def override(phone: FakePhone, **answer: Any) -> None:
    (phone.home / "app.json").write_text(json.dumps(answer))


def started(phone: FakePhone) -> list[str]:
    return [words[1] for words in phone.asked if "am start" in words[-1]]


@pytest.mark.slow
def test_the_same_record_as_from_here(
    fake: FakeAdb, phone: FakePhone, model: Path, float_model: Path, sweep: Path, tmp_path: Path
) -> None:
    out, picture = tmp_path / "r.json", tmp_path / "r.png"
    done = bench_adb(
        fake, model, float_model, "--sweep", sweep, "--delegate", "cpu,gpu", "--threads", "1,4",
        *QUICK, "--json", out, "--picture", picture, "--sustained", "0.01",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    record = json.loads(out.read_text())
    jsonschema.validate(record, SCHEMA)
    found = [(c["model"], c["delegate"], c["threads"]) for c in record["cells"]]
    assert found == [
        ("tiny.tflite", "cpu", 1), ("tiny.tflite", "cpu", 4),
        ("half.tflite", "cpu", 1), ("half.tflite", "cpu", 4), ("half.tflite", "gpu", 1),
    ]  # fmt: skip
    for cell in record["cells"]:
        assert (cell["runtime"], cell["runtime_version"]) == ("tensorflow-lite", "2.16.1")
        assert (cell["mode"], cell["frames"], cell["latency_s"]["rounds"]) == ("streaming", 6, 2)
    assert record["cells"][0]["latency_s"]["p50"] == pytest.approx(0.02, rel=0.05)
    assert record["cells"][4]["latency_s"]["p50"] == pytest.approx(0.01, rel=0.05)
    assert any("refuses: DEQUANTIZE" in text for text in record["warnings"])
    environment = record["environment"]
    assert environment["machine"]["cpu"] == "Google Pixel 6, Google GS101"
    assert environment["machine"]["governor"] == "sched_pixel"
    assert environment["before"]["clock_mhz"] == 2802
    assert environment["before"]["temperature_c"] == 31.4
    assert environment["after"]["thermal_status"] == 1
    assert len(record["sustained"]["curve"]) == device.CURVE_ROUNDS
    assert record["jobs"][0]["stages_s"] == phone_app.STAGES
    assert picture.exists()
    for words in ("Pixel 6", "GPU", "p50 ms", "tensorflow-lite 2.16.1", "ms after the last"):
        assert words in done.stdout
    commands = started(phone)
    assert len(commands) == 2 + 2 * 5 + 1 + 1  # prepared twice, the rounds, the refusal, sustained
    assert "--ez prepare true" in commands[0]
    assert f"--ez prepare true --es sweep {sweep.name}" in commands[1]
    pushed = [words[-1] for words in phone.asked if words[0] == "push"]
    assert pushed == [
        f"{adb.DEMO_FILES}/models/tiny.tflite", f"{adb.DEMO_FILES}/models/half.tflite",
        f"{adb.DEMO_FILES}/sweeps",
    ]  # fmt: skip
    assert phone.file(pushed[2]).joinpath(sweep.name).is_dir()


@pytest.mark.slow
def test_several_phones(fake: FakeAdb, model: Path, tmp_path: Path) -> None:
    for serial in ("A1", "192.168.0.7:5555", "C3"):
        add_phone(fake, serial)
    done = bench_adb(fake, model, *QUICK, "--json", tmp_path / "r.json",
                     "--serial", "A1", "--serial", "192.168.0.7:5555")  # fmt: skip
    assert done.returncode == 0, done.stderr
    written = sorted(path.name for path in tmp_path.glob("*.json"))
    assert written == ["r-192-168-0-7-5555.json", "r-A1.json"]
    assert done.stdout.count("machine  ") == 2
    done = bench_adb(fake, model, *QUICK)
    assert done.returncode == 1
    assert "several phones: A1, 192.168.0.7:5555, C3" in done.stderr


def test_the_played_app_keeps_the_contract(phone: FakePhone, model: Path) -> None:
    (chosen,) = adb.choose()
    made = BenchApp(chosen)
    answers = [made.prepare()]
    name = made.push_model(model)
    answers.append(made.measure(name, "desk", "cpu", 2, rounds=2, runs=3, warmup=1, frames=6))
    for answer in answers:
        jsonschema.validate(answer, ANSWER_SCHEMA)
    assert [len(one["samples_s"]) for one in answers[1]["rounds"]] == [3, 3]


class TestWhatGoesWrong:
    def ask(self, model: Path, **options: Any) -> None:
        (chosen,) = adb.choose()
        made = BenchApp(chosen)
        made.prepare()
        made.push_model(model)
        given = {"rounds": 1, "runs": 2, "warmup": 1, "frames": 6} | options
        made.measure(model.name, "desk", "cpu", 1, **given)

    def test_no_app(self, phone: FakePhone, model: Path) -> None:
        phone.answer(("pm path", 1, "", ""))
        with pytest.raises(UserError, match="has no edgedepth demo app; `edgedepth demo install`"):
            self.ask(model)

    @pytest.mark.parametrize(
        ("said", "words"),
        [
            (
                "Starting: Intent { cmp=org.edgedepth.demo/.BenchActivity }\nError type 3\n"
                "Error: Activity class {org.edgedepth.demo/.BenchActivity} does not exist.\n",
                "has no benchmark activity; install the app of this version",
            ),
            (
                "\nException occurred while executing 'start':\njava.lang.SecurityException: "
                "Permission Denial: starting Intent { flg=0x10000000 } from null\n",
                "does not start the app .*Exception occurred",
            ),
        ],
    )
    def test_an_app_without_it(self, phone: FakePhone, model: Path, said: str, words: str) -> None:
        phone.answer(("am start", 0, said, ""))
        with pytest.raises(UserError, match=words):
            self.ask(model)

    def test_a_run_that_does_not_end(self, phone: FakePhone, model: Path) -> None:
        override(phone, silent=True)
        made = BenchApp(adb.choose()[0])
        extras = {"model": made.push_model(model), "sweep": "desk", "delegate": "cpu"}
        extras |= {"threads": 1, "rounds": 1, "runs": 2, "warmup": 1}
        with pytest.raises(UserError, match="did not end within 1 s; keep the phone unlocked"):
            made.start(extras, timeout_s=1.0)

    def test_an_app_that_dies(self, phone: FakePhone, model: Path) -> None:
        override(phone, silent=True)
        log = (
            "11-23 08:00:00.000 12345 12345 E AndroidRuntime: FATAL EXCEPTION: main\n"
            "11-23 08:00:00.000 12345 12345 E AndroidRuntime: java.lang.OutOfMemoryError: Failed\n"
        )
        phone.answer(("pidof", 1, "", ""), ("logcat", 0, log, ""))
        with pytest.raises(UserError, match=r"stopped before it had figures \(java.*OutOfMemory"):
            self.ask(model)

    def test_what_the_app_says(self, phone: FakePhone, model: Path) -> None:
        override(phone, figures_only=True, answer={"error": "the activity left the foreground"})
        with pytest.raises(UserError, match="the activity left the foreground"):
            self.ask(model)

    @pytest.mark.parametrize(
        ("answer", "words"),
        [
            ({"text": "{"}, "is not JSON; install the app of this version"),
            ({"text": "[]"}, "is not JSON"),
            ({"answer": {"schema": "edgedepth-device-bench/9"}}, "answers in another format"),
        ],
    )
    def test_another_format(
        self, phone: FakePhone, model: Path, answer: dict[str, Any], words: str
    ) -> None:
        override(phone, **answer)
        with pytest.raises(UserError, match=words):
            self.ask(model)

    def test_a_name_that_does_not_travel(self, phone: FakePhone, model: Path) -> None:
        odd = model.with_name("a b;c.tflite")
        with pytest.raises(UserError, match="characters that do not travel"):
            BenchApp(adb.choose()[0]).push_model(odd)
        assert not phone.asked


class TestCommand:
    """One clear line, exit code 1; wrong usage is 2."""

    def refused(self, done: subprocess.CompletedProcess[str], *words: str) -> None:
        assert done.returncode == 1, done.stderr
        (line,) = done.stderr.strip().splitlines()
        for word in words:
            assert word in line

    def test_no_phone(self, fake: FakeAdb, model: Path) -> None:
        self.refused(bench_adb(fake, model), "adb sees no phone")

    def test_not_allowed(self, fake: FakeAdb, model: Path) -> None:
        fake.add("A1", WAITING)
        self.refused(bench_adb(fake, model), "A1 has not allowed this computer", "unlock it")

    def test_a_model_that_does_not_stream(
        self, fake: FakeAdb, phone: FakePhone, tmp_path: Path
    ) -> None:
        path = build(tmp_path / "unrolled.tflite", tiny_spec(streaming=False))
        self.refused(bench_adb(fake, path), "does not stream", "--streaming")
        assert not phone.asked

    def test_nothing_that_can_be_measured(
        self, fake: FakeAdb, phone: FakePhone, model: Path, tmp_path: Path
    ) -> None:
        out = tmp_path / "r.json"
        done = bench_adb(fake, model, "--delegate", "gpu", *QUICK, "--json", out)
        self.refused(done, "the GPU delegate refuses", "tiny.tflite on the GPU", "try --delegate")
        assert not out.exists()

    def test_a_sweep_that_is_none(self, fake: FakeAdb, phone: FakePhone, model: Path) -> None:
        self.refused(bench_adb(fake, model, "--sweep", "/nowhere"), "/nowhere does not exist")
        assert not phone.asked

    @pytest.mark.parametrize(
        "wrong",
        [["--adb", "--runtime", "litert"], ["--adb", "--profile"], ["--serial", "A1"],
         ["--adb", "--delegate", "npu"], ["--delegate", "cpu"], ["--adb", "--accuracy", "desk"]],
    )  # fmt: skip
    def test_options_of_the_other_place(self, wrong: list[str]) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "edgedepth", "bench", *wrong],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 2
        assert "Traceback" not in done.stderr


class TestReadings:
    def test_as_android_prints_them(self) -> None:
        assert device.parse_thermal(phone_app.THERMAL) == (0, 31.4)
        hot = phone_app.THERMAL.replace("Thermal Status: 0", "Thermal Status: 3")
        assert device.parse_thermal(hot)[0] == 3

    def test_what_cannot_be_read(self, phone: FakePhone) -> None:
        denied = "cat: /sys/devices/system/cpu/cpu0/cpufreq: Permission denied\n"
        phone.answer(
            ("scaling", 1, "", denied),
            ("dumpsys", 255, "", "cmd: Can't find service: thermalservice\n"),
        )
        found = device.readings(adb.choose()[0])
        assert set(found.values()) == {None}

    def test_a_hot_phone_is_told(self) -> None:
        from edgedepth.bench.environment import NOT_READ, Neighbours, warnings

        hot = NOT_READ | {"thermal_status": 3}
        assert warnings(8, NOT_READ, hot, Neighbours(None, None)) == [
            "throttled: the phone's thermal status was 3 of 6"
        ]


def test_delegates() -> None:
    assert parse_delegates("gpu, cpu,gpu") == ["gpu", "cpu"]
    with pytest.raises(ValueError, match="cpu and gpu"):
        parse_delegates("cpu,")
