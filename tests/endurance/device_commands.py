"""Commands to devices while the appliance and the broker are killed again and again.

    APPLIANCE_MODELS=... PYTHONPATH=.:tests python -m endurance.device_commands
        [--commands 1000] [--seed 1] [--limit-s 3600]

Lamps of the owner's file (QoS 0 and 1) and messages of the owner's `actions` (QoS 1 and 2) are
commanded over MQTT, each with a value of its own. Appliance and broker get SIGKILL at random
moments, the appliance while it starts, too; sometimes all stands still for longer than
devices.stale_s. At the end each command is one of these:

- arrived at its device, once;
- in flight: it was being sent when something was killed, so that it is not sent again;
- dropped: nothing could be sent until it was too old.

What became of each is told on action/<id>: of a lamp always in the end, of a message that nobody
reports on if it is not known whether it arrived. Exit status 1 if one arrived twice, arrived late,
did not arrive for any other reason, or if the outcome of a lamp was not told.
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
from datetime import datetime
from pathlib import Path
from typing import Any

from support import daemon_process
from support.daemon_process import DaemonProcess
from support.mosquitto import Mosquitto
from support.mqtt_client import MqttClient, ReceivedMessage

ROOT = "appliance/kitchen"
LETTERS = "alpha bravo charlie delta echo foxtrot golf hotel india juliet kilo lima mike november"
NAMES = [f"lamp {word}" for word in LETTERS.split()]
MACHINES = 20
STALE_S = 20.0
AT_ONCE = 10
"""Commands that wait for an answer."""

TOLERANCE_S = 1.0
"""Of the clocks: a result's time is from before it is written."""

REPEAT_S = 15.0
"""After so long without an answer a command is sent again, under the same id."""

LONG_OUTAGES = 0.05
"""How many of the kills leave all down for longer than STALE_S."""

CLOSE_S = 3.0
"""How long before a kill something may have been in flight: the broker's and our own buffers."""

SENTENCES = """
language: en
intents:
  Mark:
    data: [{sentences: ["mark machine {machine} with {number}"]}]
    actions: [{topic: "plant/{{ slots.machine }}/mark", payload: "{{ slots.number }}", qos: 1}]
  Label:
    data: [{sentences: ["label machine {machine} with {number}"]}]
    actions: [{topic: "plant/{{ slots.machine }}/label", payload: "{{ slots.number }}", qos: 2}]
lists:
  machine: {range: {from: 1, to: 20}}
  number: {range: {from: 0, to: 9999}}
"""


def owner_file() -> str:
    """Lamps; every other one with QoS 0."""
    own = [
        {
            "component": "light",
            "config": {
                "name": name,
                "command_topic": f"lamps/{index}/set",
                "state_topic": f"lamps/{index}/state",
                "brightness_command_topic": f"lamps/{index}/brightness",
                "brightness_state_topic": f"lamps/{index}/brightness/state",
                "brightness_scale": 100,
                "on_command_type": "brightness",
                "qos": index % 2,
            },
        }
        for index, name in enumerate(NAMES)
    ]
    return json.dumps({"own": own})


@dataclass
class DeviceCommand:
    """One command, and what was seen of it."""

    text: str
    place: tuple[str, str]
    """Topic and payload at the device."""
    sent_at: float
    done_at: float | None = None
    """When its result was made, in Unix seconds; None while it waits, or if it was refused."""
    result_id: str = ""
    refused: str = ""
    arrived_at: list[float] = field(default_factory=list)


