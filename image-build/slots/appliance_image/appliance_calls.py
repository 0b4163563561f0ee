"""The appliance's own commands, as the service would be asked."""

from __future__ import annotations

import json
import os
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

SERVICE = "appliance.service"

ENOUGH_RESTARTS = 6
"""As often as this it may fail to start; it tries for ever, but by itself nothing becomes right."""


@dataclass(frozen=True)
class Appliance:
    """The appliance of this image; tests name another command."""

    command: Sequence[str] = ("/opt/appliance/.venv/bin/python", "-m", "appliance")
    environment: dict[str, str] = field(
        default_factory=lambda: {
            "STATE_DIRECTORY": "/var/lib/appliance",
            "CREDENTIALS_DIRECTORY": "/etc/appliance",
        }
    )
    config: Path = Path("/etc/appliance/config.toml")

    def ask(
        self, *arguments: str, config: Path | None = None, timeout_s: float = 600
    ) -> subprocess.CompletedProcess[str]:
        """One command, to its end; one that takes too long counts as failed."""
        command = [*self.command, *arguments, "--config", f"{config or self.config}"]
        try:
            return subprocess.run(
                command,
                capture_output=True,
                text=True,
                check=False,
                timeout=timeout_s,
                cwd="/",
                stdin=subprocess.DEVNULL,
                env={**os.environ, **self.environment},
            )
        except subprocess.TimeoutExpired:
            return subprocess.CompletedProcess(command, 124, "", f"no answer in {timeout_s:.0f} s")

    def errors(self) -> list[str]:
        """What `check` calls an error, as `question: what is so`."""
        asked = self.ask("check", "--json")
        report = _json(asked.stdout)
        if report is None:
            return [f"check: it does not even start: {asked.stderr.strip()[-300:]}"]
        return [
            f"{answer['question']}: {answer['found']}"
            for answer in report["answers"]
            if answer["verdict"] == "error"
        ]

    def config_problems(self, config: Path) -> list[str]:
        """What is wrong with a configuration."""
        asked = self.ask("config", "check", "--json", config=config)
        report = _json(asked.stdout)
        if report is None:
            return [asked.stderr.strip()[-500:] or "the configuration could not be checked"]
        return [str(problem) for problem in report["problems"]]

    def samples(self) -> Path:
        """The recordings that the appliance brings along."""
        where = "import appliance, pathlib; print(pathlib.Path(appliance.__file__).parent)"
        asked = subprocess.run(
            [self.command[0], "-c", where],
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            env={**os.environ, **self.environment},
        )
        return Path(asked.stdout.strip() or "/") / "samples"

    def hears(self, recording: Path, config: Path) -> dict[str, Any]:
        """The result of a recording; empty where none came."""
        asked = self.ask("listen", f"{recording}", "--json", config=config)
        return _json(asked.stdout) or {"outcome": "failed", "error": asked.stderr.strip()[-300:]}


def service_state(timeout_s: float) -> str:
    """What systemd says of the service once it is `active` or `failed`, else when time is up."""
    end = time.monotonic() + timeout_s
    while True:
        shown = subprocess.run(
            ["systemctl", "show", "--property=ActiveState,NRestarts", SERVICE],
            capture_output=True,
            text=True,
            check=False,
        )
        # With their names: they come in systemd's order, which is not the one that is asked in.
        told = dict(line.partition("=")[::2] for line in shown.stdout.splitlines())
        state, restarts = told.get("ActiveState", ""), told.get("NRestarts", "")
        if state in ("active", "failed") or time.monotonic() > end:
            return state
        if restarts.isdigit() and int(restarts) >= ENOUGH_RESTARTS:
            return "failed"
        time.sleep(3)


def restart_service() -> None:
    """Start it anew, its restarts counted from none, without waiting until it is ready."""
    subprocess.run(["systemctl", "reset-failed", SERVICE], check=False, capture_output=True)
    subprocess.run(["systemctl", "--no-block", "restart", SERVICE], check=False)


def _json(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
