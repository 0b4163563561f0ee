"""A real Node-RED, made by tests/node_red/make, as a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Self

import pytest

from support.free_port import free_port
from support.waiting import until

VERSION = "4.1.15"
START_SECONDS = 60.0

SETTINGS = """\
module.exports = {{
    uiHost: "127.0.0.1", uiPort: {port}, userDir: "{folder}", flowFile: "flows.json",
    telemetry: {{ enabled: false, updateNotification: false }},
    externalModules: {{ palette: {{ allowInstall: false }} }},
}};
"""


def program() -> Path:
    """The script that starts it; skips the test where there is none."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    found = cache / "appliance" / "node-red" / VERSION
    if not (found / "ready").exists() or shutil.which("node") is None:
        pytest.skip(f"no Node-RED in {found}; make it: tests/node_red/make")
    return found / "node_modules" / "node-red" / "red.js"


class NodeRed:
    """On loopback, with nothing in it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._program = program()
        self._port = free_port()
        self._process: subprocess.Popen[str] | None = None
        folder.mkdir(parents=True)
        settings = SETTINGS.format(port=self._port, folder=folder)
        (folder / "settings.js").write_text(settings, "utf-8")

    def __enter__(self) -> Self:
        with (self._folder / "log").open("a", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                ["node", str(self._program), "--settings", str(self._folder / "settings.js")],
                stdout=log,
                stderr=log,
                text=True,
            )
        until(self._answers, f"it does not start: {self._folder}/log", START_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)

    def deploy(self, flows: list[dict[str, Any]]) -> None:
        """As the button Deploy of its editor does, which a person presses after the start."""
        until(lambda: "Started flows" in self.said(), "it starts no flows", START_SECONDS)
        status, _ = self.post("/flows", json.dumps(flows).encode(), "application/json")
        assert status == 204

    def post(self, path: str, body: bytes, content_type: str) -> tuple[int, Any]:
        """The status and the JSON that comes back."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._port}{path}", body, {"Content-Type": content_type}
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:  # noqa: S310
                text = reply.read()
                return reply.status, json.loads(text) if text else None
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def said(self) -> str:
        return (self._folder / "log").read_text("utf-8")

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.said()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/settings", timeout=1):
                return True
        except OSError:
            return False
