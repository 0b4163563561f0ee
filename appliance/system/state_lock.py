"""One appliance at a time in a state directory."""

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

PATIENCE = 0.5
"""Seconds: `holder` has the lock for a moment, and a killed appliance's child may outlive it."""


class StateLock:
    """Held from `acquire` to `release`, and given back by the kernel if the process dies.

    The file stays when the lock is released: who removes it could remove another's.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._file: int | None = None

    def acquire(self) -> None:
        """Make the directory where it is not there yet, and take the lock.

        Raises:
            StateLocked: another appliance has it.
            NeededError: the directory cannot be made or written.

        """
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = os.open(self._directory / FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise _unusable(self._directory, error) from error
        try:
            _take(file)
        except BlockingIOError:
            pid = _read_pid(file)
            os.close(file)
            raise _locked(self._directory, pid) from None
        except OSError as error:
            os.close(file)
            raise _unusable(self._directory, error) from error
        self._file = file
        with contextlib.suppress(OSError):  # on a full disk the lock holds, without our name
            os.ftruncate(file, 0)
            os.pwrite(file, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Give it back; may be called twice."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def holder(directory: Path) -> int | None:
    """The process id of the appliance that runs with this directory, or None; changes nothing.

    0 where one runs but did not say who it is.
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


def _take(file: int) -> None:
    """BlockingIOError where another still has it at the end of our patience."""
    deadline = Deadline(PATIENCE)
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


def _locked(directory: Path, pid: int | None) -> StateLocked:
    return StateLocked(
        f"another appliance{f' (pid {pid})' if pid else ''} uses {directory}; "
        "stop it or set device.state_directory"
    )


def _unusable(directory: Path, error: OSError) -> NeededError:
    return NeededError(
        f"the state directory {directory} cannot be used: {error.strerror}; "
        "make it writable or set device.state_directory"
    )
