"""Phrases about timers, in the spoken language."""

from __future__ import annotations

import functools
from datetime import datetime
from importlib import resources
from typing import TYPE_CHECKING

import msgspec

from appliance.messages.timer_payloads import TimerKind
from appliance.text.time_words import TimeWords, time_words_for

if TYPE_CHECKING:
    from collections.abc import Iterable

    from appliance.timers.timer import Timer

FALLBACK = "en"


class TimerPhrases(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of `phrases/`; the names in braces are filled in."""

    ring_timer: str
    ring_named: str
    ring_alarm: str
    ring_reminder: str
    what_timer: str
    what_named: str
    what_alarm: str
    what_reminder: str
    what_command: str
    missed: str
    which: str
    too_many: str
    too_long: str
    no_duration: str
    command_unknown: str
    command_refused: str
    clock_unset: str
    alarm_set: str
    alarms: str
    no_alarm: str
    alarm_cancelled: str
    snoozed: str
    nothing_rings: str
    reminder_in: str
    reminder_at: str
    no_reminder: str
    reminder_cancelled: str

    def ring(self, timer: Timer, words: TimeWords) -> str:
        """The phrase while a timer rings."""
        if timer.kind is TimerKind.REMINDER:
            return self.ring_reminder.format(text=timer.text)
        if timer.kind is TimerKind.ALARM and timer.hour is not None:
            return self.ring_alarm.format(time=words.time_of_day(timer.hour, timer.minute))
        return self.ring_named.format(name=timer.name) if timer.name else self.ring_timer

    def what(self, timer: Timer, words: TimeWords) -> str:
        """A timer among others: its name, text, time or duration."""
        match timer.kind:
            case TimerKind.REMINDER:
                return self.what_reminder.format(text=timer.text)
            case TimerKind.COMMAND:
                return self.what_command.format(text=timer.text)
            case TimerKind.ALARM if timer.hour is not None:
                time = words.time_of_day(timer.hour, timer.minute)
                alarm = self.what_alarm.format(time=time)
                return f"{alarm} {words.repetition(timer.days)}" if timer.days else alarm
        if timer.name:
            return self.what_named.format(name=timer.name)
        return self.what_timer.format(duration=words.duration(timer.duration_s))

    def joined(self, timers: Iterable[Timer], words: TimeWords, *, choice: bool = False) -> str:
        """Several timers, one after the other."""
        return words.joined([self.what(timer, words) for timer in timers], choice=choice)

    def when(self, timer: Timer, today: datetime, words: TimeWords) -> str:
        """The day or the days on which it rings."""
        if timer.days:
            return words.repetition(timer.days)
        due = datetime.fromtimestamp(timer.due.unix_s)  # noqa: DTZ006 (a time of day is local)
        return words.day(due.date(), today.date())


@functools.cache
def timer_phrases_for(language: str) -> tuple[TimerPhrases, TimeWords]:
    """The phrases of a language, `de` for `de-CH`; the English ones if there is no file."""
    name = f"phrases/{language.partition('-')[0]}.toml"
    file = resources.files(__package__).joinpath(name)
    if not file.is_file():
        return timer_phrases_for(FALLBACK)
    return msgspec.toml.decode(file.read_bytes(), type=TimerPhrases), time_words_for(language)
