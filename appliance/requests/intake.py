"""Accepts requests: writes them to the inbox, then acknowledges them to the broker."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from appliance.errors import JournalError
from appliance.journal.inbox import InboxVerdict, IncomingRequest
from appliance.messages.control_requests import ControlRequest
from appliance.messages.request_payloads import Answer, RequestState
from appliance.messages.topics import ReturnAddress
from appliance.requests.request_parser import Rejection

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appliance.journal.journal import Journal
    from appliance.messages.topics import Topics
    from appliance.mqtt.connection import BrokerConnection
    from appliance.mqtt.connection_event_types import Delivery
    from appliance.mqtt.flood_limit import FloodLimit
    from appliance.mqtt.publisher import Publisher
    from appliance.requests.request_dispatcher import RequestDispatcher
    from appliance.requests.request_parser import RequestParser
    from appliance.values import Request

logger = logging.getLogger(__name__)

BUSY = "the queue is full, or your share of it; ask again in a moment"


class RequestIntake:
    """Accepts requests; the broker gets its acknowledgement only after a request is on disk."""

    def __init__(
        self,
        journal: Journal,
        topics: Topics,
        parser: RequestParser,
        dispatcher: RequestDispatcher,
        publisher: Publisher,
        flood_limit: FloodLimit,
    ) -> None:
        self._flood_limit = flood_limit
        self._journal = journal
        self._topics = topics
        self._parser = parser
        self._dispatcher = dispatcher
        self._publisher = publisher
        self.accepted = 0
        self.rejected = 0
        self.repeated = 0
        """Requests that had been accepted or answered before."""

    @property
    def disk_problem(self) -> str | None:
        """Why the disk refused the last write; None if it did not."""
        return self._publisher.disk_breaker.error

    def accept_requests(self, deliveries: Sequence[Delivery], connection: BrokerConnection) -> None:
        """Accept all of them with one commit, then acknowledge each to the broker."""
        parsed = [self._parser.parse(delivery) for delivery in deliveries]
        for rejection in (one for one in parsed if isinstance(one, Rejection)):
            self._reject(rejection)
        if incoming := [self._marked(one) for one in parsed if isinstance(one, IncomingRequest)]:
            for request, verdict in zip(incoming, self._verdicts(incoming), strict=True):
                self._handle_verdict(request, verdict)
        for control in (one for one in parsed if isinstance(one, ControlRequest)):
            self._handle_control(control)  # after the requests: it may cancel one of them
        self._flood_limit.note_judged(len(deliveries))
        for delivery in deliveries:
            if delivery.qos:
                connection.acknowledge(delivery)

    def accept_request(self, incoming: IncomingRequest) -> InboxVerdict:
        """Accept a request that did not come from the broker. Called from any thread.

        The caller waits for its result, the event JobFinished or JobNotRun.
        """
        (verdict,) = self._verdicts([incoming])
        if verdict.accepted is None:
            return verdict
        if self._dispatcher.enqueue_request(verdict.accepted):
            self.accepted += 1
            return verdict
        self._withdraw(verdict.accepted)
        self.rejected += 1
        return InboxVerdict()

    def _marked(self, incoming: IncomingRequest) -> IncomingRequest:
        known = self._flood_limit.is_known(incoming.request.requester)
        return incoming if known else replace(incoming, is_new_requester=True)

    def _verdicts(self, incoming: Sequence[IncomingRequest]) -> list[InboxVerdict]:
        try:
            return self._journal.accept(incoming)
        except JournalError as error:
            # Rejected, not left to the broker: so the requester can ask another appliance now.
            # The breaker logs the first refusal of the disk, and not one for each batch.
            self._publisher.disk_breaker.record_failure(error)
            logger.debug("rejected %d requests as busy: %s", len(incoming), error)
            return [InboxVerdict() for _ in incoming]

    def _handle_verdict(self, incoming: IncomingRequest, verdict: InboxVerdict) -> None:
        address = ReturnAddress.of(incoming.request)
        if verdict.result is not None:
            self.repeated += 1
            self._publisher.publish(self._topics.finished(address, verdict.result))
        elif verdict.position is None:
            self._reject(Rejection(address, "busy", BUSY))
        elif verdict.accepted is None:
            self.repeated += 1
            if asked := self._dispatcher.question_of(verdict.waits_as or ""):
                self._publisher.publish(self._topics.answer(address, asked))
            else:
                self._publish_position(address, verdict.position)
        elif self._dispatcher.enqueue_request(verdict.accepted):
            self.accepted += 1
            self._flood_limit.note_accepted(incoming.request.requester)
            if verdict.position:
                position = self._dispatcher.position_of(verdict.accepted.id)
                self._publish_position(address, position or verdict.position)
        else:
            self._withdraw(verdict.accepted)
            self._reject(Rejection(address, "busy", BUSY))

    def _handle_control(self, control: ControlRequest) -> None:
        answer = self._dispatcher.handle_control(control)
        if answer is not None:
            self._publisher.publish(self._topics.answer(control.address, answer))

    def _withdraw(self, request: Request) -> None:
        try:
            self._journal.withdraw([request.id])
        except JournalError as error:
            self._publisher.disk_breaker.record_failure(error)
            message = "a rejected request stays on disk and will run after a restart: %s"
            logger.debug(message, error)

    def _publish_position(self, address: ReturnAddress, position: int) -> None:
        answer = Answer(
            state=RequestState.QUEUED,
            transaction=address.transaction,
            operation=address.operation,
            position=position,
        )
        self._publisher.publish(self._topics.answer(address, answer))

    def _reject(self, rejection: Rejection) -> None:
        self.rejected += 1
        address = rejection.address
        logger.debug(
            "rejected %s request %r as %s: %s",
            address.operation, address.transaction, rejection.reason, rejection.message,
        )  # fmt: skip
        answer = Answer(
            state=RequestState.REJECTED,
            transaction=rejection.address.transaction,
            operation=rejection.address.operation,
            reason=rejection.reason,
            message=rejection.message,
        )
        message = self._topics.answer(rejection.address, answer)
        # `busy` at once or not at all: it is true only now, and in a flood of requests it must not
        # wait for the acknowledgements of all those before it.
        self._publisher.publish(replace(message, fleeting=rejection.reason == "busy"))
