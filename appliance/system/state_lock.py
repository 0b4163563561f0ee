"""Lock that allows one appliance at a time in a state directory."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from typing import TYPE_CHECKING, Self

from appliance.errors import NeededError, StateLocked
from appliance.threads import Deadline

if TYPE_CHECKING:
    from pathlib import Path

FILE = "lock"

WAIT_S = 0.5
"""Seconds to wait: `holder` has the lock for a moment, and a killed appliance's child may
outlive it."""


class StateLock:
    """The lock, held from `acquire` to `release`; the kernel releases it if the process dies.

    The file stays after the release: removing it could remove another process's lock.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._file: int | None = None

    def acquire(self) -> None:
        """Create the directory if necessary, and take the lock.

        Raises:
            StateLocked: another appliance has it.
            NeededError: the directory cannot be made or written.

        """
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = os.open(self._directory / FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise _unusable_error(self._directory, error) from error
        try:
            _lock(file)
        except BlockingIOError:
            pid = _read_pid(file)
            os.close(file)
            raise _locked_error(self._directory, pid) from None
        except OSError as error:
            os.close(file)
            raise _unusable_error(self._directory, error) from error
        self._file = file
        with contextlib.suppress(OSError):  # on a full disk the lock works without our pid
            os.ftruncate(file, 0)
            os.pwrite(file, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Release it; may be called twice."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def holder(directory: Path) -> int | None:
    """The process id of the appliance that runs with this directory; None if there is none.

    0 if one runs, but its process id is unknown. Changes nothing.
    """
    try:
        file = os.open(directory / FILE, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read_pid(file) or 0
    except OSError:
        return None
    finally:
        os.close(file)
    return None


def _lock(file: int) -> None:
    """BlockingIOError if another process still has it after WAIT_S."""
    deadline = Deadline(WAIT_S)
    while True:
        try:
            return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not deadline.left():
                raise
            time.sleep(0.02)


def _read_pid(file: int) -> int | None:
    try:
        return int(os.pread(file, 32, 0))
    except (OSError, ValueError):
        return None


def _locked_error(directory: Path, pid: int | None) -> StateLocked:
    return StateLocked(
        f"another appliance{f' (pid {pid})' if pid else ''} uses {directory}; "
        "stop it or set device.state_directory"
    )


def _unusable_error(directory: Path, error: OSError) -> NeededError:
    return NeededError(
        f"the state directory {directory} cannot be used: {error.strerror}; "
        "make it writable or set device.state_directory"
    )
