"""The MQTT thread's part for devices: subscriptions, discovery, states, birth message."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from appliance.values import Message

if TYPE_CHECKING:
    from appliance.devices.device_actions import DeviceActions
    from appliance.devices.device_registry import DeviceRegistry

BIRTH_EVERY_S = 60.0
"""Shortest time between two birth messages, in seconds; each makes publishers send everything
again."""

BIRTH_PAYLOAD = b"online"


class DeviceMessages:
    """The messages of devices. It belongs to the MQTT thread."""

    def __init__(
        self, registry: DeviceRegistry, actions: DeviceActions, *, birth_topic: str | None
    ) -> None:
        """`birth_topic` None: devices are only read, and nothing is published for them."""
        self._registry = registry
        self._actions = actions
        self._birth_topic = birth_topic
        self._birth_at = -BIRTH_EVERY_S

    def connected(self) -> Message | None:
        """Note a new connection; the birth message, if it is time for one.

        Publishers that do not retain their messages send discovery and states after it.
        """
        self._registry.connected()
        self._actions.connected()
        now = time.monotonic()
        if self._birth_topic is None or now - self._birth_at < BIRTH_EVERY_S:
            return None
        self._birth_at = now
        return Message(self._birth_topic, BIRTH_PAYLOAD, content_type=None, fleeting=True)

    def new_filters(self) -> list[str]:
        """Topic filters that must be subscribed to now."""
        return self._registry.new_filters()

    def wants(self, topic: str) -> bool:
        """Whether a message on this topic is about devices."""
        return self._registry.wants(topic)

    def receive(self, topic: str, payload: bytes | None, *, retained: bool) -> None:
        """Handle a message. A retained one does not confirm a command of this run."""
        if payload is None:
            return
        self._registry.receive(topic, payload, retained=retained)
        self._actions.on_state(self._registry.listeners(topic), retained=retained)

    def turn(self) -> None:
        """Give up waiting for devices that do not answer, and write to disk if it is time."""
        self._actions.turn()
        self._registry.turn()

    def next_request(self) -> Message | None:
        """The request for the birth of a Sparkplug node, if one is due."""
        return None if self._birth_topic is None else self._registry.rebirth()

    def stop(self) -> None:
        """Write to disk what is known."""
        self._registry.save()
