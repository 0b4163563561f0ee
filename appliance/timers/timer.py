"""A timer, an alarm, a reminder or a delayed command, as it is kept on disk."""

from __future__ import annotations

import msgspec

from appliance.messages.timer_payloads import TimerKind, TimerPhase
from appliance.timers.clocks import Moment  # noqa: TC001  (msgspec reads the annotation)


class Timer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One entry of the list. A change makes another object."""

    id: str
    kind: TimerKind = TimerKind.TIMER
    phase: TimerPhase = TimerPhase.RUNNING
    due: Moment
    """When it rings; if paused, when it would have rung; while it rings, when it began."""
    name: str | None = None
    area: str | None = None
    """The room for which it was started."""
    text: str | None = None
    """The words of a reminder, or the sentence of a delayed command."""
    by_voice: bool = False
    """Whether it was spoken, so that a delayed command must respect `never_by_voice`."""
    duration_s: float = 0.0
    """Duration at its start, in seconds: "the ten minute timer"."""
    left_s: float = 0.0
    """Seconds left while it is paused."""
    hour: int | None = None
    """Hour of the day at which it rings; None for a duration."""
    minute: int = 0
    days: tuple[int, ...] = ()
    """Weekdays on which it is repeated, 0 is Monday; empty: once."""
    on_one_day: bool = False
    """Whether the day was said, too, so that setting the clock does not move it to another day."""
    rang_on: str | None = None
    """The day on which it last rang, so that it rings once a day even if the clock is set back."""
    snoozed: bool = False
    """Whether it rang, and rings again at `due`."""

    @property
    def repeats(self) -> bool:
        """Whether it is started again after it rang."""
        return bool(self.days)
