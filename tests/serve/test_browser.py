"""The page in headless Chromium, on wasm and on WebGPU over SwiftShader, against Python."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import numpy as np
import pytest
from numpy.typing import NDArray

from edgedepth.capture import ModelFile, infer_depth, read_model_file, read_sweep
from edgedepth.capture.runtimes import Runtime
from edgedepth.preprocess import Fit, SweepRange, depth_from_output
from edgedepth.serve.resources import Resources
from edgedepth.serve.scene import models_for_the_page
from tests.browser import SOFTWARE_WEBGPU, WITHOUT_GPU, Browser, open_browser
from tests.capture.scenes import write_sweep
from tests.capture.tiny_model import build, tiny_spec
from tests.conftest import ROOT
from tests.serve.conftest import make_page, serving

SAMPLE = ROOT / "edgedepth" / "samples" / "desk"
DEPTH_TEXT = "document.querySelector('.depth').textContent"
FLOATS = "btoa(Array.from(new Uint8Array({}.buffer), (b) => String.fromCharCode(b)).join(''))"
MOST_LEVELS_INT8 = 2
"""Largest difference from Python on wasm, in steps of the output's 8-bit grid."""

MOST_SHARE_WEBGPU = 0.001
"""Largest difference from Python on WebGPU, as a share of the sweep's range."""


PHONE = (360, 740)
NETWORK_NAME = "computer.test"
"""A name under which the browser finds this machine and does not take it for itself."""

Served = tuple[str, dict[str, Any], NDArray[np.float32]]
"""A page's address, its scene and Python's dioptres."""


def finished(browser: Browser, address: str) -> None:
    browser.open(address)
    browser.wait_for(
        "document.body && ['done', 'failed'].includes(document.body.dataset.state)", 240
    )
    status = browser.evaluate("document.getElementById('status').textContent")
    assert browser.evaluate("document.body.dataset.state") == "done", status


def floats(browser: Browser, expression: str) -> NDArray[np.float32]:
    text = browser.evaluate(FLOATS.format(expression))
    return np.frombuffer(base64.b64decode(text), "<f4")


def page_depth(browser: Browser, like: NDArray[np.float32]) -> NDArray[np.float32]:
    return floats(browser, "edgedepthPage.outcome.map.values").reshape(like.shape)


def fact(browser: Browser, name: str) -> str:
    said: str = browser.evaluate(f"document.getElementById('fact-{name}').textContent")
    return said


def one_level(model: ModelFile) -> float:
    """A step of an int8 model's output as a share of the sweep's range."""
    engine = Runtime(model.path)
    name = "infer" if model.spec.frames else "decode"
    return engine.signature(name).outputs["inverse_depth"].scale


@pytest.fixture(scope="module")
def wasm() -> Iterator[Browser]:
    with open_browser(
        *WITHOUT_GPU, f"--host-resolver-rules=MAP {NETWORK_NAME} 127.0.0.1"
    ) as browser:
        browser.phone(*PHONE)
        yield browser


@pytest.mark.slow
def test_shipped_int8_on_wasm_gives_pythons_depth(runtime: Resources, wasm: Browser) -> None:
    models = models_for_the_page(())
    assert models[0].spec.precision == "int8"
    resources, record, _ = make_page(runtime, SAMPLE, models[:1])
    expected = infer_depth(read_sweep(SAMPLE), models[0]).raw.dioptres
    with serving(resources) as address:
        finished(wasm, address)
        found = page_depth(wasm, expected)
    levels = np.abs(found - expected) / record["runs"][0]["sweep"]["span"] / one_level(models[0])
    assert levels.max() <= MOST_LEVELS_INT8 + 0.01
    assert np.mean(levels > 0.5) < 0.05
    assert fact(wasm, "backend").startswith("wasm (")
    assert "ms a run" in fact(wasm, "time")


@pytest.mark.slow
def test_shipped_fp16_on_webgpu_gives_pythons_depth(runtime: Resources) -> None:
    model = models_for_the_page(())[1]
    assert model.spec.precision == "fp16"
    resources, record, _ = make_page(runtime, SAMPLE, [model])
    assert [run["accelerator"] for run in record["runs"]] == ["webgpu", "wasm"]
    expected = infer_depth(read_sweep(SAMPLE), model).raw.dioptres
    with serving(resources) as address, open_browser(*SOFTWARE_WEBGPU) as browser:
        finished(browser, address)
        found = page_depth(browser, expected)
        assert fact(browser, "backend") == "WebGPU (google swiftshader)"
    share = np.abs(found - expected) / record["runs"][0]["sweep"]["span"]
    assert share.max() <= MOST_SHARE_WEBGPU
    assert expected.std() > 0.1


