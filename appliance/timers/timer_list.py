"""The list of timers: changes, and which are due; without disk or sound."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from appliance.messages.timer_payloads import TimerChange, TimerKind, TimerPhase
from appliance.text.normalise import words_of

if TYPE_CHECKING:
    from appliance.timers.clocks import Clocks, Moment
    from appliance.timers.timer import Timer

logger = logging.getLogger(__name__)

LATE_S = 300.0
"""Seconds after which a due timer counts as missed: it is reported once, and does not ring."""

STALE_S = 60.0
"""Seconds of delay after which a delayed command is dropped: a lamp must not go on an hour late."""

MAXIMUM_TIMERS = 100
"""Maximum number of timers; each takes a row on disk and a line of the published list."""

LONGEST_S = 366 * 86_400.0
"""Longest duration, in seconds; a longer one was misheard."""


@dataclass(frozen=True, slots=True)
class Query:
    """The timers that a sentence means; fields that were not said are None."""

    kinds: tuple[TimerKind, ...] = (TimerKind.TIMER,)
    name: str | None = None
    area: str | None = None
    duration_s: float | None = None
    """Duration at the start of the timer, in seconds."""
    hours: tuple[int, ...] | None = None
    """Possible hours of the day: "seven" means 7 or 19."""
    minute: int | None = None

    @property
    def says_which(self) -> bool:
        """Whether the sentence names a certain timer."""
        said = (self.name, self.area, self.duration_s, self.hours)
        return any(value is not None for value in said)

    def fits(self, timer: Timer) -> bool:
        """Whether a timer matches the query."""
        return (
            timer.kind in self.kinds
            and (self.name is None or _same(self.name, timer.name or timer.text))
            and (self.area is None or _same(self.area, timer.area))
            and self.duration_s in (None, timer.duration_s)
            and (self.hours is None or timer.hour in self.hours)
            and self.minute in (None, timer.minute)
        )


@dataclass(slots=True)
class TimerList:
    """The timers, with the changes since the last save. Use it from one thread at a time."""

    clocks: Clocks
    timers: dict[str, Timer] = field(default_factory=dict)
    unsaved: set[str] = field(default_factory=set)
    """Ids of timers that were changed or removed since the last save."""
    happened: list[tuple[TimerChange, Timer]] = field(default_factory=list)
    """Events since the last save, in order."""

    # Changes by a sentence.

    def start(self, timer: Timer) -> None:
        """Add a timer; one with the same id is there already if its request is done again."""
        if timer.id not in self.timers:
            self._put(TimerChange.STARTED, timer)

    def find(
        self, query: Query, phase: TimerPhase | None = None, near: str | None = None
    ) -> list[Timer]:
        """The matching timers, by Home Assistant's rules; several if the query is ambiguous.

        If the query is empty and there is one timer, it is that one. Otherwise timers in the wanted
        phase (pause means a running one) and in the speaker's room (`near`) go first.
        """
        found = [timer for timer in self.sorted() if query.fits(timer)]
        if len(found) > 1 and phase is not None:
            found = [timer for timer in found if timer.phase is phase] or found
        if len(found) > 1 and near is not None:
            found = [timer for timer in found if _same(near, timer.area)] or found
        return found

    def sorted(self) -> list[Timer]:
        """All timers: those that ring, those that run, those that are paused; the next first."""
        return sorted(self.timers.values(), key=self._order)

    def left_s(self, timer: Timer) -> float:
        """Seconds until it rings, never below zero."""
        if timer.phase is TimerPhase.PAUSED:
            return timer.left_s
        return max(0.0, self.clocks.until(timer.due))

    def lengthen(self, timer: Timer, seconds: float) -> None:
        """Add seconds, negative ones to shorten it; if its end has passed, it is due at once."""
        left = max(0.0, self.left_s(timer) + seconds)
        paused = timer.phase is TimerPhase.PAUSED
        # A timer that rang and gets more time runs again.
        phase = TimerPhase.PAUSED if paused else TimerPhase.RUNNING
        self._update(
            timer, phase=phase, left_s=left if paused else 0.0, due=self.clocks.after(left)
        )

    def pause(self, timer: Timer) -> None:
        """Stop its time; nothing if it is paused already."""
        if timer.phase is TimerPhase.RUNNING:
            self._update(timer, phase=TimerPhase.PAUSED, left_s=self.left_s(timer))

    def resume(self, timer: Timer) -> None:
        """Resume it."""
        if timer.phase is TimerPhase.PAUSED:
            due = self.clocks.after(timer.left_s)
            self._update(timer, phase=TimerPhase.RUNNING, left_s=0.0, due=due)

    def cancel(self, timer: Timer) -> None:
        """Remove it; one that rings and repeats waits for its next time."""
        if timer.phase is TimerPhase.RINGING and timer.repeats:
            self.silence(timer)
        else:
            self._drop(TimerChange.CANCELLED, timer)

    def snooze(self, timer: Timer, seconds: float) -> None:
        """Let it ring again in a while."""
        due = self.clocks.after(seconds)
        self._update(timer, phase=TimerPhase.RUNNING, due=due, snoozed=True)

    # Changes by the passing of time.

    def ringing(self) -> list[Timer]:
        """The timers that ring now."""
        return [timer for timer in self.sorted() if timer.phase is TimerPhase.RINGING]

    def tick(self) -> tuple[list[Timer], list[Timer]]:
        """Start to ring due timers; return delayed commands to be done, and missed timers."""
        if self.clocks.has_jumped():
            self._follow_calendar()
        commands, missed = [], []
        for timer in self.sorted():
            late_s = -self.clocks.until(timer.due)
            if timer.phase is not TimerPhase.RUNNING or late_s < 0.0:
                continue
            if late_s > (STALE_S if timer.kind is TimerKind.COMMAND else LATE_S):
                missed.append(timer)
                self._after_ringing(TimerChange.MISSED, timer)
            elif timer.kind is TimerKind.COMMAND:
                commands.append(timer)
                self._drop(TimerChange.FINISHED, timer)
            else:
                logger.info("%s %s rings, %.1f s after its time", timer.kind, timer.id, late_s)
                self._ring(timer)
        return commands, missed

    def silence(self, timer: Timer) -> None:
        """End a ring, after its time or because somebody said stop."""
        if timer.phase is TimerPhase.RINGING:
            self._after_ringing(TimerChange.SILENCED, timer)

    def rang_for_s(self, timer: Timer) -> float:
        """Seconds that it has been ringing."""
        return -self.clocks.until(timer.due)

    def _ring(self, timer: Timer) -> None:
        now = self.clocks.after(0.0)
        day = None if timer.hour is None else self.clocks.local().date().isoformat()
        ringing = msgspec.structs.replace(timer, phase=TimerPhase.RINGING, due=now, rang_on=day)
        self._put(TimerChange.FINISHED, ringing)

    def _after_ringing(self, change: TimerChange, timer: Timer) -> None:
        """Remove it, or let it wait for its next day."""
        if not timer.repeats or timer.hour is None:
            self._drop(change, timer)
            return
        due = self._next_day(timer)
        again = msgspec.structs.replace(timer, phase=TimerPhase.RUNNING, due=due, snoozed=False)
        self._put(change, again)

    def _next_day(self, timer: Timer) -> Moment:
        if timer.on_one_day:
            return timer.due
        hour, minute = timer.hour or 0, timer.minute
        return self.clocks.next_time_of_day(hour, minute, timer.days, timer.rang_on)

    def _follow_calendar(self) -> None:
        """Adjust to a changed calendar: a timer keeps its duration, an alarm its time of day."""
        for timer in self.timers.values():
            due = self.clocks.rebased(timer.due)
            running = timer.phase is TimerPhase.RUNNING
            if timer.hour is not None and running and not timer.snoozed:
                late_s = -self.clocks.until(timer.due)
                if not 0.0 <= late_s <= LATE_S:  # unless its time has just passed, so that it rings
                    due = self._next_day(timer)
            if due != timer.due:
                self.timers[timer.id] = msgspec.structs.replace(timer, due=due)
                self.unsaved.add(timer.id)

    def _update(self, timer: Timer, **fields: object) -> None:
        self._put(TimerChange.UPDATED, msgspec.structs.replace(timer, **fields))

    def _put(self, change: TimerChange, timer: Timer) -> None:
        self.timers[timer.id] = timer
        self.unsaved.add(timer.id)
        self.happened.append((change, timer))

    def _drop(self, change: TimerChange, timer: Timer) -> None:
        self.timers.pop(timer.id, None)
        self.unsaved.add(timer.id)
        self.happened.append((change, timer))

    def _order(self, timer: Timer) -> tuple[int, float, str]:
        phases = (TimerPhase.RINGING, TimerPhase.RUNNING, TimerPhase.PAUSED)
        return phases.index(timer.phase), self.left_s(timer), timer.id


def _same(said: str, kept: str | None) -> bool:
    """Whether two names are the same, but for capitals and punctuation."""
    return kept is not None and words_of(said) == words_of(kept)
