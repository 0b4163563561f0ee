"""Publishes retained values, then transient messages, then the outbox."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from appliance.mqtt import connect_errors
from appliance.mqtt.connection import Unpublishable
from appliance.mqtt.outbox_policy import OutboxSender
from appliance.mqtt.unjournalled_messages import RetainedValues, TransientMessages

if TYPE_CHECKING:
    from collections.abc import Callable

    from appliance.journal.journal import Journal
    from appliance.mqtt.connection import BrokerConnection
    from appliance.mqtt.connection_event_types import Acknowledged
    from appliance.values import Message

logger = logging.getLogger(__name__)

ACKNOWLEDGE_TIMEOUT_S = 30.0
"""Seconds without an acknowledgement after which the connection is opened again."""

ANSWER_TRIES = 3
"""Number of attempts to send an answer on a topic that the broker forbids."""

FAILURE = 0x80
"""MQTT 5 reason codes from here on mean that the broker did not take a message."""


@dataclass(frozen=True, slots=True)
class SentMessage:
    """A message in flight: sent, and not acknowledged yet."""

    message: Message
    rank: int | None
    """Its row in the outbox, if it comes from there."""
    sent_at: float
    is_answer: bool = False
    """Whether it is an answer for one requester, from the outbox."""


class Publisher:
    """Keeps as many messages in flight as the broker allows.

    One thread calls it, except for `publish`, `publish_retained` and `notify`.
    """

    def __init__(
        self,
        journal: Journal,
        connection: BrokerConnection,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connection = connection
        self._clock = clock
        self._retained = RetainedValues()
        self.transient = TransientMessages()
        self._outbox = OutboxSender(journal, clock)
        self.disk_breaker = self._outbox.breaker
        self._in_flight: dict[int, SentMessage] = {}
        self.refused = 0
        """Messages that the broker refused, since start."""

    def publish_retained(self, message: Message, *, repeat: bool = False) -> None:
        """Publish a retained message, now and after each reconnection; from any thread.

        A message that equals the last one on its topic is sent only if `repeat` is true: it
        then shows that the appliance is alive.
        """
        self._retained.set(message, repeat=repeat)
        self._connection.wake()

    def republish_retained(self) -> None:
        """Publish every retained message again."""
        self._retained.resend_all()

    def publish(self, message: Message) -> None:
        """Publish a message that need not survive a power cut; from any thread."""
        self.transient.enqueue(message)
        self._connection.wake()

    def notify(self) -> None:
        """Note that the outbox may hold something new; from any thread."""
        self._outbox.notify()
        self._connection.wake()

    def connected(self) -> None:
        """Publish everything again on a new connection: the broker may have lost its memory."""
        self._retained.resend_all()
        self._outbox.connected()
        self.forget_in_flight()

    def disconnected(self) -> None:
        """Note that what was in flight may be lost: it is sent again on the next connection."""
        self._outbox.disconnected(self._ranks_in_flight())
        self._in_flight.clear()

    def forget_in_flight(self) -> None:
        """Send again what was in flight."""
        self._in_flight.clear()
        self._outbox.notify()

    def acknowledged(self, event: Acknowledged) -> None:
        """Handle the broker's acknowledgement, which may be a refusal."""
        sent = self._in_flight.pop(event.mid, None)
        self._outbox.notify()  # there is room for another one
        if sent is None:
            return
        if event.code >= FAILURE:
            self._handle_refusal(sent, event.code)
        else:
            self._outbox.record_success(sent.message.topic, sent.rank)

    def acknowledgement_overdue(self) -> bool:
        """Whether the broker has not acknowledged a message for too long."""
        oldest = min((sent.sent_at for sent in self._in_flight.values()), default=None)
        return oldest is not None and self._clock() - oldest > ACKNOWLEDGE_TIMEOUT_S

    def idle(self) -> bool:
        """Whether nothing is in flight and nothing can be sent."""
        queues = (self.transient, self._retained, self._outbox)
        return not self._in_flight and all(queue.empty() for queue in queues)

    def turn(self) -> None:
        """Remove delivered messages from disk, and send what there is room for."""
        self._outbox.remove_delivered()
        if self._connection.connected:
            self._send_retained()
            self._send_transient()
            self._send_outbox()

    def remove_delivered(self) -> None:
        """Remove all delivered messages from disk now."""
        self._outbox.remove_delivered(at_once=True)

    def _ranks_in_flight(self) -> set[int]:
        return {sent.rank for sent in self._in_flight.values() if sent.rank is not None}

    def _free_slots(self) -> int:
        return self._connection.window - len(self._in_flight)

    def _send_retained(self) -> None:
        for message in self._retained.dequeue_all():
            # QoS 0: it is sent again on every connection, and must not fill the window.
            self._send(message, None, qos=0)

    def _send_transient(self) -> None:
        while (message := self.transient.first()) and self._free_slots() > 0:
            if not self._send(message, None, qos=0 if message.fleeting else 1):
                break
            self.transient.dequeue()

    def _send_outbox(self) -> None:
        for row in self._outbox.pending(self._free_slots(), self._ranks_in_flight()):
            in_flight = self._ranks_in_flight()
            if not self._outbox.may_send(row.rank, in_flight) or not self._outbox.mark_sent(row):
                break
            if not self._send(row.message, row.rank, row.message.qos, is_answer=row.is_answer):
                break
        # If the window is full, the next acknowledgement leads here again.

    def _send(
        self, message: Message, rank: int | None, qos: int = 1, *, is_answer: bool = False
    ) -> bool:
        """Send one message; False if the connection is gone."""
        try:
            mid = self._connection.send(message, qos)
        except Unpublishable as error:
            self._drop(message, rank, str(error))
            return True
        if mid is None:
            return False
        if qos:
            self._in_flight[mid] = SentMessage(message, rank, self._clock(), is_answer)
        elif rank is not None:
            self._outbox.record_success(message.topic, rank)
        return True

    def _handle_refusal(self, sent: SentMessage, code: int) -> None:
        self.refused += 1
        topic, why = sent.message.topic, connect_errors.explain_puback(code)
        if code in connect_errors.PERMANENT_PUBACKS:
            self._drop(sent.message, sent.rank, why)
        elif sent.rank is None:
            logger.debug("the broker refused an answer on %s: %s", topic, why)
        elif sent.is_answer and self._outbox.failures(topic) >= ANSWER_TRIES - 1:
            # The topic is the requester's own choice, and may be forbidden for ever.
            self._drop(sent.message, sent.rank, f"{why} ({ANSWER_TRIES} tries)")
        elif self._outbox.record_failure(topic):
            logger.warning(
                "the broker refuses messages on %s: %s; they wait on disk and are retried",
                topic, why,
            )  # fmt: skip

    def _drop(self, message: Message, rank: int | None, why: str) -> None:
        logger.error("dropped a message for %s that cannot be delivered: %s", message.topic, why)
        if rank is not None:
            self._outbox.drop(rank)
