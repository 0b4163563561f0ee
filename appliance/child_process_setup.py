"""What a child process does first: it ends with its parent, and keeps its pipe to itself."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal

NICENESS = 5
"""Speech recognition goes first."""

OOM_SCORE_ADJUSTMENT = b"500"
"""If memory runs out, the kernel ends this process and not another."""

PR_SET_PDEATHSIG = 1


def tie_to_parent() -> None:
    """End with the thread of the parent that started this process, and before it if memory ends."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the parent gets them, too, and ends us in time
    with contextlib.suppress(OSError):
        os.nice(NICENESS)
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "wb", 0) as file:  # noqa: PTH123
        file.write(OOM_SCORE_ADJUSTMENT)
    with contextlib.suppress(OSError, AttributeError):  # not on Linux: the end of the pipe does it
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def take_stdout() -> int:
    """The pipe to the parent; native code that prints goes to standard error from now on."""
    out = os.dup(1)
    os.dup2(2, 1)
    return out
