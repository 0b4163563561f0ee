"""Durations, days and times of day in words, in the language that is spoken."""

from __future__ import annotations

import functools
from datetime import timedelta
from importlib import resources
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import date

FALLBACK = "en"

WEEK = 7
NOON = 12
WORKING_DAYS = (0, 1, 2, 3, 4)
WEEKEND = (5, 6)


class TimeWords(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"and_": "and", "or_": "or"}
):
    """A file of `time_words/`."""

    hours: tuple[str, str]
    """Singular and plural."""
    minutes: tuple[str, str]
    seconds: tuple[str, str]
    and_: str
    or_: str
    today: str
    tomorrow: str
    every_day: str
    working_days: str
    weekend: str
    weekdays: tuple[str, str, str, str, str, str, str]
    """Monday first."""
    on_weekday: str
    every_weekday: str
    months: tuple[str, ...]
    on_date: str
    time: str
    halves: tuple[str, str] = ("", "")
    """Names of the halves of the day if the clock has twelve hours."""

    def duration(self, seconds: float) -> str:
        """A duration to the second: "1 hour and 30 minutes"."""
        minutes, second = divmod(round(seconds), 60)
        hour, minute = divmod(minutes, 60)
        units = ((hour, self.hours), (minute, self.minutes), (second, self.seconds))
        parts = [f"{number} {words[number != 1]}" for number, words in units if number]
        return self.joined(parts or [f"0 {self.seconds[1]}"])

    def time_of_day(self, hour: int, minute: int) -> str:
        """A time of day: "7:30 AM", "7:30 Uhr"."""
        return self.time.format(
            hour=hour,
            hour12=hour % NOON or NOON,
            minute=f"{minute:02d}",
            half=self.halves[hour >= NOON],
        ).strip()

    def day(self, day: date, today: date) -> str:
        """A day as people name it: "tomorrow", "on Friday", "March 3"."""
        ahead = (day - today) // timedelta(days=1)
        near = (self.today, self.tomorrow)
        if 0 <= ahead < len(near):
            return near[ahead]
        if 0 < ahead < WEEK:
            return self.on_weekday.format(day=self.weekdays[day.weekday()])
        return self.on_date.format(day=day.day, month=self.months[day.month - 1])

    def repetition(self, days: Collection[int]) -> str:
        """The days of the week on which something is repeated, 0 is Monday."""
        for named, words in (
            (range(WEEK), self.every_day),
            (WORKING_DAYS, self.working_days),
            (WEEKEND, self.weekend),
        ):
            if set(days) == set(named):
                return words
        return self.every_weekday.format(day=self.joined([self.weekdays[one] for one in days]))

    def joined(self, parts: Collection[str], *, choice: bool = False) -> str:
        """A list of texts as it is spoken: "a, b and c", or for a choice "a, b or c"."""
        *most, last = parts
        word = self.or_ if choice else self.and_
        return f"{', '.join(most)} {word} {last}" if most else last


@functools.cache
def time_words_for(language: str) -> TimeWords:
    """The words of a language, `de` for `de-CH`; the English ones if there is no file."""
    name = f"time_words/{language.partition('-')[0]}.toml"
    file = resources.files(__package__).joinpath(name)
    if not file.is_file():
        return time_words_for(FALLBACK)
    return msgspec.toml.decode(file.read_bytes(), type=TimeWords)
