"""What is published and removed from disk, with a fake journal and a fake connection."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from appliance.errors import JournalError
from appliance.journal.outbox import OutboxRow
from appliance.mqtt.connection_event_types import Acknowledged
from appliance.mqtt.outbox_policy import BATCH_ROWS, BATCH_S
from appliance.mqtt.publisher import Publisher
from appliance.values import Message

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable


@dataclass
class FakeJournal:
    rows: list[OutboxRow]
    commits: list[set[int]] = field(default_factory=list)
    full: bool = False

    def pending(
        self, limit: int, skip_ranks: Collection[int], _skip_topics: Collection[str]
    ) -> list[OutboxRow]:
        return [row for row in self.rows if row.rank not in skip_ranks][:limit]

    def remove_delivered(self, ranks: Iterable[int]) -> None:
        if self.full:
            raise JournalError("the disk is full")
        self.commits.append(set(ranks))
        self.rows = [row for row in self.rows if row.rank not in self.commits[-1]]


@dataclass
class FakeConnection:
    window: int
    connected: bool = True
    sent: list[Message] = field(default_factory=list)

    def send(self, message: Message, _qos: int) -> int:
        self.sent.append(message)
        return len(self.sent)

    def wake(self) -> None:
        pass


class PublisherRun:
    """A publisher whose clock stands still until a test moves it."""

    def __init__(self, messages: int) -> None:
        self.now = 100.0
        self.journal = FakeJournal(
            [OutboxRow(n, Message("t", b"")) for n in range(1, messages + 1)]
        )
        self.connection = FakeConnection(window=messages)
        journal: Any = self.journal
        connection: Any = self.connection
        self.publisher = Publisher(journal, connection, clock=lambda: self.now)
        self.publisher.turn()

    def acknowledge(self, *mids: int) -> None:
        for mid in mids:
            self.publisher.acknowledged(Acknowledged(epoch=1, mid=mid, code=0))
        self.publisher.turn()


@pytest.fixture
def run() -> PublisherRun:
    return PublisherRun(messages=3)


def test_acknowledged_messages_leave_the_disk_together_after_a_moment(run: PublisherRun) -> None:
    run.acknowledge(1)
    run.now += BATCH_S / 2
    run.acknowledge(2, 3)
    assert run.journal.commits == []
    run.now += BATCH_S / 2
    run.publisher.turn()
    assert run.journal.commits == [{1, 2, 3}]
    assert len(run.connection.sent) == 3  # no message is sent again meanwhile


def test_a_full_batch_leaves_the_disk_without_waiting() -> None:
    run = PublisherRun(messages=BATCH_ROWS)
    run.acknowledge(*range(1, BATCH_ROWS + 1))
    assert run.journal.commits == [set(range(1, BATCH_ROWS + 1))]


def test_at_the_end_delivered_messages_leave_the_disk_at_once(run: PublisherRun) -> None:
    run.acknowledge(1)
    run.publisher.remove_delivered()
    assert run.journal.commits == [{1}]


def test_delivered_messages_that_a_full_disk_keeps_are_not_sent_again(run: PublisherRun) -> None:
    run.journal.full = True
    run.acknowledge(1, 2, 3)
    run.now += BATCH_S
    run.publisher.turn()
    assert run.publisher.disk_breaker.error == "the disk is full"
    run.journal.full = False
    run.now += 60.0
    run.publisher.turn()
    assert run.journal.commits == [{1, 2, 3}]
    assert run.publisher.disk_breaker.error is None
    assert len(run.connection.sent) == 3


def test_a_retained_message_is_sent_again_only_if_it_changed_or_repetition_is_wanted() -> None:
    run = PublisherRun(messages=0)
    first, second = (Message("s", payload, retain=True) for payload in (b"1", b"2"))
    for message, repeat in ((first, False), (first, False), (first, True), (second, False)):
        run.publisher.publish_retained(message, repeat=repeat)
        run.publisher.turn()
    assert run.connection.sent == [first, first, second]


def test_a_transient_message_goes_before_the_outbox_and_waits_for_room() -> None:
    run = PublisherRun(messages=0)
    run.connection.window = 1
    run.journal.rows = [OutboxRow(1, Message("t", b""))]
    run.publisher.notify()
    run.publisher.publish(Message("a", b"1"))
    run.publisher.publish(Message("b", b"2"))
    run.publisher.turn()
    assert [message.topic for message in run.connection.sent] == ["a"]
    run.acknowledge(1)
    run.acknowledge(2)
    assert [message.topic for message in run.connection.sent] == ["a", "b", "t"]
