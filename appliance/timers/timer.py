"""A timer, an alarm, a reminder or a delayed command, as it is kept on disk."""

from __future__ import annotations

import msgspec

from appliance.messages.timer_payloads import TimerKind, TimerPhase
from appliance.timers.clocks import Moment  # noqa: TC001  (msgspec reads the annotation)


class Timer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One of them. A change makes another object."""

    id: str
    kind: TimerKind = TimerKind.TIMER
    phase: TimerPhase = TimerPhase.RUNNING
    due: Moment
    """When it rings; while it is paused, when it would have; while it rings, when it began."""
    name: str | None = None
    area: str | None = None
    """The room that it was started for."""
    text: str | None = None
    """The words of a reminder, or the sentence of a delayed command."""
    by_voice: bool = False
    """It was said, so a delayed command must not move what is `never_by_voice`."""
    duration_s: float = 0.0
    """As it was started: "the ten minute timer"."""
    left_s: float = 0.0
    """What is left while it is paused."""
    hour: int | None = None
    """Of the day, for what rings at a time of day; None for a duration."""
    minute: int = 0
    days: tuple[int, ...] = ()
    """Weekdays on which it is repeated, 0 is Monday; empty: once."""
    on_one_day: bool = False
    """The day was said, too: a clock that is set later does not move it to another day."""
    rang_on: str | None = None
    """The day on which it rang last, so that it rings once a day if the clock is set back."""
    snoozed: bool = False
    """It rang, and rings again at `due`."""

    @property
    def repeats(self) -> bool:
        """Whether it is started again after it rang."""
        return bool(self.days)
