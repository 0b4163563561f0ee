"""Whether the clock on the wall can be believed."""

from __future__ import annotations

import ctypes
from pathlib import Path

TIMEX_BYTES = 512
"""More than any kernel's struct timex; zeroed, it asks and sets nothing."""

TIME_ERROR = 5
"""What adjtimex answers while nothing keeps the clock right."""


def clock_synced(root: Path = Path("/")) -> bool | None:
    """Whether a time source keeps the clock right; None where nobody can say.

    The kernel knows it of every time daemon. A service with ProtectClock= may not ask the
    kernel; then the mark that systemd-timesyncd leaves is looked for.
    """
    kernel = _kernel_says() if root == Path("/") else None
    if kernel is not None:
        return kernel
    daemon = root / "run/systemd/timesync"
    try:
        return (daemon / "synchronized").exists() if daemon.is_dir() else None
    except OSError:
        return None


def _kernel_says() -> bool | None:
    try:
        answer = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(TIMEX_BYTES))
    except (OSError, AttributeError):
        return None
    return None if answer < 0 else answer != TIME_ERROR
