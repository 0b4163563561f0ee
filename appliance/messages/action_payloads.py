"""Payload of the topic `action/<id>`: what became of a command at its devices."""

from __future__ import annotations

import enum

import msgspec
from msgspec import UNSET, UnsetType

from appliance.values import SCHEMA


class ActionState(enum.StrEnum):
    """What became of a command."""

    SENT = "sent"
    """Its messages are on disk and go to the broker."""
    CONFIRMED = "confirmed"
    """Every device that can say so has reported the new state."""
    UNCONFIRMED = "unconfirmed"
    """A device has not reported it within `devices.confirm_s`."""
    UNAVAILABLE = "unavailable"
    """No device that was meant can be reached; nothing was sent."""
    FAILED = "failed"
    """No device that was meant can do it; nothing was sent."""


class ActionTarget(msgspec.Struct, frozen=True, kw_only=True):
    """One device of a command."""

    name: str
    area: str | None = None
    state: ActionState


class ActionReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a command at its devices."""

    schema: int = SCHEMA
    id: str
    """The id of the result."""
    part: int | UnsetType = UNSET
    """Which of the result's `intents`, from 1; left out if there is one."""
    state: ActionState
    intent: str
    targets: list[ActionTarget] = []
    at: str
    """UTC, ISO 8601."""
