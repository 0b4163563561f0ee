"""The signals that the daemon waits for as data, so that no handler runs amid something."""

from __future__ import annotations

import signal

STOP = frozenset({signal.SIGTERM, signal.SIGINT})

RELOAD = signal.SIGHUP


def block() -> None:
    """Hold them back in this thread and in every one that it starts from now on."""
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP | {RELOAD})


def wait(seconds: float) -> signal.Signals | None:
    """The next one, or None when none came within `seconds`."""
    caught = signal.sigtimedwait(STOP | {RELOAD}, seconds)
    return None if caught is None else signal.Signals(caught.si_signo)
