"""The two clocks of a board, moved by a test together or apart, with reboots."""

from __future__ import annotations

from datetime import UTC, datetime

from appliance.timers.clocks import Clocks

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC).timestamp()
"""A Monday."""


class BoardClock:
    """The clock of a boot and the calendar."""

    def __init__(self, calendar: float = NOON, boot: str = "first") -> None:
        self.boot, self.seconds, self.calendar = boot, 100.0, calendar
        self.synced: bool | None = None

    def clocks(self, latest: float = 0.0) -> Clocks:
        return Clocks(
            latest, self.boot, lambda: self.seconds, lambda: self.calendar, lambda: self.synced
        )

    def go(self, seconds: float) -> None:
        """Let time pass."""
        self.seconds += seconds
        self.calendar += seconds
