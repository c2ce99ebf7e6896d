"""Fixtures: LiteRT.js, pages of small models, the server in a thread."""

from __future__ import annotations

import contextlib
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edgedepth.capture import DepthResult, read_sweep
from edgedepth.capture.modelfile import ModelFile
from edgedepth.demo.artifacts import cache_folder
from edgedepth.serve.litertjs import CORE, WASM_UTILS
from edgedepth.serve.resources import Resources
from edgedepth.serve.scene import build_scene
from edgedepth.serve.server import listening
from edgedepth.serve.site import add_pages, add_runtime
from tests.capture.scenes import write_sweep
from tests.capture.tiny_model import build, tiny_spec


@pytest.fixture(scope="session")
def runtime() -> Resources:
    """LiteRT.js; skips where neither npm nor the cache has it."""
    cached = all((cache_folder() / package.file).is_file() for package in (CORE, WASM_UTILS))
    if not cached and shutil.which("npm") is None:
        pytest.skip("no npm here to fetch LiteRT.js with (make tools installs it)")
    resources = Resources()
    add_runtime(resources)
    return resources


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with float.tflite and int8.tflite: 5 frames and streaming."""
    folder = tmp_path_factory.mktemp("models")
    build(folder / "float.tflite")
    build(folder / "int8.tflite", tiny_spec(precision="int8"))
    return folder


@pytest.fixture(scope="session")
def good_sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five frames of two planes; not to be written to."""
    return write_sweep(tmp_path_factory.mktemp("sweeps") / "two_planes")


def make_page(
    runtime: Resources, sweep: Path, models: list[ModelFile]
) -> tuple[Resources, dict[str, Any], DepthResult]:
    """A page, its scene's record and Python's result with the first model."""
    resources = Resources(dict(runtime.files))
    record, result = build_scene(read_sweep(sweep), models, 2, resources)
    add_pages(resources, record)
    return resources, record, result


@contextlib.contextmanager
def serving(
    resources: Resources,
    certificate: tuple[Path, Path] | None = None,
    port: int = 0,
    host: str = "127.0.0.1",
) -> Iterator[str]:
    """The page's address while a thread serves it."""
    with listening(resources, host, port, certificate) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://localhost:{server.server_address[1]}/"
        finally:
            server.shutdown()
            thread.join()
