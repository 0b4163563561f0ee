"""Timers while the appliance is killed again and again: none is lost, and none rings twice.

    APPLIANCE_MODELS=... PYTHONPATH=.:tests python -m endurance.timers
        [--kills 20] [--timers 20] [--seed 1] [--limit-s 3600]

Twenty timers run at any time. The process gets SIGKILL at random moments, while it starts, too. At
the end each order must have been answered, and each timer that was started must have rung once.
Exit status 1 if not.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import json
import os
import queue
import random
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support import daemon_process
from support.daemon_process import DaemonProcess
from support.mosquitto import Mosquitto
from support.mqtt_client import MqttClient

ROOT = "appliance/kitchen"

LONGEST_S = 100
"""Of one timer: less than the range of the sentences, and long enough to meet several kills."""

REPEAT_S = 20.0
"""After so long without an answer an order is sent again, under the same id."""


@dataclass
class TimerOrders:
    """What was asked for, and what was heard of it."""

    client: MqttClient
    chance: random.Random
    waiting: dict[str, tuple[str, float]] = field(default_factory=dict)
    """Orders without a result: text, and when it was sent last."""
    started: dict[str, str] = field(default_factory=dict)
    """Ids of results by the order."""
    texts: dict[str, str] = field(default_factory=dict)
    """What was asked for, by the order."""
    rung: dict[str, set[str]] = field(default_factory=lambda: collections.defaultdict(set))
    """Ids of the events `finished`, by timer: the broker may deliver one twice."""
    other: collections.Counter[str] = field(default_factory=collections.Counter)

    def next_number(self) -> str:
        """The id of the next order."""
        return f"order-{len(self.waiting) + len(self.started)}"

    def order(self, text: str = "") -> None:
        """Ask for one more; without a text for a timer."""
        text = text or f"set a timer for {self.chance.randint(2, LONGEST_S)} seconds"
        number = self.next_number()
        self.texts[number] = text
        self._send(number, text)

    def _send(self, number: str, text: str) -> None:
        self.waiting[number] = (text, time.monotonic())
        payload = json.dumps({"text": text, "transaction": number})
        self.client.send(f"{ROOT}/request/command", payload)

    def listen(self, seconds: float) -> None:
        """Take note of what comes for some seconds, and repeat what was not answered."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            with contextlib.suppress(queue.Empty):
                message = self.client.heard.get(timeout=min(left, 0.2))
                self._take(message.topic.removeprefix(f"{ROOT}/"), json.loads(message.payload))
        for number, (text, sent) in tuple(self.waiting.items()):
            if time.monotonic() - sent > REPEAT_S:
                self._send(number, text)

    def _take(self, topic: str, payload: dict[str, Any]) -> None:
        if topic == "response/command":
            if payload["state"] == "done":
                self.waiting.pop(payload["transaction"], None)
                self.started[payload["transaction"]] = payload["result"]["id"]
            elif payload["state"] != "queued":
                self.other[f"answer {payload['state']}"] += 1
        elif topic == "timer/finished":
            self.rung[payload["timer"]["id"]].add(payload["id"])
        elif topic in ("timer/missed", "timer/cancelled"):
            self.other[topic] += 1

    def running(self) -> int:
        """How many timers run, or were asked for."""
        return len(self.waiting) + len(set(self.started.values()) - self.rung.keys())

    def report(self, kills: int, what: str = "kills") -> bool:
        """Print the counts; whether all is well."""
        ids = set(self.started.values())
        lost = len(ids - self.rung.keys())
        twice = sum(len(events) > 1 for events in self.rung.values())
        unknown = len(self.rung.keys() - ids)
        print(
            f"{kills} {what}, {len(ids)} timers: {lost} lost, {twice} rung twice, "
            f"{unknown} that nobody ordered, {len(self.waiting)} orders unanswered, "
            f"others {dict(self.other)}"
        )
        for number, key in self.started.items():
            if key not in self.rung:
                print(f"  lost: {number} {self.texts[number]!r}, timer {key}")
        return not (lost or twice or unknown or self.waiting or self.other)


def killed_again_and_again(
    daemon: DaemonProcess, orders: TimerOrders, kills: int, at_once: int, limit_s: float
) -> None:
    """Kill it at random moments, then wait until every timer has rung."""
    end = time.monotonic() + limit_s
    for number in range(kills):
        # One in four dies while it starts.
        starting = orders.chance.random() < 0.25
        daemon.start(ready=not starting)
        while orders.running() < at_once:
            orders.order()
        orders.listen(orders.chance.uniform(0.2, 8.0))
        if daemon.ended():
            raise SystemExit("the appliance ended by itself: " + daemon.said()[-2000:])
        daemon.kill()
        print(f"kill {number + 1}: {orders.running()} timers run", flush=True)
        if time.monotonic() > end:
            raise SystemExit("the time is over")
    daemon.start()
    while orders.running() and time.monotonic() < end:
        orders.listen(1.0)
    orders.listen(5.0)  # a second ring would come now


def main() -> int:
    """1 if a timer was lost, or rang twice."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--timers", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--limit-s", type=float, default=3600.0)
    asked = parser.parse_args()
    daemon_process.START_SECONDS = 300.0  # nothing here is about speed, and the machine may be busy
    topics = (f"{ROOT}/response/command", f"{ROOT}/timer/#")
    with (
        tempfile.TemporaryDirectory() as name,
        Mosquitto(Path(name) / "broker", persistent=True) as broker,
        MqttClient(broker.port, *topics) as client,
        DaemonProcess(
            Path(name),
            Path(os.environ["APPLIANCE_MODELS"]),
            mqtt={"host": "127.0.0.1", "port": broker.port},
        ) as daemon,
    ):
        orders = TimerOrders(client, random.Random(asked.seed))  # noqa: S311  (no secret)
        killed_again_and_again(daemon, orders, asked.kills, asked.timers, asked.limit_s)
        daemon.stop()
        return 0 if orders.report(asked.kills) else 1


if __name__ == "__main__":
    sys.exit(main())
