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


def test_a_group_has_the_rules_of_its_members_also_after_a_restart(
    registry: DeviceRegistry, tmp_path: Path
) -> None:
    announce(registry)
    rules = DeviceEntry("hall/lamp", confirm=True, never_by_voice=True, read_only=True)
    owner = OwnerFile(devices=[rules])
    registry.save()
    restarted = DeviceRegistry(DiscoveryRules(), owner, tmp_path / "devices.json")
    registry.replace_owner(owner)
    for known in (registry, restarted):
        group = known.devices[2]
        assert [one.name for one in group.members] == ["hall lamp"]
        assert group.needs_yes
        assert group.never_by_voice
        assert group.is_read_only
    # What the owner says of the group itself counts more.
    own = DeviceEntry("All of the hall", confirm=False)
    registry.replace_owner(OwnerFile(devices=[rules, own]))
    assert not registry.devices[2].needs_yes


def test_a_group_is_not_said_if_a_gate_is_in_it_until_the_owner_names_it(tmp_path: Path) -> None:
    devices = DeviceRegistry(DiscoveryRules(), OwnerFile(), tmp_path / "devices.json")
    for name, more in (
        ("Gate", {"dev_cla": "gate", "uniq_id": "a"}),
        ("Blind", {"uniq_id": "b"}),
        ("Covers", {"group": ["a", "b", "unknown"]}),
    ):
        config = as_json({"name": name, "cmd_t": f"{name}/set", **more})
        devices.receive(f"homeassistant/cover/{name}/config", config, retained=True)
    assert "is in this group" in (devices.devices[2].problem or "")
    named = [DeviceEntry("Covers", expose=True)]
    devices.replace_owner(OwnerFile(devices=named))
    assert devices.devices[2].problem is None
    assert devices.devices[2].needs_yes


def test_a_setting_of_a_member_makes_no_rule_for_its_group(registry: DeviceRegistry) -> None:
    config = {"name": "Child lock", "cmd_t": "x", "stat_t": "zigbee2mqtt/hall/lamp"}
    lock = as_json({**config, "entity_category": "config"})
    registry.receive("homeassistant/lock/hall/config", lock, retained=True)
    announce(registry)
    assert registry.devices[2].problem is None
    assert not registry.devices[2].needs_yes


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
    own_room = {"dev": {"ids": ["own"], "sa": "Cellar"}, "name": name}
    config = {**own_room, "stat_t": "own", "dev_cla": "temperature"}
    registry.receive("homeassistant/sensor/own/config", as_json(config), retained=True)
    announce(registry)
    described, _, _, own = registry.devices
    assert (own.name, own.problem) == (name, None)
    assert described.name == name
    assert described.problem is not None
