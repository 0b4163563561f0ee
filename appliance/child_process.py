"""A child process that runs a module of ours; both sides exchange lines of JSON, and bytes."""

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

ERROR_CHARACTERS = 300
"""Maximum number of characters of its standard error in the message about its end."""

ERROR_BYTES = 65_536
"""Bytes read from the end of its standard error; a traceback is long."""

TRACEBACK = "Traceback (most recent call last):"
PLACE = re.compile(r'^ +File "([^"]*)", line (\d+), in (\S+)', re.MULTILINE)

SAFE_TO_QUOTE = ("ImportError", "ModuleNotFoundError", "OSError", "FileNotFoundError")
"""Python errors whose message is logged, because it never contains a part of a request."""

SEND_TIMEOUT_S = 5.0
"""Time limit of a write. A thread of the child only reads, so a slower child hangs."""


READ_BYTES = 1_048_576
"""Maximum number of bytes read at once from its standard output."""


class ChildDied(Exception):
    """The process has ended; the message says how."""


class Child:
    """A running child process; none of its threads spins while it waits."""

    def __init__(self, module: str, threads: int) -> None:
        # OpenMP threads that spin for work made the model 10 to 20 times slower as soon as
        # anything else ran on the board.
        environment = os.environ | {
            "OMP_NUM_THREADS": str(threads),
            "OMP_WAIT_POLICY": "PASSIVE",
            "OPENBLAS_NUM_THREADS": str(threads),
            "PYTHONPATH": os.pathsep.join(import_path()),
            "PYTHONUNBUFFERED": "1",
        }
        self._errors = os.memfd_create("errors")  # in memory: the disk may be read-only
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
        self._unread = bytearray()

    @property
    def process_id(self) -> int:
        return self._process.pid

    def send(self, message: dict[str, Any], attachment: bytes = b"") -> None:
        """Write one line, and bytes after it; ChildDied if it has ended or does not read them."""
        assert self._process.stdin is not None  # noqa: S101 (it is a pipe)
        unsent = memoryview(json.dumps(message).encode() + b"\n" + attachment)
        try:
            while unsent:
                _, writable, _ = select.select([], [self._process.stdin], [], SEND_TIMEOUT_S)
                if not writable:
                    raise ChildDied(f"it read nothing for {SEND_TIMEOUT_S:g} s")
                unsent = unsent[os.write(self._process.stdin.fileno(), unsent) :]
        except (BrokenPipeError, ValueError):
            raise ChildDied(self._cause()) from None

    def receive(self, timeout_s: float) -> dict[str, Any] | None:
        """The next line; None after `timeout_s`; ChildDied if the process has ended."""
        while b"\n" not in self._unread:
            if not self._read(timeout_s):
                return None
        line, _, rest = bytes(self._unread).partition(b"\n")
        self._unread = bytearray(rest)
        message: dict[str, Any] = json.loads(line)
        return message

    def receive_bytes(self, size: int, timeout_s: float) -> bytes:
        """The bytes after a line; ChildDied if they do not come."""
        while len(self._unread) < size:
            if not self._read(timeout_s):
                raise ChildDied(f"it wrote nothing for {timeout_s:g} s")
        received = bytes(self._unread[:size])
        del self._unread[:size]
        return received

    def _read(self, timeout_s: float) -> bool:
        """Read what has arrived; False if nothing comes in time; ChildDied at its end."""
        assert self._process.stdout is not None  # noqa: S101 (it is a pipe)
        if self._process.stdout.closed:
            raise ChildDied(self._cause())
        readable, _, _ = select.select([self._process.stdout], [], [], max(0.0, timeout_s))
        if not readable:
            return False
        read = os.read(self._process.stdout.fileno(), READ_BYTES)
        if not read:
            raise ChildDied(self._cause())
        self._unread += read
        return True

    def alive(self) -> bool:
        """Whether the process is running."""
        return self._process.poll() is None

    def suspend(self) -> None:
        """Suspend the process at once, whatever it does, until `resume`."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a suspended process run again."""
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """Kill the process; may be called twice."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None and not pipe.closed:
                pipe.close()
        if self._errors >= 0:
            os.close(self._errors)
            self._errors = -1

    def _cause(self) -> str:
        """The exit status or signal, and the last line of standard error."""
        status = self._process.wait()
        cause = f"exit status {status}"
        if status < 0:
            cause = f"signal {-status}, {signal.Signals(-status).name}"
        error = self._last_error()
        return f"{cause}: {error}" if error else cause

    def _last_error(self) -> str:
        if self._errors < 0:
            return ""
        size = os.lseek(self._errors, 0, os.SEEK_END)
        text = os.pread(self._errors, ERROR_BYTES, max(0, size - ERROR_BYTES))
        return last_error(text.decode(errors="replace"))


def last_error(output: str) -> str:
    """The last line of `output`; for a Python error only its class and place.

    Its message may quote a request, and the result goes to the log.
    """
    _, found, trace = output.rpartition(TRACEBACK)
    if not found:
        return output.strip().splitlines()[-1][-ERROR_CHARACTERS:] if output.strip() else ""
    message = next((line for line in trace.splitlines() if line[:1].strip()), "an error")
    kind = message.partition(":")[0]
    if kind in SAFE_TO_QUOTE:
        return message[:ERROR_CHARACTERS]
    places = PLACE.findall(trace)
    return (
        kind
        if not places
        else "{} at {}:{} {}".format(kind, Path(places[-1][0]).name, *places[-1][1:])
    )


def import_path() -> list[str]:
    """Lets the child import this very package, whatever its working directory is."""
    home = str(Path(appliance.__file__).parent.parent)
    return [home, *filter(None, [os.environ.get("PYTHONPATH")])]
