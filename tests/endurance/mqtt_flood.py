"""A flood of valid requests with invented requester names: what another requester is told.

    APPLIANCE_MODELS=... PYTHONPATH=.:tests python -m endurance.mqtt_flood
        [--seconds 20] [--attackers 3] [--limit-s 5] [--queue 1000]

The attackers send `parse` as fast as they can, each request with another requester and response
topic. Meanwhile one requester sends a request every second. `--queue` is mosquitto's
max_queued_messages. Exit status 1 if one of its requests has no answer at all (not even `busy`)
within the limit.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path
from typing import Any

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from support.daemon_process import DaemonProcess
from support.mosquitto import Mosquitto
from support.mqtt_client import MqttClient

ROOT = "appliance/kitchen"
OWN = "appliance-clients/honest"

DROPPED = "$SYS/broker/publish/messages/dropped"

KNOWN_BEFORE, BEFORE_S = 4, 8.0
"""Requests of the one requester before the flood, and over how many seconds."""


class Attacker(threading.Thread):
    """Sends as fast as the broker takes it, until it is stopped."""

    def __init__(self, port: int, over: threading.Event) -> None:
        super().__init__(daemon=True)
        self._over = over
        self.sent = 0
        self._paho = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        self._paho.connect("127.0.0.1", port)
        self._paho.loop_start()

    def run(self) -> None:
        while not self._over.is_set():
            name = uuid.uuid4().hex
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            properties.ResponseTopic = f"appliance-clients/{name}"
            properties.CorrelationData = name.encode()
            properties.UserProperty = [("requester", name)]
            info = self._paho.publish(
                f"{ROOT}/request/parse", b"stop machine three", 1, properties=properties
            )
            self.sent += 1
            if self.sent % 100 == 0:
                info.wait_for_publish(5)
        self._paho.disconnect()
        self._paho.loop_stop()


def asked(client: MqttClient, name: str, limit_s: float) -> tuple[str, float]:
    """The state of the first answer, and after how many seconds it came; "none" at the limit."""
    began = time.monotonic()
    client.publish(
        f"{ROOT}/request/parse",
        "stop machine three",
        ResponseTopic=OWN,
        CorrelationData=name.encode(),
    )
    while (left := limit_s - (time.monotonic() - began)) > 0:
        try:
            answer = json.loads(client.heard.get(timeout=left).payload)
        except Exception:  # noqa: BLE001  (nothing came)
            break
        if answer["transaction"] == name:
            return answer["reason"] or answer["state"], time.monotonic() - began
    return "none", time.monotonic() - began


def last_of(observer: MqttClient) -> dict[str, int]:
    """What appliance and broker have counted until now."""
    last: dict[str, bytes] = {}
    while not observer.heard.empty():
        message = observer.heard.get()
        last[message.topic] = message.payload
    link = json.loads(last.get(f"{ROOT}/health", b"{}")).get("mqtt", {})
    names = ("accepted", "rejected", "repeated", "overrun")
    return {
        **{name: link.get(name, 0) for name in names},
        "dropped by the broker": int(last.get(DROPPED, b"0")),
    }


def live(directory: Path, models: Path, arguments: argparse.Namespace) -> Any:
    """Run all of it; what the requester was told, and when."""
    limit_s: float = arguments.limit_s
    lines = ("sys_interval 1", f"max_queued_messages {arguments.queue}")
    with (
        Mosquitto(directory / "broker", lines=lines) as broker,
        MqttClient(broker.port, OWN) as honest,
        MqttClient(broker.port, f"{ROOT}/health", DROPPED) as observer,
        DaemonProcess(directory, models, mqtt={"host": "127.0.0.1", "port": broker.port}) as daemon,
    ):
        daemon.start()
        for number in range(KNOWN_BEFORE):  # it is not a new name when the flood begins
            asked(honest, f"before-{number}", 30.0)
            time.sleep(BEFORE_S / KNOWN_BEFORE)
        over = threading.Event()
        crowd = [Attacker(broker.port, over) for _ in range(arguments.attackers)]
        for one in crowd:
            one.start()
        time.sleep(2.0)
        end, told, number = time.monotonic() + arguments.seconds, [], 0
        while time.monotonic() < end:
            number += 1
            told.append(asked(honest, f"honest-{number}", limit_s))
            time.sleep(max(0.0, 1.0 - told[-1][1]))
        over.set()
        for one in crowd:
            one.join(10)
        counted = last_of(observer)
        time.sleep(limit_s)  # what the broker had queued before
        after = asked(honest, "after", limit_s)
        return {
            "sent by the attackers": sum(one.sent for one in crowd),
            **counted,
            "told": [f"{state} after {after_s:.2f} s" for state, after_s in told],
            "without an answer": sum(state == "none" for state, _ in told),
            "after it": f"{after[0]} after {after[1]:.2f} s",
            "ended": daemon.ended(),
        }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--attackers", type=int, default=3)
    parser.add_argument("--limit-s", type=float, default=5.0)
    parser.add_argument("--queue", type=int, default=1000)
    arguments = parser.parse_args()
    if "APPLIANCE_MODELS" not in os.environ:
        parser.error("APPLIANCE_MODELS is not set; it is the folder of the models")
    with tempfile.TemporaryDirectory() as directory:
        told = live(Path(directory), Path(os.environ["APPLIANCE_MODELS"]), arguments)
    print(json.dumps(told, indent=1))
    return 1 if told["without an answer"] or told["ended"] else 0


if __name__ == "__main__":
    sys.exit(main())