@pytest.mark.parametrize("precision", ["int8", "fp32"])
@pytest.mark.parametrize("frames", [5, 4])
def test_unrolled_and_streaming(
    runtime: Resources, wasm: Browser, tmp_path: Path, precision: str, frames: int
) -> None:
    """Five pictures take the unrolled signature, four the streaming ones."""
    model = read_model_file(build(tmp_path / "m.tflite", tiny_spec(precision=precision)))
    sweep = write_sweep(tmp_path / "sweep")
    for extra in sorted(sweep.glob("*.jpg"))[frames:]:
        extra.unlink()
    resources, record, result = make_page(runtime, sweep, [model])
    assert ("feeds" in record["runs"][0]) == (frames == 5)
    run = "?run=wasm-" + precision
    with serving(resources) as address:
        finished(wasm, address + run)
        found = page_depth(wasm, result.raw.dioptres)
        confidence = floats(wasm, "edgedepthPage.outcome.map.confidence").reshape(found.shape)
    step = one_level(model) * record["runs"][0]["sweep"]["span"] if precision == "int8" else 1e-4
    assert np.abs(found - result.raw.dioptres).max() <= MOST_LEVELS_INT8 * step * 1.01
    assert result.raw.confidence is not None
    np.testing.assert_allclose(confidence, result.raw.confidence, atol=2.1 / 255)


