"""Postman: requests from the broker to the inbox, the outbox to the broker."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from appliance.errors import JournalError
from appliance.messages.status_payloads import LinkHealth, Status
from appliance.messages.topics import retained
from appliance.mqtt.connection_events import Acknowledged, Connected, Delivery, Lost, Subscribed
from appliance.mqtt.publisher import Publisher
from appliance.mqtt.result_commit import ResultCommitter
from appliance.requests.intake import RequestIntake
from appliance.threads import Deadline

if TYPE_CHECKING:
    from collections.abc import Callable

    from appliance.journal.journal import Journal
    from appliance.messages.topics import Topics
    from appliance.mqtt.connection import BrokerConnection
    from appliance.mqtt.connection_events import ConnectionEvent
    from appliance.requests.intake import RequestQueue
    from appliance.requests.request_parser import RequestParser
    from appliance.values import Message, Request, Result

logger = logging.getLogger(__name__)

WAIT_S = 0.2
"""How long a turn waits for something to happen; a stop is noticed no later."""

LAST_RESULTS_S, LAST_WORDS_S = 0.6, 0.3
"""What is given to the rest of the outbox, and to `stopped`, before the connection closes."""

HOUSEKEEPING_S = 60.0
BORN = b"online"
"""What Home Assistant says on its birth topic."""

REVIVAL_S = 5.0
"""Between two attempts to begin anew with a broker that our client chokes on."""


class MqttService:
    """What the room's thread does.

    `Loop("postman", postman.turn, starting=postman.start, ending=postman.stop)`
    """

    def __init__(
        self,
        journal: Journal,
        link: BrokerConnection,
        topics: Topics,
        reader: RequestParser,
        office: RequestQueue,
    ) -> None:
        self._journal = journal
        self._link = link
        self._topics = topics
        self._sending = Publisher(journal, link)
        self._finishing = ResultCommitter(journal, link, topics, self._sending)
        self._reception = RequestIntake(journal, topics, reader, office, self._sending)
        self.on_wake: Callable[[bytes], None] = lambda _: None
        """Told what appliances in earshot announce, in the postman's thread."""
        self._epoch = 0
        self._subscribed = False
        self._housekeeping_at = 0.0
        self._revived_at = 0.0
        self.publish_retained(status_of(topics, Status.ONLINE))

    def start(self) -> None:
        """Begin to connect; never waits for the broker."""
        self._link.start()

    def turn(self) -> None:
        """Wait a little for something to happen, and deal with it."""
        self._deal_with(self._link.wait(WAIT_S))
        self._sending.turn()
        self._keep_house()

    def stop(self) -> None:
        """Send for a moment longer, say `stopped`, and hang up; what is left stays on disk."""
        self._finishing.commit_late(at_once=True)
        if self._link.connected:
            self._drain(LAST_RESULTS_S)
            self._sending.publish(status_of(self._topics, Status.STOPPED))
            self._drain(LAST_WORDS_S)
        self._link.stop(timeout=0.3)
        self._sending.remove_delivered()

    def commit(
        self, result: Result, request: Request | None = None, *, dead_letter: bool = False
    ) -> Result:
        """Write a result and its messages to disk, then send them. From any thread.

        Returns the result with its sequence number. `dead_letter` keeps the request on disk,
        because it crashed the appliance or failed by its own fault.
        """
        result = self._finishing.commit(result, request, dead_letter=dead_letter)
        self._link.wake()
        return result

    def publish(self, message: Message) -> None:
        """Publish a message that need not survive a power cut. From any thread."""
        self._sending.publish(message)
        self._link.wake()

    def publish_retained(self, message: Message, *, repeat: bool = False) -> None:
        """Publish a retained message, now and after each reconnection. From any thread.

        A message that equals the last one on its topic is sent only if `repeat` is true.
        """
        self._sending.publish_retained(message, repeat=repeat)
        self._link.wake()

    def health(self) -> LinkHealth:
        """How the road to the broker is. From any thread."""
        counts, reception = self._journal.counts, self._reception
        set_aside, oldest_s = self._of_the_disk()
        return LinkHealth(
            connected=self._link.connected,
            connections=self._link.connections,
            subscribed=self._subscribed,
            outbox_rows=counts.outbox.rows,
            outbox_bytes=counts.outbox.bytes,
            outbox_oldest_s=oldest_s,
            set_aside=set_aside,
            inbox_rows=counts.inbox.rows,
            inbox_bytes=counts.inbox.bytes,
            dropped=counts.dropped,
            refused=self._sending.refused,
            accepted=reception.accepted,
            rejected=reception.rejected,
            repeated=reception.repeated,
            overrun=self._link.inbound.overrun,
            unsaid=self._sending.transient.dropped,
            damaged_journals=self._journal.damaged,
            journal_error=self._sending.disk_breaker.error,
        )

    def _of_the_disk(self) -> tuple[int, float | None]:
        """Requests that were set aside, and how long the oldest message has waited."""
        try:
            oldest_s = self._journal.oldest_age_s()
            return self._journal.dead_letter_count(), oldest_s and round(oldest_s, 1)
        except JournalError:
            return 0, None  # what is wrong with the disk is in the same payload

    def _deal_with(self, events: list[ConnectionEvent]) -> None:
        deliveries = []
        for event in events:
            match event:
                case Delivery():
                    deliveries.append(event)
                case Connected():
                    self._epoch = event.epoch
                    self._subscribed = False
                    self._sending.connected()
                    self._link.subscribe(self._topics.subscriptions)
                case Lost():
                    self._subscribed = False
                    self._sending.disconnected()
                case Acknowledged() if event.epoch == self._epoch:
                    self._sending.acknowledged(event)
                case Subscribed() if event.epoch == self._epoch:
                    self._note_subscription(event)
        if deliveries:
            self._receive(deliveries)

    def _receive(self, deliveries: list[Delivery]) -> None:
        births = [one for one in deliveries if one.topic == self._topics.birth]
        for birth in births:
            self._link.acknowledge(birth)
            if birth.payload == BORN:
                logger.info("Home Assistant has started, and is told what there is")
                self._sending.republish_retained()
        wakes = [one for one in deliveries if one.topic == self._topics.earshot]
        for wake in wakes:
            self._link.acknowledge(wake)
            self.on_wake(wake.payload or b"")
        requests = [one for one in deliveries if one not in births and one not in wakes]
        if requests:
            self._reception.receive(requests, self._link)

    def _note_subscription(self, event: Subscribed) -> None:
        self._subscribed = event.refusal is None
        if event.refusal is not None:
            logger.warning(
                "the broker does not let us receive requests on %s (%s); see its access list",
                self._topics.requests, event.refusal.lower(),
            )  # fmt: skip

    def _drain(self, seconds: float) -> None:
        """Send until all is acknowledged or the time is over; requests are left to the broker."""
        deadline = Deadline(seconds)
        self._sending.turn()
        while deadline.left() and self._link.connected and not self._sending.idle():
            events = self._link.wait(min(deadline.left(), WAIT_S))
            self._deal_with([event for event in events if not isinstance(event, Delivery)])
            self._sending.turn()

    def _keep_house(self) -> None:
        now = time.monotonic()
        self._finishing.commit_late()
        broken = not self._link.alive() or self._sending.acknowledgement_overdue()
        if broken and now - self._revived_at > REVIVAL_S:
            self._revived_at = now
            logger.error("the broker says nothing that we understand; connecting anew")
            self._sending.forget_in_flight()
            self._link.restart()
        if now - self._housekeeping_at > HOUSEKEEPING_S:
            self._housekeeping_at = now
            try:
                self._journal.drop_old()
            except JournalError as error:
                logger.error("%s", error)  # noqa: TRY400


def status_of(topics: Topics, status: Status) -> Message:
    """The retained message on `status`; the last will is one of them."""
    return retained(topics.status, status.encode(), "text/plain")
