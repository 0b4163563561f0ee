"""Requests of HTTP clients: accepted as those from MQTT are, waited for, cancelled if left."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from appliance.events import AnswerWritten
from appliance.ids import boot_seconds
from appliance.jobs.result_receivers import ResultReceivers
from appliance.journal.inbox import IncomingRequest
from appliance.openai_api.replies import ApiError
from appliance.requests.intake import BUSY
from appliance.requests.request_parser import identity_of
from appliance.values import HTTP_REQUESTER, Operation, Outcome, Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request as HttpRequest

    from appliance.errors import RequestError
    from appliance.events import Event
    from appliance.requests.intake import RequestIntake
    from appliance.requests.request_dispatcher import RequestDispatcher
    from appliance.values import Result

DEFAULT_WAIT_S = 600.0
"""The deadline of a request that names none; OpenAI's own clients wait as long."""

LONGEST_WAIT_S = 3600.0

LONGEST_KEY = 256
"""Characters of an Idempotency-Key."""

STATUS = {
    Outcome.FAILED: (422, None),
    Outcome.REFUSED: (503, "refused"),
    Outcome.CANCELLED: (409, "cancelled"),
    Outcome.EXPIRED: (504, "expired"),
}
"""Status and code of each outcome that is no answer."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A client's options for the queue."""

    client: str
    """Its name, from its token."""
    priority: int
    wait_s: float
    key: str
    """The client's key, with which a repeated request gets the same answer; empty: none."""

    @classmethod
    def of(cls, client: str, request: HttpRequest) -> Asked:
        """Read the options from the headers.

        Raises:
            ApiError: a header is not valid.

        """
        headers = request.headers
        key = headers.get("idempotency-key", "")
        if len(key) > LONGEST_KEY:
            raise ApiError(400, f"Idempotency-Key has more than {LONGEST_KEY} characters")
        return cls(client, _priority(headers.get("x-priority", "0")), _wait_s(request), key)


class PendingAnswer:
    """One request that a client waits for. The event loop reads it, and other threads fill it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()
        self.text = ""
        """The text that the language model has written until now."""
        self.result: Result | None = None

    def deliver(self, result: Result) -> None:
        """Take the result. From any thread; it returns at once."""
        self.write("", result)

    def write(self, text: str, result: Result | None = None) -> None:
        """Take what is there until now. From any thread; it returns at once."""
        with contextlib.suppress(RuntimeError):  # the server has stopped
            self._loop.call_soon_threadsafe(self._take, text, result)

    async def change(self) -> None:
        """Wait until there is more."""
        await self._changed.wait()
        self._changed.clear()

    def _take(self, text: str, result: Result | None) -> None:
        self.text = text or self.text
        self.result = result or self.result
        self._changed.set()


class PendingRequests:
    """An observer: results come as the events JobFinished and JobNotRun."""

    def __init__(
        self, intake: RequestIntake, dispatcher: RequestDispatcher, new_id: Callable[[], str]
    ) -> None:
        self._intake = intake
        self._dispatcher = dispatcher
        self._new_id = new_id
        self._receivers: ResultReceivers[PendingAnswer] = ResultReceivers()

    def on_event(self, event: Event) -> None:
        """Give what a client waits for to it."""
        if isinstance(event, AnswerWritten):
            if event.request.waits_on_http:
                for pending in self._receivers.of(event.request.id):
                    pending.write(event.text)
        else:
            self._receivers.on_event(event)

    async def begin(
        self, operation: Operation, payload: bytes, asked: Asked
    ) -> tuple[str, PendingAnswer]:
        """Accept a request; its id, and where its answer comes.

        Raises:
            ApiError: there is no room, or the disk refuses it.

        """
        request = Request(
            id=self._new_id(),
            operation=operation,
            payload=payload,
            transaction=asked.key or None,
            priority=asked.priority,
            expires_at=boot_seconds() + asked.wait_s,
            requester=HTTP_REQUESTER + asked.client,
        )
        incoming = IncomingRequest(
            request,
            identity_of(request, b"" if asked.key else request.id.encode()),
            may_repeat=bool(asked.key),
        )
        pending = PendingAnswer()
        self._receivers.add(request.id, pending)
        verdict = await asyncio.to_thread(self._intake.accept_request, incoming)
        if verdict.waits_as is not None:
            self._receivers.add(verdict.waits_as, pending)
            # It may have ended in this moment; then its result is there now.
            verdict = await asyncio.to_thread(self._intake.accept_request, incoming)
        if verdict.result is not None:
            pending.deliver(verdict.result)
        elif verdict.position is None:
            self._receivers.remove(pending)
            if problem := self._intake.disk_problem:
                raise ApiError(503, problem, code="disk")
            raise ApiError(429, BUSY, code="busy")
        return verdict.waits_as or request.id, pending

    async def result_of(
        self, operation: Operation, payload: bytes, asked: Asked, http: HttpRequest
    ) -> Result:
        """Accept a request, and wait for its result while the client does.

        Raises:
            ApiError: there is no room, or no answer.
            ClientLeft: the client has left.

        """
        name, pending = await self.begin(operation, payload, asked)
        gone = asyncio.ensure_future(_left(http))
        try:
            while pending.result is None:
                change = asyncio.ensure_future(pending.change())
                await asyncio.wait({change, gone}, return_when=asyncio.FIRST_COMPLETED)
                change.cancel()
                if gone.done():
                    raise ClientLeft
        finally:
            gone.cancel()
            self.end(name, pending, asked)
        return answered(pending.result)

    def end(self, name: str, pending: PendingAnswer, asked: Asked) -> None:
        """The client waits no more: if it cannot ask again for this answer, the work is stopped."""
        self._receivers.remove(pending)
        if pending.result is None and not asked.key:
            with contextlib.suppress(RuntimeError):  # the server has stopped
                loop = asyncio.get_running_loop()
                loop.run_in_executor(None, self._dispatcher.cancel_requests, name)


class ClientLeft(ConnectionError):
    """The client has left, so no answer can be sent."""


def answered(result: Result) -> Result:
    """Return the result if it is an answer.

    Raises:
        ApiError: it is not.

    """
    if (found := STATUS.get(result.outcome)) is None:
        return result
    status, code = found
    raise ApiError(status, result.reason or f"it has {result.outcome}", code=code)


def refused(error: RequestError) -> ApiError:
    """A refusal by the checks of requests, as an HTTP error."""
    too_large = error.reason == "too_large"
    code = "context_length_exceeded" if too_large else None
    return ApiError(413 if too_large else 400, str(error), code=code)


async def _left(http: HttpRequest) -> None:
    """Wait until the client has left."""
    while (await http.receive())["type"] != "http.disconnect":
        pass


def _priority(text: str) -> int:
    if len(text) == 1 and text in "0123456789":
        return int(text)
    raise ApiError(400, "X-Priority must be a number from 0 to 9; a higher one goes first")


def _wait_s(request: HttpRequest) -> float:
    """`wait` of the header Prefer (RFC 7240)."""
    for preference in request.headers.get("prefer", "").split(","):
        name, _, value = preference.partition("=")
        if name.strip().lower() == "wait":
            if not value.strip().isdecimal() or not 1 <= int(value[:9]) <= LONGEST_WAIT_S:
                why = f"Prefer: wait=SECONDS must be from 1 to {LONGEST_WAIT_S:g}"
                raise ApiError(400, why)
            return float(value)
    return DEFAULT_WAIT_S
