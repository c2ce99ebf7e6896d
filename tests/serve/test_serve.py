"""What the page is made of, the pinned runtime, the server and the command."""

from __future__ import annotations

import base64
import gzip
import hashlib
import http.client
import io
import json
import os
import re
import signal
import ssl
import stat
import subprocess
import sys
import tarfile
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest

from edgedepth.capture import read_model_file
from edgedepth.capture.runtimes import Tensor
from edgedepth.convert.running import Session
from edgedepth.errors import UserError
from edgedepth.serve import litertjs, site
from edgedepth.serve.edges import float_edges
from edgedepth.serve.litertjs import WASM_UTILS, Package, package_files
from edgedepth.serve.plan import value
from edgedepth.serve.resources import Resources
from edgedepth.serve.scene import models_for_the_page
from edgedepth.serve.server import is_local, listening
from tests.capture.tiny_model import build, tiny_spec
from tests.conftest import ROOT
from tests.serve.conftest import make_page, serving


class TestFloatEdges:
    @pytest.mark.parametrize("name", ["tiny", "shipped"])
    def test_same_answers_bit_for_bit(self, models: Path, name: str) -> None:
        path = models / "int8.tflite" if name == "tiny" else models_for_the_page(())[0].path
        data = path.read_bytes()
        plain, edged = Session(data), Session(float_edges(data))
        rng = np.random.default_rng(1)
        for key in plain.signatures:
            tensors = plain.inputs(key)
            feeds = {
                n: rng.integers(-128, 128, t.shape).astype(np.int8) for n, t in tensors.items()
            }
            real = {n: tensors[n].real(stored) for n, stored in feeds.items()}
            expected, found = plain.run(key, feeds), edged.run(key, real)
            assert {t.dtype for t in edged.inputs(key).values()} == {np.dtype(np.float32)}
            for output, stored in expected.items():
                np.testing.assert_array_equal(
                    found[output], plain.outputs(key)[output].real(stored), err_msg=output
                )

    def test_a_float_file_stays_as_it_is_and_metadata_stays_inside(
        self, models: Path, tmp_path: Path
    ) -> None:
        data = (models / "float.tflite").read_bytes()
        assert float_edges(data) == data
        path = tmp_path / "edged.tflite"
        path.write_bytes(float_edges((models / "int8.tflite").read_bytes()))
        assert read_model_file(path).spec == read_model_file(models / "int8.tflite").spec


class TestValues:
    FLOAT = Tensor((2, 3), np.dtype(np.float32), 0.0, 0)

    def numbers(self, real: list[float]) -> tuple[dict[str, object], Resources]:
        resources = Resources()
        stored = np.array(real, np.float32).reshape(2, 3)
        return value(self.FLOAT, stored, resources), resources

    def test_constant(self) -> None:
        said, resources = self.numbers([-1e4] * 6)
        assert said == {"shape": [2, 3], "fill": -1e4}
        assert resources.files == {}

    def test_bytes(self) -> None:
        said, resources = self.numbers([0, 1, 0.2, 0.4, 0.6, 17 / 255])
        data = resources.files[str(said["bytes"])].data
        assert list(data) == [0, 255, 51, 102, 153, 17]

    def test_floats(self) -> None:
        real = [0, 1, 0.2, 0.4, 0.6, 0.1234]
        said, resources = self.numbers(real)
        data = resources.files[str(said["floats"])].data
        np.testing.assert_array_equal(np.frombuffer(data, "<f4"), np.array(real, np.float32))

    def test_int8_frames_are_bytes_again(self) -> None:
        tensor = Tensor((1, 4), np.dtype(np.int8), float(np.float32(1 / 255)), -128)
        resources = Resources()
        said = value(tensor, np.array([[-128, 127, 0, 5]], np.int8), resources)
        assert list(resources.files[str(said["bytes"])].data) == [0, 255, 128, 133]


