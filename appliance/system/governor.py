"""How hard the board may work: from its heat and its supply to a pace, and nothing else."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from appliance.values import Pace

if TYPE_CHECKING:
    from appliance.values import BoardReading

WARN_C = 75.0
"""Worth telling the owner. A Raspberry Pi slows itself down from 80 °C on, stepwise."""

EASE_C, REST_C = 78.0, 82.0
"""From here on fewer threads; from here on no language model at all."""

RESUME_C = 72.0
"""Below this the pace rises again: far enough under EASE_C that it does not flutter."""

DWELL_S = 10.0
"""Seconds that a pace lasts at least before a faster one; a slower one comes at once."""

CLEAR_S = 60.0
"""Seconds that the supply must hold before the language model may draw its current again."""

RANK = {Pace.FULL: 0, Pace.EASED: 1, Pace.RESTING: 2}
"""The slower, the higher."""

FASTER = {Pace.RESTING: Pace.EASED, Pace.EASED: Pace.FULL, Pace.FULL: Pace.FULL}


@dataclasses.dataclass(frozen=True, slots=True)
class GovernorState:
    """What the governor has decided, and what it must remember to decide again."""

    pace: Pace = Pace.FULL
    low_voltage: bool = False
    """The supply was too weak within the last CLEAR_S; the language model waits."""
    warm: bool = False
    """WARN_C was reached, and RESUME_C not yet again."""
    heat: Pace = Pace.FULL
    """What the heat alone asks for."""
    heat_since: float = float("-inf")
    """When `heat` last changed."""
    low_voltage_at: float = float("-inf")
    """When the supply was last seen too weak."""


def steer(course: GovernorState, reading: BoardReading, now: float) -> GovernorState:
    """The course from `now` (monotonic seconds) on.

    Heat slows the pace at once and lets it rise by one step each DWELL_S, below RESUME_C only.
    A weak supply eases it until CLEAR_S later. What is not measured changes nothing: a sensor
    that dies at 83 °C leaves the board resting.
    """
    heat = _asked_by_heat(course, reading.temperature_c, now)
    low_voltage_at = now if reading.under_voltage else course.low_voltage_at
    low_voltage = now - low_voltage_at < CLEAR_S
    supply = Pace.EASED if low_voltage else Pace.FULL
    return GovernorState(
        pace=max(heat, supply, key=RANK.__getitem__),
        low_voltage=low_voltage,
        warm=_is_warm(course, reading.temperature_c),
        heat=heat,
        heat_since=course.heat_since if heat is course.heat else now,
        low_voltage_at=low_voltage_at,
    )


def threads_at(pace: Pace, budget: int) -> int:
    """How many of an engine's threads may work: all, or half (two of a Raspberry Pi's four)."""
    return budget if pace is Pace.FULL else max(1, budget // 2)


def told(before: GovernorState, now: GovernorState, reading: BoardReading) -> str | None:
    """A change in one line for the owner; None where there is nothing to tell."""
    heat = "" if reading.temperature_c is None else f" at {reading.temperature_c:.0f} °C"
    if now.low_voltage and not before.low_voltage:
        return (
            f"the supply's voltage is too low: pace {now.pace}, and the language model waits until "
            f"it has held for {CLEAR_S:.0f} s; use the board's own supply and a short cable"
        )
    if RANK[now.pace] > RANK[before.pace]:
        less = "no language model" if now.pace is Pace.RESTING else "fewer threads"
        return f"pace {now.pace}{heat}: {less} until it is below {RESUME_C:.0f} °C; give it air"
    if now.pace is not before.pace:
        return f"pace {now.pace} again{heat}"
    if now.warm and not before.warm:
        return f"the board is warm{heat}: from {EASE_C:.0f} °C on it works slower; give it air"
    return None


def _asked_by_heat(course: GovernorState, celsius: float | None, now: float) -> Pace:
    if celsius is None:
        return course.heat
    if celsius >= REST_C:
        return Pace.RESTING
    if celsius >= EASE_C and course.heat is Pace.FULL:
        return Pace.EASED
    if celsius < RESUME_C and now - course.heat_since >= DWELL_S:
        return FASTER[course.heat]
    return course.heat


def _is_warm(course: GovernorState, celsius: float | None) -> bool:
    if celsius is None:
        return course.warm
    return celsius >= WARN_C or (course.warm and celsius >= RESUME_C)
