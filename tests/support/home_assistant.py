"""A real Home Assistant, made by tests/home_assistant/make, as a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any, Self

import pytest

from support.waiting import until

FOLDER = Path(__file__).parents[1] / "home_assistant"
VERSION = "2026.2.3"
START_SECONDS = 300.0

CONFIGURATION = """\
homeassistant:
  name: Home
  unit_system: metric
  time_zone: UTC
  internal_url: "http://127.0.0.1:{port}"
http:
  server_host: 127.0.0.1
  server_port: {port}
api:
auth:
config:
onboarding:
websocket_api:
conversation:
intent:
assist_pipeline:
automation: !include automations.yaml
counter:
  large_coffees:
input_boolean:
  kitchen_lamp:
template:
  - light:
      - name: Kitchen lamp
        unique_id: kitchen_lamp
        state: "{{{{ is_state('input_boolean.kitchen_lamp', 'on') }}}}"
        turn_on:
          action: input_boolean.turn_on
          target:
            entity_id: input_boolean.kitchen_lamp
        turn_off:
          action: input_boolean.turn_off
          target:
            entity_id: input_boolean.kitchen_lamp
"""


def tree() -> Path:
    """The folder of the Debian with Home Assistant in it; skips the test where there is none."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    found = cache / "appliance" / "home-assistant" / VERSION
    if not (found / "ready").exists():
        pytest.skip(f"no Home Assistant in {found}; make it: sudo tests/home_assistant/make")
    if os.geteuid() != 0:
        pytest.skip("Home Assistant runs in a folder of its own, which needs root")
    return found


class HomeAssistant:
    """Starts it on loopback, and drives it as its owner's browser does."""

    def __init__(self, tree: Path, name: str, port: int) -> None:
        self._tree = tree
        self._port = port
        self.folder = tree / "tmp" / name
        """Its configuration and what it remembers."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        text = CONFIGURATION.format(port=port)
        (self.folder / "configuration.yaml").write_text(text, "utf-8")
        (self.folder / "automations.yaml").write_text("[]\n", "utf-8")
        shutil.copy(FOLDER / "drive.py", self.folder)
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> Self:
        log = (self.folder / "log").open("a", encoding="utf-8")
        with log:
            self._process = subprocess.Popen(
                self._inside("/venv/bin/hass", "--skip-pip", "-c", self._there("")),
                stdout=log,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        until(self._answers, f"it does not start: {self.folder}/log", START_SECONDS)
        return self

    def stop(self) -> None:
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGTERM)
            try:
                self._process.wait(60)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait(10)
            self._process = None

    def drive(self, command: str, *words: str) -> Any:
        """What one command of drive.py prints."""
        url = f"http://127.0.0.1:{self._port}"
        done = subprocess.run(
            self._inside("/venv/bin/python", self._there("drive.py"), command, url, *words),
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout else None

    def say(self, setup: dict[str, Any], pcm: bytes) -> Any:
        """A recording through the voice assistant."""
        (self.folder / "sound.pcm").write_bytes(pcm)
        return self.drive("say", setup["token"], setup["pipeline"], self._there("sound.pcm"))

    def said(self) -> str:
        return (self.folder / "log").read_text("utf-8")

    def _there(self, name: str) -> str:
        return f"/tmp/{self.folder.name}/{name}"  # noqa: S108 (within its own tree)

    def _inside(self, *words: str) -> list[str]:
        path = "PATH=/venv/bin:/usr/bin:/bin"
        return ["chroot", str(self._tree), "/usr/bin/env", "-i", path, "LANG=C.UTF-8", *words]

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.said()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self._port)) == 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
