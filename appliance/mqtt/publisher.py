"""What goes out: values shown on retained topics, answers of the moment, then the outbox."""

from __future__ import annotations

import collections
import logging
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from appliance.errors import JournalError
from appliance.journal.disk_state import DiskState
from appliance.mqtt import connect_errors
from appliance.mqtt.connection import Unpublishable
from appliance.mqtt.quarantine import Quarantine
from appliance.mqtt.retry_policy import TopicRetryPolicy

if TYPE_CHECKING:
    from collections.abc import Callable

    from appliance.journal.journal import Journal
    from appliance.mqtt.connection import BrokerConnection
    from appliance.mqtt.connection_events import Acknowledged
    from appliance.values import Message

logger = logging.getLogger(__name__)

PATIENCE_S = 30.0
"""How long a message may be under way: a broker that is silent for longer is asked anew."""

TOGETHER_S, TOGETHER = 0.25, 256
"""For how long, and how many, acknowledged messages wait to leave the disk in one commit."""

FAILURE = 0x80
"""Reason codes from here on say that the broker did not take a message."""

MAXIMUM_PASSING = 10_000
"""Answers that wait in memory: a few megabytes; those beyond it are lost and counted."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A message under way."""

    message: Message
    rank: int | None
    """Its row in the outbox, if it has one."""
    at: float


