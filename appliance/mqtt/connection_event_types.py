"""Events that paho's thread puts into a queue for the MQTT thread, in the order they happened."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Connected:
    """The broker accepted the connection."""

    epoch: int
    """Counts connections, to tell the events of an earlier connection from those of this one."""
    can_share: bool = True
    """Whether the broker has shared subscriptions, as far as it says."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The connection is gone."""

    epoch: int


@dataclass(frozen=True, slots=True)
class Subscribed:
    """The broker's answer to our subscription."""

    epoch: int
    filters: tuple[str, ...]
    """The requested topic filters."""
    refused: dict[str, str]
    """Topic filters that it refuses, with the reason."""


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The broker's PUBACK for one of our messages."""

    epoch: int
    mid: int
    code: int
    """MQTT 5 reason code; 0x80 and above mean that the broker did not take the message."""


@dataclass(frozen=True, slots=True)
class Woken:
    """Something was put into the outbox or another queue."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A received message that is not acknowledged to the broker yet."""

    epoch: int
    topic: str
    payload: bytes | None
    """The payload; None if too many bytes waited in memory."""
    mid: int = 0
    qos: int = 1
    repeated: bool = False
    """The DUP flag: the broker sent it before and got no acknowledgement."""
    retained: bool = False
    response_topic: str | None = None
    correlation: bytes | None = None
    content_type: str | None = None
    expiry_s: int | None = None
    user_properties: tuple[tuple[str, str], ...] = ()


ConnectionEvent = Connected | Lost | Subscribed | Acknowledged | Woken | Delivery