class TestPage:
    @pytest.fixture(scope="class")
    def served(self, runtime: Resources, models: Path, good_sweep: Path) -> Iterator[Served]:
        resources, record, result = make_page(
            runtime, good_sweep, [read_model_file(models / "int8.tflite")]
        )
        with serving(resources) as address:
            yield address, record, result.raw.dioptres

    @pytest.fixture(scope="class")
    def page(self, wasm: Browser, served: Served) -> Browser:
        wasm.requests.clear()
        wasm.complaints.clear()
        finished(wasm, served[0])
        return wasm

    def test_tap_reads_metres_and_refocuses(self, page: Browser, served: Served) -> None:
        dioptres = served[2]
        left, top, width, height = page.evaluate(
            "(() => { const b = document.querySelector('.view').getBoundingClientRect();"
            "return [b.left, b.top, b.width, b.height]; })()"
        )
        for across in (0.25, 0.75):
            page.tap(left + across * width, top + 0.5 * height)
            row, column = (int(n * s) for n, s in zip((0.5, across), dioptres.shape, strict=True))
            said = page.evaluate(DEPTH_TEXT)
            metres = float(said.removeprefix("depth: ").removesuffix(" m"))
            assert metres == pytest.approx(1 / dioptres[row, column], rel=0.03)
            page.wait_for(
                "Math.abs(parseFloat(document.querySelector('.focus').textContent.slice(7))"
                f" / {metres} - 1) < 0.02"
            )
        assert "%" in page.evaluate("document.querySelector('.confidence').textContent")

    def test_everything_comes_from_the_server_and_nothing_fails(
        self, page: Browser, served: Served
    ) -> None:
        assert page.complaints == []
        assert len(page.requests) > 10
        assert [url for url in page.requests if not url.startswith(served[0])] == []

    def test_run_again_keeps_what_was_told(self, page: Browser) -> None:
        page.wait_for("document.body.dataset.kept")
        names = "[...document.querySelectorAll('dt')].map((e) => e.textContent)"
        told = page.evaluate(names)
        assert told == ["backend", "model", "time", "check", "offline"]
        page.evaluate("document.getElementById('again').click()")
        page.wait_for("document.body.dataset.state === 'done'")
        assert page.evaluate(names) == told

    def test_a_run_that_fails_says_so(self, page: Browser) -> None:
        """The last resort fails too: the page says why and stays usable."""
        model = "edgedepthPage.scene.runs[0].model"
        page.evaluate(f"void (window.kept = {model}, {model} = 'nowhere')")
        page.evaluate("document.getElementById('again').click()")
        page.wait_for("document.body.dataset.state === 'failed'")
        assert "it failed: " in page.evaluate("document.getElementById('status').textContent")
        page.evaluate(f"void ({model} = window.kept)")
        page.evaluate("document.getElementById('again').click()")
        page.wait_for("document.body.dataset.state === 'done'")

    def test_agreement_is_told(self, page: Browser) -> None:
        assert "from the computer's result" in fact(page, "check")
        assert float(fact(page, "check").split(" ")[0]) < 0.02

    @pytest.mark.parametrize("size", [(320, 568), (568, 320), (1280, 900)])
    def test_fits_small_screens(self, page: Browser, size: tuple[int, int]) -> None:
        page.phone(*size)
        assert page.evaluate("innerWidth") == size[0]
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        sizes = page.evaluate(
            "[...document.querySelectorAll('select, button, .plane')].map((e) => e.clientHeight)"
        )
        assert len(sizes) == 4
        assert min(sizes) >= 38
        page.phone(*PHONE)

    @pytest.mark.parametrize("picture", [(480, 640), (640, 480), (300, 640), (640, 200)])
    @pytest.mark.parametrize("output", ["sweep", "metres"])
    def test_the_answer_is_cut_and_turned_as_in_python(
        self, page: Browser, picture: tuple[int, int], output: Literal["sweep", "metres"]
    ) -> None:
        fit, sweep = Fit.of(picture, (12, 16)), SweepRange(0.3, 2.0)
        plane = np.random.default_rng(0).uniform(-0.4, 1.4, fit.model).astype(np.float32)
        answer = depth_from_output(plane, sweep, replace(tiny_spec(), output=output))
        expected = fit.from_model(answer)
        run = {
            "output": output,
            "sweep": {"low": sweep.low, "span": sweep.span},
            "grid": fit.model,
            "content": fit.content,
            "offset": fit.offset,
            "turned": fit.turned,
        }
        name = "inverse_depth" if output == "sweep" else "depth"
        outputs = f"{{ {name}: Float32Array.from({plane.ravel().tolist()}) }}"
        found = page.evaluate(
            "import('./run.js').then((m) => {"
            f"const map = m.depthMap({json.dumps(run)}, {outputs});"
            "return { size: [map.height, map.width], values: [...map.values] }; })"
        )
        assert tuple(found["size"]) == expected.shape
        np.testing.assert_allclose(found["values"], expected.ravel(), rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_opens_without_a_network(
    runtime: Resources, models: Path, good_sweep: Path, wasm: Browser
) -> None:
    """The server is gone; the page opens again and runs the model. A new page replaces it."""
    resources, _, result = make_page(runtime, good_sweep, [read_model_file(models / "int8.tflite")])
    with serving(resources) as address:
        finished(wasm, address)
        wasm.wait_for("document.body.dataset.kept")
        assert fact(wasm, "offline") == "kept on this device"
    finished(wasm, address)
    assert page_depth(wasm, result.raw.dioptres).std() > 0.1
    resources, _, _ = make_page(runtime, good_sweep, [read_model_file(models / "float.tflite")])
    with serving(resources, port=urlsplit(address).port or 0):
        finished(wasm, address)
        assert fact(wasm, "model").startswith("float.tflite")


def test_plain_http_over_the_network(
    runtime: Resources, models: Path, good_sweep: Path, wasm: Browser
) -> None:
    """No secure context: no threads and no service worker, but the depth is the same."""
    resources, _, result = make_page(
        runtime, good_sweep, [read_model_file(models / "float.tflite")]
    )
    with serving(resources, host="0.0.0.0") as address:
        finished(wasm, address.replace("localhost", NETWORK_NAME))
        wasm.wait_for("document.body.dataset.kept")
        found = page_depth(wasm, result.raw.dioptres)
    assert wasm.evaluate("isSecureContext") is False
    np.testing.assert_allclose(found, result.raw.dioptres, atol=1e-4)
    assert fact(wasm, "backend") == "wasm (1 thread)"
    assert "as long as it stays open" in fact(wasm, "offline")
    assert wasm.evaluate("document.getElementById('run').options[0].disabled")


@pytest.mark.slow
def test_webgpu_that_fails_gives_way_to_wasm(
    runtime: Resources, models: Path, good_sweep: Path
) -> None:
    model = read_model_file(models / "float.tflite")
    resources, _, _ = make_page(runtime, good_sweep, [model])
    broken = resources.files["run.js"].data.replace(
        b"!model.isFullyAccelerated", b"model.isFullyAccelerated !== 7"
    )
    assert broken != resources.files["run.js"].data
    resources.put("run.js", broken)
    with serving(resources) as address, open_browser(*SOFTWARE_WEBGPU) as browser:
        finished(browser, address)
        assert fact(browser, "backend").startswith("wasm (")
        status = browser.evaluate("document.getElementById('status').textContent")
        assert "WebGPU failed (WebGPU does not take the whole model)" in status
