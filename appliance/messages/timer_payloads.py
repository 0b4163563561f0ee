"""Payloads of the topics `timers` and `timer/<change>`, as types."""

from __future__ import annotations

import enum

import msgspec

from appliance.values import SCHEMA


class TimerKind(enum.StrEnum):
    """The kind of a timer: what happens when it is due."""

    TIMER = "timer"
    """A timer rings after a duration."""
    ALARM = "alarm"
    """An alarm rings at a time of day."""
    REMINDER = "reminder"
    """A reminder rings and says a text."""
    COMMAND = "command"
    """A sentence is carried out at that moment, as if it were typed."""


class TimerPhase(enum.StrEnum):
    """The state of a timer."""

    RUNNING = "running"
    PAUSED = "paused"
    RINGING = "ringing"


class TimerChange(enum.StrEnum):
    """A change of a timer; the last level of the topic `timer/<change>`."""

    STARTED = "started"
    UPDATED = "updated"
    """Paused, resumed, snoozed, made longer or shorter."""
    CANCELLED = "cancelled"
    FINISHED = "finished"
    """It is due: it rings, or its command is carried out."""
    MISSED = "missed"
    """It was due while the appliance was off, or its command could not be carried out in time."""
    SILENCED = "silenced"
    """It has stopped ringing."""


class ShownTimer(msgspec.Struct, frozen=True, kw_only=True):
    """One timer, alarm, reminder or delayed command."""

    id: str
    kind: TimerKind
    phase: TimerPhase
    name: str | None = None
    area: str | None = None
    """The room for which it was started."""
    text: str | None = None
    """The words of a reminder, or the sentence of a delayed command."""
    duration_s: float | None = None
    """Duration at its start, in seconds; null for one that rings at a time of day."""
    due_at: str | None = None
    """UTC, ISO 8601; null while it is paused. While it rings, when it began."""
    left_s: float
    """Seconds left when this was published: nothing is published while the time runs."""
    time: str | None = None
    """Local time of day at which it rings, such as `07:30`; null for a duration."""
    days: tuple[int, ...] = ()
    """Weekdays on which it is repeated, 0 is Monday; empty: once."""


class TimersNow(msgspec.Struct, frozen=True, kw_only=True):
    """The payload of `timers`, retained: all that run, are paused or ring, the next one first."""

    schema: int = SCHEMA
    timers: list[ShownTimer] = []
    clock_synced: bool | None = None
    """Whether the clock is synchronised; alarms depend on it."""


class TimerEvent(msgspec.Struct, frozen=True, kw_only=True):
    """The payload of `timer/<change>`: what happened to one of them."""

    schema: int = SCHEMA
    id: str
    """Id of this event; MQTT may deliver it twice, with the same id."""
    change: TimerChange
    timer: ShownTimer
    at: str
    """UTC, ISO 8601."""
