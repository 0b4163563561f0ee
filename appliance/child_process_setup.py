"""Set-up of a child process: it ends with its parent, and protects its pipe from native code."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal

NICENESS = 5
"""Scheduling priority: lower than that of speech recognition."""

OOM_SCORE_ADJUSTMENT = b"500"
"""Score for the kernel's out-of-memory killer: it ends this process first."""

PR_SET_PDEATHSIG = 1


def tie_to_parent() -> None:
    """End with the parent's thread that started this process, or first if memory runs out."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the parent gets them, too, and ends us in time
    with contextlib.suppress(OSError):
        os.nice(NICENESS)
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "wb", 0) as file:  # noqa: PTH123
        file.write(OOM_SCORE_ADJUSTMENT)
    with contextlib.suppress(OSError, AttributeError):  # not on Linux: the pipe ends it
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def take_stdout() -> int:
    """Return the pipe to the parent; later prints of native code go to standard error."""
    out = os.dup(1)
    os.dup2(2, 1)
    return out
