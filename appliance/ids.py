"""Ids that sort by time and stay unique over reboots, whatever the clock does."""

from __future__ import annotations

import secrets
import threading
import time


class Ids:
    """Makes UUIDs of version 7 (RFC 9562, section 5.7) that only ever grow.

    A board without a clock battery starts in 1970 and jumps. `last` is the newest id that
    the journal holds; ids made after a reboot continue behind it.
    """

    def __init__(self, last: str | None = None) -> None:
        self._lock = threading.Lock()
        self._milliseconds = int(last.replace("-", "")[:12], 16) if last else 0

    def new(self) -> str:
        """A new id: 48 bits of milliseconds, then 74 random bits."""
        with self._lock:
            self._milliseconds = max(self._milliseconds + 1, time.time_ns() // 1_000_000)
            milliseconds = self._milliseconds
        random = secrets.randbits(74)
        value = milliseconds << 80 | 7 << 76 | (random >> 62) << 64 | 2 << 62 | random & (2**62 - 1)
        digits = f"{value:032x}"
        return "-".join(
            (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]),
        )


def boot_seconds() -> float:
    """Seconds since the board was switched on: no change of the calendar moves this clock.

    It goes on while the process is down, and begins anew with `boot_id`.
    """
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def boot_id() -> str | None:
    """The kernel's random id of this boot; None where there is no /proc."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:  # noqa: PTH123
            return file.read().strip()
    except OSError:
        return None
