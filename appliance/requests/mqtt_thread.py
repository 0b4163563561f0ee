"""The stage PUBLISH, and the MQTT thread: requests in, the outbox to the broker."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from appliance.errors import JournalError
from appliance.messages.status_payloads import LinkHealth, Status
from appliance.messages.topics import retained
from appliance.mqtt.connection_event_types import (
    Acknowledged,
    Connected,
    Delivery,
    Lost,
    Subscribed,
)
from appliance.threads import Deadline, LoopBody

if TYPE_CHECKING:
    from appliance.devices.device_messages import DeviceMessages
    from appliance.journal.journal import Journal
    from appliance.listening.earshot import Earshot
    from appliance.messages.topics import Topics
    from appliance.mqtt.connection import BrokerConnection
    from appliance.mqtt.connection_event_types import ConnectionEvent
    from appliance.mqtt.publisher import Publisher
    from appliance.mqtt.result_commit import ResultCommitter
    from appliance.requests.intake import RequestIntake
    from appliance.values import Message

logger = logging.getLogger(__name__)

WAIT_S = 0.2
"""Seconds that a turn waits for an event; a stop is noticed between turns."""

DRAIN_RESULTS_S, DRAIN_STATUS_S = 0.6, 0.3
"""Seconds at a stop for the rest of the outbox, and then for the status `stopped`."""

HOUSEKEEPING_S = 60.0
SHARED = "$share/"
"""The beginning of a shared subscription."""

BIRTH_PAYLOAD = b"online"
"""Home Assistant's birth message."""

CORRECT_EVERY_S = 1.0
"""Shortest time between two corrections of `status`, so that two clients do not race."""

RECONNECT_EVERY_S = 5.0
"""Shortest time between two new connections to a broker that does not acknowledge."""


