"""A command of `appliance` that goes on while browsers come and go, with progress and outcome."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from appliance.page.command_process import run_command

if TYPE_CHECKING:
    from pathlib import Path

    from appliance.page.command_process import CommandOutcome

PERCENT = re.compile(r"(\d{1,3}) %")
"""The percentage in a line of progress."""


@dataclass(slots=True)
class CommandProgress:
    """The state of the command that runs, or ran last."""

    words: tuple[str, ...]
    """Words of the command, such as `models`, `pull` and a name."""
    line: str = ""
    """The newest that it said."""
    percent: int | None = None
    outcome: CommandOutcome | None = None
    """The outcome; None while it runs."""
    stopped: bool = False
    """Somebody asked for its end."""

    @property
    def is_done(self) -> bool:
        """Whether it has ended as it should."""
        return self.outcome is not None and self.outcome.done

    @property
    def output(self) -> str:
        """The printed text."""
        return "" if self.outcome is None else self.outcome.output.decode(errors="replace")


class BackgroundCommand:
    """Runs one command at a time. It belongs to the event loop of the HTTP server."""

    def __init__(self, config_path: Path) -> None:
        self._config_path = config_path
        self._task: asyncio.Task[None] | None = None
        self.progress: CommandProgress | None = None
        """The progress; None before the first command."""

    @property
    def runs(self) -> bool:
        """Whether one goes on."""
        return self._task is not None and not self._task.done()

    def start(self, *words: str, limit_s: float, online: bool = False) -> bool:
        """Begin one, as `run_command` does; False if another one goes on."""
        if self.runs:
            return False
        self.progress = CommandProgress(words)
        self._task = asyncio.create_task(self._run(self.progress, limit_s, online=online))
        return True

    def stop(self) -> None:
        """End the one that goes on."""
        if self._task is not None and self.progress is not None and self.runs:
            self.progress.stopped = True
            self._task.cancel()

    async def _run(self, progress: CommandProgress, limit_s: float, *, online: bool) -> None:
        def note(line: str) -> None:
            progress.line = line
            if found := PERCENT.search(line):
                progress.percent = min(100, int(found[1]))

        progress.outcome = await run_command(
            self._config_path, *progress.words, limit_s=limit_s, on_line=note, online=online
        )