class Publisher:
    """Keeps the window full and the outbox short. One thread calls it, except where it says so."""

    def __init__(
        self, journal: Journal, link: BrokerConnection, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._journal = journal
        self._link = link
        self._clock = clock
        self._lock = threading.Lock()
        self._shown: dict[str, Message] = {}
        self._to_show: dict[str, Message] = {}
        self._passing: collections.deque[Message] = collections.deque()
        self._under_way: dict[int, Sent] = {}
        self._delivered: set[int] = set()
        self._delivered_since = 0.0
        self._topic_retry = TopicRetryPolicy(clock)
        self._quarantine = Quarantine(clock)
        self._held: set[int] = set()
        self._forbidden: set[str] = set()
        self.disk = DiskState(clock)
        self._look = True  # whether the outbox may hold something to send
        self.refused = 0
        """Publications that the broker refused, since start."""
        self.unsaid = 0
        """Answers for which there was no room in memory, since start."""

    def publish_retained(self, message: Message, *, repeat: bool = False) -> None:
        """Publish a retained value, now and at every connection; from any thread.

        A value that is shown already goes out only if `repeat` is true: as a sign of life.
        """
        with self._lock:
            if repeat or self._shown.get(message.topic) != message:
                self._shown[message.topic] = self._to_show[message.topic] = message

    def show_again(self) -> None:
        """All that is shown goes out once more."""
        with self._lock:
            self._to_show = dict(self._shown)

    def publish(self, message: Message) -> None:
        """Publish what need not survive a power cut, before the outbox; from any thread."""
        if len(self._passing) < MAXIMUM_PASSING:
            self._passing.append(message)
        else:
            self.unsaid += 1

    def look(self) -> None:
        """Something may be new in the outbox."""
        self._look = True

    def begin(self) -> None:
        """A new connection: all that is shown goes again, for the broker may have forgotten it."""
        self.show_again()
        self._topic_retry.reset()
        self.forget_under_way()

    def forget_under_way(self) -> None:
        """Send all of it again."""
        self._under_way.clear()
        self._look = True

    def end(self) -> None:
        """The connection broke, and what was under way may be lost: it goes again on the next."""
        self._quarantine.record_failure(self._ranks_under_way())
        self._under_way.clear()

    def acknowledged(self, event: Acknowledged) -> None:
        """The broker took one of our messages, or would not."""
        sent = self._under_way.pop(event.mid, None)
        self._look = True
        if sent is None:
            return
        if event.code >= FAILURE:
            self._refuse(sent, event.code)
            return
        self._topic_retry.record_success(sent.message.topic)
        if sent.rank is not None:
            self._quarantine.record_success(sent.rank)
            self._is_delivered(sent.rank)

    def deaf(self) -> bool:
        """Whether the broker has not acknowledged a message for too long."""
        oldest = min((sent.at for sent in self._under_way.values()), default=None)
        return oldest is not None and self._clock() - oldest > PATIENCE_S

    def idle(self) -> bool:
        """Whether nothing is under way and nothing can be sent."""
        return not (self._under_way or self._passing or self._to_show or self._look)

    def turn(self) -> None:
        """Forget what was delivered, send what there is room for."""
        waited = self._clock() - self._delivered_since
        if waited >= TOGETHER_S or len(self._delivered) >= TOGETHER:
            self.forget_delivered()
        if not self._link.connected:
            return
        self._send_shown()
        self._send_passing()
        self._retry()
        if self._look and self.disk.may_be_tried():
            self._send_outbox()

    def _ranks_under_way(self) -> set[int]:
        return {sent.rank for sent in self._under_way.values() if sent.rank is not None}

    def _room(self) -> int:
        return self._link.window - len(self._under_way)

    def _send_shown(self) -> None:
        with self._lock:
            to_show, self._to_show = self._to_show, {}
        for message in to_show.values():
            # QoS 0: it goes again at every connection, and must not use up the window.
            self._publish(message, None, qos=0)

    def _send_passing(self) -> None:
        while self._passing and self._room() > 0:
            first = self._passing[0]
            if not self._publish(first, None, qos=0 if first.fleeting else 1):
                break
            self._passing.popleft()

    def _may_go(self, rank: int) -> bool:
        """Whether a message need not wait until it can travel alone."""
        under_way = self._ranks_under_way()
        if self._quarantine.must_go_alone(rank):
            return not under_way
        return not any(map(self._quarantine.must_go_alone, under_way))

    def _send_outbox(self) -> None:
        room = self._room()
        if room <= 0:
            return
        # Before the query: what another thread writes after it must not be overlooked.
        self._look = False
        not_now = self._ranks_under_way() | self._delivered | self._held
        try:
            rows = self._journal.pending(room, not_now, self._forbidden)
        except JournalError as error:
            self._look = True
            self.disk.refused(error)
            return
        for row in rows:
            if not self._may_go(row.rank) or not self._publish(row.message, row.rank):
                break
        # With the window full, the next acknowledgement makes us look again.

    def _publish(self, message: Message, rank: int | None, qos: int = 1) -> bool:
        """Send one; False when the connection is gone."""
        try:
            mid = self._link.publish(message, qos)
        except Unpublishable as error:
            self._give_up(message, rank, str(error))
            return True
        if mid is None:
            return False
        if qos:
            self._under_way[mid] = Sent(message, rank, self._clock())
        return True

    def _refuse(self, sent: Sent, code: int) -> None:
        self.refused += 1
        topic = sent.message.topic
        if code in connect_errors.NEVER:
            self._give_up(sent.message, sent.rank, connect_errors.of_publication(code))
            return
        if sent.rank is None:
            logger.debug(
                "an answer on %s was refused: %s", topic, connect_errors.of_publication(code)
            )
            return
        if self._topic_retry.record_failure(topic):
            logger.warning(
                "the broker does not take messages on %s: %s; they wait on disk",
                topic, connect_errors.of_publication(code),
            )  # fmt: skip

    def _retry(self) -> None:
        """Look again when the time of a refused topic or a held message is over."""
        held, forbidden = self._quarantine.waiting(), self._topic_retry.waiting()
        if self._held - held or self._forbidden - forbidden:
            self._look = True
        self._held, self._forbidden = held, forbidden

    def _give_up(self, message: Message, rank: int | None, why: str) -> None:
        logger.error("a message for %s cannot be delivered and is dropped: %s", message.topic, why)
        if rank is not None:
            self._is_delivered(rank)  # never again, even if the disk refuses the next line
            try:
                self._journal.drop([rank])
            except JournalError as error:
                self.disk.refused(error)

    def _is_delivered(self, rank: int) -> None:
        if not self._delivered:
            self._delivered_since = self._clock()
        self._delivered.add(rank)

    def forget_delivered(self) -> None:
        """Take what the broker has off the disk."""
        if not self._delivered or not self.disk.may_be_tried():
            return
        try:
            self._journal.delivered(self._delivered)
        except JournalError as error:
            self.disk.refused(error)
        else:
            self._delivered.clear()
            self.disk.works()