class MqttService(LoopBody):
    """The work of the MQTT thread."""

    def __init__(  # noqa: PLR0913  (the parts that messages pass)
        self,
        journal: Journal,
        connection: BrokerConnection,
        topics: Topics,
        publisher: Publisher,
        committer: ResultCommitter,
        *,
        intake: RequestIntake,
        earshot: Earshot | None = None,
        devices: DeviceMessages | None = None,
    ) -> None:
        self._journal = journal
        self._connection = connection
        self._topics = topics
        self._publisher = publisher
        self._committer = committer
        self._intake = intake
        self._earshot = earshot
        self._devices = devices
        self._epoch = 0
        self._subscribed = False
        self._housekeeping_at = 0.0
        self._reconnected_at = 0.0
        self._status_is_wrong = False
        """Whether another client, or a last will that came late, has written our status."""
        self._status_corrected_at = 0.0
        publisher.publish_retained(status_of(topics, Status.ONLINE))

    def start(self) -> None:
        """Start to connect in the background."""
        self._connection.start()

    def turn(self) -> None:
        """Wait a moment for events, handle them, and send what is waiting."""
        self._handle(self._connection.wait(WAIT_S))
        if self._devices is not None:
            if self._connection.connected:
                self._connection.subscribe(self._devices.new_filters(), with_retained=True)
                self._publish_if_any(self._devices.next_request())
            self._devices.turn()
        self._publisher.turn()
        self._housekeep()

    def stop(self) -> None:
        """Send for a moment longer, publish `stopped`, and disconnect; the rest stays on disk."""
        self._committer.commit_late(at_once=True)
        if self._devices is not None:
            self._devices.stop()
        if self._connection.connected:
            self._drain(DRAIN_RESULTS_S)
            self._publisher.publish(status_of(self._topics, Status.STOPPED))
            self._drain(DRAIN_STATUS_S)
        self._connection.stop(timeout=0.3)
        self._publisher.remove_delivered()

    def health(self) -> LinkHealth:
        """Return counters and errors of connection and queues. From any thread."""
        counts, intake = self._journal.counts, self._intake
        set_aside, oldest_s = self._disk_health()
        return LinkHealth(
            connected=self._connection.connected,
            connections=self._connection.connections,
            subscribed=self._subscribed,
            outbox_rows=counts.outbox.rows,
            outbox_bytes=counts.outbox.bytes,
            outbox_oldest_s=oldest_s,
            set_aside=set_aside,
            inbox_rows=counts.inbox.rows,
            inbox_bytes=counts.inbox.bytes,
            dropped=counts.dropped,
            refused=self._publisher.refused,
            accepted=intake.accepted,
            rejected=intake.rejected,
            repeated=intake.repeated,
            overrun=self._connection.overrun,
            unsaid=self._publisher.transient.dropped,
            damaged_journals=self._journal.damaged,
            journal_error=self._publisher.disk_breaker.error,
        )

    def _disk_health(self) -> tuple[int, float | None]:
        """Return the number of dead letters, and how long the oldest message has waited."""
        try:
            oldest_s = self._journal.oldest_age_s()
            return self._journal.dead_letter_count(), oldest_s and round(oldest_s, 1)
        except JournalError:
            return 0, None  # the error of the disk is in the same payload

    def _handle(self, events: list[ConnectionEvent]) -> None:
        deliveries = []
        for event in events:
            match event:
                case Delivery():
                    deliveries.append(event)
                case Connected():
                    self._epoch = event.epoch
                    self._subscribed = False
                    self._publisher.connected()
                    self._connection.subscribe(self._filters(can_share=event.can_share))
                    self._greet_devices()
                case Lost():
                    self._subscribed = False
                    self._publisher.disconnected()
                case Acknowledged() if event.epoch == self._epoch:
                    self._publisher.acknowledged(event)
                case Subscribed() if event.epoch == self._epoch:
                    self._note_subscription(event)
        if deliveries:
            self._receive(deliveries)

    def _receive(self, deliveries: list[Delivery]) -> None:
        births = [one for one in deliveries if one.topic == self._topics.birth]
        for birth in births:
            self._connection.acknowledge(birth)
            if birth.payload == BIRTH_PAYLOAD:
                logger.info("Home Assistant has started: publishing the discovery again")
                self._publisher.republish_retained()
        wakes = [one for one in deliveries if one.topic == self._topics.earshot]
        for wake in wakes:
            self._connection.acknowledge(wake)
            if self._earshot is not None:
                self._earshot.on_announced(wake.payload or b"")
        statuses = [one for one in deliveries if one.topic == self._topics.status]
        for status in statuses:
            self._connection.acknowledge(status)
            self._status_is_wrong = status.payload != Status.ONLINE.encode()
        passed = (*births, *wakes, *statuses)
        others = [one for one in deliveries if one not in passed]
        requests = [one for one in others if not self._is_no_request(one)]
        if requests:
            self._intake.accept_requests(requests, self._connection)

    def _filters(self, *, can_share: bool) -> list[str]:
        """The topic filters; a broker may close the connection for an unsupported one."""
        filters = self._topics.subscriptions
        if can_share or not any(one.startswith(SHARED) for one in filters):
            return filters
        logger.warning(
            "the broker has no shared subscriptions, so nothing comes from the queue of "
            "mqtt.group; use a broker that has them, or leave mqtt.group empty"
        )
        return [one for one in filters if not one.startswith(SHARED)]

    def _greet_devices(self) -> None:
        if self._devices is not None:
            self._publish_if_any(self._devices.connected())

    def _publish_if_any(self, message: Message | None) -> None:
        if message is not None:
            self._publisher.publish(message)

    def _is_no_request(self, delivery: Delivery) -> bool:
        """Whether a delivery was no request; then it is done.

        The broker keeps our subscriptions: a topic may be that of a device that is gone.
        """
        if self._topics.is_request(delivery.topic):
            return False
        self._connection.acknowledge(delivery)
        if self._devices is not None and self._devices.wants(delivery.topic):
            self._devices.receive(delivery.topic, delivery.payload, retained=delivery.retained)
        return True

    def _note_subscription(self, event: Subscribed) -> None:
        if self._topics.requests in event.filters:
            self._subscribed = self._topics.requests not in event.refused
        for topic_filter, reason in event.refused.items():
            words = "the broker refuses the subscription to %s (%s); see its access list"
            logger.warning(words, topic_filter, reason)

    def _drain(self, seconds: float) -> None:
        """Send until all is acknowledged or the time is over; requests stay at the broker."""
        deadline = Deadline(seconds)
        self._publisher.turn()
        while deadline.left() and self._connection.connected and not self._publisher.idle():
            events = self._connection.wait(min(deadline.left(), WAIT_S))
            self._handle([event for event in events if not isinstance(event, Delivery)])
            self._publisher.turn()

    def _housekeep(self) -> None:
        now = time.monotonic()
        self._committer.commit_late()
        if self._status_is_wrong and now - self._status_corrected_at > CORRECT_EVERY_S:
            self._status_is_wrong, self._status_corrected_at = False, now
            words = (
                "%s did not say online; corrected (a late last will, or another client wrote it)"
            )
            logger.warning(words, self._topics.status)
            self._publisher.publish_retained(status_of(self._topics, Status.ONLINE), repeat=True)
        broken = not self._connection.alive() or self._publisher.acknowledgement_overdue()
        if broken and now - self._reconnected_at > RECONNECT_EVERY_S:
            self._reconnected_at = now
            logger.error(
                "the broker sends no acknowledgements that we understand; connecting again"
            )
            self._publisher.forget_in_flight()
            self._connection.restart()
        if now - self._housekeeping_at > HOUSEKEEPING_S:
            self._housekeeping_at = now
            try:
                self._journal.drop_old()
            except JournalError as error:
                logger.error("%s", error)  # noqa: TRY400


def status_of(topics: Topics, status: Status) -> Message:
    """Return the retained message on `status`; it is also the last will."""
    return retained(topics.status, status.encode(), "text/plain")
