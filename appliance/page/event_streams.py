"""Server-sent events (WHATWG HTML, section 9.2): one event, and how many browsers watch at once."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from starlette.responses import StreamingResponse

from appliance.page.page_request import PageError
from appliance.values import encode

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from starlette.responses import Response

    from appliance.page.page_request import PageRequest

MOST_STREAMS = 16
"""Maximum number of streams of all views; each occupies a connection."""


def event(name: str, data: Any) -> bytes:
    """One event; JSON has no line break that would end it."""
    return b"event: " + name.encode() + b"\ndata: " + encode(data) + b"\n\n"


class EventStreams:
    """The open streams. They belong to the event loop of the HTTP server."""

    def __init__(self) -> None:
        self._open = 0

    def response(self, request: PageRequest, events: AsyncGenerator[bytes, None]) -> Response:
        """The events for one browser, until it leaves.

        Raises:
            PageError: too many browsers watch already.

        """
        if self._open >= MOST_STREAMS:
            raise PageError(503, request.texts["error.streams"])
        return StreamingResponse(
            self._counted(events),
            media_type="text/event-stream",
            headers={"x-accel-buffering": "no"},
        )

    async def _counted(self, events: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
        self._open += 1
        try:
            async with aclosing(events):
                async for each in events:
                    yield each
        finally:
            self._open -= 1
