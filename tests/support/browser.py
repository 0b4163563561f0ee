"""A real browser: headless Chromium, driven by the DevTools protocol over a pipe."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Self

from support.requirements import skip_unless_ci

NAMES = ("chromium", "chromium-browser", "google-chrome")

ANSWER_SECONDS = 30.0


class WebBrowser:
    """One page in one window; `evaluate` runs JavaScript in it."""

    def __init__(self, *words: str, width: int = 1000, height: int = 900) -> None:
        found = next(filter(None, map(shutil.which, NAMES)), None)
        if found is None:
            skip_unless_ci("there is no Chromium; install it: apt-get install chromium")
        self._folder = tempfile.mkdtemp(prefix="browser-")
        to_browser, self._out = os.pipe()
        self._in, from_browser = os.pipe()
        # Above 4, so that neither takes the place of the other.
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (to_browser, from_browser)]

        def connect() -> None:
            os.dup2(ends[0], 3)
            os.dup2(ends[1], 4)

        self._process = subprocess.Popen(
            [
                *(str(found), "--headless=new", "--no-sandbox", "--disable-gpu"),
                *("--remote-debugging-pipe", "--no-first-run", "--disable-background-networking"),
                *("--disable-dev-shm-usage", f"--user-data-dir={self._folder}"),
                *(f"--window-size={width},{height}", "--lang=en", "--accept-lang=en"),
                *(*words, "about:blank"),
            ],
            preexec_fn=connect,  # noqa: PLW1509  (the browser reads from 3 and writes to 4)
            pass_fds=(3, 4),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for end in ends:
            os.close(end)
        os.close(to_browser)
        os.close(from_browser)
        self._count = 0
        self._rest = b""
        self._session: str | None = None
        self.console: list[str] = []
        """Errors that the page wrote or caused, such as what its security policy refused."""
        targets = self.call("Target.getTargets")["targetInfos"]
        page = next(one["targetId"] for one in targets if one["type"] == "page")
        attached = self.call("Target.attachToTarget", targetId=page, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the protocol, and its result."""
        self._count += 1
        message = {"id": self._count, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._count:
                assert "error" not in answer, f"{method}: {answer['error']}"
                result: dict[str, Any] = answer["result"]
                return result

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            piece = os.read(self._in, 65536)
            assert piece, "the browser has ended"
            self._rest += piece
        line, _, self._rest = self._rest.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        entry = message.get("params", {})
        if message.get("method") == "Log.entryAdded" and entry["entry"]["level"] == "error":
            self.console.append(entry["entry"]["text"])
        if message.get("method") == "Runtime.exceptionThrown":
            self.console.append(json.dumps(entry["exceptionDetails"]))
        return message

    def open(self, address: str) -> None:
        """Go there, and wait until the page is loaded."""
        self.call("Page.navigate", url=address)
        self.until("document.readyState === 'complete' && location.protocol !== 'about:'")

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression; promises are awaited."""
        answer = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def until(self, expression: str) -> Any:
        """Wait until an expression is true; its value."""
        end = time.monotonic() + ANSWER_SECONDS
        while True:
            try:
                if value := self.evaluate(f"(() => {{ return {expression}; }})()"):
                    return value
            except AssertionError:  # the page was just replaced by the next one
                if self._process.poll() is not None:
                    raise
            text = "document.body && document.body.innerText"
            assert time.monotonic() < end, f"{expression}\n{self.evaluate(text)}"
            time.sleep(0.05)

    def type(self, text: str) -> None:
        """Into what has the focus, as by a keyboard."""
        self.call("Input.insertText", text=text)

    def press(self, key: str) -> None:
        """Tab or Enter."""
        codes = {"Enter": (13, "\r"), "Tab": (9, ""), " ": (32, " ")}
        number, text = codes[key]
        common = {"key": key, "windowsVirtualKeyCode": number, "text": text}
        self.call("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", **common)
        self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def choose_file(self, selector: str, path: Path) -> None:
        """As if an owner had chosen a file."""
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", nodeId=node, files=[str(path)])

    def screenshot(self, path: Path) -> None:
        """The window as WebP."""
        form = {"format": "webp", "quality": 60}
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", **form)["data"]))

    def close(self) -> None:
        """End it; nothing of it is left on disk."""
        self._process.terminate()
        self._process.wait(10)
        os.close(self._in)
        os.close(self._out)
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
