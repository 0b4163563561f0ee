"""Requests with sequence numbers, while daemon and broker are killed, restarted and stopped.

    APPLIANCE_MODELS=... PYTHONPATH=.:tests python -m endurance.mqtt_chaos
        [--requests 10000] [--requesters 5] [--operation parse] [--seed 1] [--limit-s 1800]

Each requester has a window of requests in progress, and repeats those without an answer, under the
same id, after some seconds. At the end every request must have been answered `done`, and the
answers to one request must all have the same result. Exit status 1 if not.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import random
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from support.daemon_process import SAMPLES, DaemonProcess
from support.mosquitto import Mosquitto

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = "appliance/kitchen"
WINDOW = 15
"""Requests of one requester in progress: five requesters stay below requests.maximum_waiting."""

RETRY_S = 4.0
READY_SHARE = 0.8
"""Of its starts, those that the daemon may complete; in the others it is killed in the middle."""

PAYLOADS = {
    "parse": b"stop machine three",
    "command": b"stop machine three",
    "transcribe": (SAMPLES / "machine_fast.flac").read_bytes(),
}


@dataclass
class AnswerCounts:
    """What became of the requests of one requester."""

    answers: dict[str, list[str]] = field(default_factory=lambda: collections.defaultdict(list))
    """By the request's id: the ids of the results, one for each `done`."""
    other: collections.Counter[str] = field(default_factory=collections.Counter)
    """Answers of other states."""
    sent: int = 0
    """With those that were sent again."""


class PersistentRequester:
    """One client with a session that the broker keeps."""

    def __init__(self, name: str, port: int, operation: str, requests: int) -> None:
        self.name = name
        self.tally = AnswerCounts()
        self._operation = operation
        self._waiting = collections.deque(f"{name}-{number}" for number in range(requests))
        self._under_way: dict[str, float] = {}
        self._lock = threading.Lock()
        self._paho = paho.Client(CallbackAPIVersion.VERSION2, client_id=name, protocol=paho.MQTTv5)
        self._paho.reconnect_delay_set(1, 1)
        self._paho.on_connect = lambda client, *_: client.subscribe(
            f"appliance-clients/{name}", qos=1
        )
        self._paho.on_message = lambda _client, _userdata, message: self._keep(message)
        session = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        session.SessionExpiryInterval = 3600
        self._paho.connect_async("127.0.0.1", port, clean_start=False, properties=session)

    def __enter__(self) -> Self:
        self._paho.loop_start()
        return self

    def __exit__(self, *_: object) -> None:
        self._paho.disconnect()
        self._paho.loop_stop()

    def turn(self) -> bool:
        """Fill the window, send again what is late; True when all is answered."""
        now = time.monotonic()
        with self._lock:
            while self._waiting and len(self._under_way) < WINDOW:
                self._under_way[self._waiting.popleft()] = 0.0
            late = [name for name, at in self._under_way.items() if now - at > RETRY_S]
            done = not self._under_way
        if self._paho.is_connected():
            for name in late:
                self._send(name, now)
        return done

    def _send(self, name: str, now: float) -> None:
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.ResponseTopic = f"appliance-clients/{self.name}"
        properties.CorrelationData = name.encode()
        self._paho.publish(
            f"{ROOT}/request/{self._operation}",
            PAYLOADS[self._operation],
            qos=1,
            properties=properties,
        )
        with self._lock:
            if name in self._under_way:
                self._under_way[name] = now
        self.tally.sent += 1

    def _keep(self, message: paho.MQTTMessage) -> None:
        answer: dict[str, Any] = json.loads(message.payload)
        with self._lock:
            if answer["state"] == "done":
                self.tally.answers[answer["transaction"]].append(answer["result"]["id"])
                self._under_way.pop(answer["transaction"], None)
            else:
                self.tally.other[answer["reason"] or answer["state"]] += 1


