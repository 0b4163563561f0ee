"""The same devices and services at a real Home Assistant and here: are the messages the same?

    PYTHONPATH=.:tests python tests/measure/devices_beside_home_assistant.py ROWS.jsonl [--only ID]

Of the rows only the discovery messages and states are used. Each device then gets many services
with data that the row does not have. Home Assistant (made by tests/home_assistant/make; needs
root) and the appliance see the same messages, and what both publish is compared: topic, payload,
QoS, retain flag and order. The last line is `equal N of M`; the status is 0 if all are equal.

Two differences are ours on purpose. A closed valve that reports its position is opened by `toggle`;
Home Assistant closes it again. A lamp whose white is mixed of two gets a colour temperature also
before its brightness is known; Home Assistant then fails and sends nothing.
"""

from __future__ import annotations

import argparse
import json
import queue
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.subscribeoptions import SubscribeOptions
from support.free_port import free_port
from support.home_assistant import HomeAssistant, tree
from support.mosquitto import Mosquitto

from appliance.devices.discovered_entities import DiscoveredEntities, DiscoveryRules
from appliance.devices.entity import DeviceEntity
from appliance.errors import ServiceRefused

SEEN_S = 0.4
TRIES = 12
"""To tell it a state: it collects subscriptions for a while before it sends them."""

Sent = list[tuple[str, Any, int, bool]]

SERVICES: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "light": [
        ("turn_on", {}),
        ("turn_on", {"brightness": 77}),
        ("turn_on", {"brightness_pct": 30}),
        ("turn_on", {"color_temp_kelvin": 3000}),
        ("turn_on", {"rgb_color": [255, 120, 10]}),
        ("turn_on", {"hs_color": [200, 60]}),
        ("turn_on", {"xy_color": [0.3, 0.4]}),
        ("turn_on", {"color_name": "red", "brightness": 128}),
        ("turn_on", {"rgbw_color": [20, 40, 60, 80]}),
        ("turn_on", {"rgbww_color": [20, 40, 60, 80, 100]}),
        ("turn_on", {"transition": 2}),
        ("turn_on", {"flash": "short"}),
        ("turn_on", {"effect": "rainbow"}),
        ("turn_off", {}),
        ("turn_off", {"transition": 3}),
        ("toggle", {}),
        ("toggle", {}),
    ],
    "switch": [("turn_on", {}), ("turn_off", {}), ("toggle", {})],
    "cover": [
        ("open_cover", {}),
        ("close_cover", {}),
        ("stop_cover", {}),
        ("toggle", {}),
        ("set_cover_position", {"position": 33}),
        ("set_cover_position", {"position": 0}),
        ("open_cover_tilt", {}),
        ("close_cover_tilt", {}),
        ("stop_cover_tilt", {}),
        ("toggle_cover_tilt", {}),
        ("set_cover_tilt_position", {"tilt_position": 40}),
    ],
    "climate": [
        ("turn_on", {}),
        ("turn_off", {}),
        ("set_hvac_mode", {"hvac_mode": "heat"}),
        ("set_hvac_mode", {"hvac_mode": "off"}),
        ("set_temperature", {"temperature": 21}),
        ("set_temperature", {"temperature": 21.5, "hvac_mode": "heat"}),
        ("set_temperature", {"target_temp_low": 18, "target_temp_high": 23.5}),
        ("set_temperature", {"temperature": 99}),
        ("set_fan_mode", {"fan_mode": "high"}),
        ("set_preset_mode", {"preset_mode": "eco"}),
        ("set_preset_mode", {"preset_mode": "none"}),
        ("set_swing_mode", {"swing_mode": "on"}),
        ("set_humidity", {"humidity": 45}),
        ("toggle", {}),
    ],
    "fan": [
        ("turn_on", {}),
        ("turn_on", {"percentage": 40}),
        ("set_percentage", {"percentage": 0}),
        ("set_percentage", {"percentage": 55}),
        ("increase_speed", {}),
        ("decrease_speed", {}),
        ("set_preset_mode", {"preset_mode": "auto"}),
        ("oscillate", {"oscillating": True}),
        ("oscillate", {"oscillating": False}),
        ("set_direction", {"direction": "reverse"}),
        ("turn_off", {}),
        ("toggle", {}),
    ],
    "lock": [
        ("lock", {}),
        ("unlock", {}),
        ("open", {}),
        ("lock", {"code": "1234"}),
        ("unlock", {"code": "1234"}),
    ],
    "vacuum": [
        ("start", {}),
        ("pause", {}),
        ("stop", {}),
        ("return_to_base", {}),
        ("clean_spot", {}),
        ("locate", {}),
        ("set_fan_speed", {"fan_speed": "max"}),
        ("send_command", {"command": "44 FE 93"}),
        ("send_command", {"command": "zone", "params": {"a": 1}}),
    ],
    "valve": [
        ("open_valve", {}),
        ("close_valve", {}),
        ("stop_valve", {}),
        ("set_valve_position", {"position": 25}),
        ("toggle", {}),
    ],
    "humidifier": [
        ("turn_on", {}),
        ("turn_off", {}),
        ("set_humidity", {"humidity": 44}),
        ("set_humidity", {"humidity": 5}),
        ("set_mode", {"mode": "eco"}),
        ("toggle", {}),
    ],
    "siren": [
        ("turn_on", {}),
        ("turn_on", {"tone": "ping", "duration": 7, "volume_level": 0.4}),
        ("turn_off", {}),
        ("toggle", {}),
    ],
    "number": [("set_value", {"value": 20}), ("set_value", {"value": 20.5})],
    "select": [("select_option", {"option": "milk"}), ("select_option", {"option": "beer"})],
    "text": [("set_value", {"value": "hello"}), ("set_value", {"value": "x" * 300})],
    "button": [("press", {})],
    "scene": [("turn_on", {})],
    "lawn_mower": [("start_mowing", {}), ("pause", {}), ("dock", {})],
    "water_heater": [
        ("turn_on", {}),
        ("turn_off", {}),
        ("set_temperature", {"temperature": 50}),
        ("set_operation_mode", {"operation_mode": "eco"}),
    ],
    "alarm_control_panel": [
        ("alarm_arm_home", {}),
        ("alarm_arm_away", {"code": "1234"}),
        ("alarm_arm_night", {"code": "0000"}),
        ("alarm_disarm", {"code": "1234"}),
        ("alarm_trigger", {}),
    ],
}


