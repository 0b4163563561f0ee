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
    ieee_address: str = ""
    description: str | None = None
    """The owner's words in zigbee2mqtt, not the manufacturer's."""


class BridgeMember(msgspec.Struct, frozen=True):
    """The fields of a member of a group that are read."""

    ieee_address: str


class BridgeGroup(msgspec.Struct, frozen=True):
    """The fields of a group that are read."""

    friendly_name: str
    members: list[BridgeMember] = []


class BridgeLists(msgspec.Struct):
    """What a bridge says; it is kept on disk, because a group must not lose its members."""

    descriptions: dict[str, str] = {}
    """Descriptions by friendly name."""
    names: dict[str, str] = {}
    """Friendly names by address."""
    groups: dict[str, list[str]] = {}
    """Addresses of the members by the group's friendly name."""


Listed = TypeVar("Listed", BridgeDevice, BridgeGroup)

_DEVICES = msgspec.json.Decoder(list[BridgeDevice])
_GROUPS = msgspec.json.Decoder(list[BridgeGroup])


class Zigbee2MqttBridges:
    """The bridges by base topic. It has no lock; its owner serialises the calls."""

    def __init__(self) -> None:
        self.lists: dict[str, BridgeLists] = {}
        """What is known of each bridge."""

    def receive(self, topic: str, payload: bytes) -> bool:
        """Follow one of the lists; whether it says anything new.

        Raises:
            DeviceConfigError: it cannot be read; what was known before stays.

        """
        base, _, kind = topic.rsplit("/", 2)
        if len(payload) > MESSAGE_BYTES:
            raise DeviceConfigError(f"the message has more than {MESSAGE_BYTES:,} bytes")
        if base not in self.lists and len(self.lists) >= MOST_BRIDGES:
            raise DeviceConfigError(f"more than {MOST_BRIDGES} bridges")
        before = self.lists.get(base, BridgeLists())
        if kind == "groups":
            after = msgspec.structs.replace(
                before,
                groups={
                    one.friendly_name: [member.ieee_address for member in one.members]
                    for one in _read(_GROUPS, payload)
                },
            )
        else:
            devices = _read(_DEVICES, payload)
            after = msgspec.structs.replace(
                before,
                descriptions={
                    one.friendly_name: one.description for one in devices if one.description
                },
                names={one.ieee_address: one.friendly_name for one in devices if one.ieee_address},
            )
        self.lists[base] = after
        return after != before

    def is_group(self, entity: DeviceEntity) -> bool:
        """Whether an entity is a group, whose members are entities, too."""
        lists, name = self._of(entity)
        return name in lists.groups

    def members(self, entity: DeviceEntity) -> list[str]:
        """The state topics of a group's members; empty if it is no group."""
        lists, name = self._of(entity)
        base, _ = _base_and_name(entity)
        found = (lists.names.get(address) for address in lists.groups.get(name, ()))
        return [f"{base}/{member}" for member in found if member is not None]

    def description(self, entity: DeviceEntity) -> str | None:
        """The owner's description of its device in zigbee2mqtt."""
        lists, name = self._of(entity)
        return lists.descriptions.get(name)

    def _of(self, entity: DeviceEntity) -> tuple[BridgeLists, str]:
        base, name = _base_and_name(entity)
        return self.lists.get(base, BridgeLists()), name


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