def disturb(
    daemon: DaemonProcess,
    broker: Mosquitto,
    chance: random.Random,
    over: Callable[[], bool],
    every_s: tuple[float, float],
) -> collections.Counter[str]:
    """Kill the daemon again and again, and the broker now and then, until it is over."""
    done: collections.Counter[str] = collections.Counter()
    broker_at = time.monotonic() + chance.uniform(3, 8)
    while not over():
        _sleep(chance.uniform(*every_s), over)
        if over():
            break
        daemon.kill()
        done["daemon killed"] += 1
        if time.monotonic() > broker_at:
            how = chance.choice(("kill", "stop"))
            getattr(broker, how)()
            done[f"broker: {how}"] += 1
            time.sleep(chance.uniform(0, 2))
            broker.start()
            broker_at = time.monotonic() + chance.uniform(3, 8)
        # Mostly it comes to life before it is killed again, however slow the machine is.
        daemon.start(ready=chance.random() < READY_SHARE)
    return done


def _sleep(seconds: float, over: Callable[[], bool]) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and not over():
        time.sleep(0.05)


def live(
    directory: Path, models: Path, *, operation: str, requests: int, requesters: int,
    limit_s: float, seed: int = 1, every_s: tuple[float, float] = (2.0, 5.0),
) -> dict[str, Any]:  # fmt: skip
    """The whole of it; what came of it, with `lost` and `different` empty where all is well."""
    chance = random.Random(seed)  # noqa: S311
    began = time.monotonic()
    with Mosquitto(
        directory / "broker", persistent=True, lines=("max_queued_messages 0",)
    ) as broker:
        mqtt = {"host": "127.0.0.1", "port": broker.port}
        with DaemonProcess(
            directory, models, mqtt=mqtt, requests={"maximum_attempts": 100}
        ) as daemon:
            daemon.start()
            share = requests // requesters
            crowd = [
                PersistentRequester(f"r{number}", broker.port, operation, share)
                for number in range(requesters)
            ]
            over = threading.Event()
            disturbed: list[collections.Counter[str]] = []
            chaos = threading.Thread(
                target=lambda: disturbed.append(
                    disturb(daemon, broker, chance, over.is_set, every_s)
                )
            )
            for requester in crowd:
                requester.__enter__()
            chaos.start()
            try:
                while time.monotonic() - began < limit_s:
                    if all([requester.turn() for requester in crowd]):  # noqa: C419  (each)
                        break
                    time.sleep(0.02)
            finally:
                over.set()
                chaos.join()
                for requester in crowd:
                    requester.__exit__()
    return _summed_up(crowd, share, disturbed[0]) | {"seconds": round(time.monotonic() - began, 1)}


def _summed_up(
    crowd: list[PersistentRequester], share: int, disturbed: collections.Counter[str]
) -> dict[str, Any]:
    answers = {name: ids for one in crowd for name, ids in one.tally.answers.items()}
    asked = {f"{one.name}-{number}" for one in crowd for number in range(share)}
    return {
        "requests": len(asked),
        "sent": sum(one.tally.sent for one in crowd),
        "answers": sum(map(len, answers.values())),
        "lost": sorted(asked - answers.keys()),
        "different": sorted(name for name, ids in answers.items() if len(set(ids)) > 1),
        "other": dict(sum((one.tally.other for one in crowd), collections.Counter())),
        **disturbed,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--operation", choices=sorted(PAYLOADS), default="parse")
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--requesters", type=int, default=5)
    parser.add_argument("--limit-s", type=float, default=1800.0)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    if "APPLIANCE_MODELS" not in os.environ:
        parser.error("APPLIANCE_MODELS is not set; it is the folder of the models")
    with tempfile.TemporaryDirectory() as directory:
        told = live(
            Path(directory),
            Path(os.environ["APPLIANCE_MODELS"]),
            operation=arguments.operation,
            requests=arguments.requests,
            requesters=arguments.requesters,
            limit_s=arguments.limit_s,
            seed=arguments.seed,
        )
    print(json.dumps(told, indent=1))
    return 1 if told["lost"] or told["different"] else 0


if __name__ == "__main__":
    sys.exit(main())