def tarball(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return stream.getvalue()


def pinned(data: bytes) -> Package:
    return Package("@some/thing", "1.2.3", base64.b64encode(hashlib.sha512(data).digest()).decode())


def fake_npm(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """An ``npm`` that runs a line of shell; its last argument is the folder to pack into."""
    folder.mkdir()
    program = folder / "npm"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


class TestPinnedRuntime:
    DATA = tarball({"dist/index.js": b"export {}"})

    def test_fetched_once_then_from_the_cache(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        source, package = tmp_path / "thing.tgz", pinned(self.DATA)
        source.write_bytes(self.DATA)
        fake_npm(tmp_path / "bin", monkeypatch, f'cp {source} "$5/{package.file}"')
        cache = tmp_path / "cache"
        assert package_files(package, cache) == {"dist/index.js": b"export {}"}
        assert [p.name for p in cache.iterdir()] == ["some-thing-1.2.3.tgz"]
        source.unlink()
        assert package_files(package, cache) == {"dist/index.js": b"export {}"}

    def test_other_bytes_are_refused_and_not_kept(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        package = pinned(b"something else")
        source = tmp_path / "thing.tgz"
        source.write_bytes(self.DATA)
        fake_npm(tmp_path / "bin", monkeypatch, f'cp {source} "$5/{package.file}"')
        with pytest.raises(UserError, match="not the file that was pinned"):
            package_files(package, tmp_path / "cache")
        assert list((tmp_path / "cache").iterdir()) == []

    def test_no_network(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        fake_npm(tmp_path / "bin", monkeypatch, "echo 'npm error code ENOTFOUND' >&2; exit 1")
        with pytest.raises(UserError, match=r"npm could not fetch @some/thing@1\.2\.3.*ENOTFOUND"):
            package_files(pinned(self.DATA), tmp_path / "cache")

    def test_no_npm(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(UserError, match=r"npm is not installed.*put some-thing-1\.2\.3\.tgz"):
            package_files(pinned(self.DATA), tmp_path / "cache")

    def test_a_damaged_cache_is_fetched_again(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        source, package = tmp_path / "thing.tgz", pinned(self.DATA)
        source.write_bytes(self.DATA)
        fake_npm(tmp_path / "bin", monkeypatch, f'cp {source} "$5/{package.file}"')
        (tmp_path / package.file).write_bytes(self.DATA[:50])
        assert package_files(package, tmp_path)["dist/index.js"] == b"export {}"

    def test_the_core_asks_for_the_package_that_is_pinned(self, runtime: Resources) -> None:
        core = runtime.files[f"{site.RUNTIME}/core.js"].data.decode()
        assert set(re.findall(r'from "(@[^"]+)"', core)) == {WASM_UTILS.name}
        assert litertjs.CORE.version == WASM_UTILS.version == litertjs.VERSION


class TestModels:
    def test_shipped_int8_for_wasm_and_fp16_for_webgpu(self) -> None:
        assert [m.spec.precision for m in models_for_the_page(())] == ["int8", "fp16"]

    def test_sizes_must_agree(self, models: Path, tmp_path: Path) -> None:
        other = build(tmp_path / "other.tflite", tiny_spec(height=48, width=64))
        with pytest.raises(UserError, match="differ in size"):
            models_for_the_page([models / "float.tflite", other])


class TestServer:
    @pytest.fixture(scope="class")
    def page(self, models: Path, good_sweep: Path) -> Resources:
        model = read_model_file(models / "int8.tflite")
        return make_page(Resources(), good_sweep, [model])[0]

    def ask(
        self, address: str, path: str, method: str = "GET", **headers: str
    ) -> tuple[http.client.HTTPResponse, bytes]:
        connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=10)
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer, body

    def test_the_page_may_share_memory_and_asks_nobody_else(self, page: Resources) -> None:
        with serving(page) as address:
            answer, body = self.ask(address, "/")
        assert answer.status == 200
        assert body == page.files["index.html"].data
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert answer.headers["Cross-Origin-Embedder-Policy"] == "require-corp"
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'self';")
        assert "sha256-" in policy
        assert "unsafe-inline" not in policy

    def test_files_named_by_their_content_are_kept_for_good(self, page: Resources) -> None:
        fixed = next(a for a, r in page.files.items() if r.fixed)
        with serving(page) as address:
            kept = self.ask(address, f"/{fixed}")[0].headers["Cache-Control"]
            asked = self.ask(address, "/page.js?x=1")[0].headers["Cache-Control"]
        assert "immutable" in kept
        assert asked == "no-cache"

    def test_gzip_and_head(self, page: Resources) -> None:
        with serving(page) as address:
            answer, body = self.ask(address, "/scene.json", **{"Accept-Encoding": "gzip"})
            head, nothing = self.ask(address, "/scene.json", "HEAD")
        assert answer.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(body) == page.files["scene.json"].data
        assert (head.status, nothing) == (200, b"")
        assert int(head.headers["Content-Length"]) == len(page.files["scene.json"].data)

    @pytest.mark.parametrize(
        "path", ["/nothing", "/../pyproject.toml", "/%2e%2e/setup.py", "//etc/passwd", "/a/"]
    )
    def test_only_the_pages_own_files(self, page: Resources, path: str) -> None:
        with serving(page) as address:
            assert self.ask(address, path)[0].status == 404
            assert self.ask(address, "/", "POST")[0].status == 501

    def test_a_foreign_name_for_this_machine_is_refused(self, page: Resources) -> None:
        with serving(page) as address:
            assert self.ask(address, "/", Host="evil.example")[0].status == 403

    @pytest.mark.parametrize(
        ("host", "local"),
        [("localhost:8000", True), ("127.0.0.1", True), ("[::1]:80", True), ("", False),
         ("evil.example", False), ("localhost.evil.example", False), ("192.168.1.4", False)],
    )  # fmt: skip
    def test_local_names(self, host: str, local: bool) -> None:
        assert is_local(host) is local

    def test_taken_port_and_bad_certificate(self, page: Resources, tmp_path: Path) -> None:
        with listening(page, "127.0.0.1", 0) as server:
            port = server.server_address[1]
            with (
                pytest.raises(UserError, match=rf"cannot listen on 127.0.0.1:{port}.*--port"),
                listening(page, "127.0.0.1", port),
            ):
                pass
        wrong = tmp_path / "wrong.pem"
        wrong.write_text("no certificate")
        with (
            pytest.raises(UserError, match=r"--cert .*wrong\.pem"),
            listening(page, "127.0.0.1", 0, (wrong, wrong)),
        ):
            pass

    def test_https(self, page: Resources, tmp_path: Path) -> None:
        cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1",
             "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
             "-keyout", str(key), "-out", str(cert)],
            check=True, capture_output=True,
        )  # fmt: skip
        with serving(page, (cert, key)) as address:
            context = ssl.create_default_context(cafile=str(cert))
            connection = http.client.HTTPSConnection(
                urlsplit(address).netloc, timeout=10, context=context
            )
            connection.request("GET", "/scene.json")
            assert connection.getresponse().read() == page.files["scene.json"].data
            connection.close()


class TestFolder:
    def test_written_whole_with_relative_addresses(
        self, runtime: Resources, models: Path, good_sweep: Path, tmp_path: Path
    ) -> None:
        resources, scene, _ = make_page(
            runtime, good_sweep, [read_model_file(models / "int8.tflite")]
        )
        site.write_site(resources, tmp_path / "page")
        for address in [*scene["pictures"], *(run["model"] for run in scene["runs"])]:
            assert (tmp_path / "page" / address).is_file()
        html = (tmp_path / "page" / "index.html").read_text()
        links = re.findall(r'(?:src|href)="([^"]+)"', html)
        assert {"viewer.css", "viewer.js", "page.js"} <= set(links)
        worker = (tmp_path / "page" / "offline.js").read_text()
        kept = json.loads(re.search(r"const FILES = (\[.*?\]);", worker)[1])  # type: ignore[index]
        assert all((tmp_path / "page" / name).exists() for name in kept)
        with pytest.raises(UserError, match="is there already"):
            site.write_site(resources, tmp_path / "page")

    def test_another_sweep_is_another_version(self, models: Path, good_sweep: Path) -> None:
        model = read_model_file(models / "int8.tflite")
        resources, scene, _ = make_page(Resources(), good_sweep, [model])
        before = resources.files["offline.js"].data
        site.add_pages(resources, scene | {"name": "another"})
        assert resources.files["offline.js"].data != before

    def test_a_full_disk_leaves_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(_path: Path, _data: bytes) -> None:
            raise OSError(28, "No space left on device")

        resources = Resources()
        resources.put("index.html", b"x")
        monkeypatch.setattr(Path, "write_bytes", full)
        with pytest.raises(UserError, match="No space left"):
            site.write_site(resources, tmp_path / "page")
        assert list(tmp_path.iterdir()) == []


class TestCommand:
    def run(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "edgedepth", "serve", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    @pytest.mark.slow
    def test_serves_until_it_is_interrupted(
        self, runtime: Resources, models: Path, good_sweep: Path
    ) -> None:
        command = [sys.executable, "-m", "edgedepth", "serve", str(good_sweep), "--port", "0"]
        process = subprocess.Popen(
            [*command, "--model", str(models / "int8.tflite")],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            # pytest in the background leaves SIGINT ignored, which children inherit
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )  # fmt: skip
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if line.startswith("Ctrl-C"):
                break
        port = re.search(r"http://localhost:(\d+)/", said)
        assert port is not None, said
        connection = http.client.HTTPConnection("localhost", int(port[1]), timeout=10)
        connection.request("GET", "/scene.json")
        scene = json.loads(connection.getresponse().read())
        connection.close()
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        assert scene["name"] == good_sweep.name
        assert [run["accelerator"] for run in scene["runs"]] == ["wasm"]
        assert "adb reverse" in said

    @pytest.mark.parametrize(
        "arguments",
        [("--cert", "c.pem"), ("--port", "70000"), ("--focus", "1,2", "--uncalibrated")],
    )
    def test_wrong_usage(self, arguments: tuple[str, ...]) -> None:
        assert self.run(*arguments).returncode == 2

    def test_no_such_sweep(self, tmp_path: Path) -> None:
        done = self.run(tmp_path / "nothing")
        assert done.returncode == 1
        assert done.stderr.startswith("edgedepth: ")
        assert len(done.stderr.strip().splitlines()) == 1


def test_an_uncalibrated_sweep_has_no_metres(models: Path, good_sweep: Path) -> None:
    from edgedepth.capture import read_sweep
    from edgedepth.serve.scene import build_scene

    sweep = read_sweep(good_sweep, uncalibrated=True)
    model = read_model_file(models / "float.tflite")
    record, _ = build_scene(sweep, [model], 2, Resources())
    assert record["metric"] is False


def test_int8_is_not_offered_to_webgpu(models: Path, good_sweep: Path) -> None:
    model = read_model_file(models / "float.tflite")
    half = replace(model, spec=replace(model.spec, precision="fp16"))
    _, scene, _ = make_page(
        Resources(), good_sweep, [read_model_file(models / "int8.tflite"), half]
    )
    offered = [(run["accelerator"], run["precision"]) for run in scene["runs"]]
    assert offered == [("wasm", "int8"), ("webgpu", "fp16"), ("wasm", "fp16")]


def test_nothing_of_the_runtime_is_in_the_repository() -> None:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.splitlines()
    assert not [
        name for name in listed if "litert_wasm" in name or name.endswith((".wasm", ".tgz"))
    ]
