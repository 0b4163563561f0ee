"""Reads the discovery messages of Tasmota, which have a form of their own.

`tasmota/discovery/<MAC>/config` names relays and lights, and the words and topics of the device.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from appliance.devices.discovery_message import MESSAGE_BYTES, ComponentMessage, declared_component
from appliance.errors import UNREADABLE_JSON, DeviceConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

TASMOTA_FILTER = "tasmota/discovery/+/config"

RELAY, LIGHT = 1, 2
"""Kinds of an output; 0 means none, and 3, a shutter, is not read."""

MOST_OUTPUTS = 32


TopicPart = Annotated[str, msgspec.Meta(max_length=255)]
"""A short text, because it may be inserted into another one several times."""


class TasmotaDevice(msgspec.Struct, frozen=True):
    """The fields of a message that are read; the names are Tasmota's."""

    mac: str
    t: TopicPart
    """Its topic."""
    ft: TopicPart
    """The form of its topics, such as `%prefix%/%topic%/`."""
    tp: tuple[TopicPart, TopicPart, TopicPart]
    """The first levels for commands, answers and telemetry."""
    dn: str = "Tasmota"
    fn: list[str | None] = []
    """The names of its outputs."""
    rl: list[int] = []
    """The kinds of its outputs."""
    state: tuple[str, ...] = ("OFF", "ON")
    onln: str = "Online"
    ofln: str = "Offline"
    lt_st: int = 0
    """The kind of light: 0 is none, from 1 on it can be dimmed."""

    def topic(self, prefix: int, end: str) -> str:
        """One of its topics."""
        filled = self.ft.replace("%prefix%", self.tp[prefix]).replace("%topic%", self.t)
        return f"{filled.rstrip('/')}/{end}"


def tasmota_components(topic: str, payload: bytes) -> list[ComponentMessage]:
    """The declarations of a message; an empty message removes all of its outputs.

    Raises:
        DeviceConfigError: it cannot be used.

    """
    mac = topic.split("/")[-2]
    if not payload:
        kinds = ("switch", "light")
        keys = [(kind, _key(mac, index)) for kind in kinds for index in range(MOST_OUTPUTS)]
        return [ComponentMessage(kind, key, None) for kind, key in keys]
    if len(payload) > MESSAGE_BYTES:
        raise DeviceConfigError(f"the message has more than {MESSAGE_BYTES:,} bytes")
    try:
        device = msgspec.json.decode(payload, type=TasmotaDevice)
    except UNREADABLE_JSON as error:
        raise DeviceConfigError(f"not a message of Tasmota: {error}") from error
    if device.mac.upper() != mac.upper() or len(device.state) <= 1:
        raise DeviceConfigError("the message is of another device, or has no words for on and off")
    return list(_outputs(device))


def _key(mac: str, index: int) -> str:
    return f"tasmota {mac.upper()} {index}"


def _outputs(device: TasmotaDevice) -> Iterator[ComponentMessage]:
    outputs = [kind for kind in device.rl if kind]
    for index, kind in enumerate(device.rl[:MOST_OUTPUTS]):
        if kind in (RELAY, LIGHT):
            component = "light" if kind == LIGHT else "switch"
            config = _config(device, index, is_only=len(outputs) == 1)
            if kind == LIGHT and device.lt_st >= 1:
                config |= _dimmer(device)
            yield declared_component(component, _key(device.mac, index), config)


def _config(device: TasmotaDevice, index: int, *, is_only: bool) -> dict[str, Any]:
    """An output in the form of Home Assistant's discovery."""
    power = f"POWER{index + 1}"
    name = device.fn[index] if index < len(device.fn) else None
    template = f"{{{{ value_json.{power} | default(value_json.POWER) }}}}"
    config = {
        "name": None if is_only and name in (None, device.dn) else name or f"{index + 1}",
        "unique_id": _key(device.mac, index),
        "command_topic": device.topic(0, power),
        "state_topic": device.topic(1, "RESULT"),
        "payload_on": device.state[1],
        "payload_off": device.state[0],
        "availability_topic": device.topic(2, "LWT"),
        "payload_available": device.onln,
        "payload_not_available": device.ofln,
        "device": {"identifiers": [f"tasmota {device.mac}"], "name": device.dn},
    }
    return config | {"value_template": template, "state_value_template": template}


def _dimmer(device: TasmotaDevice) -> dict[str, Any]:
    return {
        "brightness_command_topic": device.topic(0, "Dimmer"),
        "brightness_state_topic": device.topic(1, "RESULT"),
        "brightness_value_template": "{{ value_json.Dimmer }}",
        "brightness_scale": 100,
        "on_command_type": "brightness",
    }
