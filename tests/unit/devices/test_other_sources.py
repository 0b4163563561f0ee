"""Devices that Home Assistant's discovery does not name: the owner's own, and Tasmota's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from appliance.devices import device_registry
from appliance.devices.device_registry import DeviceRegistry
from appliance.devices.discovered_entities import DiscoveryRules
from appliance.devices.owner_file import OwnDevice, OwnerFile, load_owner_file
from appliance.errors import DeviceConfigError

TOPIC = "tasmota/discovery/DC4F220000AA/config"
PLUG: dict[str, Any] = {
    "ip": "192.0.2.7",
    "dn": "Hall plug",
    "fn": ["Hall plug", None],
    "mac": "DC4F220000AA",
    "ofln": "Offline",
    "onln": "Online",
    "state": ["OFF", "ON", "TOGGLE", "HOLD"],
    "t": "hall",
    "ft": "%prefix%/%topic%/",
    "tp": ["cmnd", "stat", "tele"],
    "rl": [1, 0],
    "lt_st": 0,
    "ver": 1,
}


def registry(folder: Path, *own: OwnDevice) -> DeviceRegistry:
    return DeviceRegistry(DiscoveryRules(), OwnerFile(own=list(own)), folder / "devices.json")


def announce(devices: DeviceRegistry, message: dict[str, Any]) -> None:
    devices.receive(TOPIC, json.dumps(message).encode() if message else b"", retained=True)


def test_a_plug_of_tasmota_is_found_commanded_and_read(tmp_path: Path) -> None:
    devices = registry(tmp_path)
    announce(devices, PLUG)
    (plug,) = devices.devices
    assert (plug.name, plug.domain, plug.entity.state) == ("Hall plug", "switch", "unavailable")
    devices.receive("tele/hall/LWT", b"Online", retained=True)
    (message,) = plug.entity.plan("switch.turn_on", {}).messages
    assert (message.topic, message.payload) == ("cmnd/hall/POWER1", b"ON")
    devices.receive("stat/hall/RESULT", b'{"POWER": "ON"}', retained=False)
    assert plug.entity.state == "on"
    devices.receive("stat/hall/RESULT", b'{"Dimmer": 3}', retained=False)
    assert plug.entity.state == "on"


def test_a_lamp_of_esphome_has_the_name_and_the_room_of_its_device(tmp_path: Path) -> None:
    devices = registry(tmp_path)
    board = {"ids": "a0b1c2d3e4f5", "name": "Reading lamp", "mf": "Espressif", "sa": "Office"}
    lamp = {
        "schema": "json",
        "color_mode": True,
        "supported_color_modes": ["brightness"],
        "brightness": True,
        "name": "",
        "stat_t": "reading/light/lamp/state",
        "cmd_t": "reading/light/lamp/command",
        "avty_t": "reading/status",
        "uniq_id": "ESPlightlamp",
        "dev": board,
    }
    signal = {
        "dev_cla": "signal_strength",
        "unit_of_meas": "dBm",
        "ent_cat": "diagnostic",
        "name": "WiFi",
        "stat_t": "reading/sensor/wifi/state",
        "uniq_id": "ESPsensorwifi",
        "dev": board,
    }
    for place, config in (("light/reading/lamp", lamp), ("sensor/reading/wifi", signal)):
        payload = json.dumps(config).encode()
        devices.receive(f"homeassistant/{place}/config", payload, retained=True)
    devices.receive("reading/status", b"online", retained=True)
    found, wifi = devices.devices
    assert (found.name, found.area, found.problem) == ("Reading lamp", "Office", None)
    assert wifi.problem is not None
    (message,) = found.entity.plan("light.turn_on", {"brightness_pct": 50}).messages
    assert message.topic == "reading/light/lamp/command"
    assert json.loads(message.payload) == {"state": "ON", "brightness": 128}
    state = b'{"color_mode": "brightness", "state": "ON", "brightness": 128}'
    devices.receive("reading/light/lamp/state", state, retained=True)
    assert (found.entity.state, found.entity.attributes["brightness"]) == ("on", 128)


def test_several_outputs_have_their_own_names_and_keys(tmp_path: Path) -> None:
    devices = registry(tmp_path)
    announce(devices, {**PLUG, "fn": ["Pump", "Fountain"], "rl": [1, 1]})
    assert [device.name for device in devices.devices] == ["Hall plug Pump", "Hall plug Fountain"]
    devices.receive("tele/hall/LWT", b"Online", retained=True)
    devices.receive("stat/hall/RESULT", b'{"POWER2": "ON"}', retained=False)
    assert [device.entity.state for device in devices.devices] == ["unknown", "on"]


def test_a_light_of_tasmota_is_dimmed(tmp_path: Path) -> None:
    devices = registry(tmp_path)
    announce(devices, {**PLUG, "rl": [2], "lt_st": 1})
    devices.receive("tele/hall/LWT", b"Online", retained=True)
    (lamp,) = devices.devices
    messages = lamp.entity.plan("light.turn_on", {"brightness_pct": 40}).messages
    assert [(one.topic, one.payload) for one in messages] == [("cmnd/hall/Dimmer", b"40")]


def test_an_empty_message_of_tasmota_removes(tmp_path: Path) -> None:
    devices = registry(tmp_path)
    announce(devices, PLUG)
    announce(devices, {})
    assert devices.devices == []


@pytest.mark.parametrize(
    "change",
    [
        {"mac": "000000000000"},
        {"tp": ["cmnd"]},
        {"t": 7},
        {"state": []},
        {"ft": "%prefix%/+/"},
        {"tp": ["appliance", "stat", "tele"]},
    ],
)
def test_a_bad_message_of_tasmota_costs_a_note(tmp_path: Path, change: dict[str, Any]) -> None:
    devices = registry(tmp_path)
    announce(devices, {**PLUG, **change})
    assert devices.devices == []
    assert TOPIC in devices.problems


def test_what_tasmota_announced_is_known_after_a_restart(tmp_path: Path) -> None:
    devices = registry(tmp_path)
    announce(devices, PLUG)
    devices.save()
    assert [device.name for device in registry(tmp_path).devices] == ["Hall plug"]


def test_a_device_of_the_owners_file_is_there_at_once_and_no_message_replaces_it(
    tmp_path: Path,
) -> None:
    config = {"name": "Shelf strip", "cmd_t": "wled/1", "stat_t": "wled/1/s", "~": "x"}
    devices = registry(tmp_path, OwnDevice("light", config, area="Hall"))
    (strip,) = devices.devices
    assert (strip.name, strip.area, strip.area_is_guess) == ("Shelf strip", "Hall", False)
    devices.receive("homeassistant/light/file/Shelf/config", b"", retained=True)
    assert len(devices.devices) == 1


@pytest.mark.parametrize(
    ("own", "what"),
    [
        ("{component: lamp, config: {}}", "no component 'lamp'"),
        ("{component: light, config: {}}", "command_topic"),
        ("{component: light, config: {cmd_t: 'a/#'}}", "command_topic"),
        (
            "{component: light, config: {cmd_t: a, stat_val_tpl: '{% for x in y %}{% endfor %}'}}",
            "",
        ),
        ("{component: light, config: {cmd_t: appliance/x}}", "must not send"),
        ("{component: switch, config: {name: Pump, cmd_t: b}}", "the same name"),
        ("{component: light}", "config"),
    ],
)
def test_a_mistake_in_a_device_of_the_owners_file_is_told_with_its_line(
    tmp_path: Path, own: str, what: str
) -> None:
    file = tmp_path / "devices.yaml"
    first = "{component: switch, config: {name: Pump, cmd_t: a}}"
    file.write_text(f"own:\n  - {first}\n  - {own}\n", "utf-8")
    with pytest.raises(DeviceConfigError, match=r"devices\.yaml:3: ") as found:
        load_owner_file(file, DiscoveryRules())
    assert what in str(found.value)


@pytest.mark.parametrize(
    "change", [{"t": "x" * 256}, {"ft": "%topic%" * 40}, {"tp": ["c" * 256, "stat", "tele"]}]
)
def test_the_parts_of_tasmotas_topics_are_short(tmp_path: Path, change: dict[str, Any]) -> None:
    devices = registry(tmp_path)
    announce(devices, {**PLUG, **change})
    assert devices.devices == []
    assert list(devices.problems) == [TOPIC]


def test_the_bytes_of_all_discovery_messages_have_a_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    devices = registry(tmp_path)
    monkeypatch.setattr(device_registry, "MOST_DISCOVERY_BYTES", 500)
    messages = [json.dumps({"name": f"Lamp {i}", "cmd_t": "c/t"}).encode() for i in range(30)]
    for index, message in enumerate(messages):
        devices.receive(f"homeassistant/light/{index}/config", message, retained=False)
    fitting = len(devices.devices)
    assert 0 < fitting < len(messages)
    devices.receive("homeassistant/light/0/config", messages[0] + b" ", retained=False)
    devices.receive("homeassistant/light/0/config", b"", retained=False)
    assert len(devices.devices) == fitting - 1
    assert "more than" in devices.problems["homeassistant/light/29/config"]


def test_a_changed_file_adds_changes_and_removes_devices_of_its_own(tmp_path: Path) -> None:
    first = OwnDevice("light", {"name": "Strip", "cmd_t": "a", "stat_t": "a/s"}, area="Hall")
    second = OwnDevice("switch", {"name": "Pump", "cmd_t": "b"})
    devices = registry(tmp_path, first, second)
    devices.receive("a/s", b"ON", retained=False)
    assert devices.has_settled() is False
    moved = OwnDevice("light", first.config, area="Kitchen")
    third = OwnDevice("fan", {"name": "Fan", "cmd_t": "c"})
    assert devices.replace_owner(OwnerFile(own=[moved, third]))
    assert devices.has_settled() is True
    assert [(one.name, one.area) for one in devices.devices] == [
        ("Strip", "Kitchen"),
        ("Fan", None),
    ]
    assert devices.devices[0].entity.state == "on"
    assert "b" not in devices.new_filters()
    assert devices.replace_owner(OwnerFile(own=[moved, third])) is False
