"""What goes out, with a broker and a disk that only take notes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from appliance.errors import JournalError
from appliance.journal.outbox import OutboxRow
from appliance.mqtt.connection_events import Acknowledged
from appliance.mqtt.publisher import TOGETHER, TOGETHER_S, Publisher
from appliance.values import Message

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable


@dataclass
class Disk:
    rows: list[OutboxRow]
    commits: list[set[int]] = field(default_factory=list)
    full: bool = False

    def pending(
        self, limit: int, but: Collection[int], _topics: Collection[str]
    ) -> list[OutboxRow]:
        return [row for row in self.rows if row.rank not in but][:limit]

    def delivered(self, ranks: Iterable[int]) -> None:
        if self.full:
            raise JournalError("the disk is full")
        self.commits.append(set(ranks))
        self.rows = [row for row in self.rows if row.rank not in self.commits[-1]]


@dataclass
class Broker:
    window: int
    connected: bool = True
    sent: list[Message] = field(default_factory=list)

    def publish(self, message: Message, _qos: int) -> int:
        self.sent.append(message)
        return len(self.sent)


class Room:
    """A clock that stands still until somebody moves it."""

    def __init__(self, messages: int) -> None:
        self.now = 100.0
        self.disk = Disk([OutboxRow(n, Message("t", b"")) for n in range(1, messages + 1)])
        self.broker = Broker(window=messages)
        disk: Any = self.disk
        broker: Any = self.broker
        self.sending = Publisher(disk, broker, clock=lambda: self.now)
        self.sending.turn()

    def acknowledge(self, *mids: int) -> None:
        for mid in mids:
            self.sending.acknowledged(Acknowledged(epoch=1, mid=mid, code=0))
        self.sending.turn()


@pytest.fixture
def room() -> Room:
    return Room(messages=3)


def test_what_is_acknowledged_leaves_the_disk_in_one_commit_a_moment_later(room: Room) -> None:
    room.acknowledge(1)
    room.now += TOGETHER_S / 2
    room.acknowledge(2, 3)
    assert room.disk.commits == []
    room.now += TOGETHER_S / 2
    room.sending.turn()
    assert room.disk.commits == [{1, 2, 3}]
    assert len(room.broker.sent) == 3  # nothing goes out again meanwhile


def test_under_load_nobody_waits_for_that_moment() -> None:
    room = Room(messages=TOGETHER)
    room.acknowledge(*range(1, TOGETHER + 1))
    assert room.disk.commits == [set(range(1, TOGETHER + 1))]


def test_at_the_end_nothing_is_left_for_later(room: Room) -> None:
    room.acknowledge(1)
    room.sending.forget_delivered()
    assert room.disk.commits == [{1}]


def test_a_full_disk_keeps_what_was_delivered_and_it_is_not_sent_again(room: Room) -> None:
    room.disk.full = True
    room.acknowledge(1, 2, 3)
    room.now += TOGETHER_S
    room.sending.turn()
    assert room.sending.disk.error == "the disk is full"
    room.disk.full = False
    room.now += 60.0
    room.sending.turn()
    assert room.disk.commits == [{1, 2, 3}]
    assert room.sending.disk.error is None
    assert len(room.broker.sent) == 3
