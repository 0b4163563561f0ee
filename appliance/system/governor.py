"""Governor: sets the pace from temperature and supply voltage."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from appliance.values import Pace

if TYPE_CHECKING:
    from appliance.values import BoardReading

WARN_C = 75.0
"""Temperature in °C of the warning. A Raspberry Pi slows down in steps from 80 °C on."""

EASE_C, REST_C = 78.0, 82.0
"""Temperatures in °C: fewer threads from the first on, no language model from the second on."""

RESUME_C = 72.0
"""Temperature in °C below which the pace rises again; it is far enough below EASE_C to prevent
oscillation."""

DWELL_S = 10.0
"""Shortest time between two steps to a faster pace; a slower pace comes at once."""

CLEAR_S = 60.0
"""Seconds of correct voltage before the language model may use power again."""

SLOWNESS = {Pace.FULL: 0, Pace.EASED: 1, Pace.RESTING: 2}
"""Rank of each pace; a slower one has a higher rank."""

FASTER = {Pace.RESTING: Pace.EASED, Pace.EASED: Pace.FULL, Pace.FULL: Pace.FULL}


@dataclasses.dataclass(frozen=True, slots=True)
class GovernorState:
    """The governor's decision, and the state for its next decision."""

    pace: Pace = Pace.FULL
    low_voltage: bool = False
    """The supply was too weak within the last CLEAR_S; the language model waits."""
    warm: bool = False
    """WARN_C was reached, and the temperature is not below RESUME_C yet."""
    heat: Pace = Pace.FULL
    """The pace that the temperature requires."""
    heat_since: float = float("-inf")
    """When `heat` last changed."""
    low_voltage_at: float = float("-inf")
    """When the voltage was last too low."""


def next_state(state: GovernorState, reading: BoardReading, now: float) -> GovernorState:
    """The next state, at `now` (monotonic seconds).

    Heat slows the pace at once; it rises again by one step per DWELL_S, only below RESUME_C.
    A weak supply eases it until CLEAR_S later. A missing value changes nothing: if a sensor
    fails at 83 °C, the board stays resting.
    """
    heat = _pace_for_heat(state, reading.temperature_c, now)
    low_voltage_at = now if reading.under_voltage else state.low_voltage_at
    low_voltage = now - low_voltage_at < CLEAR_S
    supply = Pace.EASED if low_voltage else Pace.FULL
    return GovernorState(
        pace=max(heat, supply, key=SLOWNESS.__getitem__),
        low_voltage=low_voltage,
        warm=_is_warm(state, reading.temperature_c),
        heat=heat,
        heat_since=state.heat_since if heat is state.heat else now,
        low_voltage_at=low_voltage_at,
    )


def threads_at(pace: Pace, budget: int) -> int:
    """Number of threads for an engine: all of them, or half (two of a Raspberry Pi's four)."""
    return budget if pace is Pace.FULL else max(1, budget // 2)


def log_line(before: GovernorState, now: GovernorState, reading: BoardReading) -> str | None:
    """A log line about a change; None if nothing changed."""
    heat = "" if reading.temperature_c is None else f" at {reading.temperature_c:.0f} °C"
    if now.low_voltage and not before.low_voltage:
        return (
            f"the supply's voltage is too low: pace {now.pace}, language model paused until it is "
            f"right for {CLEAR_S:.0f} s; use the board's own supply and a short cable"
        )
    if SLOWNESS[now.pace] > SLOWNESS[before.pace]:
        effect = "no language model" if now.pace is Pace.RESTING else "fewer threads"
        return f"pace {now.pace}{heat}: {effect} until below {RESUME_C:.0f} °C; improve the cooling"
    if now.pace is not before.pace:
        return f"pace {now.pace} again{heat}"
    if now.warm and not before.warm:
        return f"the board is warm{heat}: slower from {EASE_C:.0f} °C on; improve the cooling"
    return None


def _pace_for_heat(state: GovernorState, celsius: float | None, now: float) -> Pace:
    if celsius is None:
        return state.heat
    if celsius >= REST_C:
        return Pace.RESTING
    if celsius >= EASE_C and state.heat is Pace.FULL:
        return Pace.EASED
    if celsius < RESUME_C and now - state.heat_since >= DWELL_S:
        return FASTER[state.heat]
    return state.heat


def _is_warm(state: GovernorState, celsius: float | None) -> bool:
    if celsius is None:
        return state.warm
    return celsius >= WARN_C or (state.warm and celsius >= RESUME_C)
