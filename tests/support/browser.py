"""A headless Chromium, driven over its own DevTools protocol: what a page shows, and what a hand on it does."""

from __future__ import annotations

import base64
import json
import struct
import subprocess
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from support import require, stop, wait_until

_OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-proxy-server"),
    *("--remote-debugging-port=0", "--window-size=1280,720"),
)


class Page:
    """One tab. ``errors`` holds what its console and its scripts complained of."""

    def __init__(self, socket: ClientConnection) -> None:
        self.errors: list[str] = []
        self._socket = socket
        self._number = 0
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def open(self, url: str) -> None:
        self.call("Page.navigate", url=url)
        self.wait_for("document.readyState === 'complete'")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The result of a DevTools ``method``; raises RuntimeError for what it refuses."""
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            told = json.loads(self._socket.recv(timeout=20))
            if told.get("id") != self._number:
                self._note(told)
            elif "error" in told:
                raise RuntimeError(f"{method}: {told['error']['message']}")
            else:
                return dict(told["result"])

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript ``expression``; raises RuntimeError where it throws."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise RuntimeError(f"{expression}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def wait_for(self, expression: str, patience_s: float = 15.0, meanwhile: Callable[[], object] = int) -> None:
        """Wait until ``expression`` is true, and do ``meanwhile`` again and again."""
        deadline = time.monotonic() + patience_s
        while not self.evaluate(expression):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{expression} was not true within {patience_s} s")
            meanwhile()
            time.sleep(0.05)

    def mouse(self, kind: str, x: float, y: float) -> None:
        """Move, press or release the mouse: ``kind`` is ``mouseMoved``, ``mousePressed`` or ``mouseReleased``."""
        held = 0 if kind == "mouseReleased" else 1
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=held, clickCount=1)

    def press(self, key: str) -> None:
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, text=key if kind == "keyDown" else "")

    def screenshot(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))

    def pixel(self, x: float, y: float) -> tuple[int, ...]:
        """What the screen shows at a place, in CSS pixels: red, green and blue."""
        clip = {"x": round(x), "y": round(y), "width": 1, "height": 1, "scale": 1}
        return first_pixel(base64.b64decode(self.call("Page.captureScreenshot", format="png", clip=clip)["data"]))

    def _note(self, told: dict[str, Any]) -> None:
        parameters = told.get("params", {})
        if told["method"] == "Runtime.exceptionThrown":
            self.errors.append(str(parameters["exceptionDetails"]))
        elif told["method"] == "Log.entryAdded" and parameters["entry"]["level"] == "error":
            self.errors.append(parameters["entry"]["text"])
        elif told["method"] == "Runtime.consoleAPICalled" and parameters["type"] in ("error", "assert"):
            self.errors.append(str(parameters["args"]))


def first_pixel(png: bytes) -> tuple[int, ...]:
    """The first pixel of a PNG with 8 bits a channel; its row's filter changes nothing there."""
    packed, place = b"", 8
    while place < len(png):
        (length,) = struct.unpack(">I", png[place : place + 4])
        if png[place + 4 : place + 8] == b"IDAT":
            packed += png[place + 8 : place + 8 + length]
        place += 12 + length
    return tuple(zlib.decompress(packed)[1:4])


def channels(color: str) -> tuple[int, ...]:
    """Red, green and blue of ``#rrggbb``."""
    return tuple(bytes.fromhex(color[1:]))


@contextmanager
def chromium(folder: Path) -> Iterator[Page]:
    """A browser with its profile in ``folder``, and its one tab; skips where it is not installed."""
    require({"chromium": "chromium"})
    log = folder / "chromium.log"
    with log.open("wb") as output:
        command = ["chromium", *_OPTIONS, f"--user-data-dir={folder / 'profile'}", "about:blank"]
        browser = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    port_file = folder / "profile" / "DevToolsActivePort"
    try:
        wait_until(lambda: port_file.exists() and len(port_file.read_text().splitlines()) == 2, browser, 40.0)
        port = int(port_file.read_text().splitlines()[0])
        with connect(f"ws://127.0.0.1:{port}/devtools/page/{_tab(port)}", max_size=None, proxy=None) as socket:
            yield Page(socket)
    finally:
        stop(browser)


def _tab(port: int) -> str:
    from urllib.request import ProxyHandler, build_opener

    direct = build_opener(ProxyHandler({}))
    with direct.open(f"http://127.0.0.1:{port}/json/list", timeout=10) as answer:
        return str(next(tab["id"] for tab in json.load(answer) if tab["type"] == "page"))
