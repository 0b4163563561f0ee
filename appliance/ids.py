"""Ids that sort by time and stay unique over reboots, even if the clock is wrong; boot time."""

from __future__ import annotations

import secrets
import threading
import time


class Ids:
    """Makes UUIDs of version 7 (RFC 9562, section 5.7), each greater than the one before.

    A board without a clock battery boots in 1970, and its clock jumps later. `last` is the newest
    id in the journal; ids made after a reboot are greater.
    """

    def __init__(self, last: str | None = None) -> None:
        self._lock = threading.Lock()
        try:
            self._milliseconds = int(last.replace("-", "")[:12], 16) if last else 0
        except ValueError:  # it came from a damaged journal
            self._milliseconds = 0

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
    """Seconds since boot; setting the system clock does not affect it.

    It continues while the process is down, and starts again at 0 when `boot_id` changes.
    """
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def boot_id() -> str | None:
    """The kernel's random id of this boot; None without /proc."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:  # noqa: PTH123
            return file.read().strip()
    except OSError:
        return None
