"""A Python module in a process of its own, with lines of JSON to and from it."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import appliance

LAST_WORDS = 300
"""Characters of its standard error that are told when it dies."""

READ_BACK = 65_536
"""Bytes of it that are looked at: a trace is long."""

TRACE = "Traceback (most recent call last):"
PLACE = re.compile(r'^ +File "([^"]*)", line (\d+), in (\S+)', re.MULTILINE)

ABOUT_THE_BOARD = ("ImportError", "ModuleNotFoundError", "OSError", "FileNotFoundError")
"""Errors of Python whose own words are told: no order has a part in them."""

TAKES_LINES_WITHIN = 5.0
"""Seconds; a thread of the child does nothing but read, so a longer wait means that it hangs."""


class ChildDied(Exception):
    """The process has ended; the message says how."""


class Child:
    """A running process; it has few threads, and none of them spins while it waits."""

    def __init__(self, module: str, threads: int) -> None:
        # Threads of OpenMP that spin for work made the model 10 to 20 times slower as soon as
        # anything else ran on the board.
        environment = os.environ | {
            "OMP_NUM_THREADS": str(threads),
            "OMP_WAIT_POLICY": "PASSIVE",
            "PYTHONPATH": os.pathsep.join(_where_we_are()),
            "PYTHONUNBUFFERED": "1",
        }
        self._errors = os.memfd_create("errors")  # kept in memory: the disk may be read-only
        self._process = subprocess.Popen(  # noqa: S603 (our own module)
            [sys.executable, "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=environment,
            bufsize=0,
        )
        assert self._process.stdin is not None  # noqa: S101 (it is a pipe)
        os.set_blocking(self._process.stdin.fileno(), False)
        self._unread = b""

    @property
    def process_id(self) -> int:
        return self._process.pid

    def send(self, order: dict[str, Any]) -> None:
        """Write one line; ChildDied when nobody reads it."""
        assert self._process.stdin is not None  # noqa: S101 (it is a pipe)
        unsent = json.dumps(order).encode() + b"\n"
        try:
            while unsent:
                _, writable, _ = select.select([], [self._process.stdin], [], TAKES_LINES_WITHIN)
                if not writable:
                    raise ChildDied("it takes no more work")
                unsent = unsent[os.write(self._process.stdin.fileno(), unsent) :]
        except (BrokenPipeError, ValueError):
            raise ChildDied(self._how()) from None

    def receive(self, timeout: float) -> dict[str, Any] | None:
        """The next line, or None when none came within `timeout` seconds; ChildDied at the end."""
        assert self._process.stdout is not None  # noqa: S101 (it is a pipe)
        while b"\n" not in self._unread:
            if self._process.stdout.closed:
                raise ChildDied(self._how())
            readable, _, _ = select.select([self._process.stdout], [], [], max(0.0, timeout))
            if not readable:
                return None
            read = os.read(self._process.stdout.fileno(), 65536)
            if not read:
                raise ChildDied(self._how())
            self._unread += read
        line, _, self._unread = self._unread.partition(b"\n")
        event: dict[str, Any] = json.loads(line)
        return event

    def alive(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def pause(self) -> None:
        """Have it stand still at once, wherever it is; `go_on` wakes it."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Have it go on where it stood still; nothing happens where it did not."""
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it now; may be called twice."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None and not pipe.closed:
                pipe.close()
        if self._errors >= 0:
            os.close(self._errors)
            self._errors = -1

    def _how(self) -> str:
        """How it ended, and the last that it wrote on standard error."""
        status = self._process.wait()
        how = f"exit status {status}"
        if status < 0:
            how = f"signal {-status}, {signal.Signals(-status).name}"
        words = self._last_words()
        return f"{how}: {words}" if words else how

    def _last_words(self) -> str:
        if self._errors < 0:
            return ""
        size = os.lseek(self._errors, 0, os.SEEK_END)
        text = os.pread(self._errors, READ_BACK, max(0, size - READ_BACK))
        return last_words(text.decode(errors="replace"))


def last_words(complaint: str) -> str:
    """The last line of what a process wrote when it died.

    Of an error of Python its kind and place: what it says may hold what was asked, and this
    comes into the log.
    """
    _, found, trace = complaint.rpartition(TRACE)
    if not found:
        return complaint.strip().splitlines()[-1][-LAST_WORDS:] if complaint.strip() else ""
    said = next((line for line in trace.splitlines() if line[:1].strip()), "an error")
    kind = said.partition(":")[0]
    if kind in ABOUT_THE_BOARD:
        return said[:LAST_WORDS]
    places = PLACE.findall(trace)
    return (
        kind
        if not places
        else "{} at {}:{} {}".format(kind, Path(places[-1][0]).name, *places[-1][1:])
    )


def _where_we_are() -> list[str]:
    """So that the child finds this very package, wherever it was started from."""
    home = str(Path(appliance.__file__).parent.parent)
    return [home, *filter(None, [os.environ.get("PYTHONPATH")])]
