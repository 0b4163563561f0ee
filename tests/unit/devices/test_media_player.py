"""Media players of the owner's file: what Home Assistant's intents publish to them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from appliance.devices.device_registry import DeviceRegistry
from appliance.devices.discovered_entities import DiscoveryRules
from appliance.devices.intent_plan import asked_of
from appliance.devices.intent_services import is_reached
from appliance.devices.owner_file import OwnDevice, OwnerFile
from appliance.errors import ServiceRefused
from appliance.values import Intent

CONFIG: dict[str, Any] = {
    "name": "Radio",
    "command_topic": "radio/set",
    "state_topic": "radio/state",
    "payload_next": "NEXT",
    "payload_off": "STANDBY",
    "payload_mute": "MUTE",
    "payload_unmute": "LOUD",
    "volume_command_topic": "radio/volume/set",
    "volume_state_topic": "radio/volume",
    "volume_scale": 50,
}


def registry(folder: Path) -> DeviceRegistry:
    own = [OwnDevice("media_player", CONFIG, area="Kitchen")]
    found = DeviceRegistry(DiscoveryRules(), OwnerFile(own=own), folder / "devices.json")
    found.receive("radio/volume", b"20", retained=False)
    found.receive("radio/state", b"playing", retained=False)
    return found


def published(devices: DeviceRegistry, intent: str, **slots: Any) -> list[tuple[str, bytes]]:
    asked = asked_of(
        Intent(intent, slots), None, devices.devices, DiscoveryRules(), text="", language="en"
    )
    planned = [
        one[0].entity.plan(one[1].name, one[1].data) for one in asked if isinstance(one, tuple)
    ]
    return [(one.topic, one.payload) for plan in planned for one in plan.messages]


@pytest.mark.parametrize(
    ("intent", "slots", "topic", "payload"),
    [
        ("HassMediaPause", {"area": "Kitchen"}, "radio/set", b"PAUSE"),
        ("HassMediaUnpause", {"name": "Radio"}, "radio/set", b"PLAY"),
        ("HassMediaNext", {"name": "Radio"}, "radio/set", b"NEXT"),
        ("HassTurnOff", {"name": "Radio"}, "radio/set", b"STANDBY"),
        ("HassMediaPlayerMute", {"area": "Kitchen"}, "radio/set", b"MUTE"),
        ("HassMediaPlayerUnmute", {"area": "Kitchen"}, "radio/set", b"LOUD"),
        ("HassSetVolume", {"name": "Radio", "volume_level": 30}, "radio/volume/set", b"15"),
        ("HassSetVolumeRelative", {"volume_step": "up"}, "radio/volume/set", b"25"),
        ("HassSetVolumeRelative", {"volume_step": "down"}, "radio/volume/set", b"15"),
        ("HassSetVolumeRelative", {"volume_step": -20}, "radio/volume/set", b"10"),
        ("HassSetVolumeRelative", {"volume_step": 90}, "radio/volume/set", b"50"),
    ],
)
def test_an_intent_becomes_a_message(
    tmp_path: Path, intent: str, slots: dict[str, Any], topic: str, payload: bytes
) -> None:
    assert published(registry(tmp_path), intent, **slots) == [(topic, payload)]


@pytest.mark.parametrize("level", [None, "", "loud", "nan", [30], 300, "inf"])
def test_a_volume_that_is_no_number_is_refused_and_never_silence(
    tmp_path: Path, level: Any
) -> None:
    devices = registry(tmp_path)
    refused = {
        "HassSetVolume": [{}, {"volume_level": level}],
        "HassSetVolumeRelative": [{"volume_step": level}],
    }
    for intent, given in refused.items():
        for slots in given:
            with pytest.raises(ServiceRefused):
                published(devices, intent, **slots)


def test_its_state_and_volume_are_read_and_confirm_a_command(tmp_path: Path) -> None:
    devices = registry(tmp_path)
    (radio,) = devices.devices
    assert (radio.entity.state, radio.entity.attributes["volume_level"]) == ("playing", 0.4)
    asked = asked_of(
        Intent("HassMediaPause", {"name": "Radio"}),
        None,
        devices.devices,
        DiscoveryRules(),
        text="",
        language="en",
    )
    ((device, call),) = [one for one in asked if isinstance(one, tuple)]
    assert not is_reached(call, device.entity)
    devices.receive("radio/state", b"PAUSED", retained=False)
    assert is_reached(call, device.entity)
    devices.receive("radio/state", b"a word that nobody knows", retained=False)
    assert radio.entity.state == "paused"


def test_what_the_file_does_not_name_is_refused(tmp_path: Path) -> None:
    for intent in ("HassMediaPrevious", "HassTurnOn"):
        with pytest.raises(ServiceRefused):
            published(registry(tmp_path), intent, name="Radio")


def test_no_message_can_declare_one(tmp_path: Path) -> None:
    devices = registry(tmp_path)
    topic = "homeassistant/media_player/a/config"
    devices.receive(topic, b'{"name": "TV", "cmd_t": "a"}', retained=True)
    assert [one.name for one in devices.devices] == ["Radio"]
    assert "no component" in devices.problems[topic]
