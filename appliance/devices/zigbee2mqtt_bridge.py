"""Reads what zigbee2mqtt says of its devices and groups beside discovery: members, descriptions.

`<base>/bridge/groups` and `<base>/bridge/devices` are retained lists. Discovery does not say that
a light is a group, and has no description.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec

from appliance.errors import UNREADABLE_JSON, DeviceConfigError

if TYPE_CHECKING:
    from appliance.devices.entity import DeviceEntity

FILTERS = ("+/bridge/devices", "+/bridge/groups")

MESSAGE_BYTES = 16_000_000
"""A device has about 10 kB, most of it about what it can do, which is not read here."""

MOST_BRIDGES = 20


class BridgeDevice(msgspec.Struct, frozen=True):
    """The fields of a device that are read."""

    friendly_name: str
    description: str | None = None
    """The owner's words in zigbee2mqtt, not the manufacturer's."""


class BridgeGroup(msgspec.Struct, frozen=True):
    """The fields of a group that are read."""

    friendly_name: str


Listed = TypeVar("Listed", BridgeDevice, BridgeGroup)

_DEVICES = msgspec.json.Decoder(list[BridgeDevice])
_GROUPS = msgspec.json.Decoder(list[BridgeGroup])


class Zigbee2MqttBridges:
    """The bridges by base topic. It has no lock; its owner serialises the calls."""

    def __init__(self) -> None:
        self._descriptions: dict[str, dict[str, str]] = {}
        self._groups: dict[str, frozenset[str]] = {}

    def receive(self, topic: str, payload: bytes) -> bool:
        """Follow one of the lists; whether it says anything new.

        Raises:
            DeviceConfigError: it cannot be read; what was known before stays.

        """
        base, _, kind = topic.rsplit("/", 2)
        if len(payload) > MESSAGE_BYTES:
            raise DeviceConfigError(f"the message has more than {MESSAGE_BYTES:,} bytes")
        if base not in {*self._groups, *self._descriptions} and self._number() >= MOST_BRIDGES:
            raise DeviceConfigError(f"more than {MOST_BRIDGES} bridges")
        if kind == "groups":
            groups = frozenset(one.friendly_name for one in _read(_GROUPS, payload))
            is_new = self._groups.get(base, frozenset()) != groups
            self._groups[base] = groups
            return is_new
        devices = _read(_DEVICES, payload)
        described = {one.friendly_name: one.description for one in devices if one.description}
        is_new = self._descriptions.get(base, {}) != described
        self._descriptions[base] = described
        return is_new

    def is_group(self, entity: DeviceEntity) -> bool:
        """Whether an entity is a group, whose members are entities, too."""
        base, name = _base_and_name(entity)
        return name in self._groups.get(base, ())

    def description(self, entity: DeviceEntity) -> str | None:
        """The owner's description of its device in zigbee2mqtt."""
        base, name = _base_and_name(entity)
        return self._descriptions.get(base, {}).get(name)

    def _number(self) -> int:
        return len({*self._groups, *self._descriptions})


def _read(decoder: msgspec.json.Decoder[list[Listed]], payload: bytes) -> list[Listed]:
    try:
        return decoder.decode(payload or b"[]")
    except UNREADABLE_JSON as error:
        raise DeviceConfigError(f"not a list of zigbee2mqtt: {error}") from error


def _base_and_name(entity: DeviceEntity) -> tuple[str, str]:
    """The parts of a state topic; a friendly name may have slashes, and a base has none."""
    topic = entity.config.get("state_topic")
    base, _, name = topic.partition("/") if isinstance(topic, str) else ("", "", "")
    return base, name
