"""A headless Chromium, driven through the W3C WebDriver protocol: chromedriver is all it needs.

https://www.w3.org/TR/webdriver2/; commands under `goog/` are Chromium's own.
"""

import base64
import contextlib
import json
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")
CHROMEDRIVER = shutil.which("chromedriver")
MISSING = not (CHROMIUM and CHROMEDRIVER)
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # it is this machine
_KEYS = {"ArrowRight": "\ue014", "ArrowDown": "\ue015", "Enter": "\ue007", "Tab": "\ue004", "Space": " "}


class Browser:
    """One window. Offline from the start: what a page needs from the network it doesn't get."""

    def __init__(self, port: Any, width: Any = 1280, height: Any = 900) -> None:
        self._base = f"http://127.0.0.1:{port}/session"
        options = {
            "binary": CHROMIUM,
            "args": [
                "--headless=new",
                "--no-sandbox",
                "--disable-dev-shm-usage",
                "--hide-scrollbars",
                "--force-prefers-reduced-motion",  # a smooth scroll would move what is clicked
                "--host-resolver-rules=MAP * ~NOTFOUND",
                f"--window-size={width},{height}",
            ],
        }
        wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        self._session = ""
        self._session = self._call("POST", "", {"capabilities": {"alwaysMatch": wanted}})["sessionId"]
        self._call("POST", "/timeouts", {"script": 240_000})
        self.size(width, height)

    def _call(self, method: Any, path: Any, body: Any = None) -> Any:
        url = f"{self._base}/{self._session}{path}" if self._session else self._base
        data = json.dumps(body or {}).encode() if method == "POST" else None
        request = urllib.request.Request(
            url, data, {"Content-Type": "application/json"} if data else {}, method=method
        )
        try:
            with _OPENER.open(request, timeout=300) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(json.load(error)["value"]["message"]) from error

    def cdp(self, command: Any, **parameters: Any) -> Any:
        return self._call("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def size(self, width: Any, height: Any, mobile: Any = False) -> None:
        self.cdp(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=mobile,
        )

    def scheme(self, name: Any) -> None:
        features = [{"name": "prefers-color-scheme", "value": name}]
        self.cdp("Emulation.setEmulatedMedia", features=features)

    def open(self, path: Any) -> None:
        self._call("POST", "/url", {"url": f"file://{path}"})

    def run(self, script: Any, *arguments: Any) -> Any:
        """Runs the body of a function; a promise is waited for."""
        return self._call("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def wait(self, condition: Any, seconds: Any = 60) -> None:
        """Waits until an expression is true."""
        end = time.monotonic() + seconds
        while not self.run(f"return Boolean({condition})"):
            assert time.monotonic() < end, f"waited {seconds} s in vain for: {condition}"
            time.sleep(0.05)

    def find(self, selector: Any) -> Any:
        return self._call("POST", "/element", {"using": "css selector", "value": selector})[_ELEMENT]

    def click(self, selector: Any) -> None:
        self._call("POST", f"/element/{self.find(selector)}/click")

    def press(self, selector: Any, *keys: Any) -> None:
        text = "".join(_KEYS[key] for key in keys)
        self._call("POST", f"/element/{self.find(selector)}/value", {"text": text})

    def hover(self, x: Any, y: Any) -> None:
        """Moves the pointer to a place in the window."""
        for step in (3, 0):
            self.cdp("Input.dispatchMouseEvent", type="mouseMoved", x=x + step, y=y + step)

    def log(self) -> Any:
        """Messages of the console since the last call."""
        return [
            f"{entry['level']}: {entry['message']}"
            for entry in self._call("POST", "/se/log", {"type": "browser"})
        ]

    def screenshot(self, path: Any, selector: Any = None) -> None:
        """The window, or the whole of one element, as PNG."""
        clip = {}
        if selector:
            box = self.run(
                "const b = document.querySelector(arguments[0]).getBoundingClientRect();"
                "return [b.x + scrollX, b.y + scrollY, b.width, b.height]",
                selector,
            )
            clip = {"clip": dict(zip(("x", "y", "width", "height"), box, strict=True)) | {"scale": 1}}
        shot = self.cdp("Page.captureScreenshot", captureBeyondViewport=True, **clip)
        path.write_bytes(base64.b64decode(shot["data"]))

    def close(self) -> None:
        self._call("DELETE", "")


@contextlib.contextmanager
def opened(**options: Any) -> Any:
    """A browser that is closed at the end, with the driver."""
    command = [str(CHROMEDRIVER), "--port=0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as driver:
        assert driver.stdout is not None
        try:
            port = next(
                found[1]
                for line in driver.stdout
                if (found := re.search(r"successfully on port (\d+)", line))
            )
            browser = Browser(port, **options)
            try:
                yield browser
            finally:
                browser.close()
        finally:
            driver.terminate()
