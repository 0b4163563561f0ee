"""The signals that the daemon waits for as data, so that no handler runs amid something."""

from __future__ import annotations

import ctypes
import errno
import signal
import time

STOP = frozenset({signal.SIGTERM, signal.SIGINT})

RELOAD = signal.SIGHUP

SET_BYTES = 128
"""Of glibc's and musl's sigset_t."""


class Timespec(ctypes.Structure):
    """C's struct timespec."""

    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


def block() -> None:
    """Hold them back in this thread and in every one that it starts from now on."""
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP | {RELOAD})


def wait(seconds: float) -> signal.Signals | None:
    """The next one, or None when none came within `seconds`.

    The C library is asked directly: Python's own sigtimedwait gives an invented signal where the
    process stood still (SIGSTOP, a debugger, suspension) for longer than it was to wait.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    wanted = ctypes.create_string_buffer(SET_BYTES)
    libc.sigemptyset(wanted)
    for number in STOP | {RELOAD}:
        libc.sigaddset(wanted, int(number))
    end = time.monotonic() + seconds
    while True:
        left = max(0.0, end - time.monotonic())
        timeout = Timespec(int(left), int(left % 1 * 1e9))
        caught = libc.sigtimedwait(wanted, None, ctypes.byref(timeout))
        if caught > 0:
            return signal.Signals(caught)
        if ctypes.get_errno() != errno.EINTR or left == 0.0:
            return None
