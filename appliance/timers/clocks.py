"""Moments that stay correct after a restart, a reboot, or a jump of the calendar."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from appliance.ids import boot_id, boot_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

JUMP_S = 2.0
"""If the calendar moves by more seconds than this against the boot clock, it was set and did not
drift."""

WEEK = 7


class Moment(msgspec.Struct, frozen=True):
    """A moment on two clocks; the one that is correct when it is read counts."""

    unix_s: float
    """Calendar time, in Unix seconds."""
    boot: str | None = None
    """Id of the boot; None: only the calendar counts, as for an alarm at a time of day."""
    boot_s: float = 0.0
    """Seconds since that boot."""


class Clocks:
    """The clock of this boot, which never jumps, and the calendar, which may.

    Within one boot the boot clock counts, so a calendar that is set does not move a timer. After
    a reboot only the calendar tells how long the power was off. A board without a clock battery
    may start with an old date: unless it is synchronised, the calendar is never taken to be before
    `latest_unix_s`, the last moment that was written to disk, and goes on from there.
    """

    def __init__(
        self,
        latest_unix_s: float = 0.0,
        boot: str | None = None,
        seconds: Callable[[], float] = boot_seconds,
        calendar: Callable[[], float] = time.time,
        is_synced: Callable[[], bool | None] = lambda: None,
    ) -> None:
        self._boot = boot if boot is not None else boot_id()
        self._seconds = seconds
        self._calendar = calendar
        self.is_synced = is_synced
        """Whether the calendar is synchronised with the network; None if that is not known."""
        self._latest = latest_unix_s
        self._started_s = seconds()
        self._offset = self.unix() - seconds()

    def unix(self) -> float:
        """The calendar now, in Unix seconds."""
        calendar = self._calendar()
        earliest = self._latest + self._seconds() - self._started_s
        return calendar if calendar >= earliest or self.is_synced() else earliest

    def local(self) -> datetime:
        """The calendar now, in the local time zone, without its offset."""
        return datetime.fromtimestamp(self.unix())  # noqa: DTZ006 (a time of day is local)

    def after(self, seconds: float) -> Moment:
        """The moment in `seconds` from now."""
        return Moment(self.unix() + seconds, self._boot, self._seconds() + seconds)

    def until(self, moment: Moment) -> float:
        """Seconds until a moment; below zero if it has passed."""
        if moment.boot is not None and moment.boot == self._boot:
            return moment.boot_s - self._seconds()
        return moment.unix_s - self.unix()

    def has_jumped(self) -> bool:
        """Whether the calendar was set since the last call."""
        offset = self.unix() - self._seconds()
        jumped = abs(offset - self._offset) > JUMP_S
        self._offset = offset
        return jumped

    def rebased(self, moment: Moment) -> Moment:
        """The moment after the calendar was set, by the boot clock if it is of this boot."""
        if moment.boot is None or moment.boot != self._boot:
            return moment
        return self.after(self.until(moment))

    def next_time_of_day(
        self, hour: int, minute: int, days: Collection[int] = (), not_on: str | None = None
    ) -> Moment:
        """The next moment at this time of day, local time.

        Args:
            hour: 0 to 23.
            minute: 0 to 59.
            days: weekdays on which it counts, 0 is Monday; empty: every day.
            not_on: a date that does not count, as ISO 8601.

        A time that is skipped by summer time is taken an hour later. Of a time that comes twice in
        autumn, the first counts (PEP 495).

        """
        now = self.local()
        at = now.replace(hour=hour, minute=minute, second=0, microsecond=0, fold=0)
        ahead = (at + timedelta(days=number) for number in range(2 * WEEK))
        return next(
            Moment(moment.timestamp())
            for moment in ahead
            # Compared as instants: in autumn an hour of the local time comes twice.
            if moment.timestamp() > now.timestamp()
            and (not days or moment.weekday() in days)
            and moment.date().isoformat() != not_on
        )