class Broker:
    """What is published, with QoS and retain flag as they were sent."""

    def __init__(self, port: int) -> None:
        self.heard: queue.SimpleQueue[paho.MQTTMessage] = queue.SimpleQueue()
        self._paho = paho.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self._paho.on_message = lambda _client, _data, message: self.heard.put(message)
        self._paho.connect("127.0.0.1", port)
        self._paho.subscribe("#", options=SubscribeOptions(qos=2, retainAsPublished=True))
        self._paho.loop_start()

    def publish(self, topic: str, payload: Any) -> None:
        self._paho.publish(topic, _bytes(payload), 1).wait_for_publish(10)

    def until_quiet(self, first_s: float = 0.4, next_s: float = 0.15) -> Sent:
        """All that comes, until nothing has for so long."""
        found: Sent = []
        while True:
            try:
                message = self.heard.get(timeout=next_s if found else first_s)
            except queue.Empty:
                return found
            if not message.topic.startswith("homeassistant/"):
                payload = _read(bytes(message.payload))
                found.append((message.topic, payload, message.qos, message.retain))


class Rest:
    """Home Assistant's REST interface."""

    def __init__(self, port: int, token: str) -> None:
        self._url = f"http://127.0.0.1:{port}/api"
        self._token = token

    def ask(self, path: str, body: Any = None) -> Any:
        """The answer; None if it refuses."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        asked = urllib.request.Request(f"{self._url}/{path}", data, headers)  # noqa: S310
        try:
            with urllib.request.urlopen(asked, timeout=30) as answer:  # noqa: S310
                return json.load(answer)
        except urllib.error.HTTPError:
            return None

    def entities(self) -> set[str]:
        """The ids of all entities."""
        return {state["entity_id"] for state in self.ask("states")}


def _bytes(payload: Any) -> bytes:
    return (payload if isinstance(payload, str) else json.dumps(payload)).encode()


def _read(payload: bytes) -> Any:
    try:
        value = json.loads(payload)
    except ValueError:
        return payload.decode("utf-8", "replace")
    return value if isinstance(value, dict) else payload.decode()


def planned(entity: DeviceEntity, service: str, data: dict[str, Any]) -> Sent:
    """What the appliance would publish; nothing if it refuses."""
    try:
        plan = entity.plan(service, dict(data))
    except ServiceRefused:
        return []
    if entity.is_available:
        entity.assume(plan)
    return [(one.topic, _read(one.payload), one.qos, one.retain) for one in plan.messages]


def compare_row(row: dict[str, Any], broker: Broker, rest: Rest) -> tuple[int, list[str]]:
    """How many services were compared, and the differences."""
    here = DiscoveredEntities(DiscoveryRules())
    before = rest.entities()
    messages = [{"topic": row["discovery_topic"], "payload": row["config"]}]
    messages += row.get("discovery_then", [])
    for message in messages:
        here.receive_discovery(message["topic"], _bytes(message["payload"]))
        broker.publish(message["topic"], message["payload"])
    time.sleep(SEEN_S)
    there = sorted(rest.entities() - before)
    number, differences = 0, []
    if len(there) == 1 and len(here.entities) == 1:
        (entity,) = here.entities.values()
        states = [*row.get("before", []), *row.get("state_in", [])]
        for message in states:
            here.receive(message["topic"], _bytes(message["payload"]))
        if not _bring_to_state(states, entity, broker, rest, there[0]):
            differences.append(f"{row['id']}: its state is not {entity.state}")
        broker.until_quiet()
        for name, data in SERVICES.get(entity.component, []):
            service = f"{entity.component}.{name}"
            rest.ask(f"services/{entity.component}/{name}", {"entity_id": there[0], **data})
            theirs, ours = broker.until_quiet(), planned(entity, service, data)
            number += 1
            if theirs != ours:
                differences.append(
                    f"{row['id']} {service} {data}:\n  theirs {theirs}\n  ours   {ours}"
                )
    for message in messages:
        broker.publish(message["topic"], "")
    time.sleep(0.15)
    return number, differences


def _bring_to_state(
    states: list[dict[str, Any]], entity: DeviceEntity, broker: Broker, rest: Rest, there: str
) -> bool:
    """Send the states until both have the same; whether they do."""
    for _ in range(TRIES if states else 1):
        for message in states:
            broker.publish(message["topic"], message["payload"])
        time.sleep(0.3)
        found = rest.ask(f"states/{there}")
        if found is not None and (found["state"] == entity.state or entity.component == "event"):
            return True  # the state of an event is the time at which each of the two saw it
    return not states


def main() -> int:
    """1 if a service differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("rows", type=Path)
    parser.add_argument("--only", default="", help="rows whose id contains this")
    asked = parser.parse_args()
    rows = [json.loads(line) for line in asked.rows.read_text("utf-8").splitlines() if line]
    rows = [row for row in rows if asked.only in row["id"]]
    found, compared, unequal = tree(), 0, 0
    port = free_port()
    with (
        tempfile.TemporaryDirectory() as folder,
        Mosquitto(Path(folder)) as mosquitto,
        HomeAssistant(found, f"devices-{port}", port) as home,
    ):
        home.start()
        token = home.drive("mqtt", str(mosquitto.port))["token"]
        broker, rest = Broker(mosquitto.port), Rest(port, token)
        time.sleep(3)
        for row in rows:
            number, differences = compare_row(row, broker, rest)
            compared, unequal = compared + number, unequal + len(differences)
            for difference in differences:
                print(difference, flush=True)
    print(f"equal {compared - unequal} of {compared}")
    return 1 if unequal or not compared else 0


if __name__ == "__main__":
    sys.exit(main())
