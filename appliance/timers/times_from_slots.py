"""Reads durations, times of day and days from the slots of an intent; pure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from appliance.text.time_words import WEEK, WEEKEND, WORKING_DAYS

if TYPE_CHECKING:
    from collections.abc import Mapping

UNITS = {"hours": 3600, "minutes": 60, "seconds": 1}
"""Seconds in each unit."""

HALF_DAY = 12
LAST_HOUR = 23
LAST_MINUTE = 59
DAY_MINUTES = 24 * 60

REPETITIONS = {"daily": tuple(range(WEEK)), "weekdays": WORKING_DAYS, "weekend": WEEKEND}
"""Values of the slot `repeat` beside a single weekday."""


def duration_of(slots: Mapping[str, Any], prefix: str = "") -> float | None:
    """Seconds from the slots `hours`, `minutes` and `seconds`; None if none of them has a number.

    With the prefix `start_`, it is the duration with which a timer was started.
    """
    found = [
        (number, seconds)
        for unit, seconds in UNITS.items()
        if (number := _number(slots.get(f"{prefix}{unit}"))) is not None
    ]
    return sum(number * seconds for number, seconds in found) if found else None


def hours_of(slots: Mapping[str, Any], *, twelve_hours: bool) -> tuple[tuple[int, ...], int] | None:
    """The possible hours, and the minute, from the slots of a time of day.

    `hour` and `minute` are as said, `to` is the number of minutes before the hour ("quarter to
    eight"), `half` is `am` or `pm`. Without `half`, both hours are possible in a language with a
    clock of twelve hours. None if there is no such time.
    """
    hour = _number(slots.get("hour"))
    minute = _number(slots.get("minute")) or 0
    if hour is None or not 0 <= hour <= LAST_HOUR or not 0 <= minute <= LAST_MINUTE:
        return None
    half = slots.get("half")
    hours = [int(hour)]
    if half == "pm" and 0 < hour < HALF_DAY:
        hours = [int(hour) + HALF_DAY]
    elif half == "am" and hour == HALF_DAY:
        hours = [0]
    elif half is None and twelve_hours and 0 < hour <= HALF_DAY:
        hours = [int(hour) % HALF_DAY, int(hour) % HALF_DAY + HALF_DAY]
    before = int(_number(slots.get("to")) or 0)
    moments = [(each * 60 + int(minute) - before) % DAY_MINUTES for each in hours]
    return tuple(moment // 60 for moment in moments), moments[0] % 60


def repeated_days(slots: Mapping[str, Any]) -> tuple[int, ...]:
    """The weekdays of the slot `repeat`, 0 is Monday; empty if nothing is repeated."""
    said = slots.get("repeat")
    if said in REPETITIONS:
        return REPETITIONS[said]
    day = _number(said)
    return () if day is None else (int(day) % WEEK,)


def one_day(slots: Mapping[str, Any], today: int) -> tuple[int, ...]:
    """The weekday of the slot `day` (a weekday, `today` or `tomorrow`); empty if missing."""
    said = slots.get("day")
    day = {"today": today, "tomorrow": today + 1}.get(str(said), _number(said))
    return () if day is None else (int(day) % WEEK,)


def _number(said: Any) -> float | None:
    try:
        number = float(said)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None  # "inf" and "nan" may be words of a wildcard
