"""Requests per second, end to end, and what durability costs: the same with and without a journal.

    APPLIANCE_MODELS=... PYTHONPATH=.:tests python -m endurance.mqtt_rates [--requests 2000]

`appliance` is the whole daemon, answering `parse`. `journal` and `memory` are only the MQTT stack,
with a worker that answers at once: the first with its journal on this disk, the second with a
journal in memory. Their ratio is the cost of durability.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from support.daemon_process import DaemonProcess
from support.mosquitto import Mosquitto
from support.mqtt_client import MqttClient
from support.mqtt_stack import ROOT, MqttStack, settings
from support.waiting import until

from appliance.journal.inbox import InboxVerdict, Size
from appliance.journal.journal import JournalCounts
from appliance.journal.outbox import OutboxRow

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from appliance.journal.inbox import IncomingRequest
    from appliance.values import Message, Request, Result

WINDOW = 50
"""Requests in progress at a time."""


class JournalWithoutDisk:
    """What a journal would be without a disk."""

    last_id = None
    damaged = 0

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._outbox: collections.OrderedDict[int, Message] = collections.OrderedDict()
        self._seq = 0

    @property
    def counts(self) -> JournalCounts:
        return JournalCounts(Size(), Size())

    def close(self) -> None:
        pass

    def accept(self, offers: Sequence[IncomingRequest]) -> list[InboxVerdict]:
        return [InboxVerdict(accepted=offer.request, position=0) for offer in offers]

    def free_for_new(self) -> int:
        return WINDOW

    def withdraw(self, request_ids: Iterable[str]) -> None:
        pass

    def waiting(self) -> list[Request]:
        return []

    def record_attempt(self, request_id: str) -> None:
        pass

    def dead_letter_count(self) -> int:
        return 0

    def oldest_age_s(self) -> float | None:
        return None

    def commit(
        self,
        result: Result,
        messages_for: Callable[[Result], Iterable[Message]],
        request_id: str | None = None,
        *,
        dead_letter: bool = False,
        records: Mapping[str, bytes] | None = None,
    ) -> Result:
        with self._lock:
            for message in messages_for(result):
                self._seq += 1
                self._outbox[self._seq] = message
        return msgspec.structs.replace(result, seq=self._seq)

    def pending(
        self, limit: int, skip_ranks: Collection[int] = (), _skip_topics: Collection[str] = ()
    ) -> list[OutboxRow]:
        with self._lock:
            rows = (
                OutboxRow(rank, one) for rank, one in self._outbox.items() if rank not in skip_ranks
            )
            return [row for row, _ in zip(rows, range(limit), strict=False)]

    def remove_delivered(self, ranks: Iterable[int]) -> None:
        with self._lock:
            for rank in ranks:
                self._outbox.pop(rank, None)

    drop = remove_delivered

    def drop_old(self) -> None:
        pass


def rate(port: int, requests: int) -> float:
    """Return the requests per second, from the first sent to the last answered."""
    with MqttClient(port, "appliance-clients/answers") as asker:
        began = time.monotonic()
        sent = done = 0
        while done < requests:
            while sent < requests and sent - done < WINDOW:
                asker.send(
                    f"{ROOT}/request/parse",
                    "stop machine three",
                    ResponseTopic="appliance-clients/answers",
                    CorrelationData=f"{began}-{sent}".encode(),
                )
                sent += 1
            answer = json.loads(asker.next("appliance-clients/answers", 30).payload)
            done += answer["state"] == "done"
        return requests / (time.monotonic() - began)


def stack_rate(directory: Path, requests: int, *, in_memory: bool) -> float:
    """Return the rate of the MQTT stack, with a worker that answers at once."""
    with Mosquitto(directory / "broker") as broker:
        stack = MqttStack(settings(directory, broker.port))
        if in_memory:
            stack.journal.close()
            journal: Any = JournalWithoutDisk()
            stack.journal = stack.mqtt._journal = stack.committer._journal = journal
            stack.publisher._outbox._journal = stack.intake._journal = journal
        with stack:
            until(lambda: stack.mqtt.health().subscribed)
            rate(broker.port, 50)
            return rate(broker.port, requests)


def daemon_rate(directory: Path, models: Path, requests: int) -> float:
    """Return the rate of the whole daemon."""
    with Mosquitto(directory / "broker") as broker:
        mqtt = {"host": "127.0.0.1", "port": broker.port}
        with DaemonProcess(directory, models, mqtt=mqtt) as daemon:
            daemon.start()
            rate(broker.port, 50)
            return rate(broker.port, requests)


def live(directory: Path, models: Path | None, requests: int) -> dict[str, float]:
    """Return all rates, in requests per second."""
    rates = {}
    if models is not None:
        rates["appliance"] = daemon_rate(directory / "appliance", models, requests)
    rates["journal"] = stack_rate(directory / "journal", requests, in_memory=False)
    rates["memory"] = stack_rate(directory / "memory", requests, in_memory=True)
    rates["memory / journal"] = rates["memory"] / rates["journal"]
    return {name: round(value, 2) for name, value in rates.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=2000)
    arguments = parser.parse_args()
    models = os.environ.get("APPLIANCE_MODELS")
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as directory:  # this disk, not a tmpfs
        for name in ("appliance", "journal", "memory"):
            Path(directory, name).mkdir()
        rates = live(Path(directory), Path(models) if models else None, arguments.requests)
    print(json.dumps(rates, indent=1))


if __name__ == "__main__":
    main()
