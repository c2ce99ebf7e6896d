"""A headless Chromium under test, spoken to by its DevTools protocol.

https://chromedevtools.github.io/devtools-protocol/
"""

from __future__ import annotations

import base64
import contextlib
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import websocket

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--hide-scrollbars",
    "--mute-audio",
    "--remote-debugging-port=0",
    "--remote-allow-origins=*",
)
WITHOUT_GPU = ("--disable-gpu",)
SOFTWARE_WEBGPU = (
    "--enable-unsafe-webgpu",
    "--enable-features=Vulkan",
    "--use-vulkan=swiftshader",
    "--use-webgpu-adapter=swiftshader",
    "--ignore-gpu-blocklist",
)
START_S = 60.0
ANSWER_S = 180.0
"""A page that computes answers late."""


def chromium_or_skip() -> str:
    """Path of Chromium; skips the test where there is none."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        found = shutil.which(name)
        if found:
            return found
    pytest.skip("no Chromium here (make tools installs it)")


@contextlib.contextmanager
def open_browser(*flags: str) -> Iterator[Browser]:
    """Start Chromium with one empty page; ends with the block."""
    program = chromium_or_skip()
    # its helpers may write to the profile for a moment longer than it lives
    with tempfile.TemporaryDirectory(
        prefix="edgedepth-browser-", ignore_cleanup_errors=True
    ) as folder:
        command = [program, *FLAGS, *flags, f"--user-data-dir={folder}", "about:blank"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            browser = Browser(_page_socket(Path(folder) / "DevToolsActivePort", process))
            try:
                yield browser
            finally:
                browser.close()
        finally:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _page_socket(port_file: Path, process: subprocess.Popen[bytes]) -> websocket.WebSocket:
    """Connect to the browser's first page."""
    limit = time.monotonic() + START_S
    while not (port_file.exists() and port_file.read_text().count("\n")):
        if process.poll() is not None or time.monotonic() > limit:
            raise RuntimeError(f"Chromium did not start (exit code {process.poll()})")
        time.sleep(0.05)
    port, path = port_file.read_text().split("\n")[:2]
    root = websocket.create_connection(f"ws://127.0.0.1:{port}{path}", timeout=START_S)
    root.send(json.dumps({"id": 1, "method": "Target.getTargets"}))
    targets = json.loads(root.recv())["result"]["targetInfos"]
    root.close()
    page = next(t["targetId"] for t in targets if t["type"] == "page")
    return websocket.create_connection(
        f"ws://127.0.0.1:{port}/devtools/page/{page}", timeout=ANSWER_S
    )


class Browser:
    """One page of a running Chromium.

    Attributes:
        requests: URLs that the page asked for, ``data:`` and ``blob:`` left out.
        complaints: uncaught errors, and console errors that are not a log's greeting.
    """

    def __init__(self, socket: websocket.WebSocket) -> None:
        self._socket = socket
        self._count = 0
        self.requests: list[str] = []
        self.complaints: list[str] = []
        for domain in ("Page", "Runtime", "Network"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a DevTools method and wait for its result."""
        self._count += 1
        self._socket.send(json.dumps({"id": self._count, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv())
            if message.get("id") == self._count:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                result: dict[str, Any] = message["result"]
                return result
            self._note(message)

    def _note(self, message: dict[str, Any]) -> None:
        method, said = message.get("method"), message.get("params", {})
        if method == "Network.requestWillBeSent":
            url = said["request"]["url"]
            if not url.startswith(("data:", "blob:", "about:")):
                self.requests.append(url)
        elif method == "Runtime.exceptionThrown":
            detail = said["exceptionDetails"]
            self.complaints.append(str(detail.get("exception", {}).get("description", detail)))
        elif method == "Runtime.consoleAPICalled" and said["type"] in ("error", "assert"):
            text = " ".join(str(a.get("value")) for a in said["args"])
            if not text.startswith(("INFO:", "WARNING:")):
                self.complaints.append(text)

    def open(self, url: str) -> None:
        """Go to a page; returns when it starts to load."""
        failed = self.send("Page.navigate", url=url).get("errorText")
        if failed:
            raise RuntimeError(f"{url}: {failed}")

    def evaluate(self, expression: str) -> Any:
        """A JavaScript expression's value; promises are awaited.

        Raises:
            RuntimeError: the page threw.
        """
        answer = self.send(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in answer:
            detail = answer["exceptionDetails"]
            raise RuntimeError(detail.get("exception", {}).get("description", str(detail)))
        return answer["result"].get("value")

    def wait_for(self, expression: str, timeout_s: float = 60.0) -> Any:
        """Wait until an expression is truthy; its value."""
        limit = time.monotonic() + timeout_s
        while time.monotonic() < limit:
            try:
                value = self.evaluate(expression)
            except RuntimeError as error:  # the page is still being replaced, or not made yet
                value, last = None, str(error)
            else:
                last = ""
            if value:
                return value
            time.sleep(0.05)
        raise TimeoutError(f"{expression} stayed false: {last} {self.complaints}")

    def phone(self, width: int, height: int, scale: float = 2.0) -> None:
        """Show the page as a touch screen of this size in CSS pixels would."""
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=scale, mobile=True,
        )  # fmt: skip
        self.send("Emulation.setTouchEmulationEnabled", enabled=True)

    def tap(self, x: float, y: float) -> None:
        """Touch the screen at a place in CSS pixels."""
        self.send("Input.dispatchTouchEvent", type="touchStart", touchPoints=[{"x": x, "y": y}])
        self.send("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    def point(self, x: float, y: float, click: bool = False) -> None:
        """Move the mouse to a place in CSS pixels, and click there."""
        self.send("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        if click:
            for kind in ("mousePressed", "mouseReleased"):
                self.send(
                    "Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1
                )

    def go_offline(self) -> None:
        """Cut the page off from the network."""
        self.send(
            "Network.emulateNetworkConditions",
            offline=True, latency=0, downloadThroughput=-1, uploadThroughput=-1,
        )  # fmt: skip

    def screenshot(self, path: Path) -> None:
        """What the screen shows, as PNG."""
        data = self.send("Page.captureScreenshot", format="png")["data"]
        path.write_bytes(base64.b64decode(data))

    def close(self) -> None:
        """End the browser."""
        with contextlib.suppress(websocket.WebSocketException, OSError):
            self.send("Browser.close")
        self._socket.close()