@dataclass
class Commands:
    """All commands, and what is heard of them."""

    client: MqttClient
    chance: random.Random
    by_id: dict[str, DeviceCommand] = field(default_factory=dict)
    by_place: dict[tuple[str, str], DeviceCommand] = field(default_factory=dict)
    waiting: dict[str, DeviceCommand] = field(default_factory=dict)
    told: dict[str, list[str]] = field(default_factory=lambda: collections.defaultdict(list))
    """The states on action/<id>, by id."""
    down: list[tuple[float, float]] = field(default_factory=list)
    """When something was killed, and when all was up again."""
    deaf: list[tuple[float, float]] = field(default_factory=list)
    """The same of the broker, which then loses what it had for us."""

    def order(self) -> None:
        """Ask for one more."""
        number = len(self.by_id)
        machine = self.chance.randint(1, MACHINES)
        kind = number % 3
        if kind:
            word, last = (("mark", "mark"), ("label", "label"))[kind - 1]
            text = f"{word} machine {machine} with {number}"
            place = (f"plant/{machine}/{last}", str(number))
        else:
            lamp, level = number // 3 % len(NAMES), number // 3 // len(NAMES) % 100 + 1
            text = f"set {NAMES[lamp]} brightness to {level} percent"
            place = (f"lamps/{lamp}/brightness", str(level))
        command = DeviceCommand(text, place, 0.0)
        name = f"command-{number}"
        self.by_id[name] = self.by_place[place] = self.waiting[name] = command
        self._send(name, command)

    def listen(self, seconds: float) -> None:
        """Take note of what comes for some seconds, and repeat what was not answered."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            with contextlib.suppress(queue.Empty):
                message = self.client.heard.get(timeout=min(left, 0.2))
                self._take(message)
        for name, command in tuple(self.waiting.items()):
            if time.monotonic() - command.sent_at > REPEAT_S:
                self._send(name, command)

    def _send(self, name: str, command: DeviceCommand) -> None:
        command.sent_at = time.monotonic()
        payload = json.dumps({"text": command.text, "transaction": name})
        self.client.send(f"{ROOT}/request/command", payload)

    def _take(self, message: ReceivedMessage) -> None:
        topic, payload = message.topic, message.payload.decode()
        if topic == f"{ROOT}/response/command":
            self._take_answer(json.loads(payload))
        elif topic.startswith(f"{ROOT}/action/"):
            self.told[topic.rpartition("/")[2]].append(json.loads(payload)["state"])
        elif (topic, payload) in self.by_place:
            # It may have waited here while something was started.
            arrived_at = time.time() - (time.monotonic() - message.at)
            self.by_place[topic, payload].arrived_at.append(arrived_at)
            if topic.startswith("lamps/"):
                self.client.send(f"{topic}/state", payload)
                self.client.send(topic.replace("brightness", "state"), "ON")

    def _take_answer(self, answer: dict[str, Any]) -> None:
        command = self.waiting.get(answer["transaction"])
        if answer["state"] == "queued" or command is None:
            return
        del self.waiting[answer["transaction"]]
        result = answer.get("result") or {}
        if result.get("acted"):
            command.result_id = result["id"]
            command.done_at = datetime.fromisoformat(result["at"]).timestamp()
        else:
            command.refused = str(answer.get("message") or result.get("reason") or answer["state"])

    def fate(self, command: DeviceCommand) -> str:
        """What became of a command, in a word."""
        if command.done_at is None:
            return "refused" if command.refused else "unanswered"
        if command.arrived_at:
            late = min(command.arrived_at) - command.done_at > STALE_S + TOLERANCE_S
            return "twice" if command.arrived_at[1:] else "late" if late else "arrived"
        for began, ended in self.down:
            if began - CLOSE_S < command.done_at < ended:
                return "dropped" if ended - command.done_at > STALE_S else "in flight"
        return "lost"

    def report(self, kills: collections.Counter[str]) -> bool:
        """Print the counts; whether all is well."""
        fates = collections.Counter(map(self.fate, self.by_id.values()))
        by_kind: dict[str, collections.Counter[str]] = {}
        for command in self.by_id.values():
            kind = command.place[0].rpartition("/")[2]
            by_kind.setdefault(kind, collections.Counter())[self.fate(command)] += 1
        print(f"{len(self.by_id)} commands, kills {dict(kills)}: {dict(fates)}")
        for kind, counts in by_kind.items():
            print(f"  {kind}: {dict(counts)}")
        untold = self._report_told()
        for command in self.by_id.values():
            if self.fate(command) in ("twice", "late", "lost", "refused", "unanswered"):
                print(f"  {self.fate(command)}: {command}")
        return not untold and not any(
            fates[bad] for bad in ("twice", "late", "lost", "refused", "unanswered")
        )

    def _report_told(self) -> int:
        """Print which outcomes were told, by what became of each; how many lamps lack one."""
        counts: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
        untold = 0
        for command in self.by_id.values():
            is_lamp = command.place[0].startswith("lamps/")
            states = dict.fromkeys(self.told[command.result_id])
            counts[f"{self.fate(command)}, {'lamp' if is_lamp else 'message'}"][
                " ".join(states) or "nothing"
            ] += 1
            is_over = {"confirmed", "unconfirmed"} & states.keys()
            untold += is_lamp and not is_over and self._would_be_heard(command)
        for what, found in counts.items():
            print(f"  told of {what}: {dict(found)}")
        return untold

    def _would_be_heard(self, command: DeviceCommand) -> bool:
        """Whether the broker was there all the time until the outcome was known."""
        done_at = command.done_at
        if done_at is None:
            return False
        return not any(began - STALE_S < done_at < ended for began, ended in self.deaf)


@dataclass
class KilledAgainAndAgain:
    """Kills one or the other until all commands were sent."""

    daemon: DaemonProcess
    broker: Mosquitto
    commands: Commands
    kills: collections.Counter[str] = field(default_factory=collections.Counter)

    def run(self, count: int, limit_s: float) -> None:
        """Until `count` commands were sent, and all have an answer."""
        end = time.monotonic() + limit_s
        commands = self.commands
        self.daemon.start()
        while len(commands.by_id) < count and time.monotonic() < end:
            self._order(count, commands.chance.uniform(0.2, 2.5))
            self._kill()
            print(f"{sum(self.kills.values())} kills, {len(commands.by_id)} commands", flush=True)
        while commands.waiting and time.monotonic() < end:
            commands.listen(1.0)
        commands.listen(STALE_S)

    def _order(self, count: int, seconds: float) -> None:
        commands = self.commands
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            while len(commands.waiting) < AT_ONCE and len(commands.by_id) < count:
                commands.order()
            commands.listen(0.05)
        if self.daemon.ended():
            raise SystemExit("the appliance ended by itself: " + self.daemon.said()[-2000:])

    def _kill(self) -> None:
        commands, chance = self.commands, self.commands.chance
        began = time.time()
        who = chance.choice(("appliance", "appliance", "broker", "both"))
        self.kills[who] += 1
        if who != "broker":
            self.daemon.kill()
        if who != "appliance":
            self.broker.kill()
        commands.listen(STALE_S + 5 if chance.random() < LONG_OUTAGES else chance.uniform(0, 0.5))
        if who != "appliance":
            self.broker.start()
        if who != "broker":
            self._start()
        commands.listen(1.5)  # both connect again
        commands.down.append((began, time.time()))
        if who != "appliance":
            commands.deaf.append(commands.down[-1])

    def _start(self) -> None:
        """Start it; one in five starts is killed, too."""
        if self.commands.chance.random() < 0.2:
            self.daemon.start(ready=False)
            self.commands.listen(self.commands.chance.uniform(0.1, 2.0))
            self.daemon.kill()
            self.kills["starting"] += 1
        self.daemon.start()


def main() -> int:
    """1 if a command was lost, late or done twice."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--commands", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--limit-s", type=float, default=3600.0)
    asked = parser.parse_args()
    daemon_process.START_SECONDS = 300.0  # nothing here is about speed, and the machine may be busy
    topics = (f"{ROOT}/response/command", f"{ROOT}/action/#", "lamps/+/brightness", "plant/#")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "sentences").mkdir()
        (folder / "sentences" / "plant.yaml").write_text(SENTENCES, "utf-8")
        (folder / "devices.yaml").write_text(owner_file(), "utf-8")
        with (
            Mosquitto(folder / "broker", persistent=True) as broker,
            MqttClient(broker.port, *topics) as client,
            DaemonProcess(
                folder,
                Path(os.environ["APPLIANCE_MODELS"]),
                mqtt={"host": "127.0.0.1", "port": broker.port},
                sentences={"folder": str(folder / "sentences"), "builtin": True},
                devices={
                    "discovery": "act",
                    "file": str(folder / "devices.yaml"),
                    "stale_s": STALE_S,
                },
            ) as daemon,
        ):
            commands = Commands(client, random.Random(asked.seed))  # noqa: S311  (no secret)
            killing = KilledAgainAndAgain(daemon, broker, commands)
            killing.run(asked.commands, asked.limit_s)
            daemon.stop()
            return 0 if commands.report(killing.kills) else 1


if __name__ == "__main__":
    sys.exit(main())
