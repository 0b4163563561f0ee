"""Decides which messages of the outbox may be sent, and removes those that were delivered."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from appliance.errors import JournalError
from appliance.journal.circuit_breaker import DiskCircuitBreaker
from appliance.mqtt.outbox_quarantine import Quarantine
from appliance.mqtt.retry_policy import TopicRetryPolicy

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from appliance.journal.journal import Journal
    from appliance.journal.outbox import OutboxRow

BATCH_S, BATCH_ROWS = 0.25, 256
"""Seconds, and number, of delivered messages that wait to be removed from disk in one commit."""


class OutboxSender:
    """The outbox with its failure policies: retry, quarantine, circuit breaker. One thread."""

    def __init__(self, journal: Journal, clock: Callable[[], float] = time.monotonic) -> None:
        self._journal = journal
        self._clock = clock
        self._topic_retry = TopicRetryPolicy(clock)
        self._quarantine = Quarantine(clock)
        self.breaker = DiskCircuitBreaker(clock)
        self._waiting_ranks: set[int] = set()
        self._waiting_topics: set[str] = set()
        self._delivered: set[int] = set()
        self._delivered_since = 0.0
        self._may_hold_more = True

    def notify(self) -> None:
        """Note that the outbox may hold something new, or that there is room to send it."""
        self._may_hold_more = True

    def empty(self) -> bool:
        """Whether there is no message that may be sent now."""
        return not self._may_hold_more

    def connected(self) -> None:
        """Start again on a new connection, on which other topics may be allowed."""
        self._topic_retry.reset()
        self.notify()

    def disconnected(self, in_flight: Collection[int]) -> None:
        """Note which ranks were in flight when the connection broke."""
        self._quarantine.record_failure(in_flight)

    def pending(self, free_slots: int, in_flight: Collection[int]) -> list[OutboxRow]:
        """Return up to `free_slots` messages that may be sent now, oldest first."""
        self._end_waiting()
        if free_slots <= 0 or not self._may_hold_more or self.breaker.is_waiting():
            return []
        # Cleared before the query: what another thread writes after it must not be overlooked.
        self._may_hold_more = False
        skip_ranks = self._delivered.union(in_flight, self._waiting_ranks)
        try:
            return self._journal.pending(free_slots, skip_ranks, self._waiting_topics)
        except JournalError as error:
            self._may_hold_more = True
            self.breaker.record_failure(error)
            return []

    def may_send(self, rank: int, in_flight: Collection[int]) -> bool:
        """Whether quarantine lets this message go together with those in flight."""
        if self._quarantine.must_go_alone(rank):
            return not in_flight
        return not any(map(self._quarantine.must_go_alone, in_flight))

    def mark_sent(self, row: OutboxRow) -> bool:
        """Note on disk that a command is being sent; False if it must not be sent now."""
        if row.message.fresh_s is None:
            return True
        try:
            self._journal.mark_sent(row.rank)
        except JournalError as error:
            self.breaker.record_failure(error)
            return False
        return True

    def record_failure(self, topic: str) -> bool:
        """Note that the broker refused a message; True if its topic worked until now."""
        return self._topic_retry.record_failure(topic)

    def failures(self, topic: str) -> int:
        """Return how often in a row the broker refused messages on a topic."""
        return self._topic_retry.failures(topic)

    def record_success(self, topic: str, rank: int | None) -> None:
        """Note that the broker took a message; `rank` is None if it is not from the outbox."""
        self._topic_retry.record_success(topic)
        if rank is not None:
            self._quarantine.record_success(rank)
            self._remove_later(rank)

    def drop(self, rank: int) -> None:
        """Remove a message that no broker will ever take."""
        self._remove_later(rank)  # so that it is not sent again even if the disk refuses
        try:
            self._journal.drop([rank])
        except JournalError as error:
            self.breaker.record_failure(error)

    def remove_delivered(self, *, at_once: bool = False) -> None:
        """Remove delivered messages from disk, if enough of them wait or `at_once` is true."""
        waited_s = self._clock() - self._delivered_since
        due = at_once or waited_s >= BATCH_S or len(self._delivered) >= BATCH_ROWS
        if not self._delivered or not due or self.breaker.is_waiting():
            return
        try:
            self._journal.remove_delivered(self._delivered)
        except JournalError as error:
            self.breaker.record_failure(error)
        else:
            self._delivered.clear()
            self.breaker.record_success()

    def _remove_later(self, rank: int) -> None:
        if not self._delivered:
            self._delivered_since = self._clock()
        self._delivered.add(rank)

    def _end_waiting(self) -> None:
        """Read the outbox again if a refused topic or a quarantined message has waited enough."""
        ranks, topics = self._quarantine.waiting(), self._topic_retry.waiting()
        if self._waiting_ranks - ranks or self._waiting_topics - topics:
            self._may_hold_more = True
        self._waiting_ranks, self._waiting_topics = ranks, topics
