"""A small simulated home for a first try: devices that announce themselves and follow commands.

It speaks real MQTT discovery over the broker, as zigbee2mqtt or ESPHome do, so what the appliance
does with it is what it does with real devices.
"""

from __future__ import annotations

import queue
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import msgspec

from appliance.client import Connection

if TYPE_CHECKING:
    from paho.mqtt.client import MQTTMessage

    from appliance.config import Config

BASE = "simulated-home"
"""First level of all of its topics."""


@dataclass(slots=True)
class SimulatedDevice:
    """One device: its discovery message, and the state that it reports on each topic."""

    component: str
    key: str
    name: str
    area: str
    config: dict[str, Any]
    states: dict[str, str] = field(default_factory=dict)
    """State by the end of its topic: `state`, `position`, `target` and so on."""

    def discovery(self) -> dict[str, Any]:
        """The message with which it announces itself."""
        device = {"identifiers": [self.key], "name": self.name, "suggested_area": self.area}
        topics = {key: f"{BASE}/{self.key}/{end}" for key, end in self.config["topics"].items()}
        more = {key: value for key, value in self.config.items() if key != "topics"}
        return {"name": None, "unique_id": self.key, "device": device, **topics, **more}

    def obey(self, end: str, payload: str) -> None:
        """Take the new state from a command."""
        if end == "set" and self.component == "cover":
            self.states["state"] = {"OPEN": "open", "CLOSE": "closed"}.get(
                payload, self.states["state"]
            )
        elif end == "set":
            self.states["state"] = payload
        else:
            self.states[end.removeprefix("set_")] = payload


def simulated_devices() -> list[SimulatedDevice]:
    """The devices of the home, in their first states."""
    switchable = {"command_topic": "set", "state_topic": "state"}
    dimmable = {
        **switchable,
        "brightness_command_topic": "set_brightness",
        "brightness_state_topic": "brightness",
    }
    return [
        SimulatedDevice(
            *("light", "kitchen_light", "Kitchen light", "Kitchen", {"topics": dimmable}),
            {"state": "OFF", "brightness": "255"},
        ),
        SimulatedDevice(
            *("light", "living_room_lights", "Living room lights", "Living room"),
            {"topics": dimmable},
            {"state": "ON", "brightness": "128"},
        ),
        SimulatedDevice(
            *("cover", "bedroom_blind", "Bedroom blind", "Bedroom"),
            {"topics": switchable, "device_class": "blind"},
            {"state": "open"},
        ),
        SimulatedDevice(
            *("sensor", "bedroom_temperature", "Bedroom temperature", "Bedroom"),
            {
                "topics": {"state_topic": "state"},
                "device_class": "temperature",
                "unit_of_measurement": "°C",
            },
            {"state": "20.5"},
        ),
        SimulatedDevice(
            *("climate", "hall_thermostat", "Hall thermostat", "Hall"),
            {
                "topics": {
                    "temperature_command_topic": "set_target",
                    "temperature_state_topic": "target",
                    "mode_command_topic": "set_mode",
                    "mode_state_topic": "mode",
                },
                "modes": ["off", "heat"],
            },
            {"target": "20.0", "mode": "heat"},
        ),
        SimulatedDevice(
            *("binary_sensor", "hall_door", "Front door", "Hall"),
            {"topics": {"state_topic": "state"}, "device_class": "door"},
            {"state": "OFF"},
        ),
    ]


class SimulatedHome:
    """Announces the devices, follows their commands, and prints what changes."""

    def __init__(self, config: Config) -> None:
        self._prefix = config.home_assistant.prefix
        self._devices = {device.key: device for device in simulated_devices()}
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._announced = False
        self._connection = Connection(
            config.broker_host,
            config.broker_port,
            topics=[f"{BASE}/+/+"],
            on_message=self._on_message,
        )

    def __enter__(self) -> Self:
        self._connection.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.__exit__(None, None, None)

    def exit_status(self) -> int | None:
        """Announce the devices once it is connected, and print what has changed."""
        if self._connection.ready.is_set() and not self._announced:
            self._announced = True
            self._announce()
        while not self._lines.empty():
            print(self._lines.get(), flush=True)
        return None

    def _announce(self) -> None:
        for device in self._devices.values():
            topic = f"{self._prefix}/{device.component}/{BASE}/{device.key}/config"
            self._publish(topic, msgspec.json.encode(device.discovery()))
            self._report(device)
        names = ", ".join(device.name for device in self._devices.values())
        self._lines.put(f"simulated home: {names}")

    def _on_message(self, message: MQTTMessage) -> None:
        _, key, end = message.topic.split("/")
        device = self._devices.get(key)
        if device is None or not end.startswith("set"):
            return  # what it reports itself
        device.obey(end, message.payload.decode("utf-8", "replace"))
        self._report(device)
        shown = ", ".join(f"{name} {state}" for name, state in device.states.items())
        self._lines.put(f"    {_lamp(device)} {device.name}: {shown}")

    def _report(self, device: SimulatedDevice) -> None:
        for end, state in device.states.items():
            self._publish(f"{BASE}/{device.key}/{end}", state.encode())

    def _publish(self, topic: str, payload: bytes) -> None:
        self._connection.paho.publish(topic, payload, qos=1, retain=True)


def _lamp(device: SimulatedDevice) -> str:
    """A picture of the state: full if it is on or open."""
    return "●" if device.states.get("state") in ("ON", "open") else "○"
