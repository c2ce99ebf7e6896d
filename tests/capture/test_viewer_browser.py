"""viewer.html in a real browser: tap to focus, read depth and confidence, no network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgedepth.capture import DepthResult, infer_depth, read_sweep
from edgedepth.capture.viewer import write_viewer
from tests.browser import WITHOUT_GPU, Browser, open_browser

SHARPNESS = """(() => {
  const view = document.querySelector(".view"), { width, height } = view;
  const bytes = view.getContext("2d").getImageData(0, 0, width, height).data;
  const sums = [0, 0];
  for (let y = 0; y < height; y++) for (let x = 1; x < width; x++) {
    const i = 4 * (y * width + x);
    sums[x < width / 2 ? 0 : 1] += Math.abs(bytes[i] - bytes[i - 4]);
  }
  return sums;
})()"""
"""Sum of the horizontal steps in the left and the right half of what is drawn."""


@pytest.fixture(scope="module")
def result(good_sweep: Path, model: Path) -> DepthResult:
    found = infer_depth(read_sweep(good_sweep), model)
    depth = found.depth_m.copy()
    depth[400:440, 100:140] = np.nan
    return replace(found, depth_m=depth)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser(*WITHOUT_GPU) as opened:
        yield opened


@pytest.fixture
def page(browser: Browser, result: DepthResult, tmp_path: Path) -> Browser:
    write_viewer(tmp_path / "viewer.html", result)
    browser.requests.clear()
    browser.complaints.clear()
    browser.phone(400, 800)
    browser.open((tmp_path / "viewer.html").as_uri())
    browser.wait_for("document.body && document.body.dataset.ready")
    return browser


def place(page: Browser, row: int, column: int, shape: tuple[int, ...]) -> tuple[float, float]:
    """Where a pixel of the depth map is on the screen, in CSS pixels."""
    box = page.evaluate(
        "(() => { const b = document.querySelector('.view').getBoundingClientRect();"
        "return [b.left, b.top, b.width, b.height]; })()"
    )
    left, top, width, height = box
    return left + (column + 0.5) / shape[1] * width, top + (row + 0.5) / shape[0] * height


def text(page: Browser, name: str) -> str:
    said: str = page.evaluate(f"document.querySelector('.{name}').textContent")
    return said


def metres(said: str) -> float:
    return float(said.split(": ")[1].removesuffix(" m"))


def test_tap_reads_and_refocuses(page: Browser, result: DepthResult) -> None:
    shape = result.depth_m.shape
    near, far = (240, 150), (240, 490)
    assert np.isfinite([result.depth_m[near], result.depth_m[far]]).all()
    seen = {}
    for name, (row, column) in (("near", near), ("far", far)):
        page.tap(*place(page, row, column, shape))
        depth = float(result.depth_m[row, column])
        assert metres(text(page, "depth")) == pytest.approx(depth, rel=0.01)
        certain = float(result.confidence[row, column])
        assert text(page, "confidence") == f"confidence: {round(100 * certain)} %"
        page.wait_for(
            f"Math.abs(parseFloat(document.querySelector('.focus').textContent.slice(7))"
            f" / {depth} - 1) < 0.02"
        )
        left, right = page.evaluate(SHARPNESS)
        seen[name] = left / right
    assert seen["near"] > 1.3 * seen["far"]


def test_pointing_reads_without_refocusing(page: Browser, result: DepthResult) -> None:
    focus = text(page, "focus")
    page.point(*place(page, 240, 490, result.depth_m.shape))
    assert metres(text(page, "depth")) == pytest.approx(float(result.depth_m[240, 490]), rel=0.01)
    assert text(page, "focus") == focus


def test_unknown_depth_is_called_unknown(page: Browser, result: DepthResult) -> None:
    focus = text(page, "focus")
    page.tap(*place(page, 420, 120, result.depth_m.shape))
    assert text(page, "depth") == "depth: unknown"
    assert text(page, "focus") == focus


def test_slider_and_layers(page: Browser) -> None:
    page.evaluate(
        "(() => { const plane = document.querySelector('.plane'); plane.value = 1000;"
        "plane.dispatchEvent(new Event('input')); })()"
    )
    far = text(page, "focus")
    assert metres(far) > 1.5
    colours = set()
    for layer in ("picture", "depth", "confidence"):
        page.evaluate(
            "(() => { const show = document.querySelector('.show');"
            f"show.value = '{layer}'; show.dispatchEvent(new Event('change')); }})()"
        )
        colours.add(
            tuple(
                page.evaluate(
                    "[...document.querySelector('.view').getContext('2d')"
                    ".getImageData(100, 100, 1, 1).data]"
                )
            )
        )
    assert len(colours) == 3


@pytest.mark.parametrize("size", [(320, 568), (568, 320), (1280, 900)])
def test_fits_small_screens(page: Browser, size: tuple[int, int]) -> None:
    page.phone(*size)
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert page.evaluate("document.querySelector('.view').clientWidth") >= 0.5 * min(size)


def test_nothing_is_fetched_and_nothing_fails(page: Browser, result: DepthResult) -> None:
    page.tap(*place(page, 240, 150, result.depth_m.shape))
    assert [url for url in page.requests if not url.endswith("/viewer.html")] == []
    assert page.complaints == []
