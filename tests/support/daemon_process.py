"""The appliance as a process of its own, with a configuration, a log and an exit status."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

from support.free_port import free_port
from support.waiting import until

REPOSITORY = Path(__file__).parents[2]
SAMPLES = REPOSITORY / "appliance" / "samples"

START_SECONDS = 60.0


class DaemonProcess:
    """Writes config.toml, starts `python -m appliance run`, reads its log and its exit status."""

    def __init__(self, folder: Path, models: Path, **sections: dict[str, Any]) -> None:
        self.folder = folder
        self.config = folder / "config.toml"
        self.log = folder / "log"
        self.state = folder / "state"
        self._sections: dict[str, dict[str, Any]] = {
            "device": {
                "name": "kitchen",
                "state_directory": str(self.state),
                "models_directory": str(models),
            },
            "listening": {"trigger": "off"},
            "language_model": {"enabled": False},
        }
        self.write(**sections)
        self.environment = dict(os.environ)
        self.python = sys.executable
        self.mode = "run"
        """Or `satellite`."""
        self.process: subprocess.Popen[str] | None = None
        self._notified: socket.socket | None = None
        self.notifications: list[str] = []

    def write(self, **sections: dict[str, Any]) -> None:
        """Change keys of config.toml."""
        for section, keys in sections.items():
            self._sections.setdefault(section, {}).update(keys)
        lines: list[str] = []
        for section, keys in self._sections.items():
            lines.append(f"[{section}]")
            lines += [f"{key} = {json.dumps(value)}" for key, value in keys.items()]
        self.config.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def read(self, section: str, key: str) -> Any:
        """A key of config.toml."""
        return self._sections[section][key]

    def start(
        self, *words: str, ready: bool = True, program: str = "", last_word: str | None = None
    ) -> Self:
        """`appliance run`; waits for READY=1, as systemd does. `program` runs in its place.

        With `--trial` the page gets a port of this test: two trials at once want the same one.
        """
        if "--trial" in words and "listen" not in self._sections.get("page", {}):
            self.write(page={"listen": f"127.0.0.1:{free_port()}"})
        path = self.folder / "notify"
        path.unlink(missing_ok=True)
        self._notified = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notified.bind(str(path))
        self._notified.settimeout(0)
        self.notifications = []
        with self.log.open("a", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                [
                    *(self.python, *(("-c", program) if program else ("-m", "appliance"))),
                    *(self.mode, "--config", str(self.config), *words),
                    *(() if last_word is None else (last_word,)),
                ],
                env={**self.environment, "NOTIFY_SOCKET": str(path), "PYTHONUNBUFFERED": "1"},
                cwd=REPOSITORY,
                stdout=log,
                stderr=log,
                text=True,
            )
        if ready:
            until(lambda: self.notified("READY=1") or self.ended(), self.said(), START_SECONDS)
            assert not self.ended(), self.said()
        return self

    def notified(self, what: str) -> bool:
        """Whether systemd has been told `what`."""
        with contextlib.suppress(BlockingIOError):
            while self._notified is not None:
                self.notifications.append(self._notified.recv(4096).decode())
        return any(what in told for told in self.notifications)

    def ended(self) -> bool:
        """Whether the process is over."""
        return self.process is None or self.process.poll() is not None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        assert self.process is not None
        self.process.send_signal(number)

    def stop(self) -> tuple[int, float]:
        """SIGTERM; the exit status, and after how many seconds it came."""
        began = time.monotonic()
        self.signal(signal.SIGTERM)
        return self.status(), time.monotonic() - began

    def status(self, seconds: float = 30.0) -> int:
        """Wait for the end; the exit status."""
        assert self.process is not None
        status = self.process.wait(seconds)
        self.process = None
        if self._notified is not None:
            self.notified("")
            self._notified.close()
            self._notified = None
        return status

    def kill(self) -> None:
        """As a power cut or the kernel ends it."""
        self.signal(signal.SIGKILL)
        self.status()

    def said(self) -> str:
        """All that it printed and logged."""
        return self.log.read_text(encoding="utf-8") if self.log.exists() else ""

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Another command of the appliance, with the same configuration."""
        return subprocess.run(
            [self.python, "-m", "appliance", *words, "--config", str(self.config)],
            env=self.environment,
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def command_in_background(self, *words: str) -> subprocess.Popen[str]:
        """The same without waiting for its end."""
        return subprocess.Popen(
            [self.python, "-m", "appliance", *words, "--config", str(self.config)],
            env=self.environment,
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if not self.ended():
            self.kill()
        if self._notified is not None:
            self._notified.close()
