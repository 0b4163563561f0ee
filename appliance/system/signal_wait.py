"""Waits for signals as data, so that no handler interrupts other code."""

from __future__ import annotations

import ctypes
import errno
import signal
import time

STOP = frozenset({signal.SIGTERM, signal.SIGINT})

RELOAD = signal.SIGHUP

SET_BYTES = 128
"""Size of sigset_t in glibc and musl."""


class Timespec(ctypes.Structure):
    """C's struct timespec."""

    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


def block() -> None:
    """Block them in this thread and in every thread that it starts from now on."""
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP | {RELOAD})


def wait(seconds: float) -> signal.Signals | None:
    """The next signal, or None if none comes within `seconds`.

    Calls the C library directly: Python's own sigtimedwait returns a made-up signal if the
    process was stopped (SIGSTOP, a debugger, suspension) for longer than the time to wait.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    signals = ctypes.create_string_buffer(SET_BYTES)
    libc.sigemptyset(signals)
    for number in STOP | {RELOAD}:
        libc.sigaddset(signals, int(number))
    end = time.monotonic() + seconds
    while True:
        left = max(0.0, end - time.monotonic())
        timeout = Timespec(int(left), int(left % 1 * 1e9))
        caught = libc.sigtimedwait(signals, None, ctypes.byref(timeout))
        if caught > 0:
            return signal.Signals(caught)
        if ctypes.get_errno() != errno.EINTR or left == 0.0:
            return None
