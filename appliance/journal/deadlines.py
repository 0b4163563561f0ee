"""Deadlines on disk that stay right after a restart, a reboot or a jump of the calendar."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from appliance.ids import boot_id, boot_seconds

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class StoredDeadline:
    """A deadline as the inbox keeps it; without a deadline all fields are None."""

    boot: str | None = None
    """Id of the boot in which the request came."""
    boot_seconds: float | None = None
    """The deadline on the monotonic clock of that boot."""
    unix_seconds: float | None = None
    """The deadline in calendar time, for use after a reboot."""


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Converts deadlines to their stored form and back, with the clocks of this boot."""

    boot: str | None
    seconds: Callable[[], float] = boot_seconds
    calendar: Callable[[], float] = time.time

    @classmethod
    def of_this_boot(cls) -> Deadlines:
        """Use the clocks of the system."""
        return cls(boot_id())

    def stored(self, expires_at: float | None) -> StoredDeadline:
        """Return the stored form of a deadline on the monotonic clock of this boot."""
        if expires_at is None:
            return StoredDeadline()
        left_s = expires_at - self.seconds()
        return StoredDeadline(self.boot, expires_at, self.calendar() + left_s)

    def restored(self, stored: StoredDeadline) -> float | None:
        """Return the deadline on the monotonic clock of this boot.

        After a reboot only the calendar tells how long the power was off. If the calendar
        stood still or went back, a request may be done that should have expired; that is
        better than to lose it.
        """
        if stored.boot_seconds is None or stored.unix_seconds is None:
            return None
        if stored.boot is not None and stored.boot == self.boot:
            return stored.boot_seconds
        return self.seconds() + stored.unix_seconds - self.calendar()
