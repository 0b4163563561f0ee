"""How soon after a result its command is published, and how soon the device has confirmed it.

    APPLIANCE_MODELS=... PYTHONPATH=.:tests python -m measure.device_latency [--commands 60]

The appliance of a first try with its embedded broker and its simulated home; a lamp is switched on
and off by `request/command`, one command after the other. The times are those at which a client of
the broker got the messages: the result, the command to the lamp, and `confirmed` on action/<id>.
The result's own latency is what `measure.latency` measures. Nothing is judged.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import statistics
import sys
import tempfile
import time
from pathlib import Path

from support import daemon_process
from support.daemon_process import DaemonProcess
from support.free_port import free_port
from support.mqtt_client import MqttClient, ReceivedMessage

ROOT = "appliance/kitchen"
LAMP = "simulated-home/kitchen_light"
APART_S = 2.1
"""A device gets 30 commands a minute at most."""

QUIET_S = 5.0
"""Nothing more comes of a command after so long."""


def times_of(client: MqttClient, text: str) -> dict[str, float] | None:
    """When the parts of one command came; None if the lamp was not switched, or did not confirm."""
    while not client.heard.empty():
        client.heard.get()
    client.publish(f"{ROOT}/request/command", text)
    found: dict[str, float] = {}
    while not {"result", "command", "confirmed"} <= found.keys():
        try:
            message = client.heard.get(timeout=QUIET_S)
        except queue.Empty:
            return None
        found[what(message)] = message.at
    return found


def what(message: ReceivedMessage) -> str:
    """The part of a command that a message is."""
    if message.topic.startswith(f"{ROOT}/action/"):
        return str(json.loads(message.payload)["state"])
    return "command" if message.topic == f"{LAMP}/set" else "result"


def shown(name: str, seconds: list[float]) -> str:
    """Median and highest 5 % in milliseconds."""
    ordered = sorted(1000 * one for one in seconds)
    high = ordered[int(0.95 * (len(ordered) - 1))]
    return f"{name}: median {statistics.median(ordered):.1f} ms, 95 % within {high:.1f} ms"


def main() -> int:
    """Always 0, unless too little was heard."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--commands", type=int, default=60)
    asked = parser.parse_args()
    daemon_process.START_SECONDS = 300.0
    port = free_port()
    measured: list[dict[str, float]] = []
    topics = (f"{ROOT}/result", f"{LAMP}/set", f"{ROOT}/action/#")
    with (
        tempfile.TemporaryDirectory() as name,
        DaemonProcess(
            Path(name), Path(os.environ["APPLIANCE_MODELS"]), mqtt={"embedded_port": port}
        ) as daemon,
    ):
        daemon.start("--trial")
        with MqttClient(port, *topics) as client:
            tried = 0
            while len(measured) < asked.commands and tried < 2 * asked.commands + 60:
                found = times_of(client, f"turn {'off' if tried % 2 else 'on'} the kitchen light")
                measured += [found] if found else []
                tried += 1
                time.sleep(APART_S)
        daemon.stop()
    if not measured:
        print("the lamp was never switched")
        return 1
    print(f"{len(measured)} commands")
    print(shown("result to command", [one["command"] - one["result"] for one in measured]))
    print(shown("command to confirmed", [one["confirmed"] - one["command"] for one in measured]))
    print(shown("result to confirmed", [one["confirmed"] - one["result"] for one in measured]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
