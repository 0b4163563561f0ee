"""Deadlines on disk: right after a restart, a reboot, and a calendar that jumped by years."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from appliance.ids import boot_id, boot_seconds

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Stored:
    """A deadline as the inbox keeps it; all None where there is none."""

    boot: str | None = None
    """The boot during which it was given."""
    boot_seconds: float | None = None
    """On that boot's own clock, which no change of the calendar moves."""
    unix_seconds: float | None = None
    """The same moment by the calendar, for another boot."""


@dataclass(frozen=True, slots=True)
class Deadlines:
    """To disk and back, by the clocks of this boot."""

    boot: str | None
    seconds: Callable[[], float] = boot_seconds
    calendar: Callable[[], float] = time.time

    @classmethod
    def of_this_boot(cls) -> Deadlines:
        """With the clocks at hand."""
        return cls(boot_id())

    def stored(self, expires_at: float | None) -> Stored:
        """How to write down a deadline that is given on the clock of this boot."""
        if expires_at is None:
            return Stored()
        left = expires_at - self.seconds()
        return Stored(self.boot, expires_at, self.calendar() + left)

    def restored(self, stored: Stored) -> float | None:
        """The deadline on the clock of this boot.

        After a reboot only the calendar tells how long the power was off. Where it stands
        still or goes back meanwhile, a request is done that might have expired: later than
        wanted, but not left out.
        """
        if stored.boot_seconds is None or stored.unix_seconds is None:
            return None
        if stored.boot is not None and stored.boot == self.boot:
            return stored.boot_seconds
        return self.seconds() + stored.unix_seconds - self.calendar()
