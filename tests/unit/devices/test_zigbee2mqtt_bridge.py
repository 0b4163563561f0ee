"""zigbee2mqtt's own lists: what is a group, and what the owner called an address."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from appliance.devices.device_registry import DeviceRegistry
from appliance.devices.discovered_entities import DiscoveryRules
from appliance.devices.owner_file import DeviceEntry, OwnerFile
from appliance.devices.zigbee2mqtt_bridge import MOST_BRIDGES

ADDRESS = "0x00158d0001a2b3c4"

DEVICES: list[dict[str, Any]] = [
    {
        "ieee_address": "0x00124b0018e1a2b3",
        "type": "Coordinator",
        "network_address": 0,
        "supported": True,
        "friendly_name": "Coordinator",
        "endpoints": {"1": {"bindings": [], "clusters": {"input": [], "output": []}}},
        "interviewing": False,
    },
    {
        "ieee_address": ADDRESS,
        "type": "EndDevice",
        "friendly_name": ADDRESS,
        "description": "Cellar climate",
        "definition": {"description": "Temperature sensor", "model": "WSDCGQ11LM", "exposes": []},
    },
    {"ieee_address": "0x0017880103f72892", "friendly_name": "hall/lamp", "description": ""},
]
GROUPS = [
    {
        "id": 1,
        "friendly_name": "All of the hall",
        "description": None,
        "scenes": [{"id": 1, "name": "bright"}],
        "members": [{"ieee_address": "0x0017880103f72892", "endpoint": 11}],
    }
]


@pytest.fixture
def registry(tmp_path: Path) -> DeviceRegistry:
    """What zigbee2mqtt announces for Home Assistant: a sensor, a lamp and a group."""
    devices = DeviceRegistry(DiscoveryRules(), OwnerFile(), tmp_path / "devices.json")
    for place, name, topic, more in (
        (f"sensor/{ADDRESS}/temperature", ADDRESS, ADDRESS, {"dev_cla": "temperature"}),
        ("light/0x0017880103f72892/light", "hall/lamp", "hall/lamp", {"name": None}),
        ("light/1221_1/light", "All of the hall", "All of the hall", {"name": None}),
    ):
        config = {
            "cmd_t": f"zigbee2mqtt/{topic}/set",
            "stat_t": f"zigbee2mqtt/{topic}",
            "dev": {"ids": [f"zigbee2mqtt_{name}"], "name": name},
            **more,
        }
        devices.receive(f"homeassistant/{place}/config", as_json(config), retained=True)
    return devices


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()


def announce(registry: DeviceRegistry, devices: Any = DEVICES, groups: Any = GROUPS) -> None:
    registry.receive("zigbee2mqtt/bridge/devices", as_json(devices), retained=True)
    registry.receive("zigbee2mqtt/bridge/groups", as_json(groups), retained=True)


def test_an_address_is_called_as_its_owner_described_it(registry: DeviceRegistry) -> None:
    assert registry.devices[0].problem is not None
    announce(registry)
    sensor, lamp, _ = registry.devices
    assert (sensor.name, sensor.problem) == ("Cellar climate Temperature", None)
    assert lamp.name == "hall lamp"


def test_a_group_is_known_so_that_its_members_are_not_counted_twice(
    registry: DeviceRegistry,
) -> None:
    assert [one.is_group for one in registry.devices] == [False, False, False]
    announce(registry)
    assert [one.is_group for one in registry.devices] == [False, False, True]
    announce(registry, groups=[])
    assert [one.is_group for one in registry.devices] == [False, False, False]


def test_the_owners_file_counts_more(registry: DeviceRegistry) -> None:
    entry = DeviceEntry(f"sensor {ADDRESS}*", name="Wine")
    registry.replace_owner(OwnerFile(devices=[entry]))
    announce(registry)
    assert registry.devices[0].names == ("Wine",)


def test_the_lists_are_asked_for_and_a_bad_one_changes_nothing(registry: DeviceRegistry) -> None:
    assert {"+/bridge/devices", "+/bridge/groups"} <= set(registry.new_filters())
    announce(registry)
    for bad in (b"{", b'{"a": 1}', b'[{"id": 1}]', b"\xff"):
        assert registry.wants("zigbee2mqtt/bridge/groups")
        registry.receive("zigbee2mqtt/bridge/groups", bad, retained=True)
        assert registry.devices[2].is_group
    assert "zigbee2mqtt/bridge/groups" in registry.problems


def test_a_new_name_is_taken_over_and_the_same_list_again_is_not(registry: DeviceRegistry) -> None:
    announce(registry)
    registry._changed_at = 0.0
    assert registry.has_settled()
    announce(registry)
    assert not registry.has_settled()
    assert registry._changed_at is None


def test_the_number_of_bridges_has_a_limit(registry: DeviceRegistry) -> None:
    for number in range(MOST_BRIDGES + 5):
        registry.receive(f"z{number}/bridge/groups", b"[]", retained=True)
    assert len(registry.problems) == 5


def test_a_description_takes_no_name_of_another_device(registry: DeviceRegistry) -> None:
    name = "Cellar climate Temperature"
    config = {"name": name, "stat_t": "own", "dev_cla": "temperature"}
    registry.receive("homeassistant/sensor/own/config", as_json(config), retained=True)
    announce(registry)
    described, _, _, own = registry.devices
    assert (own.name, own.problem) == (name, None)
    assert described.name == name
    assert described.problem is not None
