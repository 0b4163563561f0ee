"""Limits of one request: the size and time of its body, the time of its answer, and its errors."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from appliance.jobs.finished_job_log import without_words
from appliance.values import encode

if TYPE_CHECKING:
    from appliance.http_server.site import Application, Event, Receive, Scope, Send

logger = logging.getLogger(__name__)

MAXIMUM_HEADER_BYTES = 16_384
"""Maximum size of all headers, in bytes."""

BODY_LIMIT_S = 30.0
"""Time limit for the whole body of a request, in seconds."""

BODIES_AT_ONCE = 4
"""Limit of all bodies in memory, as a multiple of the largest allowed body."""

WRITE_LIMIT_S = 10.0
"""Time limit for a client to take one piece of an answer, in seconds."""


class TooMuch(Exception):
    """Headers or body are too large, or come too slowly; the status code and why."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class RequestLimits:
    """An ASGI application around another one."""

    def __init__(self, app: Application, maximum_body_bytes: int) -> None:
        self._app = app
        self._maximum_body_bytes = maximum_body_bytes
        self._memory = _BodyMemory(BODIES_AT_ONCE * maximum_body_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on."""
        if scope["type"] != "http":
            return
        exchange = _Exchange(receive, send, self._maximum_body_bytes, self._memory)
        try:
            exchange.check_headers(scope)
            await self._app(scope, exchange.receive, exchange.send)
        except TooMuch as error:
            await exchange.refuse(error.status, str(error))
        except TimeoutError:
            raise ConnectionError("the client does not take its answer") from None
        except ConnectionError:
            raise
        except Exception as error:
            if exchange.client_has_left:
                raise ConnectionError("the client has left") from None
            message = "an HTTP request failed because of a bug in the appliance"
            logger.error(message, exc_info=without_words(error))  # noqa: TRY400
            await exchange.refuse(500, f"a bug in the appliance ({type(error).__name__})")
        finally:
            exchange.release_memory()


class _BodyMemory:
    """Counts the bytes of bodies that may still be read into memory."""

    def __init__(self, free_bytes: int) -> None:
        self.free_bytes = free_bytes


class _Exchange:
    """One request and its answer."""

    def __init__(
        self, receive: Receive, send: Send, maximum_body_bytes: int, memory: _BodyMemory
    ) -> None:
        self._receive = receive
        self._send = send
        self._memory = memory
        self._taken_bytes = 0
        self._left_bytes = maximum_body_bytes
        self._maximum_body_bytes = maximum_body_bytes
        self._body_until = asyncio.get_running_loop().time() + BODY_LIMIT_S
        self._body_is_read = False
        self._has_begun = False
        self.client_has_left = False

    def check_headers(self, scope: Scope) -> None:
        """Refuse too large headers; and before it is read, a body that is said to be too large."""
        if sum(len(name) + len(value) for name, value in scope["headers"]) > MAXIMUM_HEADER_BYTES:
            raise TooMuch(431, f"the headers are larger than {MAXIMUM_HEADER_BYTES} bytes")
        for name, value in scope["headers"]:
            if name == b"content-length" and int(value) > self._maximum_body_bytes:
                raise self._too_large()

    async def receive(self) -> Event:
        """The next piece of the body, or that the client has left."""
        try:
            async with asyncio.timeout_at(None if self._body_is_read else self._body_until):
                event = await self._receive()
        except TimeoutError:
            why = f"the request did not arrive within {BODY_LIMIT_S:g} s"
            raise TooMuch(408, why) from None
        self.client_has_left = event["type"] == "http.disconnect"
        size = len(event.get("body", b""))
        self._left_bytes -= size
        if self._left_bytes < 0:
            raise self._too_large()
        if size > self._memory.free_bytes:
            raise TooMuch(503, "too much arrives at once; try again in a moment")
        self._memory.free_bytes -= size
        self._taken_bytes += size
        self._body_is_read = not event.get("more_body", False)
        return event

    def release_memory(self) -> None:
        """The request is over, and so is its body."""
        self._memory.free_bytes += self._taken_bytes
        self._taken_bytes = 0

    async def send(self, event: Event) -> None:
        """Send a piece of the answer."""
        self._has_begun = True
        async with asyncio.timeout(WRITE_LIMIT_S):
            await self._send(event)

    async def refuse(self, status: int, why: str) -> None:
        """Answer with an error, if no answer has begun."""
        if self._has_begun:
            raise ConnectionError("an answer broke off")
        kind = "server_error" if status >= 500 else "invalid_request_error"  # noqa: PLR2004
        body = encode({"error": {"message": why, "type": kind, "param": None, "code": None}})
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await self.send({"type": "http.response.start", "status": status, "headers": headers})
        await self.send({"type": "http.response.body", "body": body})

    def _too_large(self) -> TooMuch:
        return TooMuch(413, f"the request is larger than {self._maximum_body_bytes} bytes")
