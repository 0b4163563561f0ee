"""Runs a command of `appliance` beside the daemon, in a process of its own that gives way to it."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from appliance.child_process import import_path

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PROGRAM = (
    "import runpy; from appliance.child_process_setup import tie_to_parent; tie_to_parent(); "
    "runpy.run_module('appliance', run_name='__main__', alter_sys=True)"
)
"""`python -m appliance`, at a lower priority, and ending with the appliance."""

HUB_SWITCHES = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE")
"""Environment variables by which the daemon keeps libraries from the model hub."""

LONGEST_LINE = 65_536
"""Bytes; a longer one ends the reading of the output."""

MOST_OUTPUT = 1_000_000
"""Bytes that are kept of the output."""

LINES_KEPT = 20
"""The last lines of standard error, for a message."""


@dataclass(frozen=True, slots=True)
class CommandOutcome:
    """The outcome of a command."""

    status: int | None
    """Its exit status, below zero if a signal ended it; None if it took too long."""
    output: bytes
    """Its standard output."""
    said: str
    """The last lines of its standard error."""

    @property
    def done(self) -> bool:
        """Whether it succeeded."""
        return self.status == 0


async def run_command(
    config_path: Path,
    *words: str,
    limit_s: float,
    on_line: Callable[[str], None] | None = None,
    online: bool = False,
) -> CommandOutcome:
    """Run `appliance WORDS --config ...` to its end. For the event loop of the HTTP server.

    Args:
        config_path: of the daemon.
        words: the command and its arguments.
        limit_s: after which it is killed.
        on_line: gets each line of standard error as it comes.
        online: it may ask the model hub, unless the service's unit says that nothing may.

    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-c", PROGRAM, *words, "--config", str(config_path)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=LONGEST_LINE,
        env=_environment(online=online),
    )
    assert process.stdout is not None  # noqa: S101  (pipes were asked for)
    assert process.stderr is not None  # noqa: S101
    said: list[str] = []

    def note(line: str) -> None:
        said.append(line)
        del said[:-LINES_KEPT]
        if on_line is not None:
            on_line(line)

    try:
        async with asyncio.timeout(limit_s):
            output, _ = await asyncio.gather(
                _output(process.stdout), _each_line(process.stderr, note)
            )
            await process.wait()
    except TimeoutError:
        return CommandOutcome(None, b"", "\n".join(said))
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return CommandOutcome(process.returncode, output, "\n".join(said))


def _environment(*, online: bool) -> dict[str, str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(import_path())}
    environment.pop("NOTIFY_SOCKET", None)
    if online and "INVOCATION_ID" not in os.environ:  # systemd sets it, and the unit decides there
        for name in HUB_SWITCHES:
            environment.pop(name, None)
    return environment


async def _output(stream: asyncio.StreamReader) -> bytes:
    """All of it is read, so that the process does not wait; the beginning is kept."""
    kept = bytearray()
    while piece := await stream.read(LONGEST_LINE):
        kept += piece[: MOST_OUTPUT - len(kept)]
    return bytes(kept)


async def _each_line(stream: asyncio.StreamReader, note: Callable[[str], None]) -> None:
    while piece := await stream.readline():
        if line := piece.decode(errors="replace").strip():
            note(line)
