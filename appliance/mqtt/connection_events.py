"""What paho's thread tells the postman: copies, in the order in which they happened."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Connected:
    """The broker let us in; `epoch` counts connections and tells old news from new."""

    epoch: int


@dataclass(frozen=True, slots=True)
class Lost:
    """The connection is gone."""

    epoch: int


@dataclass(frozen=True, slots=True)
class Subscribed:
    """The broker's word on our subscription; `refusal` is None when it was granted."""

    epoch: int
    refusal: str | None


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The broker's PUBACK for one of our messages."""

    epoch: int
    mid: int
    code: int
    """MQTT 5 reason code; 0x80 and above mean that the broker did not take it."""


@dataclass(frozen=True, slots=True)
class Woken:
    """Something was put into the outbox."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message that came in, not yet acknowledged to the broker."""

    epoch: int
    topic: str
    payload: bytes | None
    """None when too much was waiting in memory already to keep it."""
    mid: int = 0
    qos: int = 1
    repeated: bool = False
    """DUP: the broker sent it before and knows of no acknowledgement."""
    retained: bool = False
    response_topic: str | None = None
    correlation: bytes | None = None
    content_type: str | None = None
    expiry_s: int | None = None
    user_properties: tuple[tuple[str, str], ...] = ()


Event = Connected | Lost | Subscribed | Acknowledged | Woken | Delivery
