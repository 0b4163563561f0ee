"""Accepts speech at satellites as requests, and waits for their results."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from appliance.audio.encode import encoded
from appliance.errors import EngineError
from appliance.events import ConfirmationAsked, JobFinished, JobNotRun
from appliance.ids import boot_seconds
from appliance.jobs.client_jobs import ResultInbox
from appliance.journal.inbox import IncomingRequest
from appliance.requests.intake import BUSY
from appliance.requests.request_parser import identity_of
from appliance.values import SAMPLE_RATE, SATELLITE_REQUESTER, Operation, Request, Spoken
from appliance.wyoming_server.client_requests import area_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from appliance.dialogue.request_confirmation import RequestConfirmation
    from appliance.events import Event
    from appliance.requests.intake import RequestIntake
    from appliance.values import Result, Samples
    from appliance.wyoming_server.client_socket import ClientSocket
    from appliance.wyoming_server.outgoing_events import Context

EXPIRES_S = 30.0
"""Seconds after which a command expires, because a late one would surprise its speaker."""

FIRST = 9
"""The priority of what somebody says, over that of programs."""


class SatelliteRequests:
    """An observer: results come as the events JobFinished and JobNotRun. Any thread."""

    def __init__(
        self, intake: RequestIntake, confirmation: RequestConfirmation, new_id: Callable[[], str]
    ) -> None:
        self._intake = intake
        self._confirmation = confirmation
        self._new_id = new_id
        self._lock = threading.Lock()
        self._inboxes: dict[str, ResultInbox] = {}
        self._asked: set[str] = set()
        """Ids of results that wait for a yes, until `is_question` is asked."""

    def submit(self, satellite: str, area: str, samples: Samples, inbox: ResultInbox) -> str | None:
        """Accept a sentence, whose result `inbox` gets; its id, or None if there is no room."""
        request = Request(
            id=self._new_id(),
            operation=Operation.RECOGNIZE,
            payload=encoded(Spoken(samples, SAMPLE_RATE), "wav"),
            priority=FIRST,
            expires_at=boot_seconds() + EXPIRES_S,
            requester=SATELLITE_REQUESTER + satellite,
            area=area,
        )
        with self._lock:
            self._inboxes[request.id] = inbox
        incoming = IncomingRequest(
            request, identity_of(request, request.id.encode()), may_repeat=False
        )
        if self._intake.accept_request(incoming).accepted is not None:
            return request.id
        self.forget(request.id)
        return None

    def forget(self, name: str) -> None:
        """Nobody waits for this result any more; what was said is still carried out."""
        with self._lock:
            self._inboxes.pop(name, None)
            self._asked.discard(name)

    def is_question(self, name: str) -> bool:
        """Whether the result that was delivered waits for a yes; to be asked once."""
        with self._lock:
            asked = name in self._asked
            self._asked.discard(name)
        return asked

    def answer_question(self, name: str, *, yes: bool, why: str = "") -> Result | None:
        """Carry out the command that waits, or not, and why; None if its time is over."""
        return self._confirmation.answer_at_satellite(name, yes=yes, why=why)

    def on_event(self, event: Event) -> None:
        """Deliver a result to its waiting satellite."""
        match event:
            case ConfirmationAsked(Request(id=name), result):
                with self._lock:
                    inbox = self._inboxes.get(name)
                    if inbox is not None:
                        self._asked.add(name)
                if inbox is not None:
                    inbox.deliver(result)
            case JobFinished(Request(id=name), result) | JobNotRun(Request(id=name), result):
                with self._lock:
                    inbox = self._inboxes.pop(name, None)
                if inbox is not None:
                    inbox.deliver(result)


class SpokenRequests:
    """The sentences of one satellite, one after the other: as `ClientRequests`, but they act."""

    names: tuple[str, ...] = ()
    """A satellite adds none."""

    def __init__(self, client: ClientSocket, requests: SatelliteRequests, satellite: str) -> None:
        self._client = client
        self._requests = requests
        self._satellite = satellite
        self._inbox = ResultInbox()
        self.newest: Result | None = None
        """Result of the last sentence."""
        self.must_ask = False
        """Whether `newest` waits for a yes."""
        self.cannot_ask = ""
        """Why nothing can be asked at this satellite; empty if it can."""

    def result_of(
        self, operation: Operation, context: Context, *, samples: Samples | None = None
    ) -> Result:
        """Have a sentence carried out, and wait for its result.

        Raises:
            ClientGone: the satellite has left meanwhile.
            EngineError: it takes too long, there is no room, or a yes is needed and cannot be
                asked for.

        """
        assert samples is not None and operation is Operation.RECOGNIZE  # noqa: S101, PT018
        name = self._requests.submit(self._satellite, area_of(context), samples, self._inbox)
        if name is None:
            raise EngineError(BUSY)
        try:
            while self._client.wait_for(self._inbox, EXPIRES_S):
                result = self._inbox.take()
                if result is not None and result.id == name:
                    self.newest = result
                    self.must_ask = self._requests.is_question(name)
                    self._decline_unasked(name)
                    return result
        finally:
            self._requests.forget(name)
        raise EngineError(f"there was no result within {EXPIRES_S:g} s")

    def _decline_unasked(self, name: str) -> None:
        if self.must_ask and self.cannot_ask:
            self._requests.answer_question(name, yes=False, why=self.cannot_ask)
            raise EngineError(self.cannot_ask)

    def close(self) -> None:
        """Nothing is asked any more."""
        self._inbox.close()
