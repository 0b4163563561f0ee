"""Whether the system clock is synchronised."""

from __future__ import annotations

import ctypes
from pathlib import Path

TIMEX_BYTES = 512
"""Size of the buffer, larger than any kernel's struct timex; filled with zeroes, it only reads."""

TIME_ERROR = 5
"""Result of adjtimex(2) while the clock is not synchronised."""


def clock_synced(root: Path = Path("/")) -> bool | None:
    """Whether a time source synchronises the clock; None if that is unknown.

    The kernel knows it for every time daemon. A service with ProtectClock= may not ask the
    kernel; then the file that systemd-timesyncd creates decides.
    """
    kernel = _kernel_synced() if root == Path("/") else None
    if kernel is not None:
        return kernel
    daemon = root / "run/systemd/timesync"
    try:
        return (daemon / "synchronized").exists() if daemon.is_dir() else None
    except OSError:
        return None


def _kernel_synced() -> bool | None:
    try:
        answer = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(TIMEX_BYTES))
    except (OSError, AttributeError):
        return None
    return None if answer < 0 else answer != TIME_ERROR
