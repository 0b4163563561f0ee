"""Live: what happens now, as server-sent events (WHATWG HTML, section 9.2)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from appliance.page.event_streams import event
from appliance.page.page_view import PageRoute

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from starlette.responses import Response

    from appliance.page.event_streams import EventStreams
    from appliance.page.page_request import PageRequest
    from appliance.page.page_services import PageServices

POLL_S = 0.25
"""Seconds between two checks for changes."""

SILENT_POLLS = 40
"""Number of checks without news after which a browser gets a sign of life."""

QUIET_DBFS = -60
"""The left end of the level display."""


class LiveView:
    """Its methods belong to the event loop of the HTTP server."""

    name = "live"

    def __init__(self, services: PageServices, streams: EventStreams) -> None:
        self._activity = services.activity
        self._voice = services.voice
        self._recordings = services.recordings
        self._streams = streams

    def routes(self) -> Sequence[PageRoute]:
        """Its addresses."""
        return [PageRoute("/live", self._show), PageRoute("/live/events", self._stream)]

    async def _show(self, request: PageRequest) -> Response:
        return request.page("live")

    async def _stream(self, request: PageRequest) -> Response:
        return self._streams.response(request, self._events(request))

    async def _events(self, request: PageRequest) -> AsyncGenerator[bytes, None]:
        seen, shown, silent = 0, None, 0
        yield event("start", None)
        while True:
            for numbered in self._activity.results(seen):
                seen = numbered.number
                result = numbered.result
                kept = self._recordings.has(result.id)
                html = request.render("result", result=result, tried=False, kept=kept)
                yield event("result", html)
            if (now := self._now(request.texts)) != shown or silent >= SILENT_POLLS:
                shown, silent = now, 0
                yield event("now", now)
            silent += 1
            await asyncio.sleep(POLL_S)

    def _now(self, texts: dict[str, str]) -> dict[str, Any]:
        level = self._voice.level_dbfs
        activity, microphone = self._activity.activity, self._voice.state
        return {
            "activity": activity,
            "activity_text": texts[f"activity.{activity}"],
            "microphone": texts[f"microphone.{microphone}"],
            "level": None if level is None else max(0, round(level) - QUIET_DBFS),
            "level_text": "" if level is None else f"{level:.0f} dBFS",
            "words": self._activity.words,
        }
