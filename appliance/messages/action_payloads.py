"""Payload of the topic `action/<id>`: the state of a command at its devices."""

from __future__ import annotations

import enum

import msgspec
from msgspec import UNSET, UnsetType

from appliance.values import SCHEMA


class ActionState(enum.StrEnum):
    """The state of a command."""

    SENT = "sent"
    """Its messages are on disk and go to the broker."""
    CONFIRMED = "confirmed"
    """Every device that reports its state has reported the new one."""
    UNCONFIRMED = "unconfirmed"
    """A device has not reported the new state within `devices.confirm_s`; or none does, and its
    message was being sent at a crash, or could not be sent in time."""
    UNAVAILABLE = "unavailable"
    """None of the devices can be reached; nothing was sent."""
    FAILED = "failed"
    """None of the devices can do it; nothing was sent."""


class ActionTarget(msgspec.Struct, frozen=True, kw_only=True):
    """One device of a command."""

    name: str
    area: str | None = None
    state: ActionState


class ActionReport(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a command at its devices."""

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
