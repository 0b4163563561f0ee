"""Payloads of the topics `timers` and `timer/<change>`, as types."""

from __future__ import annotations

import enum

import msgspec

from appliance.values import SCHEMA


class TimerKind(enum.StrEnum):
    """What happens when its time has come."""

    TIMER = "timer"
    """It rings after a duration."""
    ALARM = "alarm"
    """It rings at a time of day."""
    REMINDER = "reminder"
    """It rings and says a text."""
    COMMAND = "command"
    """A sentence is done as if it were typed then."""


class TimerPhase(enum.StrEnum):
    """What it is doing."""

    RUNNING = "running"
    PAUSED = "paused"
    RINGING = "ringing"


class TimerChange(enum.StrEnum):
    """What happened to a timer; the last level of the topic `timer/<change>`."""

    STARTED = "started"
    UPDATED = "updated"
    """Paused, resumed, snoozed, made longer or shorter."""
    CANCELLED = "cancelled"
    FINISHED = "finished"
    """Its time has come: it rings, or its command is done."""
    MISSED = "missed"
    """Its time came while the appliance was off, or a command could not be done in time."""
    SILENCED = "silenced"
    """It does not ring any more."""


class ShownTimer(msgspec.Struct, frozen=True, kw_only=True):
    """One timer, alarm, reminder or delayed command."""

    id: str
    kind: TimerKind
    phase: TimerPhase
    name: str | None = None
    area: str | None = None
    """The room that it was started for."""
    text: str | None = None
    """The words of a reminder, or the sentence of a delayed command."""
    duration_s: float | None = None
    """As it was started; null for what rings at a time of day."""
    due_at: str | None = None
    """UTC, ISO 8601; null while it is paused. While it rings, when it began."""
    left_s: float
    """Seconds left when this was published: nothing is published while the time runs."""
    time: str | None = None
    """For what rings at a time of day, local time: `07:30`."""
    days: tuple[int, ...] = ()
    """Weekdays on which it is repeated, 0 is Monday; empty: once."""


class TimersNow(msgspec.Struct, frozen=True, kw_only=True):
    """On `timers`, retained: everything that runs, is paused or rings; the next first."""

    schema: int = SCHEMA
    timers: list[ShownTimer] = []
    clock_synced: bool | None = None
    """Whether the clock is synchronised; alarms depend on it."""


class TimerEvent(msgspec.Struct, frozen=True, kw_only=True):
    """On `timer/<change>`: what happened to one of them."""

    schema: int = SCHEMA
    id: str
    """Of this event: MQTT may deliver it twice, with the same id."""
    change: TimerChange
    timer: ShownTimer
    at: str
    """UTC, ISO 8601."""
